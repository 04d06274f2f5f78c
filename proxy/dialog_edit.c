/* dialog_edit.c -- frames that go out twice, or changed: copied, or gathered whole.
 *
 * One that is too long to be gathered, or never ends, goes as it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dialog.h"
#include "dialog_parts.h"

void copy_begin(struct scan *s, const struct resp *frame)
{
    struct verdict *v = &s->verdict;

    if ((v->twice || v->edit) && frame)
        s->copy = calloc(1, sizeof *s->copy);
    if (s->copy)
        s->copy->rule = rule_ref(v->edit ? s->editor : s->twicer);
    else
        v->edit = NULL;
}

/* A frame that is too long to be kept goes out once: better than to hold up the lane. */
void copy_add(struct scan *s, const uint8_t *p, size_t n)
{
    struct copy *c = s->copy;
    size_t size = c->size ? c->size : 256;
    uint8_t *grown;

    while (size < c->n + n)
        size *= 2;
    grown = size <= COPY_MAX ? realloc(c->p, size) : NULL;
    if (grown == NULL) {
        copy_drop(s);
        return;
    }
    c->p = grown;
    c->size = size;
    memcpy(c->p + c->n, p, n);
    c->n += n;
}

static int give_up(struct lane *l, const struct leave *how)
{
    int err = queue_copy(&l->queue, how, l->scan->copy->p, l->scan->copy->n);

    copy_drop(l->scan);
    l->scan->verdict.edit = NULL;
    return err;
}

bool edit_gather(struct dialog *d, enum lane_id lane, const struct leave *how,
                 const uint8_t *p, size_t n, int *err)
{
    struct lane *l = &d->lane[lane];

    if (l->scan->copy == NULL || l->scan->verdict.edit == NULL)
        return false;
    if (l->scan->copy->n + n <= COPY_MAX) {
        copy_add(l->scan, p, n);
        *err = l->scan->copy ? 0 : -ENOMEM;
        return true;
    }
    *err = give_up(l, how);
    return false;
}

void edit_abandon(struct dialog *d, enum lane_id lane)
{
    struct lane *l = &d->lane[lane];
    struct leave how = {.due = l->fed_at};

    if (l->scan == NULL || l->scan->copy == NULL || l->scan->verdict.edit == NULL)
        return;
    if (l->lasting->stuck_by)
        how = (struct leave){.due = NSEC_NEVER, .by = l->lasting->stuck_by};
    if (give_up(l, &how) < 0)
        d->doom = CLOSE_RST; /* without memory for it the stream has a hole */
}

int edit_finish(struct dialog *d, enum lane_id lane, struct leave *how)
{
    struct lane *l = &d->lane[lane];
    struct copy *c = l->scan->copy;
    size_t n = l->scan->verdict.edit(l->scan->verdict.conf, c->p, c->n);

    if (n)
        account(d, lane, c->rule, c->n, n);
    how->frames = 1;
    return queue_copy(&l->queue, how, c->p, n ? n : c->n);
}

/* shares.c -- see shares.h. */
#include "shares.h"

#include <stdlib.h>

/* What a fault keeps for all sessions of a link. */
struct share {
    struct share *next;
    uint64_t serial, link;
    unsigned refs;
    _Alignas(max_align_t) unsigned char bytes[];
};

bool share_join(struct dialog *d, const struct rule *r, uint64_t serial,
                struct share **out)
{
    struct core *c = d->core;
    size_t size = r->fault->shared_size;
    struct share *sh = c->shares;

    *out = NULL;
    if (size == 0)
        return true;
    while (sh && (sh->serial != serial || sh->link != d->link))
        sh = sh->next;
    if (sh == NULL) {
        if ((sh = calloc(1, sizeof *sh + size)) == NULL)
            return false;
        sh->serial = serial;
        sh->link = d->link;
        sh->next = c->shares;
        c->shares = sh;
    }
    sh->refs++;
    *out = sh;
    return true;
}

void share_leave(struct share *s)
{
    s->refs--;
}

void *share_bytes(struct share *s)
{
    return s->bytes;
}

static bool in_plan(const struct plan *plan, uint64_t serial)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->entry[i].serial == serial)
            return true;
    return false;
}

/* Once for each plan: there may be thousands of sessions that take it up. */
void shares_sweep(struct core *c, const struct plan *plan)
{
    if (c->swept == plan)
        return;
    c->swept = plan;
    for (struct share **at = &c->shares; *at;) {
        struct share *sh = *at;

        if (sh->refs > 0 || in_plan(plan, sh->serial)) {
            at = &sh->next;
            continue;
        }
        *at = sh->next;
        free(sh);
    }
}

void shares_release(struct core *c)
{
    struct share *sh;

    while ((sh = c->shares) != NULL) {
        c->shares = sh->next;
        free(sh);
    }
}

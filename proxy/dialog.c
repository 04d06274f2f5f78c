/* dialog.c -- see dialog.h: the life of a dialog and the plan in force. What becomes of
 * the bytes is in dialog_feed.c.
 */
#include "dialog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dialog_parts.h"
#include "seats.h"

void copy_drop(struct scan *s)
{
    if (s->copy)
        free(s->copy->p);
    free(s->copy);
    s->copy = NULL;
}

void scan_give(struct core *c, struct scan **s)
{
    if (*s == NULL)
        return;
    copy_drop(*s);
    (*s)->next = c->spare;
    c->spare = *s;
    *s = NULL;
}

void core_release(struct core *c)
{
    struct scan *s;

    while ((s = c->spare) != NULL) {
        c->spare = s->next;
        free(s);
    }
    pool_release(&c->pool);
}

static uint64_t link_hash(const struct party *from, const struct party *to)
{
    char text[2 * RULE_NAME_MAX + 4];
    size_t a = strlen(from->name), b = strlen(to->name);

    memcpy(text, from->name, a);
    memcpy(text + a, "->", 2);
    memcpy(text + a + 2, to->name, b);
    return rng_hash(text, a + 2 + b);
}

void dialog_init(struct dialog *d, struct core *core, const struct party *from,
                 const struct party *to, uint64_t ordinal, struct plan *plan)
{
    *d = (struct dialog){.core = core, .from = from, .to = to, .ordinal = ordinal};
    d->link = link_hash(from, to);
    track_init(&d->track);
    for (int i = 0; i < 2; i++) {
        queue_init(&d->lane[i].queue, &core->pool);
    }
    d->plan = plan_ref(plan);
}

void dialog_release(struct dialog *d)
{
    for (int i = 0; i < 2; i++) {
        queue_release(&d->lane[i].queue);
        scan_give(d->core, &d->lane[i].scan);
        seats_release(d, (enum lane_id)i);
    }
    track_release(&d->track);
    plan_unref(&d->plan);
}

int dialog_settle(struct dialog *d, enum lane_id lane)
{
    return queue_settle(&d->lane[lane].queue);
}

enum queue_do dialog_next(const struct dialog *d, enum lane_id lane, nsec now,
                          struct iovec *iov, size_t *n)
{
    return queue_next(&d->lane[lane].queue, now, iov, n);
}

void dialog_sent(struct dialog *d, enum lane_id lane, nsec now, size_t bytes)
{
    queue_sent(&d->lane[lane].queue, now, bytes);
}

nsec dialog_due(const struct dialog *d, enum lane_id lane)
{
    return queue_due(&d->lane[lane].queue);
}

size_t dialog_room(const struct dialog *d, enum lane_id lane)
{
    const struct core *c = d->core;
    uint64_t held = d->lane[lane].queue.held, room;

    if (d->lane[lane].frozen_by)
        return 0;
    room = c->lane_limit > held ? c->lane_limit - held : 0;
    if (c->pool.limit < c->pool.held + room)
        room = c->pool.limit > c->pool.held ? c->pool.limit - c->pool.held : 0;
    if (held == 0 && room < DIALOG_READ_MIN)
        return DIALOG_READ_MIN;
    return room < DIALOG_READ_MIN / 16 ? 0 : (size_t)room;
}

static bool is_gone(void *arg, uint64_t serial)
{
    return !seats_have(arg, serial);
}

/* Orders that outlive their frame do not outlive their rule. */
static int forgive(struct lane *l, nsec now)
{
    if (l->scan && l->scan->by && is_gone(l, l->scan->by)) {
        l->scan->verdict.delay = 0;
        l->scan->by = 0;
    }
    if (l->sticking && is_gone(l, l->sticking))
        l->sticking = 0;
    if (l->stuck_by && is_gone(l, l->stuck_by))
        l->stuck_by = 0;
    if (l->frozen_by && is_gone(l, l->frozen_by))
        l->frozen_by = 0;
    queue_forgive(&l->queue, now, is_gone, l);
    if (l->owed_by == 0 || !is_gone(l, l->owed_by))
        return 0;
    l->owed_by = 0;
    return queue_end(&l->queue, now, 0, END_CLOSE); /* what follows would make no sense */
}

static int take_plan(struct dialog *d, struct plan *plan, nsec now)
{
    int err = seats_take(d, LANE_REQUESTS, plan);

    if (err == 0)
        err = seats_take(d, LANE_REPLIES, plan);
    if (err)
        return err;
    plan_ref(plan);
    plan_unref(&d->plan);
    d->plan = plan;
    for (int i = 0; i < 2 && err == 0; i++)
        err = forgive(&d->lane[i], now);
    return err;
}

static void open_seats(struct dialog *d, nsec now, bool live)
{
    struct verdict v = VERDICT_PASS;

    for (int i = 0; i < 2; i++)
        seats_open(d, (enum lane_id)i, now, live, &v);
    d->wait = v.delay;
    if (v.close > d->doom)
        d->doom = v.close;
}

int dialog_replan(struct dialog *d, struct plan *plan, nsec now)
{
    int err = take_plan(d, plan, now);

    if (err == 0)
        open_seats(d, now, true);
    return err;
}

int dialog_open(struct dialog *d, nsec now)
{
    int err = take_plan(d, d->plan, now);

    if (err == 0)
        open_seats(d, now, false);
    return err;
}

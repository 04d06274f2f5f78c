/* dialog.c -- see dialog.h: the life of a dialog and the plan in force. What becomes of
 * the bytes is in dialog_feed.c.
 */
#include "dialog.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dialog_parts.h"
#include "seats.h"
#include "shares.h"

#define HOLDERS 64 /* bits of a uint64_t */

/* Of all lanes that no rule has ever been about: most sessions have no more than that. */
static const struct lasting none;

void copy_drop(struct scan *s)
{
    if (s->copy) {
        free(s->copy->p);
        rule_unref(&s->copy->rule);
    }
    free(s->copy);
    s->copy = NULL;
}

void rule_hold(struct rule **held, struct rule *r)
{
    if (r)
        rule_ref(r);
    rule_unref(held);
    *held = r;
}

void account_tell(struct dialog *d, enum lane_id lane)
{
    struct scan *s = d->lane[lane].scan;

    if (s == NULL || s->blamed == NULL)
        return;
    if (d->core->accounted)
        d->core->accounted(d->core->arg,
                           &(struct account){s->blamed, d, lane, d->lane[lane].frames,
                                             s->dropped, s->added});
    rule_unref(&s->blamed);
    s->dropped = s->added = 0;
}

void account(struct dialog *d, enum lane_id lane, struct rule *r, uint64_t dropped,
             uint64_t added)
{
    struct lane *l = &d->lane[lane];

    assert(r != NULL && l->scan != NULL);
    if (dropped + added == 0 || l->queue.ended)
        return; /* behind the end of a stream nothing comes, and nothing is lost */
    if (l->scan->blamed != r) {
        account_tell(d, lane);
        rule_hold(&l->scan->blamed, r);
    }
    l->lasting->dropped += dropped;
    l->lasting->added += added;
    l->scan->dropped += dropped;
    l->scan->added += added;
}

struct scan *scan_take(struct core *c, enum lane_id lane)
{
    struct scan *s = c->spare;

    if (s)
        c->spare = s->next;
    else if ((s = malloc(sizeof *s)) == NULL)
        return NULL;
    s->held = 0;
    s->verdict = VERDICT_PASS;
    s->by = 0;
    s->copy = NULL;
    s->dropper = s->blamed = NULL;
    s->dropped = s->added = 0;
    s->metered = s->begun = false;
    s->passing = 0;
    s->passed = 0;
    s->ends = false;
    s->done = 0;
    resp_init(&s->resp, lane == LANE_REQUESTS ? RESP_REQUESTS : RESP_REPLIES);
    return s;
}

void scan_give(struct core *c, struct scan **s)
{
    if (*s == NULL)
        return;
    copy_drop(*s);
    rule_unref(&(*s)->dropper);
    rule_unref(&(*s)->blamed);
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
    shares_release(c);
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
        d->lane[i].lasting = (struct lasting *)&none;
    }
    d->plan = plan_ref(plan);
}

void dialog_is_from(struct dialog *d, const struct party *from, uint64_t ordinal)
{
    d->from = from;
    d->ordinal = ordinal;
    d->link = link_hash(from, d->to);
}

static void lasting_release(struct lane *l)
{
    if (l->lasting == &none)
        return;
    free(l->lasting->holder);
    free(l->lasting);
    l->lasting = (struct lasting *)&none;
}

/* Both lanes: what a rule orders for one may show on the other. */
static int lasting_take(struct dialog *d)
{
    for (int i = 0; i < 2 && d->lane[0].seats + d->lane[1].seats > 0; i++) {
        struct lane *l = &d->lane[i];

        if (l->lasting == &none && (l->lasting = calloc(1, sizeof *l->lasting)) == NULL) {
            l->lasting = (struct lasting *)&none;
            return -ENOMEM;
        }
    }
    return 0;
}

void dialog_release(struct dialog *d)
{
    for (int i = 0; i < 2; i++)
        account_tell(d, (enum lane_id)i);
    if (d->decisions && d->core->ended)
        d->core->ended(d->core->arg, d);
    for (int i = 0; i < 2; i++) {
        queue_release(&d->lane[i].queue);
        scan_give(d->core, &d->lane[i].scan);
        seats_release(d, (enum lane_id)i);
        lasting_release(&d->lane[i]);
    }
    track_release(&d->track);
    free(d->repl);
    rule_unref(&d->ender);
    plan_unref(&d->plan);
}

int dialog_settle(struct dialog *d, enum lane_id lane)
{
    int err = queue_settle(&d->lane[lane].queue);

    raise_tide(d, lane, d->lane[lane].fed_at); /* what was settled takes memory */
    return err;
}

enum queue_do dialog_next(const struct dialog *d, enum lane_id lane, nsec now,
                          struct iovec *iov, size_t *n)
{
    const struct lane *l = &d->lane[lane];
    nsec idle = l->lasting->idle_at;

    if (idle && idle <= now)
        return QUEUE_CLOSE;
    return queue_next(&l->queue, now, iov, n);
}

void dialog_sent(struct dialog *d, enum lane_id lane, nsec now, size_t bytes)
{
    d->lane[lane].sent += bytes;
    if (lane == LANE_REPLIES)
        repl_left(d, now);
    queue_sent(&d->lane[lane].queue, now, bytes);
    raise_tide(d, lane, now); /* now it may be a gate that keeps the lane full */
}

nsec dialog_due(const struct dialog *d, enum lane_id lane)
{
    const struct lane *l = &d->lane[lane];
    nsec due = queue_due(&l->queue), idle = l->lasting->idle_at;

    return idle && idle < due ? idle : due;
}

size_t dialog_room(const struct dialog *d, enum lane_id lane)
{
    const struct core *c = d->core;
    uint64_t held = d->lane[lane].queue.held, room;

    if (d->lane[lane].lasting->frozen_by)
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

/* Of the 65th rule that holds at a time the last answers for the bytes; without memory
 * they are let go with the next change of the plan. */
uint64_t holder_bit(struct lane *l, uint64_t serial)
{
    uint64_t *holder = l->lasting->holder;
    unsigned at = HOLDERS - 1;

    if (holder == NULL && (holder = calloc(HOLDERS, sizeof *holder)) == NULL)
        return 1;
    l->lasting->holder = holder;
    for (unsigned i = HOLDERS; i-- > 0;) {
        if (holder[i] == serial)
            return UINT64_C(1) << i;
        if (holder[i] == 0)
            at = i;
    }
    if (holder[at] == 0)
        holder[at] = serial;
    return UINT64_C(1) << at;
}

/* The bits that stand for no rule, or none any more. */
static uint64_t holders_gone(struct lane *l)
{
    uint64_t *holder = l->lasting->holder, gone = 0;

    for (unsigned i = 0; holder && i < HOLDERS; i++)
        if (holder[i] == 0 || is_gone(l, holder[i])) {
            holder[i] = 0;
            gone |= UINT64_C(1) << i;
        }
    if (holder && gone != UINT64_MAX)
        return gone;
    free(holder);
    l->lasting->holder = NULL;
    return UINT64_MAX;
}

/* The frame under way waits no longer than its rules are there. */
static void forgive_frame(struct lane *l, uint64_t holders)
{
    struct scan *s = l->scan;

    if (s == NULL || s->by == 0)
        return;
    if (s->verdict.delay == NSEC_NEVER)
        s->by &= ~holders;
    else if (is_gone(l, s->by))
        s->by = 0;
    if (s->by == 0)
        s->verdict.delay = s->verdict.gate = 0;
}

/* Orders that outlive their frame do not outlive their rule. */
static int forgive(struct lane *l, nsec now)
{
    struct lasting *o = l->lasting;
    uint64_t holders;

    if (o == &none)
        return 0;
    holders = holders_gone(l);
    forgive_frame(l, holders);
    o->sticking &= ~holders;
    o->stuck_by &= ~holders;
    o->frozen_by &= ~holders;
    o->gate_by &= ~holders;
    o->tide = o->gate_by ? o->tide : 0;
    if (o->idle_at && is_gone(l, o->idle_by))
        o->idle_at = 0;
    queue_forgive(&l->queue, now, holders, is_gone, l);
    if (o->owed_by == 0 || !is_gone(l, o->owed_by))
        return 0;
    o->owed_by = 0;
    return queue_end(&l->queue, now, 0, END_CLOSE); /* what follows would make no sense */
}

static int take_plan(struct dialog *d, struct plan *plan, nsec now)
{
    int err = seats_take(d, LANE_REQUESTS, plan);

    if (err == 0)
        err = seats_take(d, LANE_REPLIES, plan);
    if (err == 0)
        err = lasting_take(d);
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
    uint64_t by = 0;

    for (int i = 0; i < 2; i++)
        seats_open(d, (enum lane_id)i, now, live, &v, &by);
    if (!live) {
        d->wait = v.delay;
        d->wait_by = by;
    } else if (!seats_have(&d->lane[0], d->wait_by) &&
               !seats_have(&d->lane[1], d->wait_by)) {
        d->wait = 0;
    }
    if (v.close > d->doom)
        d->doom = v.close;
}

int dialog_replan(struct dialog *d, struct plan *plan, nsec now)
{
    int err = take_plan(d, plan, now);

    if (err == 0)
        open_seats(d, now, true);
    if (err == 0 && d->doom == CLOSE_NO)
        repl_replan(d, now);
    return err;
}

int dialog_open(struct dialog *d, nsec now)
{
    int err = take_plan(d, d->plan, now);

    if (err == 0)
        open_seats(d, now, false);
    return err;
}

/* dialog.c -- see dialog.h.
 *
 * With no rule on a lane its bytes are only labelled on the way to the queue, as one
 * run. With rules, a frame whose head is not yet known is held back (at most
 * RESP_HEAD_MAX bytes), because the verdict is on the whole frame.
 */
#include "dialog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "seats.h"

#define SPARE_SCANS 64

/* A scanner in use: a lane has one only while a frame is under way. */
struct scan {
    struct scan *next;
    struct resp resp;
    size_t held; /* bytes of head[] in use */
    uint8_t head[RESP_HEAD_MAX];
};

static struct scan *scan_take(struct core *c, enum lane_id lane)
{
    struct scan *s = c->spare;

    if (s)
        c->spare = s->next;
    else if ((s = malloc(sizeof *s)) == NULL)
        return NULL;
    s->held = 0;
    resp_init(&s->resp, lane == LANE_REQUESTS ? RESP_REQUESTS : RESP_REPLIES);
    return s;
}

static void scan_give(struct core *c, struct scan **s)
{
    if (*s == NULL)
        return;
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
        d->lane[i].verdict = VERDICT_PASS;
    }
    d->plan = plan_ref(plan);
}

void dialog_release(struct dialog *d)
{
    for (int i = 0; i < 2; i++) {
        queue_release(&d->lane[i].queue);
        scan_give(d->core, &d->lane[i].scan);
        seats_release(&d->lane[i]);
    }
    track_release(&d->track);
    plan_unref(&d->plan);
}

static enum queue_end end_of(enum close_how how)
{
    return how == CLOSE_RST ? END_RST : how == CLOSE_FIN ? END_CLOSE : END_NO;
}

static const struct resp *frame_of(const struct lane *l)
{
    return l->opaque || l->scan == NULL ? NULL : &l->scan->resp;
}

/* Carry out one run's verdict. Answers 0 or -ENOMEM. */
static int obey_run(struct lane *l, nsec now, const uint8_t *p, size_t run,
                    const struct verdict *v, uint64_t by)
{
    struct leave how = {nsec_add(now, v->delay), v->delay ? by : 0, v->slice, v->gap};
    size_t keep = run < l->verdict.cut ? run : l->verdict.cut;
    int err;

    keep = keep < v->cut ? keep : v->cut;
    if (l->verdict.cut != SIZE_MAX)
        l->verdict.cut -= keep;
    if (v->drop)
        return 0;
    err = queue_push(&l->queue, &how, p, keep);
    if (err == 0 && keep < run && v->close)
        err = queue_end(&l->queue, how.due, how.by, end_of(v->close));
    return err;
}

/* Carry out the verdict in force on the next bytes of its frame. */
static int obey(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p, size_t n)
{
    struct lane *l = &d->lane[lane];
    struct verdict v = VERDICT_PASS;
    uint64_t by = 0;
    int err = 0;

    if (!l->acting && l->verdict.cut == SIZE_MAX && !l->verdict.drop)
        return queue_push(&l->queue, &(struct leave){.due = now}, p, n);
    while (n > 0 && !l->queue.ended && err == 0) {
        size_t run = seats_judge_bytes(d, lane, now, frame_of(l), n, &v, &by);

        err = obey_run(l, now, p, run, &v, by);
        p += run;
        n -= run;
    }
    return err;
}

/* The connection ends with this frame, if so ordered. */
static int frame_over(struct lane *l, nsec now)
{
    struct verdict *v = &l->verdict;

    if (v->close == CLOSE_NO || l->queue.ended)
        return 0;
    return queue_end(&l->queue, nsec_add(now, v->delay), v->delay ? l->by : 0,
                     end_of(v->close));
}

static void lane_opaque(struct dialog *d, enum lane_id lane)
{
    d->lane[lane].opaque = true;
    d->lane[lane].begun = false;
    d->core->opaque++;
    if (d->track.role == ROLE_CLIENT)
        d->track.role = ROLE_OPAQUE;
}

/* A frame begins: count it, and find out what it asks or answers. Answers whether *m is
 * what the request left that it answers. */
static bool frame_label(struct dialog *d, enum lane_id lane, struct track_mark *m)
{
    const struct resp *frame = frame_of(&d->lane[lane]);
    bool answers = false, lost = d->track.lost;

    d->lane[lane].frames++;
    d->core->frames[lane]++;
    if (frame && lane == LANE_REQUESTS) {
        seats_mark(d, frame, m);
        track_request(&d->track, frame, m);
        if (d->track.replicating && !d->lane[LANE_REPLIES].opaque)
            d->lane[LANE_REPLIES].opaque = true; /* known, but no longer RESP */
    } else if (frame) {
        answers = track_reply(&d->track, frame, m) == ANSWERS;
    }
    d->core->pairing_lost += d->track.lost && !lost;
    return answers;
}

/* A frame's head is known, or the lane is not RESP and a run stands for a frame. */
static void frame_head(struct dialog *d, enum lane_id lane, nsec now)
{
    struct lane *l = &d->lane[lane];
    struct track_mark mark = {0};
    bool answers = frame_label(d, lane, &mark);

    if (!l->begun) /* else part of it has left: no rule can have it any more */
        seats_judge(d, lane, now, frame_of(l), answers ? &mark : NULL);
}

static int feed_opaque(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p,
                       size_t n)
{
    struct lane *l = &d->lane[lane];
    struct scan *s = l->scan;
    int err = 0;

    if (l->begun) /* the tail of a frame that was under way */
        l->begun = false;
    frame_head(d, lane, now);
    if (s) {
        err = obey(d, lane, now, s->head, s->held);
        if (err == 0)
            err = dialog_settle(d, lane); /* head[] is about to be reused */
        scan_give(d->core, &l->scan);
    }
    if (err == 0)
        err = obey(d, lane, now, p, n);
    return err ? err : frame_over(l, now);
}

/* What was held back of this frame goes before the rest of it. The copy outlives the
 * scanner, so it is settled at once. */
static int unhold(struct dialog *d, enum lane_id lane, nsec now)
{
    struct scan *s = d->lane[lane].scan;
    int err = 0;

    if (s->held) {
        err = obey(d, lane, now, s->head, s->held);
        if (err == 0)
            err = dialog_settle(d, lane);
        s->held = 0;
    }
    return err;
}

/* One part of a frame, as the scanner cut it. */
static int feed_part(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p,
                     const struct resp_part *part)
{
    struct lane *l = &d->lane[lane];
    struct scan *s = l->scan;
    int err = 0;

    if (part->head) {
        frame_head(d, lane, now);
        err = unhold(d, lane, now);
    } else if (!s->resp.head_done && !l->begun && (l->seats || s->held)) {
        memcpy(s->head + s->held, p, part->len);
        s->held += part->len;
        return 0;
    } else if (!s->resp.head_done && !l->begun) {
        l->begun = true;
        seats_pass(l);
    }
    if (err == 0)
        err = obey(d, lane, now, p, part->len);
    if (part->last) {
        if (err == 0)
            err = frame_over(l, now);
        l->begun = false;
        l->verdict = VERDICT_PASS;
    }
    return err;
}

/* Nobody may touch the lane's bytes: they are one run, and only labelled. */
static bool is_plain(const struct lane *l)
{
    const struct verdict *v = &l->verdict;

    return l->seats == 0 && l->scan->held == 0 && !l->opaque && v->delay == 0 &&
           !v->drop && v->cut == SIZE_MAX && v->slice == 0 && v->close == CLOSE_NO;
}

static int feed_plain(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p,
                      size_t n)
{
    struct lane *l = &d->lane[lane];

    for (size_t at = 0; at < n && !l->opaque;) {
        struct resp_part part = resp_next(&l->scan->resp, p + at, n - at);

        at += part.len;
        if (part.opaque)
            lane_opaque(d, lane);
        else if (part.head)
            frame_label(d, lane, &(struct track_mark){0});
        l->begun = !part.last && !l->scan->resp.head_done;
    }
    return queue_push(&l->queue, &(struct leave){.due = now}, p, n);
}

static int feed_parts(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p,
                      size_t n)
{
    struct lane *l = &d->lane[lane];
    int err = 0;

    while (n > 0 && err == 0) {
        struct resp_part part;

        if (l->opaque)
            return feed_opaque(d, lane, now, p, n);
        part = resp_next(&l->scan->resp, p, n);
        if (part.opaque) {
            lane_opaque(d, lane);
            continue;
        }
        err = feed_part(d, lane, now, p, &part);
        p += part.len;
        n -= part.len;
    }
    return err;
}

int dialog_feed(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p, size_t n)
{
    struct lane *l = &d->lane[lane];
    int err;

    d->core->bytes[lane] += n;
    if (l->scan == NULL && !l->opaque && (l->scan = scan_take(d->core, lane)) == NULL)
        return -ENOMEM;
    err = !l->opaque && is_plain(l) ? feed_plain(d, lane, now, p, n)
                                    : feed_parts(d, lane, now, p, n);
    if (l->scan && resp_idle(&l->scan->resp))
        scan_give(d->core, &l->scan);
    return err;
}

int dialog_end(struct dialog *d, enum lane_id lane, nsec now, enum queue_end how)
{
    struct lane *l = &d->lane[lane];
    int err = 0;

    if (l->scan && l->scan->held) { /* a head that will never be complete */
        l->opaque = true;
        frame_head(d, lane, now);
        err = unhold(d, lane, now);
    }
    return err ? err : queue_end(&l->queue, now, 0, how);
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

int dialog_replan(struct dialog *d, struct plan *plan, nsec now)
{
    int err = seats_take(d, LANE_REQUESTS, plan);

    if (err == 0)
        err = seats_take(d, LANE_REPLIES, plan);
    if (err)
        return err;
    plan_ref(plan);
    plan_unref(&d->plan);
    d->plan = plan;
    for (int i = 0; i < 2; i++) {
        struct lane *l = &d->lane[i];

        queue_forgive(&l->queue, now, is_gone, l);
        if (l->by && !seats_have(l, l->by)) {
            l->verdict.delay = 0;
            l->by = 0;
        }
    }
    return 0;
}

/* dialog_feed.c -- what becomes of the bytes of a lane: frames, verdicts, the queue.
 *
 * With no rule on a lane its bytes are only labelled on the way to the queue, as one
 * run. With rules, a frame whose head is not yet known is held back (at most
 * RESP_HEAD_MAX bytes), because the verdict is on the whole frame.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dialog.h"
#include "dialog_parts.h"
#include "seats.h"

static enum queue_end end_of(enum close_how how)
{
    return how == CLOSE_RST ? END_RST : how == CLOSE_FIN ? END_CLOSE : END_NO;
}

/* When a run may leave, and who answers for that. */
static struct leave leave_at(const struct lane *l, nsec now, const struct verdict *v,
                             uint64_t by)
{
    if (l->lasting->stuck_by)
        return (struct leave){.due = NSEC_NEVER,
                              .by = l->lasting->stuck_by |
                                    (v->delay == NSEC_NEVER ? by : 0),
                              .gate = v->gate};
    return (struct leave){.due = nsec_add(now, v->delay),
                          .by = v->delay ? by : 0,
                          .slice = v->slice,
                          .gap = v->gap,
                          .gate = v->gate};
}

/* Queue what passes untouched: before anything else is. */
static int pass_flush(struct lane *l, nsec now)
{
    struct leave how = {.due = now, .frames = l->scan->passed};
    size_t n = l->scan->passing;

    l->scan->passing = 0;
    l->scan->passed = 0;
    return queue_push(&l->queue, &how, l->scan->pass, n);
}

static int pass(struct lane *l, nsec now, const uint8_t *p, size_t n, uint64_t frames)
{
    struct scan *s = l->scan;
    int err = 0;

    if (s->passing == 0 || s->pass + s->passing != p) {
        err = pass_flush(l, now);
        s->pass = p;
    }
    s->passing += n;
    s->passed += frames;
    return err;
}

/* Carry out one run's verdict. Answers 0 or -ENOMEM. What the end of the connection loses
 * is the session's account, not the frame's. */
static int obey_run(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p,
                    size_t run, const struct verdict *v, uint64_t by)
{
    struct lane *l = &d->lane[lane];
    struct leave how = leave_at(l, now, v, by);
    struct verdict *frame = &l->scan->verdict;
    size_t keep = run < frame->cut ? run : frame->cut;
    bool spent = frame->cut <= run || v->cut <= run; /* not a byte more */
    int err = pass_flush(l, now);

    how.frames = l->scan->ends;
    keep = keep < v->cut ? keep : v->cut;
    if (is_atomic(d, lane)) {
        keep = keep < run ? 0 : run;
        how.slice = 0;
    }
    if (frame->cut != SIZE_MAX)
        frame->cut -= keep;
    if (!v->close && (v->drop || keep < run))
        account(d, lane, l->scan->dropper, v->drop ? run : run - keep, 0);
    if (v->drop && !v->close)
        return err;
    if (err == 0 && edit_gather(d, lane, &how, p, keep, &err))
        keep = 0;
    else if (l->scan->copy)
        copy_add(l->scan, p, keep);
    if (err == 0 && !v->drop)
        err = queue_push(&l->queue, &how, p, keep);
    if (err == 0 && (spent || v->drop) && v->close)
        err = queue_end(&l->queue, how.due, how.by, end_of(v->close));
    return err;
}

/* Carry out the verdict in force on the next bytes of its frame. */
static int obey(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p, size_t n)
{
    struct lane *l = &d->lane[lane];
    struct verdict v;
    uint64_t by = 0;
    bool ends = l->scan->ends;
    int err = 0;

    if (!l->scan->metered && verdict_is_pass(&l->scan->verdict) &&
        l->lasting->stuck_by == 0)
        return pass(l, now, p, n, ends);
    if (!l->scan->metered)
        return obey_run(d, lane, now, p, n, &l->scan->verdict, l->scan->by);
    while (n > 0 && !l->queue.ended && err == 0) {
        size_t run;

        l->scan->ends = ends;
        run = seats_judge_bytes(d, lane, now, frame_of(d, lane), n, &v, &by);
        l->scan->ends = ends && run == n;
        err = obey_run(d, lane, now, p, run, &v, by);
        l->scan->done += run;
        p += run;
        n -= run;
    }
    return err;
}

static void lane_opaque(struct dialog *d, enum lane_id lane)
{
    d->lane[lane].opaque = true;
    d->lane[lane].scan->begun = false;
    edit_abandon(d, lane);
    copy_drop(d->lane[lane].scan); /* what is no frame cannot be sent again */
    d->core->opaque++;
    if (d->track.role == ROLE_CLIENT)
        d->track.role = ROLE_OPAQUE;
}

static void frame_count(struct dialog *d, enum lane_id lane)
{
    d->lane[lane].frames++;
    d->core->frames[lane]++;
}

static void note_lost(struct dialog *d, bool lost_before)
{
    d->core->pairing_lost += d->track.lost && !lost_before;
}

/* A request goes out: the reply lane is to know what it was. Of one that goes out again,
 * because of that rule, nobody is to see the answer. */
static void ask(struct dialog *d, const struct resp *frame, struct rule *again)
{
    struct track_mark mark = {.mute = again};
    bool lost = d->track.lost;

    if (!again)
        seats_mark(d, frame, &mark);
    track_request(&d->track, frame, &mark);
    if (d->track.handshaking)
        repl_hears(d, frame);
    note_lost(d, lost);
}

/* The frame goes out again, if it was not too long to be kept. */
static int send_again(struct dialog *d, enum lane_id lane, struct leave *how)
{
    struct lane *l = &d->lane[lane];
    struct copy *c = l->scan->copy;

    if (c == NULL || c->n == 0)
        return 0;
    if (l->scan->verdict.edit)
        return edit_finish(d, lane, how);
    if (lane == LANE_REQUESTS)
        ask(d, frame_of(d, lane), c->rule);
    account(d, lane, c->rule, 0, c->n);
    how->frames = 1;
    return queue_copy(&l->queue, how, c->p, c->n);
}

/* The frame's last byte is dealt with: what was ordered for after it? */
static int frame_over(struct dialog *d, enum lane_id lane, nsec now)
{
    struct lane *l = &d->lane[lane];
    struct scan *s = l->scan;
    struct leave how;
    int err = 0;

    if (s->copy == NULL && s->verdict.close == CLOSE_NO && l->lasting->sticking == 0)
        return 0;
    how = leave_at(l, now, &s->verdict, s->by);
    err = pass_flush(l, now);
    if (err == 0)
        err = send_again(d, lane, &how);
    copy_drop(s);
    if (err == 0 && s->verdict.close != CLOSE_NO)
        err = queue_end(&l->queue, how.due, how.by, end_of(s->verdict.close));
    if (l->lasting->sticking) {
        l->lasting->stuck_by |= l->lasting->sticking;
        l->lasting->sticking = 0;
    }
    return err;
}

/* Is it known whose answer comes when? */
static bool is_paired(const struct dialog *d)
{
    return !d->track.lost && !d->track.synced && !d->lane[LANE_REPLIES].opaque;
}

/* A blank line and an empty array are answered by nobody. */
static bool is_blank(const struct resp *frame)
{
    return frame->words == 0 || frame->elements <= 0;
}

/* The verdict on a request is known. One that is answered in the server's place, or
 * swallowed, was never asked as far as the server is concerned. */
static void request_head(struct dialog *d)
{
    struct lane *l = &d->lane[LANE_REQUESTS];
    struct verdict *v = &l->scan->verdict;

    v->twice &= is_paired(d);
    if (!is_paired(d) || is_blank(frame_of(d, LANE_REQUESTS))) {
        v->instead.p = NULL;
    } else if (v->instead.p) {
        v->drop = true;
        rule_hold(&l->scan->dropper, l->scan->speaker);
        track_instead(&d->track, l->scan->speaker, v->instead);
    }
    if (!v->drop)
        ask(d, frame_of(d, LANE_REQUESTS), NULL);
}

/* The verdict on a reply is known: what goes before it or in its place? */
static int reply_head(struct dialog *d, nsec now)
{
    struct lane *l = &d->lane[LANE_REPLIES];
    struct verdict *v = &l->scan->verdict;
    struct leave how;
    int err;

    if (v->before.p == NULL && v->instead.p == NULL)
        return 0;
    how = leave_at(l, now, v, l->scan->by);
    err = pass_flush(l, now);
    if (err == 0 && v->before.p) {
        account(d, LANE_REPLIES, l->scan->herald, 0, v->before.n);
        err = queue_copy(&l->queue, &how, v->before.p, v->before.n);
    }
    if (err == 0 && v->instead.p) {
        v->drop = true;
        rule_hold(&l->scan->dropper, l->scan->speaker);
        account(d, LANE_REPLIES, l->scan->speaker, 0, v->instead.n);
        err = queue_copy(&l->queue, &how, v->instead.p, v->instead.n);
    }
    return err;
}

/* Find out which request a reply answers. Answers whether *m is what that left. */
static bool reply_label(struct dialog *d, struct track_mark *m)
{
    const struct resp *frame = frame_of(d, LANE_REPLIES);
    bool lost = d->track.lost, answers;

    if (d->speaking) {
        track_spoken(&d->track);
        return true;
    }
    if (d->track.synced || (track_syncs(&d->track) && frame->words == 0))
        return false; /* to keep the link alive */
    answers = track_reply(&d->track, frame, m) == ANSWERS;
    if (is_granted(d, LANE_REPLIES))
        track_granted(&d->track);
    note_lost(d, lost);
    return answers;
}

/* A frame's head is known, or the lane is not RESP and a run stands for a frame. */
static int frame_head(struct dialog *d, enum lane_id lane, nsec now)
{
    struct lane *l = &d->lane[lane];
    const struct resp *frame = frame_of(d, lane);
    struct track_mark mark = {0};
    bool answers = false;

    frame_count(d, lane);
    if (frame && lane == LANE_REPLIES)
        answers = reply_label(d, &mark);
    if (mark.mute) {
        seats_pass(l);
        l->scan->verdict.drop = true;
        rule_hold(&l->scan->dropper, d->track.muted_by);
        return 0;
    }
    if (!l->scan->begun) /* else part of it has left: no rule can have it any more */
        seats_judge(d, lane, now, frame, answers ? &mark : NULL);
    repl_guard(d, lane);
    if (frame && lane == LANE_REQUESTS)
        request_head(d);
    copy_begin(l->scan, frame);
    return frame && lane == LANE_REPLIES ? reply_head(d, now) : 0;
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
            err = pass_flush(&d->lane[lane], now);
        if (err == 0)
            err = dialog_settle(d, lane);
        s->held = 0;
    }
    return err;
}

static int feed_opaque(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p,
                       size_t n)
{
    struct lane *l = &d->lane[lane];
    int err;

    l->scan->begun = false; /* if so: what follows is the tail of that frame */
    if (is_granted(d, lane))
        repl_skip(d->repl, n);
    err = frame_head(d, lane, now);
    if (err == 0)
        err = unhold(d, lane, now);
    if (err == 0)
        err = obey(d, lane, now, p, n);
    if (err == 0)
        err = frame_over(d, lane, now);
    account_tell(d, lane);
    return err;
}

/* Can anybody have a say in the frame whose head is not yet known? */
static bool may_change(const struct dialog *d, enum lane_id lane)
{
    return d->lane[lane].seats > 0 || (lane == LANE_REPLIES && d->track.odd > 0);
}

/* One part of a frame, as the scanner cut it. */
static int feed_part(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p,
                     const struct resp_part *part)
{
    struct lane *l = &d->lane[lane];
    struct scan *s = l->scan;
    int err = 0;

    if (part->head) {
        err = frame_head(d, lane, now);
        if (err == 0)
            err = unhold(d, lane, now);
    } else if (!s->resp.head_done && !l->scan->begun &&
               (may_change(d, lane) || s->held)) {
        memcpy(s->head + s->held, p, part->len);
        s->held += part->len;
        return 0;
    } else if (!s->resp.head_done && !l->scan->begun) {
        l->scan->begun = true;
        seats_pass(l);
    }
    s->ends = part->last;
    if (err == 0)
        err = obey(d, lane, now, p, part->len);
    s->ends = false;
    if (part->last) {
        if (err == 0)
            err = frame_over(d, lane, now);
        account_tell(d, lane);
        l->scan->begun = false;
        l->scan->done = 0;
        l->scan->verdict = VERDICT_PASS;
    }
    return err;
}

/* Nobody may touch the lane's bytes: they are one run, and only labelled. */
static bool is_plain(const struct dialog *d, enum lane_id lane)
{
    const struct lane *l = &d->lane[lane];

    return !may_change(d, lane) && l->lasting->stuck_by == 0 && l->scan->held == 0 &&
           !l->opaque && verdict_is_pass(&l->scan->verdict);
}

/* As frame_head, where there is no rule to ask. */
static void frame_label(struct dialog *d, enum lane_id lane)
{
    struct track_mark mark = {0};

    frame_count(d, lane);
    if (lane == LANE_REQUESTS)
        ask(d, frame_of(d, lane), NULL);
    else
        (void)reply_label(d, &mark);
}

static int feed_plain(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p,
                      size_t n)
{
    struct lane *l = &d->lane[lane];
    struct leave how = {.due = now};

    for (size_t at = 0; at < n && !l->opaque;) {
        struct resp_part part;
        struct leave run = {0};

        at += skim(d, lane, now, p + at, n - at, &run);
        how.frames += run.frames;
        if (at == n)
            break;
        part = scan_next(d, lane, p + at, n - at);
        at += part.len;
        if (part.opaque)
            lane_opaque(d, lane);
        else if (part.head)
            frame_label(d, lane);
        l->scan->begun = !part.last && !l->scan->resp.head_done;
        how.frames += part.last;
        repl_passed(d, lane, n - at);
    }
    return queue_push(&l->queue, &how, p, n);
}

static int speak(struct dialog *d, nsec now);

/* Frames that were passed over. */
static int feed_run(struct lane *l, nsec now, const uint8_t *p, size_t n,
                    const struct leave *how)
{
    int err;

    if (how->by == 0)
        return pass(l, now, p, n, how->frames);
    err = pass_flush(l, now);
    return err ? err : queue_push(&l->queue, how, p, n);
}

static int feed_parts(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p,
                      size_t n)
{
    struct lane *l = &d->lane[lane];
    int err = 0;

    while (n > 0 && err == 0) {
        struct resp_part part;
        struct leave run;
        size_t passed;

        if (l->opaque)
            return feed_opaque(d, lane, now, p, n);
        if ((passed = skim(d, lane, now, p, n, &run)) > 0) {
            err = feed_run(l, now, p, passed, &run);
            p += passed;
            n -= passed;
            continue;
        }
        part = scan_next(d, lane, p, n);
        if (part.opaque) {
            lane_opaque(d, lane);
            continue;
        }
        err = feed_part(d, lane, now, p, &part);
        p += part.len;
        n -= part.len;
        repl_passed(d, lane, n);
        if (part.last && lane == LANE_REPLIES && err == 0)
            err = speak(d, now);
    }
    return err;
}

/* Between two frames a lane needs nothing but its queue. */
static void idle(struct dialog *d, enum lane_id lane)
{
    struct lane *l = &d->lane[lane];

    if (l->scan && lane_idle(d, lane))
        scan_give(d->core, &l->scan);
}

static int feed(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p, size_t n)
{
    struct lane *l = &d->lane[lane];
    int err;

    if (l->scan == NULL && (l->scan = scan_take(d->core, lane)) == NULL)
        return -ENOMEM;
    err = is_plain(d, lane) ? feed_plain(d, lane, now, p, n)
                            : feed_parts(d, lane, now, p, n);
    if (err == 0)
        err = pass_flush(l, now);
    if (!d->speaking)
        idle(d, lane);
    return err;
}

/* Between two replies: give those that are due and that the server will not send. They
 * pass through the lane like any other, so that its rules and the pairing see them. */
static int speak(struct dialog *d, nsec now)
{
    struct lane *l = &d->lane[LANE_REPLIES];
    struct bytes reply;
    int err = 0;

    while (err == 0 && !d->speaking && !l->opaque && track_due(&d->track, &reply) &&
           lane_idle(d, LANE_REPLIES)) {
        char text[DIALOG_REPLY_MAX]; /* the rule's own may go while it passes */
        size_t n = reply.n < sizeof text ? reply.n : sizeof text;
        struct rule *speaker = rule_ref(track_speaker(&d->track));

        memcpy(text, reply.p, n);
        d->speaking = true;
        err = feed(d, LANE_REPLIES, now, (const uint8_t *)text, n);
        d->speaking = false;
        if (l->scan) {
            account(d, LANE_REPLIES, speaker, 0, n);
            account_tell(d, LANE_REPLIES);
        }
        rule_unref(&speaker);
        if (err == 0)
            err = dialog_settle(d, LANE_REPLIES);
    }
    return err;
}

int dialog_feed(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p, size_t n)
{
    int err;

    d->core->bytes[lane] += n;
    d->lane[lane].bytes += n;
    d->lane[lane].fed_at = now;
    err = feed(d, lane, now, p, n);
    raise_tide(d, lane, now);
    if (err == 0 && lane == LANE_REQUESTS && d->track.odd > 0) {
        err = speak(d, now);
        idle(d, LANE_REPLIES);
    }
    return err;
}

/* The lane waits for a rule to go: nothing behind its first bytes can leave. */
static bool is_held(const struct lane *l)
{
    return l->lasting->stuck_by ||
           (!queue_empty(&l->queue) && queue_due(&l->queue) == NSEC_NEVER);
}

int dialog_end(struct dialog *d, enum lane_id lane, nsec now, enum queue_end how)
{
    struct lane *l = &d->lane[lane];
    enum close_how close = CLOSE_NO;
    uint64_t by = 0;
    nsec due = now;
    int err = 0;

    if (l->scan && l->scan->held) { /* a head that will never be complete */
        l->opaque = true;
        err = frame_head(d, lane, now);
        if (err == 0)
            err = unhold(d, lane, now);
    }
    edit_abandon(d, lane);
    if (how == END_RST && is_held(l)) /* a silent link does not hide that a peer died */
        d->doom = CLOSE_RST;
    if (how == END_FIN)
        due = nsec_add(now, seats_end(d, lane, now, &close, &by));
    if (close)
        how = end_of(close);
    if (l->lasting->stuck_by) {
        due = NSEC_NEVER;
        by = l->lasting->stuck_by;
    }
    return err ? err : queue_end(&l->queue, due, by, how);
}

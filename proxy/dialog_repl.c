/* dialog_repl.c -- the lanes of a replication link: who scans their bytes, and what no
 * rule may do to them.
 *
 * A TCP proxy that leaves bytes out makes something of the stream that no network ever
 * does: the replica applies what follows the hole, and its offset is wrong for good. So
 * what is dropped is dropped with all that follows, until the connection is closed. And a
 * replica waits for the rest of a handshake line with its whole process, or takes half of
 * it for another: lines pass whole or not at all.
 */
#include <stdlib.h>
#include <string.h>

#include "dialog.h"
#include "dialog_parts.h"
#include "seats.h"

/* Are the next bytes of lane replies read by repl, not by resp? */
static bool repl_has(const struct dialog *d, const struct resp *scan)
{
    return d->repl &&
           (repl_reads(d->repl) || (track_syncs(&d->track) && resp_idle(scan)));
}

struct resp_part scan_next(struct dialog *d, enum lane_id lane, const uint8_t *p,
                           size_t n)
{
    struct resp *scan = &d->lane[lane].scan->resp;

    return lane == LANE_REPLIES && repl_has(d, scan) ? repl_next(d->repl, scan, p, n)
                                                     : resp_next(scan, p, n);
}

bool lane_idle(const struct dialog *d, enum lane_id lane)
{
    const struct lane *l = &d->lane[lane];

    if (l->scan == NULL || l->opaque)
        return true;
    return lane == LANE_REPLIES && repl_has(d, &l->scan->resp)
               ? repl_idle(d->repl, &l->scan->resp)
               : resp_idle(&l->scan->resp);
}

const struct resp *frame_of(const struct dialog *d, enum lane_id lane)
{
    const struct lane *l = &d->lane[lane];

    if (l->opaque || l->scan == NULL ||
        (lane == LANE_REPLIES && d->repl && d->repl->frame == PHASE_RDB))
        return NULL;
    return &l->scan->resp;
}

static enum repl_phase phase_of_request(const struct dialog *d, const struct resp *frame)
{
    if (frame && resp_word_is(frame, 0, "REPLCONF"))
        return resp_word_is(frame, 1, "ACK") ? PHASE_ACK : PHASE_HANDSHAKE;
    if (d->repl ||
        (frame && (resp_word_is(frame, 0, "PSYNC") || resp_word_is(frame, 0, "SYNC"))))
        return PHASE_HANDSHAKE;
    return PHASE_NONE;
}

enum repl_phase phase_of(const struct dialog *d, enum lane_id lane)
{
    if (lane == LANE_REQUESTS)
        return phase_of_request(d, frame_of(d, lane));
    if (d->repl == NULL)
        return PHASE_NONE;
    return d->repl->frame ? d->repl->frame : PHASE_HANDSHAKE;
}

bool is_atomic(const struct dialog *d, enum lane_id lane)
{
    return lane == LANE_REPLIES && !d->lane[lane].opaque &&
           phase_of(d, lane) == PHASE_HANDSHAKE;
}

bool is_granted(const struct dialog *d, enum lane_id lane)
{
    return lane == LANE_REPLIES && d->repl && repl_granted(d->repl);
}

static uint64_t ack_of(const struct resp *frame)
{
    char text[24] = "";

    if (frame->words > 2)
        memcpy(text, frame->word[2].text,
               frame->word[2].kept < sizeof text ? frame->word[2].kept : sizeof text - 1);
    return strtoull(text, NULL, 10);
}

void repl_show(const struct dialog *d, enum lane_id lane, struct unit *u)
{
    const struct scan *scan = d->lane[lane].scan;
    const struct repl *r = d->repl;

    if (scan == NULL) /* between two frames: it is about the session */
        return;
    u->phase = phase_of(d, lane);
    if (r == NULL)
        return;
    u->anchored = r->anchored;
    u->offset = r->base;
    u->write = r->write;
    u->rdb_size = r->diskless ? d->rdb_hint : r->rdb_size;
    u->first = r->diskless && r->full && r->stream == 0;
    if (u->phase == PHASE_STREAM)
        u->offset = r->base + r->frame_at + scan->done;
    else if (u->phase == PHASE_ACK)
        u->offset = ack_of(frame_of(d, lane));
}

void repl_hears(struct dialog *d, const struct resp *frame)
{
    if (d->repl == NULL && (d->repl = malloc(sizeof *d->repl)) != NULL)
        repl_init(d->repl);
    if (d->repl)
        repl_request(d->repl, frame);
    else if (d->track.replicating)
        d->lane[LANE_REPLIES].opaque = true; /* no memory to understand it */
}

void repl_passed(struct dialog *d, enum lane_id lane, size_t rest)
{
    const struct lane *l = &d->lane[lane];

    if (is_granted(d, lane) && d->repl->phase == PHASE_STREAM && d->repl->stream == 0) {
        d->stream_skew = l->lasting->added - l->lasting->dropped;
        d->stream_out = l->bytes - rest + d->stream_skew;
    }
}

uint64_t dialog_stream_held(const struct dialog *d)
{
    const struct lane *l = &d->lane[LANE_REPLIES];
    uint64_t out = l->bytes + l->lasting->added - l->lasting->dropped;
    uint64_t from = l->sent > d->stream_out ? l->sent : d->stream_out;

    return is_granted(d, LANE_REPLIES) && d->repl->phase == PHASE_STREAM ? out - from : 0;
}

uint64_t dialog_stream_unread(const struct dialog *d, nsec now)
{
    const struct lane *l = &d->lane[LANE_REPLIES];
    uint64_t held = dialog_stream_held(d), ripe = queue_ripe(&l->queue, now);
    uint64_t before = l->sent < d->stream_out ? d->stream_out - l->sent : 0;

    ripe -= before < ripe ? before : ripe;
    return ripe < held ? ripe : held;
}

int64_t dialog_stream_skew(const struct dialog *d)
{
    const struct lane *l = &d->lane[LANE_REPLIES];

    return is_granted(d, LANE_REPLIES) && d->repl->phase == PHASE_STREAM
               ? (int64_t)(l->lasting->added - l->lasting->dropped - d->stream_skew)
               : 0;
}

void repl_left(struct dialog *d, nsec now)
{
    uint64_t sent = d->lane[LANE_REPLIES].sent;

    if (d->repl && d->repl->phase == PHASE_STREAM && sent > d->stream_out)
        repl_forwarded(d->repl, sent - d->stream_out, now);
}

void repl_guard(struct dialog *d, enum lane_id lane)
{
    struct lane *l = &d->lane[lane];
    struct verdict *v = &l->scan->verdict;

    if (is_atomic(d, lane))
        v->slice = 0;
    if (!is_granted(d, lane))
        return;
    v->twice = false;
    v->before.p = v->instead.p = NULL;
    if (l->lasting->severed && d->ender) {
        v->drop = true;
        rule_hold(&l->scan->dropper, d->ender);
    }
}

void repl_replan(struct dialog *d, nsec now)
{
    const struct lane *l = &d->lane[LANE_REPLIES];

    if (d->repl == NULL || d->repl->phase != PHASE_RDB || d->repl->rdb_bytes == 0 ||
        l->opaque || l->scan == NULL)
        return;
    seats_judge_rest(d, LANE_REPLIES, now, d->repl->rdb_bytes);
    repl_guard(d, LANE_REPLIES);
}

bool set_gate(struct lane *l, struct verdict *all, const struct verdict *v,
              uint64_t serial)
{
    uint64_t bit = v->gate ? holder_bit(l, serial) : 0;
    struct lasting *o = l->lasting;

    if (bit == 0 || (o->gate_by && o->gate_by != bit))
        return false;
    o->gate_by = bit;
    o->tide = v->tide > o->tide ? v->tide : o->tide;
    all->gate = v->gate;
    return true;
}

/* A lane that is full of what waits would stop reading, and wait for ever. */
void raise_tide(struct dialog *d, enum lane_id lane, nsec now)
{
    struct lane *l = &d->lane[lane];
    struct lasting *o = l->lasting;
    uint64_t most = d->core->lane_limit - d->core->lane_limit / 4, tide = o->tide;

    if (o->gate_by == 0)
        return;
    if (tide == TIDE_OFFSET)
        tide = d->repl ? repl_offset(d->repl) : 0;
    if (queue_open(&l->queue, now, tide, o->gate_by, most))
        o->eased = true;
}

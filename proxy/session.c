/* session.c -- one proxied connection: two sockets and a dialog between them.
 *
 * Callbacks write down what happened and call session_turn(), which looks at each lane
 * and does all that is possible. It may be called once too often without harm.
 *
 * Lifetime: session_close() may be called from anywhere, any number of times, and frees
 * nothing; session_release() frees it when `open` is 0, from the loop, and nowhere else.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "log.h"
#include "seats.h"
#include "session_parts.h"

#define FLOW_IOV     64
#define TURN_SENDS   64 /* writes of a lane before others get their turn */
#define GATHER_TIME  USEC(500)
#define GATHER_BYTES ((size_t)196608) /* a read of so many needs no waiting */
#define GATHER_FROM  (1 << 20)        /* bytes of the RDB pass before that */
#define RST_LOOK     USEC(200) /* how often to see whether what precedes an RST is out */
#define RST_LINGER   SEC(2) /* and how long a peer that does not take them may delay it */

struct session *session_next(const struct session *s)
{
    return s->next;
}

struct node *session_node(const struct session *s)
{
    return s->node;
}

static void list_del(struct session *s)
{
    struct proxy *p = s->proxy;

    if (s->prev)
        s->prev->next = s->next;
    else
        p->sessions = s->next;
    if (s->next)
        s->next->prev = s->prev;
    p->stats.sessions--;
}

static void unstarve(struct session *s)
{
    struct session **at = &s->proxy->starved;

    if (!s->starving)
        return;
    while (*at != s)
        at = &(*at)->starved;
    *at = s->starved;
    s->starving = false;
}

void session_release(struct session *s)
{
    struct proxy *p = s->proxy;

    if (--s->open > 0)
        return;
    list_del(s);
    s->link->live--;
    if (s->replicating)
        s->link->replicating--;
    log_debug("session.close", "sid=%" PRIu64 " role=%s", s->id,
              role_names[s->dialog.track.role]);
    free(s);
    proxy_session_gone(p);
    proxy_unhold(p);
}

static void on_over(struct later *l)
{
    session_release((struct session *)((char *)l - offsetof(struct session, over)));
}

void session_filter(struct session *s)
{
    for (int i = 0; i < 2; i++) {
        struct wire w = seats_wire(&s->dialog.lane[i]);
        bool wanted = w.blackhole || w.loss > 0;
        int err = 0;

        if ((wanted || s->wired[i]) && (i == DIALER || s->connected))
            err = endpoint_filter(&s->side[i], &w);
        if (err < 0)
            log_warn("filter", "sid=%" PRIu64 " reason=\"%s\"", s->id, strerror(-err));
        s->wired[i] = wanted;
    }
    session_egress(s);
}

static void close_side(struct session *s, int side, enum close_how how)
{
    s->link->retransmits[side] += endpoint_retransmits(&s->side[side]);
    endpoint_close(&s->side[side], s->proxy->hub, how, s->wired[side]);
}

static void end_pause(struct session *s, struct flow *f, nsec t)
{
    if (!f->paused)
        return;
    f->paused = false;
    s->proxy->stats.paused_time += t > f->paused_at ? t - f->paused_at : 0;
}

void session_close(struct session *s, enum close_how how)
{
    if (s->closing)
        return;
    s->closing = true;
    events_session(s->proxy, EVENT_SESSION_CLOSED, s->link, &s->dialog);
    close_side(s, DIALER, how);
    if (s->connected)
        close_side(s, DIALED, how);
    else if (s->dial)
        dial_cancel(s->dial);
    wake_set(&s->proxy->wake, &s->wake, NSEC_NEVER);
    unstarve(s);
    for (int i = 0; i < 2; i++)
        end_pause(s, &s->flow[i], uv_hrtime());
    dialog_release(&s->dialog);
    s->over.call = on_over;
    hub_later(s->proxy->hub, &s->over);
}

void session_fail(struct session *s, const char *doing, int err)
{
    if (!s->closing)
        log_debug("session.error", "sid=%" PRIu64 " link=%s->%s doing=%s reason=\"%s\"",
                  s->id, s->link->from->name, s->link->to->name, doing, uv_strerror(err));
    session_close(s, CLOSE_RST);
}

/* The session has turned out to be something else: other rules may apply. */
static void new_role(struct session *s, nsec t)
{
    if (s->dialog.track.replicating && !s->replicating) {
        s->replicating = true;
        s->link->replicating++;
        proxy_replicating(s->proxy, s->link, false);
    }
    events_session(s->proxy, EVENT_SESSION_ROLE, s->link, &s->dialog);
    session_replan(s, t);
}

/* The dialer has said something of who it is. */
static void introduction(struct session *s, nsec t)
{
    s->introduced = s->dialog.track.introductions;
    if (session_identify(s))
        session_replan(s, t);
}

static void feed(struct session *s, enum lane_id lane, const uint8_t *p, size_t n)
{
    enum role role = s->dialog.track.role;
    nsec t = uv_hrtime();
    int err = dialog_feed(&s->dialog, lane, t, p, n);

    s->node->read[lane] += n;
    s->link->bytes[lane] += n;
    if (err == 0) {
        session_turn(s, t);
        if (!s->closing)
            err = dialog_settle(&s->dialog, lane);
    }
    if (err)
        session_fail(s, "queueing", err);
    else if (!s->closing && s->dialog.track.role != role)
        new_role(s, t);
    if (!s->closing && s->introduced != s->dialog.track.introductions)
        introduction(s, t);
    if (s->dialog.repl && !s->closing)
        session_repl(s, t);
    if (!s->closing && s->dialog.track.promotions != s->promotions) {
        s->promotions = s->dialog.track.promotions;
        proxy_promoted(s->proxy, s->node);
    }
    if (!s->closing && !queue_empty(&s->dialog.lane[lane].queue))
        session_turn(s, t); /* the bound may have been reached by what was settled */
}

/* A peer has reset its connection: so must we on the other side, behind the bytes that
 * came before. What was meant for the dead side has nowhere to go. */
static void peer_reset(struct session *s, enum lane_id lane, nsec t)
{
    struct flow *other = &s->flow[!lane];

    other->shut = other->eof = true;
    other->reading = false;
    if (dialog_end(&s->dialog, lane, t, END_RST) < 0)
        session_fail(s, "queueing", UV_ENOMEM);
}

static void ended(struct session *s, enum lane_id lane, ssize_t n)
{
    nsec t = uv_hrtime();

    s->flow[lane].eof = true;
    s->flow[lane].reading = false;
    if (n < 0 && !s->connected)
        session_close(s, CLOSE_RST);
    else if (n < 0)
        peer_reset(s, lane, t);
    else if (dialog_end(&s->dialog, lane, t, END_FIN) < 0)
        session_fail(s, "queueing", UV_ENOMEM);
    session_turn(s, t);
}

/* A long RDB comes in pieces that are not worth waking up for each, here and there: some
 * of them are left to gather. Not where a rule is about the lane. */
static bool gathers(const struct session *s, enum lane_id lane, size_t n)
{
    const struct dialog *d = &s->dialog;

    return lane == LANE_REPLIES && n < GATHER_BYTES && d->repl &&
           d->repl->phase == PHASE_RDB && d->repl->rdb_bytes > GATHER_FROM &&
           d->lane[lane].seats == 0;
}

/* Once, however much there is: the rest is read when others had a turn. */
static void read_once(struct session *s, enum lane_id lane)
{
    size_t room = dialog_room(&s->dialog, lane);
    ssize_t n;

    if (room == 0) { /* others have filled the pool since */
        session_turn(s, uv_hrtime());
        return;
    }
    n = endpoint_recv(&s->side[lane], s->proxy->buffer,
                      room < SHELL_READ ? room : SHELL_READ);
    if (n > 0 && gathers(s, lane, (size_t)n))
        s->gather = uv_hrtime() + GATHER_TIME;
    if (n > 0)
        feed(s, lane, s->proxy->buffer, (size_t)n);
    else if (n != -EAGAIN)
        ended(s, lane, n);
}

void session_ready(struct session *s, int side, uint32_t events)
{
    if (events & EPOLLOUT)
        s->flow[!side].blocked = false;
    if (events & EPOLLIN)
        read_once(s, (enum lane_id)side);
    else
        session_turn(s, uv_hrtime());
}

/* A delay needs rate * delay bytes of memory; with less it limits the rate as well, and
 * that is a fault nobody asked for: said once a node. */
static void warn_bound(struct session *s, enum lane_id lane)
{
    if (s->node->warned || !queue_delayed(&s->dialog.lane[lane].queue))
        return;
    s->node->warned = true;
    log_warn("bound",
             "node=%s link=%s->%s lane=%s held=%" PRIu64
             " reason=\"the memory bound, not the delay, now shapes the traffic\""
             " hint=\"raise --lane-limit or --total-limit\"",
             s->node->party.name, s->link->from->name, s->link->to->name,
             lane ? "replies" : "requests", s->dialog.lane[lane].queue.held);
}

static void pause_flow(struct session *s, enum lane_id lane, nsec t)
{
    struct flow *f = &s->flow[lane];
    bool lane_full = s->dialog.lane[lane].queue.held > s->proxy->core.lane_limit / 2;

    f->paused = true;
    f->paused_at = t;
    if (s->dialog.lane[lane].lasting->frozen_by)
        return; /* a rule wants that */
    s->proxy->stats.paused++;
    warn_bound(s, lane);
    if (!lane_full && !s->starving) {
        s->starved = s->proxy->starved;
        s->proxy->starved = s;
        s->starving = true;
    }
}

/* Read exactly when there is room; after a pause, when there is a good deal of it. */
static void steer_reading(struct session *s, enum lane_id lane, nsec t)
{
    struct flow *f = &s->flow[lane];
    size_t room = f->eof ? 0 : dialog_room(&s->dialog, lane);
    bool want = room > 0;

    if (f->paused && room < s->proxy->core.lane_limit / 4 &&
        !queue_empty(&s->dialog.lane[lane].queue))
        want = false;
    if (want == f->reading)
        return;
    if (want) {
        end_pause(s, f, t);
    } else if (!f->eof) {
        pause_flow(s, lane, t);
    }
    f->reading = want;
}

static void sent(struct session *s, enum lane_id lane, nsec t, size_t n)
{
    dialog_sent(&s->dialog, lane, t, n);
    s->node->sent[lane] += n;
    proxy_room(s->proxy);
}

/* Send what is due. Answers whether all of it has left. */
static bool send_now(struct session *s, enum lane_id lane, nsec t,
                     const struct iovec *iov, size_t n)
{
    ssize_t gone = endpoint_send(&s->side[!lane], iov, n);
    size_t all = 0;

    if (gone < 0) {
        session_fail(s, "writing", (int)gone);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        all += iov[i].iov_len;
    if (gone > 0)
        sent(s, lane, t, (size_t)gone);
    s->flow[lane].blocked = (size_t)gone < all;
    return !s->flow[lane].blocked;
}

static void shut(struct session *s, enum lane_id lane)
{
    s->flow[lane].shut = true;
    if (s->flow[!lane].shut)
        session_close(s, CLOSE_FIN); /* both ways are over: that sends it */
    else if (endpoint_shut(&s->side[!lane]) < 0)
        session_close(s, CLOSE_RST);
}

/* Bytes that are to go before an RST must have left the kernel first. Answers when to
 * look again; 0 = it is done. */
static nsec reset_when_sent(struct session *s, enum lane_id lane, nsec t)
{
    if (s->deadline == 0)
        s->deadline = t + RST_LINGER;
    if (t < s->deadline && endpoint_unsent(&s->side[!lane]) > 0)
        return t + RST_LOOK;
    session_close(s, CLOSE_RST);
    return 0;
}

/* Do what a lane asks for now. Answers when to look again. */
static nsec turn_lane(struct session *s, enum lane_id lane, nsec t)
{
    struct flow *f = &s->flow[lane];
    struct iovec iov[FLOW_IOV];
    unsigned sends = 0;
    size_t n = FLOW_IOV;

    for (; !s->closing && !f->blocked && !f->shut; n = FLOW_IOV) {
        switch (dialog_next(&s->dialog, lane, t, iov, &n)) {
        case QUEUE_WAIT: return dialog_due(&s->dialog, lane);
        case QUEUE_SEND:
            if (sends++ == TURN_SENDS)
                return t; /* a lane in slices of one byte would go on for minutes */
            if (!send_now(s, lane, t, iov, n))
                return NSEC_NEVER;
            break;
        case QUEUE_FIN: shut(s, lane); return NSEC_NEVER;
        case QUEUE_CLOSE: session_close(s, CLOSE_FIN); return NSEC_NEVER;
        case QUEUE_RST: return reset_when_sent(s, lane, t);
        }
    }
    return NSEC_NEVER;
}

/* Wait for what is wanted of both sockets now. */
static void watch(struct session *s)
{
    for (int i = 0; i < 2 && !s->closing; i++) {
        bool reads = s->flow[i].reading && !(i == DIALED && s->gather),
             writes = s->flow[!i].blocked && !s->flow[!i].shut;
        int err = 0;

        if (i == DIALER || s->connected)
            err = hub_want(s->proxy->hub, &s->side[i],
                           (reads ? EPOLLIN : 0) | (writes ? EPOLLOUT : 0));
        if (err < 0)
            session_fail(s, "waiting", err);
    }
}

/* The one place where a session acts. */
void session_turn(struct session *s, nsec t)
{
    nsec due = NSEC_NEVER;

    if (s->dialog.doom)
        session_close(s, s->dialog.doom);
    if (!s->closing && !s->connected && s->dial) {
        steer_reading(s, LANE_REQUESTS, t); /* or a dialer that gives up goes unnoticed */
        watch(s);
    }
    if (s->closing || !s->connected)
        return;
    for (int i = 0; i < 2; i++) {
        nsec lane_due = turn_lane(s, (enum lane_id)i, t);

        due = lane_due < due ? lane_due : due;
    }
    if (s->closing)
        return;
    for (int i = 0; i < 2; i++)
        steer_reading(s, (enum lane_id)i, t);
    if (s->gather <= t)
        s->gather = 0;
    else if (s->gather < due)
        due = s->gather;
    watch(s);
    wake_set(&s->proxy->wake, &s->wake, due);
}

void session_replan(struct session *s, nsec t)
{
    if (s->closing)
        return;
    if (dialog_replan(&s->dialog, s->proxy->plan, t) < 0)
        session_fail(s, "taking up the plan", UV_ENOMEM);
    if (!s->closing)
        session_filter(s);
    if (!s->closing && !s->connected && s->dial == NULL && s->dialog.wait == 0)
        wake_set(&s->proxy->wake, &s->wake, t); /* it need not wait any more */
    session_turn(s, t);
}

void session_feed_starved(struct proxy *p, nsec t)
{
    struct session *s = p->starved, *next;

    p->starved = NULL;
    for (; s; s = next) {
        next = s->starved;
        s->starving = false;
        session_turn(s, t);
    }
}

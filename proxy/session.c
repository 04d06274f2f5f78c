/* session.c -- one proxied connection: two sockets, a dialog between them, and libuv.
 *
 * Callbacks write down what happened and call session_turn(), which looks at each lane
 * and does all that is possible. It may be called once too often without harm.
 *
 * Lifetime: handles are members of the session, so libuv may touch them until their
 * close callback. session_close() may be called from anywhere, any number of times, and
 * frees nothing; session_release() frees it when `open` is 0, and nowhere else.
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

#define FLOW_IOV   64
#define TURN_SENDS 64        /* writes of a lane before others get their turn */
#define RST_LOOK   USEC(200) /* how often to see whether what precedes an RST is out */
#define RST_LINGER SEC(2) /* and how long a peer that does not take them may delay it */

struct flight { /* a write that could not be done at once */
    uv_write_t req;
    struct session *s;
    enum lane_id lane;
};

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

static void on_closed(uv_handle_t *h)
{
    session_release(h->data);
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
    struct endpoint_facts f;

    endpoint_facts(&s->side[side], &f);
    s->link->retransmits[side] += f.retransmits;
    endpoint_close(&s->side[side], how, s->wired[side], on_closed);
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
    /* A write under way may still read from the queues: libuv is done with it only in
     * its callback, which comes before on_closed. */
    if (!s->flow[LANE_REQUESTS].writing && !s->flow[LANE_REPLIES].writing)
        dialog_release(&s->dialog);
}

void session_fail(struct session *s, const char *doing, int err)
{
    if (!s->closing)
        log_debug("session.error", "sid=%" PRIu64 " link=%s->%s doing=%s reason=\"%s\"",
                  s->id, s->link->from->name, s->link->to->name, doing, uv_strerror(err));
    session_close(s, CLOSE_RST);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
    struct session *s = h->data;
    enum lane_id lane = h == &s->side[DIALER].handle ? LANE_REQUESTS : LANE_REPLIES;
    size_t room = dialog_room(&s->dialog, lane);

    (void)size;
    if (room == 0) /* others have filled the pool since; libuv spins on an empty buffer */
        room = DIALOG_READ_MIN / 4;
    *buf = uv_buf_init((char *)s->proxy->buffer,
                       (unsigned)(room < SHELL_READ ? room : SHELL_READ));
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
    if (other->reading)
        (void)uv_read_stop(&s->side[!lane].stream);
    other->reading = false;
    if (dialog_end(&s->dialog, lane, t, END_RST) < 0)
        session_fail(s, "queueing", UV_ENOMEM);
}

/* libuv reads on as long as the buffer gets full, 32 times: many small commands, each of
 * them judged, would keep all others waiting. The rest is read when they had a turn. */
static void give_way(struct session *s, enum lane_id lane)
{
    struct flow *f = &s->flow[lane];

    if (s->closing || !s->connected || !f->reading)
        return;
    (void)uv_read_stop(&s->side[lane].stream);
    f->reading = false;
    wake_set(&s->proxy->wake, &s->wake, uv_hrtime());
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
    struct session *s = h->data;
    enum lane_id lane = h == &s->side[DIALER].stream ? LANE_REQUESTS : LANE_REPLIES;
    nsec t;

    if (n > 0)
        feed(s, lane, (const uint8_t *)buf->base, (size_t)n);
    if (n > 0 && (size_t)n == buf->len)
        give_way(s, lane);
    if (n >= 0)
        return;
    t = uv_hrtime();
    s->flow[lane].eof = true;
    s->flow[lane].reading = false; /* libuv has stopped it */
    if (n != UV_EOF && !s->connected)
        session_close(s, CLOSE_RST);
    else if (n != UV_EOF)
        peer_reset(s, lane, t);
    else if (dialog_end(&s->dialog, lane, t, END_FIN) < 0)
        session_fail(s, "queueing", UV_ENOMEM);
    session_turn(s, t);
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
        (void)uv_read_start(&s->side[lane].stream, on_alloc, on_read);
    } else {
        (void)uv_read_stop(&s->side[lane].stream);
        if (!f->eof)
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

static void on_written(uv_write_t *req, int status)
{
    struct flight *w = req->data;
    struct session *s = w->s;
    enum lane_id lane = w->lane;
    nsec t = uv_hrtime();

    free(w);
    s->flow[lane].writing = false;
    if (s->closing) {
        if (!s->flow[!lane].writing)
            dialog_release(&s->dialog);
        return;
    }
    if (status < 0) {
        session_fail(s, "writing", status);
        return;
    }
    sent(s, lane, t, s->flow[lane].bytes);
    session_turn(s, t);
}

/* The socket takes no more for now: let libuv wait for it. */
static void send_later(struct session *s, enum lane_id lane, nsec t)
{
    struct iovec iov[FLOW_IOV];
    size_t n = FLOW_IOV;
    struct flight *w = malloc(sizeof *w);
    int err = w ? dialog_settle(&s->dialog, lane) : UV_ENOMEM;

    if (err == 0 && dialog_next(&s->dialog, lane, t, iov, &n) == QUEUE_SEND) {
        *w = (struct flight){.s = s, .lane = lane};
        w->req.data = w;
        s->flow[lane].bytes = 0;
        for (size_t i = 0; i < n; i++)
            s->flow[lane].bytes += iov[i].iov_len;
        err = uv_write(&w->req, &s->side[!lane].stream, (uv_buf_t *)iov, (unsigned)n,
                       on_written);
        s->flow[lane].writing = err == 0;
    }
    if (!s->flow[lane].writing)
        free(w);
    if (err)
        session_fail(s, "writing", err);
}

/* Send what is due. Answers whether all of it has left. */
static bool send_now(struct session *s, enum lane_id lane, nsec t,
                     const struct iovec *iov, size_t n)
{
    size_t all = 0;
    int gone = uv_try_write(&s->side[!lane].stream, (const uv_buf_t *)iov, (unsigned)n);

    if (gone < 0 && gone != UV_EAGAIN) {
        session_fail(s, "writing", gone);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        all += iov[i].iov_len;
    if (gone > 0)
        sent(s, lane, t, (size_t)gone);
    if (gone >= 0 && (size_t)gone == all)
        return true;
    send_later(s, lane, t);
    return false;
}

static void shut(struct session *s, enum lane_id lane)
{
    s->flow[lane].shut = true;
    if (endpoint_shut(&s->side[!lane]) < 0)
        session_close(s, CLOSE_RST);
    else if (s->flow[!lane].shut)
        session_close(s, CLOSE_FIN);
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

    for (; !s->closing && !f->writing && !f->shut; n = FLOW_IOV) {
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

/* The one place where a session acts. */
void session_turn(struct session *s, nsec t)
{
    nsec due = NSEC_NEVER;

    if (s->dialog.doom)
        session_close(s, s->dialog.doom);
    if (!s->closing && !s->connected && s->dial)
        steer_reading(s, LANE_REQUESTS, t); /* or a dialer that gives up goes unnoticed */
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

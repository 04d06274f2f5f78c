/* listener.c -- accept for one node.
 *
 * Own sockets under uv_poll, not uv_listen: when descriptors run out libuv accepts and
 * closes what waits, which a dialer would take for a fault. Here it stays in the
 * backlog until a session ends.
 *
 *   open -> paused (no descriptors, or the session limit) -> open
 *     \---> down (the upstream refuses; only with when-down: refuse) -> open
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "endpoint.h"
#include "filter.h"
#include "log.h"
#include "shell.h"

#define ACCEPTS_TURN 64        /* connections taken before others get their turn */
#define LOOK_AGAIN   MSEC(100) /* for descriptors, or for an upstream that was down */

/* Outlives its listener's being closed, until libuv has let go of it. */
struct ear {
    uv_poll_t poll;
    int fd;
    struct listener *l;
    struct proxy *proxy;
};

static struct wake *wake_of(struct listener *l)
{
    return &l->node->proxy->wake;
}

static void pause_accepting(struct listener *l, const char *why)
{
    nsec now = uv_hrtime();

    if (log_again(&l->say_again, now))
        log_warn("accept.pause", "node=%s reason=\"%s\"", l->node->party.name, why);
    l->paused = true;
    (void)uv_poll_stop(&l->ear->poll);
    wake_set(wake_of(l), &l->retry, now + LOOK_AGAIN);
}

static void on_acceptable(uv_poll_t *h, int status, int events)
{
    struct listener *l = ((struct ear *)h->data)->l;
    struct proxy *p = l->node->proxy;

    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_TURN; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        int fd;

        if (p->stats.sessions >= p->session_limit) {
            pause_accepting(l, "session limit reached");
            return;
        }
        fd = accept4(l->ear->fd, (struct sockaddr *)&peer, &len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            session_start(p, l->node, fd, (struct sockaddr *)&peer);
        } else if (endpoint_lacks(-errno)) {
            pause_accepting(l, strerror(errno));
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* anything else is about that one connection */
    }
}

static void poll_on(struct listener *l)
{
    int err = uv_poll_start(&l->ear->poll, UV_READABLE, on_acceptable);

    assert(err == 0);
    (void)err;
    l->paused = false;
}

static bool is_lost(const struct node *n, const struct party *from)
{
    return proxy_wire(n->proxy, from, &n->party, LANE_REQUESTS).blackhole;
}

static bool loses_any(const struct node *n)
{
    const struct proxy *p = n->proxy;
    bool any = is_lost(n, nodes_rest(p));

    for (size_t i = 0; i < p->dialers && !any; i++)
        any = is_lost(n, p->party[p->dialer[i].who]);
    return any;
}

/* What the plan says of those who may dial this node. False when they are too many. */
static bool narrowest_first(const struct node *n, struct filter_source *s, size_t *count)
{
    const struct proxy *p = n->proxy;

    if (p->dialers > FILTER_SOURCES)
        return false;
    for (int bits = 128; bits >= 0; bits--)
        for (size_t i = 0; i < p->dialers; i++) {
            const struct dialer *d = &p->dialer[i];

            if (d->range.bits == bits)
                s[(*count)++] = (struct filter_source){&d->range,
                                                       is_lost(n, p->party[d->who])};
        }
    return true;
}

int listener_filter(struct listener *l)
{
    struct filter_source source[FILTER_SOURCES];
    const struct node *n = l->node;
    size_t count = 0;

    if (l->ear == NULL)
        return 0;
    l->filtered = loses_any(n);
    if (l->filtered && !narrowest_first(n, source, &count))
        return -E2BIG;
    return filter_listener(l->ear->fd, source, count, is_lost(n, nodes_rest(n->proxy)));
}

static int start(struct listener *l)
{
    struct proxy *p = l->node->proxy;
    struct ear *ear = malloc(sizeof *ear);
    int err;

    if (ear == NULL)
        return -ENOMEM;
    *ear = (struct ear){.l = l, .proxy = p, .fd = endpoint_listen(&l->at, &l->at_len)};
    err = ear->fd < 0 ? ear->fd : uv_poll_init(p->loop, &ear->poll, ear->fd);
    if (err) {
        if (ear->fd >= 0)
            close(ear->fd);
        free(ear);
        return err;
    }
    ear->poll.data = ear;
    l->ear = ear;
    p->open++;
    poll_on(l);
    return listener_filter(l);
}

static void on_closed(uv_handle_t *h)
{
    struct ear *ear = h->data;

    proxy_unhold(ear->proxy);
    free(ear);
}

static void stop(struct listener *l)
{
    if (l->ear == NULL)
        return;
    uv_close((uv_handle_t *)&l->ear->poll, on_closed);
    close(l->ear->fd);
    l->ear = NULL;
    l->paused = false;
}

bool listener_is_open(const struct listener *l)
{
    return l->ear != NULL;
}

/* Is the upstream of a listener that is down there again? */
struct look {
    struct listener *l;
    struct endpoint to;
};

static void look_over(struct look *look)
{
    struct proxy *p = look->l->node->proxy;

    look->l->looking = false;
    free(look);
    nodes_reap(p); /* its node may have gone meanwhile */
    proxy_unhold(p);
}

static bool listen_again(struct listener *l)
{
    l->down = start(l) < 0;
    if (l->down)
        wake_set(wake_of(l), &l->retry, uv_hrtime() + LOOK_AGAIN);
    return !l->down;
}

static void back_up(struct listener *l)
{
    if (!listen_again(l))
        return;
    events_upstream(l->node, 0);
    log_info("listener.up", "node=%s reason=\"upstream is back\"", l->node->party.name);
}

static void on_dialed(void *arg, int status)
{
    struct look *look = arg;
    struct listener *l = look->l;
    bool wanted = l->down && !l->node->proxy->closing;

    if (wanted && status == 0)
        back_up(l);
    else if (wanted)
        wake_set(wake_of(l), &l->retry, uv_hrtime() + LOOK_AGAIN);
    if (status == 0)
        endpoint_close(&look->to, &l->node->proxy->sockets, CLOSE_FIN, false);
    look_over(look);
}

static void look_upstream(struct listener *l)
{
    struct look *look = l->looking ? NULL : calloc(1, sizeof *look);
    struct proxy *p = l->node->proxy;

    if (look)
        look->l = l;
    if (look && dial_start(&p->sockets, &l->node->upstream, &look->to, on_dialed, look)) {
        l->looking = true;
        p->open++;
        return;
    }
    free(look);
    wake_set(wake_of(l), &l->retry, uv_hrtime() + LOOK_AGAIN);
}

static void on_retry(struct wake_node *n, nsec now)
{
    struct listener *l = (struct listener *)((char *)n -
                                             offsetof(struct listener, retry));

    (void)now;
    if (l->down && l->node->proxy->when_down != WHEN_DOWN_REFUSE)
        (void)listen_again(l); /* the configuration has it otherwise now */
    else if (l->down)
        look_upstream(l);
    else
        listener_resume(l);
}

void listener_resume(struct listener *l)
{
    if (l->paused && l->ear)
        poll_on(l);
}

void listener_upstream_down(struct listener *l)
{
    struct proxy *p = l->node->proxy;

    if (p->when_down != WHEN_DOWN_REFUSE || l->down || p->closing)
        return;
    l->down = true;
    log_warn("listener.down", "node=%s reason=\"upstream refuses\"", l->node->party.name);
    stop(l);
    wake_set(wake_of(l), &l->retry, uv_hrtime() + LOOK_AGAIN);
}

int listener_open(struct listener *l, struct node *n, const struct addr *at,
                  struct err *e)
{
    char text[ADDR_TEXT_MAX];
    int err;

    l->node = n;
    l->retry.call = on_retry;
    l->down = false;
    l->at_len = addr_sockaddr(at, &l->at);
    err = start(l);
    if (err == 0)
        return 0;
    stop(l); /* it may be that only its filter could not be had */
    err_set(e, err, "cannot listen on %s: %s", addr_print(at, text, sizeof text),
            strerror(-err));
    if (err == -EADDRINUSE)
        err_hint(e, "something else listens there: choose another port, or stop it");
    else if (err == -EADDRNOTAVAIL)
        err_hint(e, "this machine has no such address");
    else if (err == -EACCES)
        err_hint(e, "ports below 1024 need root");
    return err;
}

void listener_close(struct listener *l)
{
    if (l->node == NULL) /* the start failed before it was opened */
        return;
    wake_set(wake_of(l), &l->retry, NSEC_NEVER);
    l->down = false;
    stop(l);
}

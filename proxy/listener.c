/* listener.c -- accept for one node.
 *
 * When descriptors run out, what waits stays in the backlog until a session ends: to
 * accept and close it, as libuv would, a dialer would take for a fault.
 *
 *   open -> paused (no descriptors, or the session limit) -> open
 *     \---> down (the upstream refuses; only with when-down: refuse) -> open
 */
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

bool listener_is_open(const struct listener *l)
{
    return l->ear.ready != NULL;
}

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
    (void)!hub_want(l->node->proxy->hub, &l->ear, 0);
    wake_set(wake_of(l), &l->retry, now + LOOK_AGAIN);
}

static void on_acceptable(struct endpoint *e, uint32_t events)
{
    struct listener *l = (struct listener *)((char *)e - offsetof(struct listener, ear));
    struct proxy *p = l->node->proxy;

    (void)events;
    for (int i = 0; i < ACCEPTS_TURN; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        int fd;

        if (p->stats.sessions >= p->session_limit) {
            pause_accepting(l, "session limit reached");
            return;
        }
        fd = accept4(l->ear.fd, (struct sockaddr *)&peer, &len,
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
    int err = hub_want(l->node->proxy->hub, &l->ear, EPOLLIN);

    l->paused = false;
    if (err)
        pause_accepting(l, strerror(-err));
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

    if (!listener_is_open(l))
        return 0;
    l->filtered = loses_any(n);
    if (l->filtered && !narrowest_first(n, source, &count))
        return -E2BIG;
    return filter_listener(l->ear.fd, source, count, is_lost(n, nodes_rest(n->proxy)));
}

static int start(struct listener *l)
{
    int fd = endpoint_listen(&l->at, &l->at_len);

    if (fd < 0)
        return fd;
    endpoint_open(&l->ear, fd, on_acceptable);
    poll_on(l);
    return listener_filter(l);
}

static void stop(struct listener *l)
{
    if (!listener_is_open(l))
        return;
    endpoint_close(&l->ear, l->node->proxy->hub, CLOSE_FIN, false);
    l->ear.ready = NULL;
    l->paused = false;
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
        endpoint_close(&look->to, l->node->proxy->hub, CLOSE_FIN, false);
    look_over(look);
}

static void look_upstream(struct listener *l)
{
    struct look *look = l->looking ? NULL : calloc(1, sizeof *look);
    struct proxy *p = l->node->proxy;

    if (look)
        look->l = l;
    if (look && dial_start(p->hub, &l->node->upstream, &look->to, on_dialed, look)) {
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
    if (l->paused && listener_is_open(l))
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

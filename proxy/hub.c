/* hub.c -- see hub.h. Level-triggered: who is served in part comes up again when all
 * others that are ready had their turn.
 *
 *   turn: do what was left for later -> wait -> serve who is ready -> libuv, if it has to
 */
#include "hub.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "endpoint.h"

/* Before, uv_backend_timeout did not mind descriptors that were only just added. */
_Static_assert(UV_VERSION_HEX >= 0x012c00, "libuv 1.44 or later is needed");

/* Let the kernel know what is wanted. It can fail only where e was not in the set. */
static int tell(struct hub *h, struct endpoint *e)
{
    struct epoll_event ev = {.events = e->wanted, .data.ptr = e};
    int op = e->told ? e->wanted ? EPOLL_CTL_MOD : EPOLL_CTL_DEL : EPOLL_CTL_ADD;

    if (epoll_ctl(h->fd, op, e->fd, &ev) < 0)
        return -errno;
    h->members += op == EPOLL_CTL_ADD;
    h->members -= op == EPOLL_CTL_DEL;
    e->told = e->wanted;
    return 0;
}

int hub_want(struct hub *h, struct endpoint *e, uint32_t events)
{
    e->wanted = (uint8_t)events;
    return e->wanted & ~e->told ? tell(h, e) : 0;
}

void hub_forget(struct hub *h, struct endpoint *e)
{
    if (e->told == 0)
        return;
    e->wanted =
        0; /* to close it is not enough while a child has it, too, until it execs */
    (void)!tell(h, e);
    for (int i = h->at; i < h->n; i++)
        if (h->ready[i].data.ptr == e)
            h->ready[i].events = 0;
}

void hub_hand(struct hub *h, struct endpoint *from, struct endpoint *to)
{
    *to = (struct endpoint){
        .fd = from->fd, .told = from->told, .wanted = EPOLLIN, .ready = to->ready};
    (void)!tell(h, to); /* it is in the set: no memory is needed for that */
    to->wanted = 0;
    *from = (struct endpoint){.fd = -1};
}

static void serve(struct hub *h, struct endpoint *e, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP))
        events |= e->told;
    if (events & e->told & ~(uint32_t)e->wanted)
        (void)!tell(h, e);
    if (events & e->wanted)
        e->ready(e, events & e->wanted);
}

void hub_later(struct hub *h, struct later *l)
{
    l->next = NULL;
    *h->last = l;
    h->last = &l->next;
}

static void do_later(struct hub *h)
{
    struct later *l;

    while ((l = h->first) != NULL) {
        if ((h->first = l->next) == NULL)
            h->last = &h->first;
        l->call(l);
    }
}

/* Milliseconds until libuv has something to do by itself; -1 = it has not. */
static int libuv_rests(const struct hub *h)
{
    uv_update_time(h->loop);
    return uv_loop_alive(h->loop) ? uv_backend_timeout(h->loop) : -1;
}

static void wait_for_any(struct hub *h, int timeout)
{
    h->n = epoll_wait(h->fd, h->ready, HUB_BATCH, timeout);
    h->at = 0;
}

/* Answers whether libuv, which is what has the set itself for data, is among those that
 * are ready. */
static bool serve_all(struct hub *h)
{
    bool libuv = false;

    while (h->at < h->n) {
        const struct epoll_event *ev = &h->ready[h->at++];

        if (ev->data.ptr == h)
            libuv = true;
        else if (ev->events)
            serve(h, ev->data.ptr, ev->events);
    }
    return libuv;
}

void hub_run(struct hub *h)
{
    while (h->members > 0 || h->first || uv_loop_alive(h->loop)) {
        int timeout;

        do_later(h);
        timeout = libuv_rests(h);
        pulse_rest(&h->pulse, uv_hrtime());
        wait_for_any(h, timeout);
        pulse_wake(&h->pulse, uv_hrtime());
        if (serve_all(h) || timeout == 0 || h->n <= 0)
            (void)uv_run(h->loop, UV_RUN_NOWAIT);
    }
}

static int make(struct hub *h, uv_loop_t *loop)
{
    *h = (struct hub){.loop = loop, .fd = epoll_create1(EPOLL_CLOEXEC)};
    h->last = &h->first;
    pulse_wake(&h->pulse, uv_hrtime());
    return h->fd < 0 ? -errno : 0;
}

int hub_open(struct hub *h, uv_loop_t *loop)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = h};
    int err = make(h, loop);

    if (err == 0 && epoll_ctl(h->fd, EPOLL_CTL_ADD, uv_backend_fd(loop), &ev) < 0) {
        err = -errno;
        close(h->fd);
    }
    return err;
}

void hub_close(struct hub *h)
{
    close(h->fd);
}

/* ---- joined to a loop that others run ---- */

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct hub *h = poll->data;

    (void)status, (void)events;
    pulse_wake(&h->pulse, uv_hrtime()); /* how long libuv has waited is its own affair */
    wait_for_any(h, 0);
    (void)serve_all(h);
    pulse_rest(&h->pulse, uv_hrtime());
}

static void on_rest(uv_prepare_t *rest)
{
    do_later(rest->data);
}

int hub_join(struct hub *h, uv_loop_t *loop)
{
    int err = make(h, loop);

    if (err)
        return err;
    if ((err = uv_poll_init(loop, &h->poll, h->fd)) < 0) {
        close(h->fd);
        return err;
    }
    (void)uv_prepare_init(loop, &h->rest);
    h->poll.data = h->rest.data = h;
    h->handles = 2;
    (void)uv_prepare_start(&h->rest, on_rest);
    err = uv_poll_start(&h->poll, UV_READABLE, on_ready);
    assert(err == 0);
    return 0;
}

static void on_left(uv_handle_t *handle)
{
    struct hub *h = handle->data;

    if (--h->handles > 0)
        return;
    close(h->fd);
    h->closed(h->arg);
}

void hub_leave(struct hub *h, void (*closed)(void *arg), void *arg)
{
    h->closed = closed;
    h->arg = arg;
    uv_close((uv_handle_t *)&h->poll, on_left);
    uv_close((uv_handle_t *)&h->rest, on_left);
}

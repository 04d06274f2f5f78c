/* sockets.c -- see sockets.h. Level-triggered: who is served in part comes up again when
 * all others that are ready had their turn.
 */
#include "sockets.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "clock.h"
#include "endpoint.h"

#define BUSY MSEC(1) /* for so long the loop's other business waits while there is more */

/* Let the kernel know what is wanted. It can fail only where e was not in the set. */
static int tell(struct sockets *s, struct endpoint *e)
{
    struct epoll_event ev = {.events = e->wanted, .data.ptr = e};
    int op = e->told == 0     ? EPOLL_CTL_ADD
             : e->wanted == 0 ? EPOLL_CTL_DEL
                              : EPOLL_CTL_MOD;

    if (epoll_ctl(s->fd, op, e->fd, &ev) < 0)
        return -errno;
    e->told = e->wanted;
    return 0;
}

int sockets_want(struct sockets *s, struct endpoint *e, uint32_t events)
{
    e->wanted = (uint8_t)events;
    return e->wanted & ~e->told ? tell(s, e) : 0;
}

void sockets_forget(struct sockets *s, struct endpoint *e)
{
    e->wanted = e->told = 0;
    for (int i = s->at; i < s->n; i++)
        if (s->ready[i].data.ptr == e)
            s->ready[i].data.ptr = NULL;
}

void sockets_hand(struct sockets *s, struct endpoint *from, struct endpoint *to)
{
    *to = (struct endpoint){
        .fd = from->fd, .told = from->told, .wanted = EPOLLIN, .ready = to->ready};
    (void)!tell(s, to); /* it is in the set: no memory is needed for that */
    to->wanted = 0;
    sockets_forget(s, from);
    from->fd = -1;
}

static void serve(struct sockets *s, struct endpoint *e, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP))
        events |= e->told;
    if (events & e->told & ~(uint32_t)e->wanted)
        (void)!tell(s, e);
    if (events & e->wanted)
        e->ready(e, events & e->wanted);
}

/* More may have come meanwhile: to look costs less than to go round the loop. */
static void on_ready(uv_poll_t *h, int status, int events)
{
    struct sockets *s = h->data;
    nsec begun = uv_hrtime();

    (void)status, (void)events;
    do {
        s->n = epoll_wait(s->fd, s->ready, SOCKETS_BATCH, 0);
        for (s->at = 0; s->at < s->n;) {
            const struct epoll_event *ev = &s->ready[s->at++];

            if (ev->data.ptr)
                serve(s, ev->data.ptr, ev->events);
        }
    } while (s->n > 1 && uv_hrtime() - begun < BUSY);
}

static void on_rest(uv_prepare_t *h)
{
    struct sockets *s = h->data;
    struct later *l;

    while ((l = s->first) != NULL) {
        if ((s->first = l->next) == NULL)
            s->last = &s->first;
        l->call(l);
    }
}

void sockets_later(struct sockets *s, struct later *l)
{
    l->next = NULL;
    *s->last = l;
    s->last = &l->next;
}

int sockets_open(struct sockets *s, uv_loop_t *loop)
{
    int err;

    *s = (struct sockets){.loop = loop, .fd = epoll_create1(EPOLL_CLOEXEC), .handles = 2};
    s->last = &s->first;
    if (s->fd < 0)
        return -errno;
    if ((err = uv_poll_init(loop, &s->poll, s->fd)) < 0) {
        close(s->fd);
        return err;
    }
    (void)uv_prepare_init(loop, &s->rest);
    s->poll.data = s->rest.data = s;
    err = uv_poll_start(&s->poll, UV_READABLE, on_ready);
    assert(err == 0);
    return uv_prepare_start(&s->rest, on_rest);
}

static void on_closed(uv_handle_t *h)
{
    struct sockets *s = h->data;

    if (--s->handles > 0)
        return;
    close(s->fd);
    s->closed(s->arg);
}

void sockets_close(struct sockets *s, void (*closed)(void *arg), void *arg)
{
    assert(s->first == NULL);
    s->closed = closed;
    s->arg = arg;
    uv_close((uv_handle_t *)&s->poll, on_closed);
    uv_close((uv_handle_t *)&s->rest, on_closed);
}

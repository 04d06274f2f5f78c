/* wake.c -- see wake.h. A binary heap by due time; the timerfd follows its top. */
#include "wake.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void put(struct wake *w, size_t at, struct wake_node *n)
{
    w->heap[at] = n;
    n->at = at;
}

static void sift_up(struct wake *w, struct wake_node *n)
{
    size_t at = n->at;

    for (; at > 1 && w->heap[at / 2]->due > n->due; at /= 2)
        put(w, at, w->heap[at / 2]);
    put(w, at, n);
}

static void sift_down(struct wake *w, struct wake_node *n)
{
    size_t at = n->at, child;

    while ((child = at * 2) <= w->n) {
        if (child < w->n && w->heap[child + 1]->due < w->heap[child]->due)
            child++;
        if (w->heap[child]->due >= n->due)
            break;
        put(w, at, w->heap[child]);
        at = child;
    }
    put(w, at, n);
}

static void take_out(struct wake *w, struct wake_node *n)
{
    struct wake_node *last = w->heap[w->n--];
    size_t at = n->at;

    n->at = 0;
    if (last == n)
        return;
    put(w, at, last);
    sift_up(w, last);
    sift_down(w, last);
}

/* A timer that is set too early costs one look too many, and setting it less often saves
 * a system call each time: it only ever moves forward here. */
static void arm(struct wake *w)
{
    nsec due = w->n ? w->heap[1]->due : NSEC_NEVER;
    struct itimerspec at = {0};
    nsec t = w->precise && due > WAKE_SPIN ? due - WAKE_SPIN : due;

    if (w->calling || due >= w->armed)
        return;
    w->armed = due;
    at.it_value.tv_sec = (time_t)(t / SEC(1));
    at.it_value.tv_nsec = (long)(t % SEC(1)) + (t == 0); /* all zero would mean off */
    (void)timerfd_settime(w->timer.fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Call what is due. What a call sets anew for a time already past waits for the next
 * round of the loop, so that sockets get their turn. */
static void ring(struct wake *w)
{
    nsec now = uv_hrtime();
    uint64_t times;

    (void)!read(w->timer.fd, &times, sizeof times);
    w->armed = NSEC_NEVER;
    w->calling = true;
    while (w->precise && w->n && w->heap[1]->due > now &&
           w->heap[1]->due - now <= WAKE_SPIN)
        now = uv_hrtime();
    for (size_t left = w->n; left > 0 && w->n && w->heap[1]->due <= now; left--) {
        struct wake_node *n = w->heap[1];

        take_out(w, n);
        n->call(n, now);
    }
    w->calling = false;
    arm(w);
}

static void on_timer(struct endpoint *e, uint32_t events)
{
    (void)events;
    ring((struct wake *)((char *)e - offsetof(struct wake, timer)));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    ring(poll->data);
}

/* Without what is to wait for it. */
static int make(struct wake *w, bool precise)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    *w = (struct wake){.precise = precise, .armed = NSEC_NEVER};
    endpoint_open(&w->timer, fd, on_timer);
    return fd < 0 ? -errno : 0;
}

int wake_open(struct wake *w, struct hub *hub, bool precise)
{
    int err = make(w, precise);

    if (err)
        return err;
    w->hub = hub;
    if ((err = hub_want(hub, &w->timer, EPOLLIN)) < 0)
        close(w->timer.fd);
    return err;
}

int wake_open_alone(struct wake *w, uv_loop_t *loop, bool precise)
{
    int err = make(w, precise);

    if (err)
        return err;
    if ((err = uv_poll_init(loop, &w->poll, w->timer.fd)) < 0) {
        close(w->timer.fd);
        return err;
    }
    w->poll.data = w;
    err = uv_poll_start(&w->poll, UV_READABLE, on_poll);
    assert(err == 0);
    return 0;
}

static void over(struct wake *w)
{
    close(w->timer.fd);
    free(w->heap);
    w->closed(w->arg);
}

static void on_closed(uv_handle_t *h)
{
    over(h->data);
}

void wake_close(struct wake *w, void (*closed)(void *arg), void *arg)
{
    w->closed = closed;
    w->arg = arg;
    if (w->hub == NULL) {
        uv_close((uv_handle_t *)&w->poll, on_closed);
        return;
    }
    hub_forget(w->hub, &w->timer);
    over(w);
}

int wake_reserve(struct wake *w, size_t nodes)
{
    size_t size = w->size ? w->size : 64;
    struct wake_node **heap;

    if (nodes + 1 <= w->size)
        return 0;
    while (size < nodes + 1)
        size *= 2;
    if ((heap = realloc(w->heap, size * sizeof(struct wake_node *))) == NULL)
        return -ENOMEM;
    w->heap = heap;
    w->size = size;
    return 0;
}

void wake_set(struct wake *w, struct wake_node *n, nsec due)
{
    if (n->at && n->due == due)
        return;
    if (n->at)
        take_out(w, n);
    n->due = due;
    if (due != NSEC_NEVER) {
        assert(w->n + 1 < w->size);
        put(w, ++w->n, n);
        sift_up(w, n);
    }
    arm(w);
}

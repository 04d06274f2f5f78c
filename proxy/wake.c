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
    (void)timerfd_settime(w->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Call what is due. What a call sets anew for a time already past waits for the next
 * round of the loop, so that sockets get their turn. */
static void on_timer(uv_poll_t *h, int status, int events)
{
    struct wake *w = h->data;
    nsec now = uv_hrtime();
    uint64_t times;

    (void)status, (void)events;
    (void)!read(w->fd, &times, sizeof times);
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

int wake_open(struct wake *w, uv_loop_t *loop, bool precise)
{
    int err;

    *w = (struct wake){.precise = precise, .armed = NSEC_NEVER};
    w->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (w->fd < 0)
        return -errno;
    err = uv_poll_init(loop, &w->poll, w->fd);
    if (err == 0) {
        w->poll.data = w;
        err = uv_poll_start(&w->poll, UV_READABLE, on_timer);
        assert(err == 0);
        return 0;
    }
    close(w->fd);
    return err;
}

static void on_closed(uv_handle_t *h)
{
    struct wake *w = h->data;

    close(w->fd);
    free(w->heap);
    w->closed(w->arg);
}

void wake_close(struct wake *w, void (*closed)(void *arg), void *arg)
{
    w->closed = closed;
    w->arg = arg;
    uv_close((uv_handle_t *)&w->poll, on_closed);
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

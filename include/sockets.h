/* sockets.h -- all sockets of a proxy in one epoll set, which libuv polls as a single
 * descriptor.
 *
 * A libuv stream for each takes 248 bytes of memory; a poll handle 160, three calls of
 * epoll_ctl at the beginning, and two whenever what it waits for changes. Here it is 16
 * bytes, one call at the beginning, and at most one for a change.
 */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <sys/epoll.h>
#include <uv.h>

#include "fault.h"

#define SOCKETS_BATCH 128 /* so many are served before it is asked anew who is ready */

struct endpoint;

/* Something to be done when whoever asks for it has returned. Embed it. */
struct later {
    struct later *next;
    void (*call)(struct later *l);
};

struct sockets {
    uv_loop_t *loop;

    int                fd; /* private, as all below: the set */
    uv_poll_t          poll;
    uv_prepare_t       rest;
    unsigned           handles;
    struct later      *first, **last;
    struct epoll_event ready[SOCKETS_BATCH]; /* those from `at` on are to be served */
    int                n, at;
    void (*closed)(void *arg);
    void *arg;
};

int  sockets_open(struct sockets *s, uv_loop_t *loop) MUST_CHECK;
void sockets_close(struct sockets *s, void (*closed)(void *arg), void *arg);

/* Have e->ready called whenever e is ready for one of these: EPOLLIN, EPOLLOUT, both, or
 * none. An error or a hang-up counts as all that is wanted, and is not noticed while that
 * is nothing. What is no longer wanted is told to the kernel only when that brings it up:
 * mostly it is wanted again before. 0 or a negative errno. */
int sockets_want(struct sockets *s, struct endpoint *e, uint32_t events) MUST_CHECK;

/* Its descriptor is about to be closed, and with that leaves the set: nothing is called
 * any more. */
void sockets_forget(struct sockets *s, struct endpoint *e);

/* What `from`, which wants something, was is `to` now: it has its own `ready`, and wants
 * nothing yet. */
void sockets_hand(struct sockets *s, struct endpoint *from, struct endpoint *to);

/* Call l->call, once, from the loop and before that waits. Not to be asked for again
 * until then. */
void sockets_later(struct sockets *s, struct later *l);

#endif

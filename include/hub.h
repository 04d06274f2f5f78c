/* hub.h -- the loop of a proxy: its own sockets in one epoll set, and libuv, with all
 * that is none of the proxy's traffic, as one more member of that set.
 *
 * A libuv stream for each socket takes 248 bytes of memory; a poll handle 160, three
 * calls of epoll_ctl at the beginning, and two whenever what it waits for changes. Here
 * it is 16 bytes, one call at the beginning, and at most one for a change.
 */
#ifndef HUB_H
#define HUB_H

#include <sys/epoll.h>
#include <uv.h>

#include "fault.h"
#include "pulse.h"

#define HUB_BATCH 128 /* so many are served before libuv gets its turn */

struct endpoint;

/* Something to be done when whoever asks for it has returned. Embed it. */
struct later {
    struct later *next;
    void (*call)(struct later *l);
};

struct hub {
    uv_loop_t   *loop;
    struct pulse pulse;

    int                fd; /* private, as all below: the set */
    unsigned           members;
    struct later      *first, **last;
    struct epoll_event ready[HUB_BATCH]; /* those from `at` on are to be served */
    int                n, at;
    uv_poll_t          poll; /* of one that has joined, as what follows */
    uv_prepare_t       rest;
    unsigned           handles;
    void (*closed)(void *arg);
    void *arg;
};

int  hub_open(struct hub *h, uv_loop_t *loop) MUST_CHECK;
void hub_close(struct hub *h);

/* Serve until the set is empty, nothing is to be done later, and libuv has no more to do
 * either. Instead of uv_run. */
void hub_run(struct hub *h);

/* The other way round, for a loop that others run: libuv polls the set, at the price of
 * one more system call a turn. Instead of hub_open and hub_close; closed() is called when
 * libuv has let go of it. */
int  hub_join(struct hub *h, uv_loop_t *loop) MUST_CHECK;
void hub_leave(struct hub *h, void (*closed)(void *arg), void *arg);

/* Have e->ready called whenever e is ready for one of these: EPOLLIN, EPOLLOUT, both, or
 * none. An error or a hang-up counts as all that is wanted, and is not noticed while that
 * is nothing. What is no longer wanted is told to the kernel only when that brings it up:
 * mostly it is wanted again before. 0 or a negative errno. */
int hub_want(struct hub *h, struct endpoint *e, uint32_t events) MUST_CHECK;

/* Its descriptor is about to be closed: nothing is called any more. */
void hub_forget(struct hub *h, struct endpoint *e);

/* What `from`, which wants something, was is `to` now: it has its own `ready`, and wants
 * nothing yet. */
void hub_hand(struct hub *h, struct endpoint *from, struct endpoint *to);

/* Call l->call, once, from the loop and before that waits. Not to be asked for again
 * until then. */
void hub_later(struct hub *h, struct later *l);

#endif

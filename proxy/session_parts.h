/* session_parts.h -- the insides of a session, shared by session.c and session_open.c and
 * nobody else.
 */
#ifndef SESSION_PARTS_H
#define SESSION_PARTS_H

#include "endpoint.h"
#include "shell.h"

enum { DIALER, DIALED }; /* side[]: where lane requests, lane replies are read from */

struct flow {         /* one lane, between two sockets */
    bool reading : 1; /* its source */
    bool blocked : 1; /* its sink takes no more for now */
    bool eof : 1;     /* nothing more will be read */
    bool shut : 1;    /* nothing more may be written */
    bool paused : 1;  /* a bound has stopped the reading, since paused_at */
    nsec paused_at;
};

struct session {
    struct session *next, *prev;
    struct proxy *proxy;
    struct node *node;
    struct link *link;
    uint64_t id;
    struct dial *dial; /* while connecting */
    struct endpoint side[2];
    struct dialog dialog;
    struct flow flow[2];
    struct wake_node wake;
    nsec opened;
    nsec gather;             /* lane replies is not read before; 0 = it may be */
    nsec deadline;           /* to be connected by; later, to wait for an RST */
    struct session *starved; /* next in the proxy's list */
    struct later over;
    unsigned open; /* 1, and a dial that may still call back */
    bool connected, closing, starving, replicating;
    bool overdue;         /* the time to be connected is over; it is looked once more */
    bool wired[2];        /* a packet filter is on that side */
    uint32_t priority[2]; /* and the class its packets leave in; 0 = none */
    uint32_t promotions;  /* of its node that have been told */
    uint32_t introduced;  /* what its dialer had said when it was last identified */
    struct {              /* of its replication, as it was last told */
        uint64_t full, partial;
        enum repl_phase phase;
        bool lost;
    } seen;
};

/* A side is ready for these. */
void session_ready(struct session *s, int side, uint32_t events);

/* One of what `open` counts is gone; the last frees the session. */
void session_release(struct session *s);

/* The world failed us in the middle of something. */
void session_fail(struct session *s, const char *doing, int err);

/* Put the packets of both sides under what the plan says of them: those coming in here,
 * those going out in host_rules.c. */
void session_filter(struct session *s);
void session_egress(struct session *s);

#endif

/* shell.h -- the insides of a running proxy, shared by proxy.c, listener.c, session.c
 * and nobody else.
 *
 *   proxy -- owns --> nodes (a listener each), links, the plan, the core
 *     \-- list of --> sessions (each frees itself when its last handle is closed)
 *
 * Nodes come and go. Each party that may dial, node or client, has a number, `who`, for
 * as long as it lives: the place of its links in every node's link[]. A node that has
 * gone is freed when the last session that knows it is.
 */
#ifndef SHELL_H
#define SHELL_H

#include <uv.h>

#include "config.h"
#include "dialog.h"
#include "journal.h"
#include "proxy.h"
#include "replay.h"
#include "wake.h"

struct node;
struct session;

/* An ordered pair of parties. */
struct link {
    const struct party *from, *to;
    uint64_t            sessions; /* ever: the ordinal of the newest */
    uint64_t            live;
    uint64_t            replicating; /* of them, with role replication */
};

struct listener {
    struct node     *node;
    struct ear      *ear;      /* what libuv polls; NULL while closed */
    struct wake_node retry;    /* after EMFILE, or to see whether the upstream is back */
    bool             filtered; /* a packet filter is on it; accepted sockets inherit it */
    bool             paused;   /* does not accept for now */
    bool             said;     /* and the log knows */
    bool             down;     /* closed because the upstream refuses */
    bool             looking;  /* a look at the upstream is under way */
    struct sockaddr_storage at; /* what it is bound to, or is to be */
    socklen_t               at_len;
};

struct node {
    struct party    party; /* its name is ours */
    struct proxy   *proxy;
    struct addr     upstream;
    struct listener listener;
    size_t          who;
    bool            polite; /* dialers it cannot serve get a FIN, not a RST */
    bool            warned; /* that a bound, not a delay, shapes its traffic */
    bool            down;   /* its upstream, when last dialed, was not there */
    struct link   **link;   /* by dialer; NULL where none ever dialed */
    size_t          links;
    uint64_t        read[2], sent[2]; /* bytes by lane, of sessions that have ended */
    struct node    *gone;             /* next in the list of those that have gone */
};

struct dialer { /* a range of source addresses and whose it is */
    struct addr_range range;
    size_t            who;
};

struct watcher {
    void (*on_event)(void *arg, const struct proxy_event *ev);
    void *arg;
};

struct proxy {
    uv_loop_t         *loop;
    struct core        core;
    struct wake        wake;
    struct wake_node   expiry;     /* the next rule whose time is over */
    struct wake_node   feed;       /* sessions that wait for room in the pool */
    struct wake_node   drain;      /* when closing: patience is over */
    struct wake_node   flush;      /* the journal, soon after it was written to */
    struct wake_node   rerun;      /* the next rule that comes or goes because of */
    struct replay     *replay;     /* or NULL; .. */
    size_t             rerun_at;   /* its step is this one, */
    nsec               rerun_zero; /* counted from the first session; 0 = none yet */
    struct journal    *journal;    /* or NULL */
    struct plan       *plan;
    struct node      **node; /* in the order in which they came */
    size_t             nodes;
    struct node       *gone;   /* nodes that sessions still know */
    struct party      *client; /* named clients, and last "client" itself */
    size_t             clients;
    struct party     **party; /* by who; NULL = nobody at present */
    size_t             parties;
    struct dialer     *dialer;
    size_t             dialers;
    struct session    *sessions; /* doubly linked */
    struct session    *starved;  /* wait for room in the pool, in no order */
    uint64_t           session_limit, next_id;
    nsec               connect_timeout;
    enum when_down     when_down;
    struct proxy_stats stats; /* the parts that no one else counts */
    struct watcher     watcher[PROXY_WATCHERS];
    size_t             watchers;
    bool               telling; /* a watcher is being called */
    unsigned           open;    /* handles and sessions that must be gone to close */
    bool               closing, replan;
    void (*done)(void *arg);
    void    *arg;
    uint8_t *buffer; /* SHELL_READ bytes: every read of the loop lands here */
};

#define SHELL_READ ((size_t)262144)

/* proxy.c */
struct wire proxy_wire(const struct proxy *p, const struct party *from,
                       const struct party *to, enum lane_id lane);
void        proxy_unhold(struct proxy *p);       /* one of `open` is gone */
void        proxy_room(struct proxy *p);         /* bytes have left the pool */
void        proxy_session_gone(struct proxy *p); /* a descriptor pair is free again */
void        proxy_replicating(struct proxy *p, struct link *l); /* roles may change */

/* nodes.c */
int  nodes_build(struct proxy *p, const struct config *c) MUST_CHECK; /* 0 or -ENOMEM */
int  nodes_listen(struct proxy *p, const struct config *c, struct err *e) MUST_CHECK;
void nodes_reap(struct proxy *p); /* free those that have gone and nobody knows */
void nodes_free(struct proxy *p);
/* Who dials from there, and the link of it, made when it is the first; NULL = ENOMEM. */
size_t        nodes_who(const struct proxy *p, const struct sockaddr *peer);
struct link  *nodes_link(struct node *n, size_t who);
struct node  *nodes_find(const struct proxy *p, const char *name); /* or NULL */
struct party *nodes_rest(const struct proxy *p); /* everybody who has no name */
/* The link if anybody ever dialed; else NULL. */
const struct link *nodes_link_seen(const struct node *n, size_t who);

/* events.c: the journal and those who watch are told. Of the plan, when p->plan is the
 * new one. */
void events_init(struct proxy *p);
void events_plan(struct proxy *p, const struct plan *old);
void events_session(struct proxy *p, enum proxy_event_kind kind, const struct link *l,
                    const struct dialog *d);
void events_upstream(struct node *n, bool down); /* if that is news */

/* rerun.c: follow a journal. */
int  rerun_open(struct proxy *p, const char *path, struct err *e) MUST_CHECK;
void rerun_first(struct proxy *p, nsec now); /* a session is accepted */

/* listener.c */
int  listener_open(struct listener *l, struct node *n, const struct addr *at,
                   struct err *e) MUST_CHECK;
void listener_close(struct listener *l);
bool listener_is_open(const struct listener *l);
void listener_resume(struct listener *l);            /* descriptors may be free again */
int  listener_filter(struct listener *l) MUST_CHECK; /* as the plan has it now */
void listener_upstream_down(struct listener *l);     /* the upstream refuses */

/* session.c */
void session_start(struct proxy *p, struct node *n, int fd, const struct sockaddr *peer);
void session_replan(struct session *s, nsec now);
void session_turn(struct session *s, nsec now);
void session_close(struct session *s, enum close_how how);

/* The list of all sessions, and of those that are starved: session.c keeps the links. */
struct session *session_next(const struct session *s);
struct node    *session_node(const struct session *s); /* that it dialed */
void            session_feed_starved(struct proxy *p, nsec now);

#endif

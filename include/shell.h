/* shell.h -- the insides of a running proxy, shared by proxy.c, listener.c, session.c
 * and nobody else.
 *
 *   proxy -- owns --> nodes (a listener each), links, the plan, the core
 *     \-- list of --> sessions (each frees itself when its last handle is closed)
 */
#ifndef SHELL_H
#define SHELL_H

#include <uv.h>

#include "config.h"
#include "dialog.h"
#include "hub.h"
#include "journal.h"
#include "nodes.h"
#include "proxy.h"
#include "replay.h"
#include "wake.h"

struct session;

struct watcher {
    void (*on_event)(void *arg, const struct proxy_event *ev);
    void *arg;
};

struct proxy {
    struct core        core;
    struct hub        *hub;
    struct hub         own; /* where the caller has none */
    struct wake        wake;
    uint64_t          *retired;    /* decisions of rules that are gone, by fault */
    struct wake_node   expiry;     /* the next rule whose time is over */
    struct wake_node   feed;       /* sessions that wait for room in the pool */
    struct wake_node   drain;      /* when closing: patience is over */
    struct wake_node   flush;      /* the journal, soon after it was written to */
    struct wake_node   rerun;      /* the next rule that comes or goes because of */
    struct replay     *replay;     /* or NULL; .. */
    size_t             rerun_at;   /* its step is this one, */
    nsec               rerun_zero; /* counted from the first session; 0 = none yet */
    struct journal    *journal;    /* or NULL */
    struct script     *script;     /* that is or was being played; or NULL */
    struct host       *host;       /* or NULL: no rule has needed it yet */
    bool               replace_qdisc;
    struct plan       *plan;
    struct node      **node; /* in the order in which they came */
    size_t             nodes;
    struct node       *gone;   /* nodes that sessions still know */
    struct client    **client; /* named clients, and last "client" itself */
    size_t             clients;
    struct client     *strangers; /* clients that have gone and sessions still know */
    struct party     **party;     /* by who; NULL = nobody at present */
    size_t             parties;
    struct names      *names; /* NULL = all sources are addresses */
    struct dialer     *dialer;
    size_t             dialers;
    struct saying     *saying;
    size_t             sayings;
    struct session    *sessions;       /* doubly linked */
    struct session    *starved;        /* wait for room in the pool, in no order */
    uint64_t           sessions_asked; /* how many there may be, .. */
    uint64_t           session_limit;  /* .. as far as descriptors go */
    uint64_t           crowd;          /* the most since memory was given back */
    uint64_t           next_id;
    nsec               connect_timeout;
    enum when_down     when_down;
    struct proxy_stats stats; /* the parts that no one else counts */
    struct watcher     watcher[PROXY_WATCHERS];
    size_t             watchers;
    bool               telling; /* a watcher is being called */
    unsigned           open;    /* sessions and dials that must be gone to close */
    struct later       over;    /* when they are */
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
void        proxy_reckon(struct proxy *p);       /* nodes have come or gone */
void        proxy_session_gone(struct proxy *p); /* a descriptor pair is free again */

/* The dialer has asked to replicate, or has been granted that; the node has been told to
 * be a master. Rules that say master or replica follow. */
void proxy_replicating(struct proxy *p, struct link *l, bool granted);
void proxy_promoted(struct proxy *p, struct node *n);

/* From now on these limits are in force, and what else of the configuration is about all
 * sessions: connect-timeout and when-down. Who is connected stays, however many. */
void proxy_limits(struct proxy *p, const struct config *c);

/* events.c: the journal and those who watch are told. Of the plan, when p->plan is the
 * new one. */
void events_init(struct proxy *p);
void events_plan(struct proxy *p, const struct plan *old);
void events_session(struct proxy *p, enum proxy_event_kind kind, const struct link *l,
                    const struct dialog *d);
void events_repl(struct proxy *p, const struct link *l, const struct dialog *d);
void events_upstream(struct node *n, int status); /* of a dial; if it is news */

/* rerun.c: follow a journal. */
int  rerun_open(struct proxy *p, const char *path, struct err *e) MUST_CHECK;
void rerun_first(struct proxy *p, nsec now); /* a session is accepted */

/* session_repl.c: what is new on a replication link is told to all who care. */
void session_repl(struct session *s, nsec now);

/* The live session of a link that carries its stream, or will; NULL = none. */
const struct session *session_replicating(const struct proxy *p, const struct link *l);

/* session.c */
void session_start(struct proxy *p, struct node *n, int fd, const struct sockaddr *peer);
void session_replan(struct session *s, nsec now);
/* Who dials may be known better by now. Answers whether it is, and then the session is to
 * be replanned. */
bool session_identify(struct session *s);

/* Those of this party are no longer known to be: each is whoever it says, or its
 * address does. They are to be replanned. */
void sessions_doubt(struct proxy *p, const struct party *was);
void session_turn(struct session *s, nsec now);
void session_close(struct session *s, enum close_how how);

/* The list of all sessions, and of those that are starved: session.c keeps the links. */
struct session *session_next(const struct session *s);
struct node    *session_node(const struct session *s); /* that it dialed */
void            session_feed_starved(struct proxy *p, nsec now);

#endif

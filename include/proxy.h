/* proxy.h -- a running proxy, for whoever owns the loop: `sunder proxy`, the lab, tests.
 *
 * One loop, one thread. Nothing here blocks, and nothing waits for data to move.
 */
#ifndef PROXY_H
#define PROXY_H

#include "config.h"
#include "hub.h"
#include "match.h"
#include "plan.h"
#include "shape.h"

struct proxy;

/* Bind every listener, or none; on a hub that the caller runs, or alone on a loop. The
 * config is copied where it must outlive the call. 0, or a negative errno and *e. */
int proxy_open(struct hub *hub, const struct config *c, struct proxy **out,
               struct err *e) MUST_CHECK;
int proxy_open_alone(uv_loop_t *loop, const struct config *c, struct proxy **out,
                     struct err *e) MUST_CHECK;

/* Stop accepting at once, let live sessions end by themselves for up to `drain`, then
 * reset what is left. done(arg) is called once, when the proxy is freed. A second call
 * with a shorter drain shortens the wait. */
void proxy_close(struct proxy *p, nsec drain, void (*done)(void *arg), void *arg);

bool proxy_accepts(const struct proxy *p); /* from proxy_open to proxy_close */

/* Change the plan. In force for the next frame of every session when they return. Of
 * several sentences all come into force at once or none; e->line says which was wrong. */
int proxy_rules_add(struct proxy *p, const char *const *sentences, size_t n,
                    struct err *e) MUST_CHECK;
int proxy_rule_add(struct proxy *p, const char *sentence, struct err *e) MUST_CHECK;
int proxy_rule_del(struct proxy *p, const char *glob, struct err *e) MUST_CHECK;

/* Take the rules of these names out, as far as they are there, and put one in, or none
 * (NULL): in one step. The new one may have the name of one that goes. */
int  proxy_rule_swap(struct proxy *p, const char *const *names, size_t n,
                     const char *sentence, struct err *e) MUST_CHECK;
void proxy_rule_clear(struct proxy *p);

/* Let these be all. What is there word for word stays, with its counts and its state. */
int proxy_rules_set(struct proxy *p, const char *const *sentences, size_t n,
                    struct err *e) MUST_CHECK;
const struct plan *proxy_plan(const struct proxy *p);

/* Partitions: rules too. A shape without a name gets one; *name, of RULE_NAME_MAX bytes,
 * is told it unless it is NULL. Heal all when the name is NULL or "*". */
int proxy_cut(struct proxy *p, const struct shape *s, char *name,
              struct err *e) MUST_CHECK;
int proxy_heal(struct proxy *p, const char *name, struct err *e) MUST_CHECK;

/* Nodes, then clients with a name, then "client": everyone else. Fills in at most `max`;
 * answers how many there are. */
size_t proxy_parties(const struct proxy *p, struct party *out, size_t max);

/* Live sessions of the links between these, lists and globs as in a rule. */
uint64_t proxy_link_sessions(const struct proxy *p, const char *from, const char *to);

/* End a session now, by the id that describe.h gives. -ENOENT when there is none. */
int proxy_session_end(struct proxy *p, uint64_t id, enum close_how how) MUST_CHECK;

/* The address a node listens on, once open: useful when port 0 was asked for. */
int proxy_listen_address(const struct proxy *p, const char *node, struct addr *out);

/* Nodes that come and go while the proxy runs. They all answer 0, or a negative errno
 * and *e, with nothing changed; -ENOENT and -EEXIST are about the name.
 *
 * add: polite is for who expects of a proxy that it accepts, and then closes, when its
 *   upstream is not there. It does not listen before proxy_node_start.
 * start: listen, where it was last told to. Started twice is started.
 * stop: stop listening, and end all sessions in order (FIN).
 * point: change where a node that is stopped listens and dials.
 * remove: stop it, and forget it. Rules that name it stay. */
int proxy_node_add(struct proxy *p, const struct config_node *c, bool polite,
                   struct err *e) MUST_CHECK;
int proxy_node_start(struct proxy *p, const char *name, struct err *e) MUST_CHECK;
int proxy_node_stop(struct proxy *p, const char *name, struct err *e) MUST_CHECK;
int proxy_node_point(struct proxy *p, const char *name, const struct addr *listen,
                     const struct addr *upstream, struct err *e) MUST_CHECK;
int proxy_node_remove(struct proxy *p, const char *name, struct err *e) MUST_CHECK;

/* End all sessions of a node in order, and go on listening. */
int proxy_node_hang_up(struct proxy *p, const char *name, struct err *e) MUST_CHECK;

/* One node, as it is now; false behind the last. What it points to is good until the
 * next change of nodes. */
struct proxy_node {
    const char            *name;
    const struct sockaddr *listen; /* bound to, or to be bound to */
    const struct addr     *upstream;
    bool                   started;
    uint64_t               read[2], sent[2]; /* bytes, by lane, ever */
};

bool proxy_node_at(const struct proxy *p, size_t i, struct proxy_node *out);

/* What happens, as it happens. */
enum proxy_event_kind {
    EVENT_RULE_ADDED,
    EVENT_RULE_REMOVED,
    EVENT_RULE_FIRED,     /* for every decision of it */
    EVENT_SESSION_OPENED, /* accepted; a rule may still refuse it */
    EVENT_SESSION_CLOSED,
    EVENT_SESSION_ROLE,  /* it turned out to be something */
    EVENT_UPSTREAM_DOWN, /* a node refuses, or does not answer */
    EVENT_UPSTREAM_UP,   /* and one that did is back */
    EVENT_REPLICATION,   /* a link is granted a resync, is through with it, or is lost */
};

extern const char
    *const proxy_event_names[]; /* "rule-added", ... by enum; ends with NULL */

struct proxy_event { /* all of it is gone when on_event returns */
    enum proxy_event_kind kind;
    nsec                  now;
    const struct rule    *rule;      /* RULE_*; else NULL */
    const char           *from, *to; /* the link, or NULL; UPSTREAM_*: to is the node */
    uint64_t              session;   /* ordinal on its link; 0 = it is about none */
    enum role             role;      /* of the session, so far */
    enum lane_id          lane;      /* RULE_FIRED: what it decided on */
    uint64_t              frame;
    const char           *command; /* "" when there is none */
    const struct repl    *repl;    /* REPLICATION; else NULL */
};

/* Tell somebody: up to PROXY_WATCHERS at a time, -ENOSPC beyond. Nobody costs nothing.
 * on_event is called in the middle of things: it may note, print and set timers, but
 * change neither the plan nor who watches. */
#define PROXY_WATCHERS 8
int  proxy_watch(struct proxy *p,
                 void (*on_event)(void *arg, const struct proxy_event *ev),
                 void *arg) MUST_CHECK;
void proxy_unwatch(struct proxy *p,
                   void (*on_event)(void *arg, const struct proxy_event *ev), void *arg);

struct proxy_stats {
    uint64_t sessions, accepted, refused; /* now; ever; upstream connects that failed */
    uint64_t bytes[2], frames[2];         /* by lane, ever */
    uint64_t held, held_max;              /* bytes waiting in lanes, now and at most */
    uint64_t paused;                      /* times a bound stopped reading */
    nsec     paused_time;
    uint64_t opaque, pairing_lost; /* lanes, ever */
    uint64_t decisions;            /* verdicts that were not "pass" */
};

void proxy_stats(const struct proxy *p, struct proxy_stats *out);

#endif

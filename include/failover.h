/* failover.h -- one failover, as clients, nodes and Sentinels see it.
 *
 * Clients write and read at a rate, answered or not; they find the master
 * through Sentinel, but for the pinned ones, which know one address and stay there. An
 * observer asks every node for its ROLE every 10 ms, at the address that is given for
 * looking on, and listens to every Sentinel.
 *
 *   peace ──► broken ──► another master, and all know ──► mended ──► whole ──► peace
 *      before                                     hold                      after
 */
#ifndef FAILOVER_H
#define FAILOVER_H

#include "history.h"
#include "ledger.h"
#include "roles.h"
#include "sentinel.h"
#include "trouble.h"

#define FAILOVER_NODES   ROLES_NODES
#define FAILOVER_CLIENTS 64
#define FAILOVER_EVENTS  4096

enum failover_cause {
    CAUSE_FAILOVER, /* SENTINEL FAILOVER */
    CAUSE_KILL,     /* SIGKILL for the master's process */
    CAUSE_STOP,     /* SIGSTOP, and SIGCONT to mend it */
    CAUSE_MARK, /* print "mark": whoever reads it breaks it, and at the next mends it */
};

extern const char *const failover_causes[]; /* "failover", ... by enum; ends with NULL */

struct failover_place { /* of a node: as others know it, and where it really is */
    char       known[ADDR_TEXT_MAX];
    struct url real;
};

struct failover_conf {
    struct sentinels     *group;
    struct failover_place place[FAILOVER_NODES];
    size_t                places;
    const char           *source;                   /* of the clients, or NULL */
    const char           *pinned_source;            /* of the pinned ones, or NULL */
    uint64_t              writers, readers, pinned; /* pinned ones write */
    uint64_t              rate;                     /* of each, a second */
    nsec                  timeout;                  /* of each of their commands */
    nsec                  before, hold, after;
    nsec                  within; /* patience: for a new master; to be whole again */
    nsec                  watch;  /* from break to mend, whatever happens; 0 = see hold */
    enum failover_cause   cause;
    const char           *run;     /* in the names of keys */
    struct history       *history; /* or NULL */
};

struct failover_node {
    char       known[ADDR_TEXT_MAX];
    struct url url, real;
};

struct failover_event { /* of a Sentinel */
    nsec   at;
    size_t sentinel;
    char   name[32], text[128];
};

struct failover_client {
    bool     pinned, reader;
    uint64_t ok, failed, unknown;
    uint64_t backwards; /* of a reader: found fewer values than before */
    nsec     outage;    /* the longest time without an answer, from the break on, */
    nsec     outage_at; /* which began then: its last good answer */
    bool     cut;       /* and lasted to the end */
};

struct failover_syncs {
    uint64_t full, partial, refused;
};

struct failover_result { /* zeroed is empty; free it with failover_release */
    struct failover_node   node[FAILOVER_NODES];
    size_t                 nodes, master, promoted; /* indices; = nodes when none */
    struct roles           roles;
    struct ledger          ledger;
    struct failover_event *event;
    size_t                 events;
    struct failover_client client[FAILOVER_CLIENTS];
    size_t                 clients;
    struct troubles        troubles; /* of the clients' commands */
    struct failover_syncs  syncs;

    /* Since the run began; NSEC_NEVER = it did not come to that. */
    nsec broken, mended, promotion, demotion, whole, ended;
    bool counted; /* the master was asked what it has */
};

/* One run. 0; -EINTR; or another negative errno and *e: nothing was measured. */
int  failover_run(const struct failover_conf *c, struct failover_result *out,
                  struct err *e) MUST_CHECK;
void failover_release(struct failover_result *r);

/* Of the events called that, about the master and since it was broken: the first; and of
 * those that each sentinel told first, the last. NSEC_NEVER when there is none. */
nsec failover_first(const struct failover_result *r, const char *name);
nsec failover_last(const struct failover_result *r, const char *name);

#endif

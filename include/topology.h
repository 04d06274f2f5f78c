/* topology.h -- who is where in a lab, and what each server's configuration says.
 *
 * Pure: addresses and text, no socket and no file. Data node i is really at 127.0.1.i,
 * and known to all others as 127.0.2.i, where the proxy listens; sentinel i is at
 * 127.0.1.(10+i), known as 127.0.2.(10+i). All share one port, so two labs differ in
 * their port alone. In a direct lab there is no proxy: nodes are known as what they are.
 *
 * Every node, the first master included, announces the address it is known by and dials
 * from its real one: so all links are proxied, after any number of failovers, and the
 * proxy knows by the source who is dialing. Clients with a name, c1, c2, ..., are those
 * that dial from 127.0.3.1, 127.0.3.2, ...
 */
#ifndef TOPOLOGY_H
#define TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "err.h"

#define TOPOLOGY_REPLICAS  9 /* at most: 127.0.1.11 is a sentinel */
#define TOPOLOGY_SENTINELS 9
#define TOPOLOGY_CLIENTS   9
#define TOPOLOGY_NODES     (1 + TOPOLOGY_REPLICAS + TOPOLOGY_SENTINELS)
#define TOPOLOGY_IP        16
#define TOPOLOGY_ADDRESS   (TOPOLOGY_IP + 6) /* "127.0.2.1:6379" */
#define TOPOLOGY_SERVICE   "mymaster"        /* what sentinels call the master */

enum topology_role { TOPOLOGY_MASTER, TOPOLOGY_REPLICA, TOPOLOGY_SENTINEL };

extern const char *const topology_roles[]; /* "master", "replica", "sentinel" */

enum persistence { PERSIST_NONE, PERSIST_RDB, PERSIST_AOF, PERSIST_BOTH };

extern const char *const persistence_words[]; /* "none" ... by enum; ends with NULL */

/* What the configuration says beyond who is where. Zeroed = as the server likes it, but
 * that nothing is written to disk. */
struct tuning {
    enum persistence persistence;
    bool             disk;           /* full synchronisations by way of the disk */
    bool             incompressible; /* leave the data as large as it is */
    uint64_t         backlog;        /* bytes; 0 = the server's default */
    unsigned         min_replicas;   /* to write; 0 = none needed */
    unsigned         max_lag;        /* of those, seconds; 0 = the server's default */
};

/* "1", or "1,10": so many replicas, which are no more than so many seconds behind. False:
 * it is neither. */
bool tuning_min_replicas(struct tuning *t, const char *text);

struct topology_node {
    char               name[8];            /* r1, r2, ... s1, s2, ... */
    enum topology_role role;               /* at the start */
    char               real[TOPOLOGY_IP];  /* where the server listens and dials from */
    char               known[TOPOLOGY_IP]; /* where others find it */
};

/* How sentinels watch. 0 stands for what topology_init has set. */
struct topology_watch {
    size_t quorum;           /* a majority */
    nsec   down_after;       /* 2 s of silence */
    nsec   failover_timeout; /* 10 s */
    bool   fast;             /* see topology_hasten */
};

struct topology {
    struct topology_watch watch;
    struct topology_node  node[TOPOLOGY_NODES]; /* the master is node[0] */
    size_t                n, replicas, sentinels, clients;
    uint16_t              port;
    bool                  chain; /* r3 replicates r2, r4 r3, ...; not all of them r1 */
};

/* No chain yet, and no port. The counts must be within the bounds above. */
void topology_init(struct topology *t, size_t replicas, size_t sentinels, bool direct);

/* Take what is not 0. */
void topology_set_watch(struct topology *t, const struct topology_watch *w);

/* "127.0.2.1:21000". buf holds TOPOLOGY_ADDRESS. Answers buf. */
const char *topology_known(const struct topology *t, size_t node, char *buf);
const char *topology_real(const struct topology *t, size_t node, char *buf);

/* "redis://127.0.2.1:21000,redis://127.0.2.2:21000": all nodes of that role, "" when
 * there is none. Answers buf. */
const char *topology_urls(const struct topology *t, enum topology_role role, char *buf,
                          size_t size);

/* "127.0.2.1:21000=127.0.1.1:21000,...": each data node as it is known, and where it
 * really is. Answers buf. */
const char *topology_places(const struct topology *t, char *buf, size_t size);

/* What a server is, from what its --version prints. */
struct server_version {
    bool     valkey;
    unsigned major, minor, patch;
};

/* 0, or -EINVAL: not the output of such a server; -ENOTSUP: older than Redis 6.2. */
int server_version_parse(const char *text, struct server_version *out,
                         struct err *e) MUST_CHECK;

/* The command by which a sentinel looks at others more often than every ten seconds, so
 * that a demonstration is over in seconds; NULL when it is not wanted, or when the server
 * cannot be told (before 7.0). */
const char *topology_hasten(const struct topology *t, const struct server_version *v);

/* In words: "quorum 2, down-after 2s, failover-timeout 10s, fast: INFO every 500ms ...".
 * Answers buf. */
const char *topology_print_watch(const struct topology *t, const struct server_version *v,
                                 char *buf, size_t size);

/* Whom a replica replicates at the start. */
size_t topology_source(const struct topology *t, size_t replica);

/* The configuration file of a node, for a server of that version which is started in its
 * own directory. Answers its length; asserts that it fits. 2 KiB are enough. */
size_t topology_conf(const struct topology *t, size_t node,
                     const struct server_version *v, const struct tuning *tuning,
                     char *buf, size_t size);

#endif

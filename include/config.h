/* config.h -- what `sunder proxy` is to do, from a YAML (or JSON) file or from flags.
 *
 *   seed: 42
 *   nodes:
 *     - {name: r1, listen: 127.0.2.1:6379, upstream: 127.0.1.1:6379, sources: 127.0.1.1}
 *     - {name: s1, kind: sentinel, listen: ..., upstream: ..., sources: [...]}
 *   clients:
 *     - {name: app, sources: [127.0.3.1, 10.1.0.0/16, app.shop.svc]}
 *     - {name: billing, client-names: billing-*}
 *   rules:
 *     - on r2 -> r1 replies do latency 50ms
 *   limits: {lane: 8mb, total: 512mb, sessions: 20000}
 *   when-down: reset            # or refuse
 *   connect-timeout: 5s
 *   journal: FILE               # write one
 *   replay: FILE                # or do again what one says
 *   cluster-domain: cluster.local    # ends names that end in .svc
 *
 * Unknown keys, duplicate names, two nodes on one listen address and a source that two
 * parties claim are errors with a line and a column. A Redis node and a Sentinel may
 * share one.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "addr.h"
#include "clock.h"
#include "rule.h"

enum node_kind { NODE_REDIS, NODE_SENTINEL };
enum when_down { WHEN_DOWN_RESET, WHEN_DOWN_REFUSE };

struct config_place { /* in the file, from 1; 0 = it came from a flag */
    size_t line, column;
};

struct config_party {
    char                name[RULE_NAME_MAX];
    struct addr_range  *sources;
    size_t              nsources;
    char              **hosts; /* sources that are names */
    size_t              nhosts;
    char              **said; /* of a node host:port, of a client globs on its name */
    size_t              nsaid;
    struct config_place place;
};

struct config_node {
    struct config_party party;
    enum node_kind      kind;
    struct addr         listen, upstream;
};

struct config {
    struct config_node  *nodes;
    size_t               nnodes;
    struct config_party *clients;
    size_t               nclients;
    struct rule        **rules;
    struct config_place *rule_places; /* one for each rule */
    size_t               nrules;
    uint64_t             seed; /* drawn and logged when not given */
    bool                 seed_given;
    uint64_t             lane_limit, total_limit, session_limit; /* bytes, bytes, count */
    enum when_down       when_down;
    nsec                 connect_timeout;
    bool                 precise;       /* spin the last 80 us before a due time */
    bool                 replace_qdisc; /* host faults may remove what others put there */
    char                *journal;       /* path, or NULL */
    char                *replay;        /* path of a journal to follow, or NULL */
    char                *domain; /* of the cluster, without a dot before; or NULL */
};

void config_init(struct config *c); /* the defaults above, no nodes */
void config_release(struct config *c);

/* A seed for who gave none; below 10^9, so that it can be typed again. */
uint64_t config_draw_seed(void);

/* Read a file, or "-" for standard input, or text already in memory. 0, or a negative
 * errno and *e ("cannot read 'x': No such file or directory"). On error *c holds what
 * config_release can free. */
int config_load(struct config *c, const char *path, struct err *e) MUST_CHECK;
int config_parse(struct config *c, const char *text, size_t n, struct err *e) MUST_CHECK;

/* The pieces flags give. A node added so is named r1, r2, ... when name is NULL. */
int config_add_node(struct config *c, const char *name, const char *listen,
                    const char *upstream, struct err *e) MUST_CHECK;
int config_add_client(struct config *c, const char *name, struct err *e) MUST_CHECK;
int config_add_source(struct config_party *p, const char *range,
                      struct err *e) MUST_CHECK;

/* What it says of itself: "10.0.0.1:6379" or "redis-0.shop.svc:6379", "billing-*". */
int config_add_announced(struct config_party *p, const char *address,
                         struct err *e) MUST_CHECK;
int config_add_client_name(struct config_party *p, const char *glob,
                           struct err *e) MUST_CHECK;
int config_add_rule(struct config *c, const char *sentence, struct err *e) MUST_CHECK;

/* What can only be said of the whole: duplicates, no nodes, rules naming nobody. Called
 * by config_load and config_parse; flags call it themselves. */
int config_check(const struct config *c, struct err *e) MUST_CHECK;

#endif

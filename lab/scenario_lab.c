/* scenario_lab.c -- the lab of a scenario: what `sunder lab` has options for. */
#include <errno.h>
#include <string.h>

#include "scenario_parts.h"

#define BACKLOG_LEAST 16384 /* no server takes less */

static struct scenario_lab *lab_of(void *into)
{
    return &((struct scenario *)into)->lab;
}

static int read_most(struct doc *d, yaml_node_t *node, uint64_t most, const char *what,
                     uint64_t *out)
{
    int rc = doc_count(d, node, out);

    if (rc < 0 || *out <= most)
        return rc;
    err_set(d->e, -EINVAL, "at most %d %s", (int)most, what);
    return doc_at(d, node);
}

static int read_replicas(struct doc *d, yaml_node_t *node, void *into)
{
    return read_most(d, node, TOPOLOGY_REPLICAS, "replicas", &lab_of(into)->replicas);
}

static int read_sentinels(struct doc *d, yaml_node_t *node, void *into)
{
    return read_most(d, node, TOPOLOGY_SENTINELS, "sentinels", &lab_of(into)->sentinels);
}

static int read_persistence(struct doc *d, yaml_node_t *node, void *into)
{
    const char *s = doc_text(d, node, "persistence");
    int how;

    if (s == NULL)
        return -EINVAL;
    for (how = 0; persistence_words[how]; how++)
        if (strcmp(persistence_words[how], s) == 0) {
            lab_of(into)->tuning.persistence = (enum persistence)how;
            return 0;
        }
    err_set(d->e, -EINVAL, "persistence cannot be '%.40s'", s);
    return doc_suggest(d, node, s, persistence_words);
}

static int read_diskless(struct doc *d, yaml_node_t *node, void *into)
{
    bool diskless = true;
    int rc = doc_bool(d, node, "diskless", &diskless);

    lab_of(into)->tuning.disk = !diskless;
    return rc;
}

static int read_backlog(struct doc *d, yaml_node_t *node, void *into)
{
    uint64_t *out = &lab_of(into)->tuning.backlog;
    int rc = doc_size(d, node, out);

    if (rc < 0 || *out >= BACKLOG_LEAST)
        return rc;
    err_set(d->e, -EINVAL, "a backlog is at least 16kb: no server takes less");
    return doc_at(d, node);
}

static int read_min_replicas(struct doc *d, yaml_node_t *node, void *into)
{
    const char *s = doc_text(d, node, "min-replicas");

    if (s == NULL)
        return -EINVAL;
    if (tuning_min_replicas(&lab_of(into)->tuning, s))
        return 0;
    err_set(d->e, -EINVAL, "min-replicas cannot be '%.40s'", s);
    err_hint(d->e, "a count, or a count and seconds such as 1,10");
    return doc_at(d, node);
}

static int read_data(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_size(d, node, &lab_of(into)->data);
}

static int read_chain(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_bool(d, node, "chain", &lab_of(into)->chain);
}

static int read_quorum(struct doc *d, yaml_node_t *node, void *into)
{
    uint64_t n = 0;
    int rc = read_most(d, node, TOPOLOGY_SENTINELS, "sentinels", &n);

    lab_of(into)->watch.quorum = (size_t)n;
    return rc;
}

static int read_down_after(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_time(d, node, &lab_of(into)->watch.down_after);
}

static int read_failover_timeout(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_time(d, node, &lab_of(into)->watch.failover_timeout);
}

static int read_fast(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_bool(d, node, "fast", &lab_of(into)->watch.fast);
}

static const struct doc_key keys[] = {
    {"replicas", read_replicas, false},
    {"sentinels", read_sentinels, false},
    {"persistence", read_persistence, false},
    {"diskless", read_diskless, false},
    {"backlog", read_backlog, false},
    {"min-replicas", read_min_replicas, false},
    {"data", read_data, false},
    {"chain", read_chain, false},
    {"quorum", read_quorum, false},
    {"down-after", read_down_after, false},
    {"failover-timeout", read_failover_timeout, false},
    {"fast", read_fast, false},
    {NULL, NULL, false},
};

/* What only all of it together shows. */
static int check(const struct scenario_lab *l, struct err *e)
{
    if (l->chain && l->sentinels > 0)
        return err_set(e, -EINVAL,
                       "a chain goes without sentinels: they know only those "
                       "who replicate the master itself");
    if (l->watch.quorum > l->sentinels)
        return err_set(e, -EINVAL, "a quorum of %d of %d sentinels can never be reached",
                       (int)l->watch.quorum, (int)l->sentinels);
    if (l->tuning.min_replicas > l->replicas)
        return err_set(e, -EINVAL, "min-replicas %u can never be met by %d replicas",
                       l->tuning.min_replicas, (int)l->replicas);
    return 0;
}

int scenario_read_lab(struct doc *d, yaml_node_t *node, void *into)
{
    int rc = doc_map(d, node, "lab", keys, into);

    if (rc == 0 && (rc = check(lab_of(into), d->e)) < 0)
        rc = doc_at(d, node);
    return rc;
}

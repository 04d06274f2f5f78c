/* topology.c -- who is where in a lab, and what each server's configuration says.
 *
 * What a line of configuration is for is said where it is written: most of them are
 * there because a lab without them goes wrong quietly.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "topology.h"

const char *const topology_roles[] = {"master", "replica", "sentinel"};
const char *const persistence_words[] = {"none", "rdb", "aof", "both", NULL};

bool tuning_min_replicas(struct tuning *t, const char *text)
{
    unsigned count = 0, lag = 0;
    char end;
    int n = sscanf(text, "%3u,%5u%c", &count, &lag, &end);

    if (strspn(text, "0123456789,") != strlen(text) || n > 2 || n < 1 ||
        (n == 1) != (strchr(text, ',') == NULL) || (n == 2 && lag == 0))
        return false;
    t->min_replicas = count;
    t->max_lag = lag;
    return true;
}

/* A text that grows in a buffer which is known to be large enough. */
struct text {
    char *p;
    size_t n, size;
};

static void say(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(struct text *t, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(t->p + t->n, t->size - t->n, fmt, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < t->size - t->n);
    t->n += (size_t)n;
}

static void place(struct topology_node *node, enum topology_role role, size_t i,
                  bool direct)
{
    bool sentinel = role == TOPOLOGY_SENTINEL;
    unsigned host = (unsigned)i + (sentinel ? 10 : 0);

    assert(i > 0 && host < 20);
    node->role = role;
    snprintf(node->name, sizeof node->name, "%c%u", sentinel ? 's' : 'r',
             (unsigned)i % 100);
    snprintf(node->real, sizeof node->real, "127.0.1.%u", host);
    snprintf(node->known, sizeof node->known, "127.0.%d.%u", direct ? 1 : 2, host);
}

void topology_init(struct topology *t, size_t replicas, size_t sentinels, bool direct)
{
    assert(replicas <= TOPOLOGY_REPLICAS && sentinels <= TOPOLOGY_SENTINELS);
    *t = (struct topology){.replicas = replicas, .sentinels = sentinels};
    t->watch = (struct topology_watch){
        .quorum = sentinels / 2 + 1,
        .down_after = SEC(2),
        .failover_timeout = SEC(10),
    };
    place(&t->node[t->n++], TOPOLOGY_MASTER, 1, direct);
    for (size_t i = 1; i <= replicas; i++)
        place(&t->node[t->n++], TOPOLOGY_REPLICA, i + 1, direct);
    for (size_t i = 1; i <= sentinels; i++)
        place(&t->node[t->n++], TOPOLOGY_SENTINEL, i, direct);
}

void topology_set_watch(struct topology *t, const struct topology_watch *w)
{
    if (w->quorum > 0)
        t->watch.quorum = w->quorum;
    if (w->down_after > 0)
        t->watch.down_after = w->down_after;
    if (w->failover_timeout > 0)
        t->watch.failover_timeout = w->failover_timeout;
    t->watch.fast = w->fast;
}

const char *topology_known(const struct topology *t, size_t node, char *buf)
{
    snprintf(buf, TOPOLOGY_ADDRESS, "%s:%u", t->node[node].known, t->port);
    return buf;
}

const char *topology_real(const struct topology *t, size_t node, char *buf)
{
    snprintf(buf, TOPOLOGY_ADDRESS, "%s:%u", t->node[node].real, t->port);
    return buf;
}

const char *topology_urls(const struct topology *t, enum topology_role role, char *buf,
                          size_t size)
{
    struct text out = {buf, 0, size};

    assert(size > 0);
    *buf = '\0';
    for (size_t i = 0; i < t->n; i++)
        if (t->node[i].role == role)
            say(&out, "%sredis://%s:%u", out.n ? "," : "", t->node[i].known, t->port);
    return buf;
}

const char *topology_places(const struct topology *t, char *buf, size_t size)
{
    struct text out = {buf, 0, size};

    assert(size > 0);
    *buf = '\0';
    for (size_t i = 0; i < t->n; i++)
        if (t->node[i].role != TOPOLOGY_SENTINEL)
            say(&out, "%s%s:%u=%s:%u", out.n ? "," : "", t->node[i].known, t->port,
                t->node[i].real, t->port);
    return buf;
}

int server_version_parse(const char *text, struct server_version *out, struct err *e)
{
    const char *v = strstr(text, " v=");
    bool valkey = strncmp(text, "Valkey server", 13) == 0;
    bool redis = strncmp(text, "Redis server", 12) == 0;

    *out = (struct server_version){.valkey = valkey};
    if (v == NULL || (!valkey && !redis) ||
        sscanf(v, " v=%4u.%4u.%4u", &out->major, &out->minor, &out->patch) != 3)
        return err_set(e, -EINVAL, "its --version says '%.*s'",
                       (int)strcspn(text, "\r\n"), text);
    if (out->major < 6 || (out->major == 6 && out->minor < 2))
        return err_set(e, -ENOTSUP,
                       "it is Redis %u.%u, and 6.2 is the oldest that will do",
                       out->major, out->minor);
    return 0;
}

static void say_common(struct text *out, const struct topology *t, size_t i,
                       const struct server_version *v)
{
    const struct topology_node *node = &t->node[i];

    say(out, "port %u\nbind %s\n", t->port, node->real);
    /* Its links say who it is. 6.2 dials from the first address of bind anyway. */
    if (v->major >= 7)
        say(out, "bind-source-addr %s\n", node->real);
    /* Only 127.0.0.1 counts as local before 7.2: all others would be denied. */
    say(out, "protected-mode no\n");
}

size_t topology_source(const struct topology *t, size_t replica)
{
    assert(replica < t->n && t->node[replica].role == TOPOLOGY_REPLICA);
    return t->chain ? replica - 1 : 0;
}

static void say_replication(struct text *out, const struct topology *t, size_t i,
                            const struct tuning *tuning)
{
    if (t->node[i].role == TOPOLOGY_REPLICA)
        say(out, "replicaof %s %u\n", t->node[topology_source(t, i)].known, t->port);
    say(out, "repl-diskless-sync %s\nrepl-diskless-sync-delay 0\n",
        tuning->disk ? "no" : "yes");
    if (tuning->backlog > 0)
        say(out, "repl-backlog-size %" PRIu64 "\n", tuning->backlog);
    if (tuning->min_replicas > 0)
        say(out, "min-replicas-to-write %u\n", tuning->min_replicas);
    if (tuning->max_lag > 0)
        say(out, "min-replicas-max-lag %u\n", tuning->max_lag);
    if (tuning->incompressible)
        say(out, "rdbcompression no\n");
}

static void say_persistence(struct text *out, enum persistence persistence)
{
    bool rdb = persistence == PERSIST_RDB || persistence == PERSIST_BOTH;
    bool aof = persistence == PERSIST_AOF || persistence == PERSIST_BOTH;

    say(out, "%s\n", rdb ? "save 3600 1 300 100 60 10000" : "save \"\"");
    say(out, "appendonly %s\n", aof ? "yes" : "no");
}

static void say_data(struct text *out, const struct topology *t, size_t i,
                     const struct server_version *v, const struct tuning *tuning)
{
    const struct topology_node *node = &t->node[i];

    /* The master too: it may come back as a replica. */
    say(out, "replica-announce-ip %s\nreplica-announce-port %u\n", node->known, t->port);
    say_replication(out, t, i, tuning);
    say_persistence(out, tuning->persistence);
    if (v->major >= 7) {
        say(out, "enable-debug-command local\n");
        /* A master that is told to stop would wait for a replica that lags. */
        say(out, "shutdown-timeout 0\n");
    }
}

static void say_sentinel(struct text *out, const struct topology *t, size_t i)
{
    /* All sentinels must know the master by one address, or they never agree. */
    say(out, "sentinel resolve-hostnames no\nsentinel announce-hostnames no\n");
    say(out, "sentinel announce-ip %s\nsentinel announce-port %u\n", t->node[i].known,
        t->port);
    say(out, "sentinel monitor " TOPOLOGY_SERVICE " %s %u %zu\n", t->node[0].known,
        t->port, t->watch.quorum);
    say(out, "sentinel down-after-milliseconds " TOPOLOGY_SERVICE " %llu\n",
        (unsigned long long)(t->watch.down_after / MSEC(1)));
    say(out, "sentinel failover-timeout " TOPOLOGY_SERVICE " %llu\n",
        (unsigned long long)(t->watch.failover_timeout / MSEC(1)));
}

size_t topology_conf(const struct topology *t, size_t node,
                     const struct server_version *v, const struct tuning *tuning,
                     char *buf, size_t size)
{
    struct text out = {buf, 0, size};

    assert(node < t->n && t->port != 0);
    say_common(&out, t, node, v);
    if (t->node[node].role == TOPOLOGY_SENTINEL)
        say_sentinel(&out, t, node);
    else
        say_data(&out, t, node, v, tuning);
    return out.n;
}

/* A demoted or returning master is looked at once in an INFO period, and told what it is
 * four PUBLISH periods later: 10 s and 8 s if nobody says otherwise. */
const char *topology_hasten(const struct topology *t, const struct server_version *v)
{
    return t->watch.fast && v->major >= 7 ? "SENTINEL DEBUG INFO-PERIOD 500 "
                                            "PUBLISH-PERIOD 250"
                                          : NULL;
}

static double seconds(nsec t)
{
    return (double)t / 1e9;
}

const char *topology_print_watch(const struct topology *t, const struct server_version *v,
                                 char *buf, size_t size)
{
    const char *pace = "Redis' own periods";

    if (topology_hasten(t, v) != NULL)
        pace = "fast: INFO every 500 ms for 10 s, hello every 250 ms for 2 s";
    else if (t->watch.fast)
        pace = "Redis' own periods: this server cannot be told others";
    snprintf(buf, size, "quorum %zu, down-after %gs, failover-timeout %gs; %s",
             t->watch.quorum, seconds(t->watch.down_after),
             seconds(t->watch.failover_timeout), pace);
    return buf;
}

/* cmd_lab.c -- `sunder lab`: real Redis behind the proxy, for as long as you like.
 *
 * What it prints on stdout can be sourced by a shell: two or three exports, and a map in
 * comments.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "http.h"
#include "lab.h"
#include "log.h"
#include "process.h"
#include "stage.h"
#include "surfaces.h"

#define URLS      512
#define NOT_GIVEN UINT64_MAX
#define ANY_PORT  "127.0.0.1:0" /* any number of labs run side by side */

struct flags {
    uint64_t replicas, sentinels, clients, quorum, seed, backlog, data;
    nsec down_after, failover_timeout;
    const char *persistence, *min_replicas, *diskless;
    const char *server, *keep, *journal, *api, *token_file, *console, *output;
    struct texts rules;
    bool direct, fast, chain;
};

static struct flags flags;

static const struct opt opts[] = {
    {"replicas", 0, OPT_COUNT, &flags.replicas, "N", "how many replicas"},
    {"sentinels", 0, OPT_COUNT, &flags.sentinels, "N", "how many sentinels"},
    {"clients", 0, OPT_COUNT, &flags.clients, "N",
     "clients with a name, c1, c2, ...: those that dial from 127.0.3.1, 127.0.3.2, ..."},
    {"quorum", 0, OPT_COUNT, &flags.quorum, "N",
     "sentinels that must agree that the master is down; a majority when not given"},
    {"down-after", 0, OPT_TIME, &flags.down_after, "TIME",
     "silence after which a sentinel thinks that a node is down; 2s when not given"},
    {"failover-timeout", 0, OPT_TIME, &flags.failover_timeout, "TIME",
     "of the sentinels; 10s when not given"},
    {"fast", 0, OPT_FLAG, &flags.fast, NULL,
     "sentinels look at others more often than every ten seconds"},
    {"persistence", 0, OPT_TEXT, &flags.persistence, "HOW", "none, rdb, aof or both"},
    {"chain", 0, OPT_FLAG, &flags.chain, NULL,
     "replicas in a row: r3 replicates r2, and so on"},
    {"backlog", 0, OPT_BYTES, &flags.backlog, "SIZE", "repl-backlog-size, at least 16kb"},
    {"min-replicas", 0, OPT_TEXT, &flags.min_replicas, "N[,LAG]",
     "a master refuses writes with fewer replicas, or none within LAG seconds"},
    {"diskless", 0, OPT_TEXT, &flags.diskless, "yes|no",
     "how a full synchronisation goes: streamed, or by way of the disk"},
    {"data", 0, OPT_BYTES, &flags.data, "SIZE",
     "so much data in the master before the replicas start"},
    {"redis-server", 0, OPT_TEXT, &flags.server, "PATH",
     "the server to run; redis-server or valkey-server from PATH when not given"},
    {"keep", 0, OPT_TEXT, &flags.keep, "DIR", "work in this directory, and leave it"},
    {"rule", 0, OPT_TEXTS, &flags.rules, "SENTENCE",
     "in force when all are in sync; may be repeated"},
    {"seed", 0, OPT_COUNT, &flags.seed, "N",
     "for what rules leave to chance; drawn when not given"},
    {"journal", 0, OPT_TEXT, &flags.journal, "FILE", "write every decision to it"},
    {"api", 0, OPT_TEXT, &flags.api, "ADDR|off",
     "where sunder status, cut and rule reach it, and curl; port 0 is a free one"},
    {"api-token-file", 0, OPT_TEXT, &flags.token_file, "FILE",
     "let only those use that API who know the token in it"},
    {"console", 0, OPT_TEXT, &flags.console, "ADDR|off", "and redis-cli"},
    {"direct", 0, OPT_FLAG, &flags.direct, NULL, "without any proxy: the control"},
    {"output", 'o', OPT_TEXT, &flags.output, "FORMAT", "text or json"},
    {0},
};

static const struct usage usage = {
    .command = "lab",
    .line = "[options] [-- COMMAND...]",
    .about =
        "Start a Redis master and its replicas on addresses of the loopback, every link "
        "between them through the proxy; print where they are; run until Ctrl-C, or "
        "until COMMAND ends, which finds URL_M, URL_R, URL_S and SUNDER_API in its "
        "environment. Nothing is left behind.",
    .example = "sunder lab --rule 'on r2 -> r1 replies do latency 50ms'",
    .opts = opts,
};

struct urls {
    char master[URLS], replicas[URLS], sentinels[URLS], places[URLS];
};

/* Where the lab's proxy takes commands; "" = nowhere. And the token's file, wherever one
 * stands; "" = no token. */
struct doors {
    struct surfaces surfaces;
    char api[ADDR_TEXT_MAX], console[ADDR_TEXT_MAX], token[PATH_MAX];
};

static void on_shutdown(void *arg)
{
    (void)arg;
    (void)raise(SIGTERM);
}

static int open_doors(struct stage *s, struct doors *d)
{
    const struct surface_flags asked = {
        .console = flags.console, .api = flags.api, .token_file = flags.token_file};
    struct addr at;
    int rc;

    *d = (struct doors){.surfaces = {.on_shutdown = on_shutdown}};
    if (lab_proxy(s->lab) == NULL)
        return 0;
    rc = surfaces_open(&d->surfaces, &asked, &s->loop, lab_proxy(s->lab),
                       &s->trouble.err);
    if (d->surfaces.http != NULL && http_address(d->surfaces.http, &at) == 0)
        addr_print(&at, d->api, sizeof d->api);
    if (d->surfaces.console != NULL && console_address(d->surfaces.console, &at) == 0)
        addr_print(&at, d->console, sizeof d->console);
    if (rc == 0 && flags.token_file != NULL &&
        realpath(flags.token_file, d->token) == NULL)
        return err_set(&s->trouble.err, -errno, "cannot find '%.200s': %s",
                       flags.token_file, strerror(errno));
    return rc;
}

static void urls_of(const struct topology *t, struct urls *u)
{
    topology_urls(t, TOPOLOGY_MASTER, u->master, URLS);
    topology_urls(t, TOPOLOGY_REPLICA, u->replicas, URLS);
    topology_urls(t, TOPOLOGY_SENTINEL, u->sentinels, URLS);
    topology_places(t, u->places, URLS);
}

static void print_nodes(const struct lab *l)
{
    const struct topology *t = lab_topology(l);
    char known[TOPOLOGY_ADDRESS], real[TOPOLOGY_ADDRESS];

    printf("# %-5s %-9s %-18s %-18s %s\n", "node", "role", "address",
           lab_proxy(l) ? "really at" : "", "pid");
    for (size_t i = 0; i < t->n; i++)
        printf("# %-5s %-9s %-18s %-18s %d\n", t->node[i].name,
               topology_roles[t->node[i].role], topology_known(t, i, known),
               lab_proxy(l) ? topology_real(t, i, real) : "", (int)lab_pid(l, i));
}

static bool links_to(const struct topology *t, size_t from, size_t to)
{
    if (from == to)
        return false;
    if (t->node[from].role == TOPOLOGY_SENTINEL)
        return true;
    return t->node[from].role == TOPOLOGY_REPLICA && to == topology_source(t, from);
}

static const char *link_carries(const struct topology *t, size_t from)
{
    return t->node[from].role == TOPOLOGY_SENTINEL ? "sentinel" : "replication";
}

static void print_links(const struct topology *t)
{
    printf("#\n# links: client -> *");
    for (size_t from = 0; from < t->n; from++)
        for (size_t to = 0; to < t->n; to++)
            if (links_to(t, from, to))
                printf(", %s -> %s", t->node[from].name, t->node[to].name);
    printf("\n");
}

static void print_clients(const struct topology *t)
{
    for (size_t i = 1; i <= t->clients; i++)
        printf("# c%-4zu %-9s %-18s dials from 127.0.3.%zu\n", i, "client", "", i);
}

static void print_watch(const struct lab *l)
{
    const struct topology *t = lab_topology(l);
    char text[160];

    if (t->sentinels > 0)
        printf("# sentinels: " TOPOLOGY_SERVICE ", %s\n",
               topology_print_watch(t, &lab_server(l)->version, text, sizeof text));
}

static void print_doors(const struct doors *d)
{
    const char *port = strrchr(d->console, ':');
    int six = d->console[0] == '['; /* redis-cli wants ::1, not [::1] */

    if (d->api[0])
        printf("# to break it: sunder cut r2 r1, sunder heal, sunder status ...\n");
    if (port != NULL)
        printf("# or redis-cli -h %.*s -p %s\n", (int)(port - d->console) - 2 * six,
               d->console + six, port + 1);
}

static void print_text(const struct lab *l, const struct doors *d)
{
    struct urls u;
    char server[64];

    urls_of(lab_topology(l), &u);
    printf("export URL_M=%s\n", u.master);
    printf("export URL_R=%s\n", u.replicas);
    if (u.sentinels[0])
        printf("export URL_S=%s\nexport URL_D=%s\n", u.sentinels, u.places);
    if (d->api[0])
        printf("export SUNDER_API=%s\n", d->api);
    if (d->token[0])
        printf("export SUNDER_API_TOKEN_FILE='%s'\n", d->token);
    printf("#\n");
    print_nodes(l);
    print_clients(lab_topology(l));
    print_links(lab_topology(l));
    print_watch(l);
    if (lab_proxy(l))
        printf("# seed %" PRIu64 ", for what rules leave to chance\n", flags.seed);
    print_doors(d);
    printf("# %s in %s; Ctrl-C ends it\n",
           server_print(lab_server(l), server, sizeof server), lab_directory(l));
    fflush(stdout);
}

static json_t *json_nodes(const struct lab *l)
{
    const struct topology *t = lab_topology(l);
    char known[TOPOLOGY_ADDRESS], real[TOPOLOGY_ADDRESS];
    json_t *nodes = json_array();

    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(
            nodes, json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", t->node[i].name, "role",
                             topology_roles[t->node[i].role], "address",
                             topology_known(t, i, known), "real",
                             topology_real(t, i, real), "pid", (int)lab_pid(l, i)));
    return nodes;
}

static json_t *json_links(const struct topology *t)
{
    json_t *links = json_array();

    for (size_t from = 0; from < t->n; from++)
        for (size_t to = 0; to < t->n; to++)
            if (links_to(t, from, to))
                json_array_append_new(
                    links, json_pack("{s:s, s:s, s:s}", "from", t->node[from].name, "to",
                                     t->node[to].name, "carries", link_carries(t, from)));
    return links;
}

static json_t *json_watch(const struct lab *l)
{
    const struct topology_watch *w = &lab_topology(l)->watch;
    bool fast = topology_hasten(lab_topology(l), &lab_server(l)->version) != NULL;

    return json_pack("{s:s, s:I, s:I, s:I, s:b}", "master", TOPOLOGY_SERVICE, "quorum",
                     (json_int_t)w->quorum, "down_after_ms",
                     (json_int_t)(w->down_after / MSEC(1)), "failover_timeout_ms",
                     (json_int_t)(w->failover_timeout / MSEC(1)), "fast", (int)fast);
}

static void print_json(const struct lab *l, const struct doors *d)
{
    struct urls u;
    char server[64];
    json_t *all;

    urls_of(lab_topology(l), &u);
    all = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "url_m", u.master,
                    "url_r", u.replicas, "url_s", u.sentinels, "server",
                    server_print(lab_server(l), server, sizeof server), "directory",
                    lab_directory(l), "direct", lab_proxy(l) == NULL, "nodes",
                    json_nodes(l), "links", json_links(lab_topology(l)));
    json_object_set_new(all, "url_d", json_string(u.places));
    if (lab_proxy(l))
        json_object_set_new(all, "seed", json_integer((json_int_t)flags.seed));
    json_object_set_new(all, "api", json_string(d->api));
    json_object_set_new(all, "console", json_string(d->console));
    if (lab_topology(l)->sentinels > 0)
        json_object_set_new(all, "watch", json_watch(l));
    json_dumpf(all, stdout, JSON_COMPACT);
    printf("\n");
    fflush(stdout);
    json_decref(all);
}

/* 128 + the signal; but for a lab that was up, Ctrl-C is how it ends. */
static int run_on(struct stage *s, const struct doors *d)
{
    if (strcmp(flags.output, "json") == 0)
        print_json(s->lab, d);
    else
        print_text(s->lab, d);
    if (ferror(stdout))
        return STATUS_MET; /* nobody knows where it is; main() says why */
    return stage_idle(s) == -EINTR ? STATUS_MET : STATUS_ENVIRONMENT;
}

static int run_command(struct stage *s, const struct doors *doors,
                       const char *const *argv)
{
    char m[URLS + 8], r[URLS + 8], se[URLS + 8], d[URLS + 8], api[ADDR_TEXT_MAX + 16];
    char token[PATH_MAX + 32];
    const char *env[] = {m, r, se, d, doors->api[0] ? api : NULL, NULL, NULL};
    struct urls u;
    int status, rc;

    urls_of(lab_topology(s->lab), &u);
    snprintf(m, sizeof m, "URL_M=%s", u.master);
    snprintf(r, sizeof r, "URL_R=%s", u.replicas);
    snprintf(se, sizeof se, "URL_S=%s", u.sentinels);
    snprintf(d, sizeof d, "URL_D=%s", u.places);
    snprintf(api, sizeof api, "SUNDER_API=%s", doors->api);
    snprintf(token, sizeof token, "SUNDER_API_TOKEN_FILE=%s", doors->token);
    if (doors->api[0] && doors->token[0])
        env[5] = token;
    rc = stage_run(s, argv, env, NULL, NULL, true, &status);
    return rc < 0 ? stage_fail(s, &usage, rc) : process_exit_code(status);
}

static int run(const struct lab_options *o, const char *const *command)
{
    struct stage s;
    struct doors doors = {.api = ""};
    int rc, status;

    stage_open(&s);
    s.tolerant = true;
    rc = stage_lab(&s, o);
    if (rc == 0)
        rc = open_doors(&s, &doors);
    if (rc < 0)
        status = stage_fail(&s, &usage, rc);
    else if (command[0] != NULL)
        status = run_command(&s, &doors, command);
    else
        status = run_on(&s, &doors);
    surfaces_close(&doors.surfaces);
    stage_close(&s);
    return status;
}

/* "1" or "1,10". */
static int check_min_replicas(struct tuning *t)
{
    const char *text = flags.min_replicas;

    if (text == NULL)
        return STATUS_MET;
    if (!tuning_min_replicas(t, text))
        return cli_usage(&usage,
                         "--min-replicas is a count, or a count and seconds such as "
                         "1,10, not '%s'",
                         text);
    if (t->min_replicas > flags.replicas)
        return cli_usage(&usage, "--min-replicas %u can never be met by %u replicas",
                         t->min_replicas, (unsigned)flags.replicas);
    return STATUS_MET;
}

static int check_replication(struct lab_options *o)
{
    if (strcmp(flags.diskless, "yes") != 0 && strcmp(flags.diskless, "no") != 0)
        return cli_usage(&usage, "--diskless is yes or no, not '%s'", flags.diskless);
    if (flags.backlog > 0 && flags.backlog < 16384)
        return cli_usage(&usage, "--backlog is at least 16kb: no server takes less");
    if (flags.chain && flags.sentinels > 0)
        return cli_usage(&usage, "--chain goes without sentinels: they know only those "
                                 "who replicate the master itself");
    o->chain = flags.chain;
    o->data = flags.data;
    o->tuning.disk = strcmp(flags.diskless, "no") == 0;
    o->tuning.backlog = flags.backlog;
    return check_min_replicas(&o->tuning);
}

static int check(struct lab_options *o)
{
    int how = 0;

    while (persistence_words[how] != NULL &&
           strcmp(flags.persistence, persistence_words[how]))
        how++;
    if (persistence_words[how] == NULL)
        return cli_usage(&usage, "--persistence is none, rdb, aof or both, not '%s'",
                         flags.persistence);
    if (strcmp(flags.output, "text") != 0 && strcmp(flags.output, "json") != 0)
        return cli_usage(&usage, "--output is text or json, not '%s'", flags.output);
    if (flags.replicas > TOPOLOGY_REPLICAS || flags.sentinels > TOPOLOGY_SENTINELS)
        return cli_usage(&usage, "at most %d replicas and %d sentinels",
                         TOPOLOGY_REPLICAS, TOPOLOGY_SENTINELS);
    if (flags.clients > TOPOLOGY_CLIENTS)
        return cli_usage(&usage, "at most %d clients with a name", TOPOLOGY_CLIENTS);
    if (flags.quorum > flags.sentinels)
        return cli_usage(&usage, "--quorum %llu of %llu sentinels can never be reached",
                         (unsigned long long)flags.quorum,
                         (unsigned long long)flags.sentinels);
    if (flags.direct && (flags.rules.n > 0 || flags.journal != NULL))
        return cli_usage(&usage, "--direct means no proxy: no --rule and no --journal");
    o->tuning.persistence = (enum persistence)how;
    return STATUS_MET;
}

int cmd_lab(int argc, char **argv)
{
    struct lab_options o = {0};
    int status, at;

    flags = (struct flags){
        .replicas = 2, .persistence = "none", .diskless = "yes", .output = "text"};
    flags.api = flags.console = ANY_PORT;
    flags.seed = NOT_GIVEN;
    at = cli_parse(&usage, argc, argv, &status);
    if (at < 0)
        return status;
    if (at < argc && strcmp(argv[at - 1], "--") != 0)
        return cli_usage(&usage, "'%s' is no option; a command to run stands after --",
                         argv[at]);
    status = check(&o);
    if (status == STATUS_MET)
        status = check_replication(&o);
    if (status != STATUS_MET)
        return status;
    o.replicas = flags.replicas;
    o.sentinels = flags.sentinels;
    o.watch = (struct topology_watch){
        .quorum = flags.quorum,
        .down_after = flags.down_after,
        .failover_timeout = flags.failover_timeout,
        .fast = flags.fast,
    };
    o.clients = flags.clients;
    o.server = flags.server;
    o.keep = flags.keep;
    o.rules = flags.rules.item;
    o.nrules = flags.rules.n;
    if (flags.seed == NOT_GIVEN)
        flags.seed = config_draw_seed();
    o.seed = flags.seed;
    o.seed_given = true;
    o.journal = flags.journal;
    o.direct = flags.direct;
    log_level = LOG_WARN;
    return run(&o, (const char *const *)(argv + at));
}

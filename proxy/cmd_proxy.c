/* cmd_proxy.c -- `sunder proxy`: flags and files in, a running proxy, signals. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "commands.h"
#include "hub.h"
#include "log.h"
#include "proxy.h"
#include "reload.h"
#include "surfaces.h"
#include "tox.h"

struct flags {
    const char *config, *journal, *replay, *when_down, *log;
    struct surface_flags surface;
    struct texts listen, upstream, rule;
    uint64_t seed, lane, total, sessions;
    nsec connect, drain;
    bool check, watch, precise, replace_qdisc, proxy_metrics, runtime_metrics;
};

#define SIGNALS     4     /* SIGINT, SIGTERM, SIGUSR1, SIGHUP */
#define WATCH_EVERY 1000U /* ms, between looks at the configuration */

struct run {
    uv_loop_t loop;
    struct hub hub;
    uv_signal_t sig[SIGNALS];
    uv_fs_poll_t file;     /* the configuration, with --watch */
    struct config *config; /* as it was taken up last */
    struct proxy *proxy;
    struct surfaces surfaces;
    nsec drain;
    bool stopping;
};

#define UNSET UINT64_MAX

static struct flags flags;

static const struct opt opts[] = {
    {"listen", 'l', OPT_TEXTS, &flags.listen, "ADDR",
     "accept here; may be repeated, a node each"},
    {"upstream", 'u', OPT_TEXTS, &flags.upstream, "ADDR", "and forward to this server"},
    {"config", 'c', OPT_TEXT, &flags.config, "FILE",
     "nodes, clients, rules from YAML or JSON"},
    {"watch", 0, OPT_FLAG, &flags.watch, NULL,
     "take up what changes in that file, as SIGHUP does"},
    {"rule", 'r', OPT_TEXTS, &flags.rule, "SENTENCE",
     "put a rule in force; may be repeated"},
    {"check", 0, OPT_FLAG, &flags.check, NULL, "say whether all this is sound, and exit"},
    {"seed", 0, OPT_COUNT, &flags.seed, "N", "make every draw repeatable"},
    {"journal", 'j', OPT_TEXT, &flags.journal, "FILE", "write down every decision"},
    {"replay", 0, OPT_TEXT, &flags.replay, "FILE",
     "and make those of this journal again, on the same frames"},
    {"precise", 0, OPT_FLAG, &flags.precise, NULL,
     "delays exact to 10 us, at the cost of CPU"},
    {"replace-qdisc", 0, OPT_FLAG, &flags.replace_qdisc, NULL,
     "let host faults remove a qdisc that somebody put on a device"},
    {"when-down", 0, OPT_TEXT, &flags.when_down, "reset|refuse",
     "while the upstream refuses: reset dialers, or do not listen"},
    {"connect-timeout", 0, OPT_TIME, &flags.connect, "TIME",
     "for the upstream to answer"},
    {"drain-timeout", 0, OPT_TIME, &flags.drain, "TIME",
     "for sessions to end after SIGTERM"},
    {"lane-limit", 0, OPT_BYTES, &flags.lane, "BYTES",
     "memory of one direction of a session"},
    {"total-limit", 0, OPT_BYTES, &flags.total, "BYTES",
     "memory of all sessions together"},
    {"sessions", 0, OPT_COUNT, &flags.sessions, "N",
     "accept no more than so many at once"},
    {"console", 0, OPT_TEXT, &flags.surface.console, "ADDR|off",
     "take commands from redis-cli here (127.0.0.1:8475)"},
    {"api", 0, OPT_TEXT, &flags.surface.api, "ADDR|off",
     "and over HTTP here (127.0.0.1:8474)"},
    {"health", 0, OPT_TEXT, &flags.surface.health, "ADDR",
     "serve /livez, /readyz and /metrics, and nothing else, here"},
    {"api-token-file", 0, OPT_TEXT, &flags.surface.token_file, "FILE",
     "let only those use the API who know the token in it"},
    {"host", 0, OPT_TEXT, &flags.surface.host, "HOST",
     "open the API there, to all, as toxiproxy-server does"},
    {"port", 0, OPT_TEXT, &flags.surface.port, "PORT", "and on this port"},
    {"proxy-metrics", 0, OPT_FLAG, &flags.proxy_metrics, NULL,
     "nothing: /metrics is always there"},
    {"runtime-metrics", 0, OPT_FLAG, &flags.runtime_metrics, NULL, "likewise"},
    {"log-level", 0, OPT_TEXT, &flags.log, "LEVEL", "error, warn, info or debug"},
    {0},
};

static const struct usage usage = {
    "proxy",
    "[--config FILE | --listen ADDR --upstream ADDR] [--rule SENTENCE]...",
    "Stand in front of Redis and Sentinel nodes and break exactly what the rules say. "
    "Logs go to standard error. SIGTERM drains, a second one ends at once; SIGUSR1 "
    "logs a line of counters; SIGHUP rereads the configuration, and what has not "
    "changed keeps its sessions. In place of toxiproxy-server it takes that one's "
    "options, with one dash or two, and its configuration file.",
    "sunder proxy --listen 127.0.0.1:16379 --upstream 127.0.0.1:6379 "
    "--rule 'on client -> * when command=GET do latency 20ms'",
    opts,
};

static int apply_limits(struct config *c, struct err *e)
{
    if (flags.seed != UNSET) {
        c->seed = flags.seed;
        c->seed_given = true;
    }
    if (flags.lane != UNSET)
        c->lane_limit = flags.lane;
    if (flags.total != UNSET)
        c->total_limit = flags.total;
    if (flags.sessions != UNSET)
        c->session_limit = flags.sessions;
    if (flags.connect != UNSET)
        c->connect_timeout = flags.connect;
    c->precise |= flags.precise;
    c->replace_qdisc |= flags.replace_qdisc;
    if (flags.when_down && strcmp(flags.when_down, "refuse") == 0)
        c->when_down = WHEN_DOWN_REFUSE;
    else if (flags.when_down && strcmp(flags.when_down, "reset") != 0)
        return err_set(e, -EINVAL, "--when-down is 'reset' or 'refuse', not '%.20s'",
                       flags.when_down);
    if (c->lane_limit < 65536 || c->total_limit < c->lane_limit ||
        c->session_limit == 0) {
        err_set(e, -EINVAL, "limits out of range");
        err_hint(
            e,
            "a lane takes at least 64kb, all together at least one lane, sessions >= 1");
        return -EINVAL;
    }
    if (flags.journal) {
        free(c->journal);
        c->journal = strdup(flags.journal);
    }
    if (flags.replay) {
        free(c->replay);
        c->replay = strdup(flags.replay);
    }
    return 0;
}

/* Without a node there must be somebody who can add one. */
static int check_config(const struct config *c, struct err *e)
{
    bool api = !flags.surface.api || strcmp(flags.surface.api, "off") != 0;

    if (c->nnodes > 0)
        return config_check(c, e);
    if (api && !flags.check && c->nrules == 0)
        return 0;
    err_set(e, -EINVAL, "nothing to stand in front of");
    err_hint(e, "give --listen ADDR and --upstream ADDR, or --config FILE");
    return -EINVAL;
}

static int build_config(struct config *c, struct err *e)
{
    bool native = flags.config && !tox_is_config(flags.config);
    int err = native ? config_load(c, flags.config, e) : 0;

    if (!native)
        flags.surface.populate = flags.config;
    if (err == 0 && flags.listen.n != flags.upstream.n) {
        err = err_set(e, -EINVAL, "%zu --listen but %zu --upstream", flags.listen.n,
                      flags.upstream.n);
        err_hint(e, "each --listen goes with the --upstream of the same place");
    }
    for (size_t i = 0; i < flags.listen.n && err == 0; i++)
        err = config_add_node(c, NULL, flags.listen.item[i], flags.upstream.item[i], e);
    for (size_t i = 0; i < flags.rule.n && err == 0; i++)
        err = config_add_rule(c, flags.rule.item[i], e);
    if (err == 0)
        err = apply_limits(c, e);
    if (err == 0)
        err = check_config(c, e);
    if (err == 0 && !c->seed_given) /* it is logged: the run can be repeated, too */
        c->seed = config_draw_seed();
    return err;
}

static void log_stats(const struct proxy *p)
{
    struct proxy_stats s;

    proxy_stats(p, &s);
    log_info("stats",
             "sessions=%" PRIu64 " accepted=%" PRIu64 " refused=%" PRIu64
             " bytes_requests=%" PRIu64 " bytes_replies=%" PRIu64
             " frames_requests=%" PRIu64 " frames_replies=%" PRIu64 " held=%" PRIu64
             " held_max=%" PRIu64 " paused=%" PRIu64 " paused_ms=%.3f opaque=%" PRIu64
             " pairing_lost=%" PRIu64 " decisions=%" PRIu64,
             s.sessions, s.accepted, s.refused, s.bytes[0], s.bytes[1], s.frames[0],
             s.frames[1], s.held, s.held_max, s.paused, (double)s.paused_time / 1e6,
             s.opaque, s.pairing_lost, s.decisions);
}

/* What is wrong with the file is said, and all stays as it is. */
static void reread(struct run *r, const char *why)
{
    struct config next;
    struct err e = {0};

    if (r->stopping || flags.config == NULL || tox_is_config(flags.config))
        return;
    config_init(&next);
    if (build_config(&next, &e) < 0) {
        log_error("reload", "state=refused reason=\"%s\"", e.text);
        config_release(&next);
        return;
    }
    (void)!reload(r->proxy, r->config, &next, &e);
    config_release(r->config);
    *r->config = next;
    log_info("reload", "state=%s by=%s nodes=%zu rules=%zu", e.code ? "partly" : "done",
             why, next.nnodes, proxy_plan(r->proxy)->n);
}

static void on_file(uv_fs_poll_t *poll, int status, const uv_stat_t *before,
                    const uv_stat_t *now)
{
    struct run *r = poll->data;

    (void)before, (void)now;
    if (status == 0 && r->proxy) /* it may be gone while it is being replaced */
        reread(r, "watch");
}

static void on_done(void *arg)
{
    struct run *r = arg;
    sigset_t late;

    /* One that comes now, when it is all over, must not change how we end. */
    sigemptyset(&late);
    sigaddset(&late, SIGINT);
    sigaddset(&late, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &late, NULL);
    r->proxy = NULL;
    surfaces_close_health(&r->surfaces);
    for (size_t i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&r->sig[i], NULL);
    uv_close((uv_handle_t *)&r->file, NULL);
}

/* Sessions may end by themselves for a while; asked again, they may not. */
static void stop(struct run *r, const char *why, nsec drain)
{
    drain = r->stopping ? 0 : drain;
    log_info("stop", "reason=%s drain=%.3fs", why, (double)drain / 1e9);
    log_stats(r->proxy);
    surfaces_close(&r->surfaces);
    proxy_close(r->proxy, drain, on_done, r);
    r->stopping = true;
}

static void on_signal(uv_signal_t *sig, int signum)
{
    struct run *r = sig->data;

    if (r->proxy == NULL)
        return;
    if (signum == SIGUSR1)
        log_stats(r->proxy);
    else if (signum == SIGHUP)
        reread(r, "SIGHUP");
    else
        stop(r, signum == SIGINT ? "SIGINT" : "SIGTERM", signum == SIGINT ? 0 : r->drain);
}

static void on_shutdown(void *arg)
{
    struct run *r = arg;

    if (r->proxy)
        stop(r, "SHUTDOWN", r->drain);
}

static void on_work(uv_work_t *work)
{
    (void)work;
}

/* libuv's threads get no signals: what on_done blocks would else be given to them. They
 * keep what was blocked when they were made, which the first work does. */
static void make_threads(uv_loop_t *loop)
{
    static uv_work_t work;
    sigset_t all, had;

    sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &had);
    (void)uv_queue_work(loop, &work, on_work, NULL);
    (void)sigprocmask(SIG_SETMASK, &had, NULL);
}

static int serve(struct config *c, struct err *e)
{
    static const int signals[SIGNALS] = {SIGINT, SIGTERM, SIGUSR1, SIGHUP};
    struct run r = {.drain = flags.drain, .config = c};
    int err = uv_loop_init(&r.loop);

    if (err)
        return err_set(e, err, "cannot start: %s", uv_strerror(err));
    make_threads(&r.loop);
    err = hub_open(&r.hub, &r.loop);
    if (err)
        return err_set(e, err, "cannot start: %s", strerror(-err));
    err = proxy_open(&r.hub, c, &r.proxy, e);
    if (err == 0) {
        (void)uv_fs_poll_init(&r.loop, &r.file);
        r.file.data = &r;
        if (flags.watch && flags.config)
            (void)uv_fs_poll_start(&r.file, on_file, flags.config, WATCH_EVERY);
    }
    for (size_t i = 0; i < SIGNALS && err == 0; i++) {
        (void)uv_signal_init(&r.loop, &r.sig[i]);
        r.sig[i].data = &r;
        (void)uv_signal_start(&r.sig[i], on_signal, signals[i]);
    }
    r.surfaces = (struct surfaces){.on_shutdown = on_shutdown, .arg = &r};
    if (err == 0 &&
        (err = surfaces_open(&r.surfaces, &flags.surface, &r.loop, r.proxy, e)) < 0) {
        surfaces_close(&r.surfaces);
        proxy_close(r.proxy, 0, on_done, &r);
    }
    if (err == 0)
        log_info("ready", "nodes=%zu rules=%zu seed=%" PRIu64 "%s", c->nnodes, c->nrules,
                 c->seed, c->nnodes ? "" : " hint=\"POST /proxies adds a node\"");
    hub_run(&r.hub);
    hub_close(&r.hub);
    if (uv_loop_close(&r.loop) != 0)
        abort(); /* a handle of ours is still open: our bug */
    return err;
}

/* -host, -port=8474, -proxy-metrics=true: as Go programs take their options. The words
 * that are made of them are never freed. */
static int two_dashes(int argc, char **argv)
{
    static const char *const names[] = {"host", "port",          "config",
                                        "seed", "proxy-metrics", "runtime-metrics"};

    for (int i = 1; i < argc; i++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            size_t n = strlen(names[k]), dashes = strspn(argv[i], "-");
            const char *rest = argv[i] + dashes + n;

            if (dashes < 1 || dashes > 2 || strncmp(argv[i] + dashes, names[k], n) != 0 ||
                (*rest != '\0' && *rest != '='))
                continue;
            if (k >= 4 && strcmp(rest, "=true") == 0)
                rest = "";
            if (asprintf(&argv[i], "--%s%s", names[k], rest) < 0) /* never freed */
                return -ENOMEM;
            break;
        }
    return 0;
}

/* toxiproxy-server has more levels than we, and runs on with one it does not know. */
static void level_of_environment(void)
{
    const char *level = getenv("LOG_LEVEL");
    struct err e;

    if (level == NULL || log_level_parse(level, &log_level, &e) == 0)
        return;
    if (strcmp(level, "trace") == 0)
        log_level = LOG_DEBUG;
    else if (strcmp(level, "fatal") == 0 || strcmp(level, "panic") == 0)
        log_level = LOG_ERROR;
    else
        log_error("log", "reason=\"LOG_LEVEL: %s\"", e.text);
}

int cmd_proxy(int argc, char **argv)
{
    struct config c;
    struct err e = {0};
    int status, first;

    flags = (struct flags){.seed = UNSET,
                           .lane = UNSET,
                           .total = UNSET,
                           .sessions = UNSET,
                           .connect = UNSET,
                           .drain = SEC(5)};
    level_of_environment();
    if (two_dashes(argc, argv) < 0)
        return STATUS_ENVIRONMENT;
    first = cli_parse(&usage, argc, argv, &status);
    if (first < 0)
        return status;
    if (first < argc)
        return cli_usage(&usage, "unexpected word '%s'", argv[first]);
    if (flags.log && log_level_parse(flags.log, &log_level, &e) < 0)
        return cli_fail(&usage, STATUS_USAGE, &e);
    (void)signal(SIGPIPE, SIG_IGN);
    config_init(&c);
    if (build_config(&c, &e) < 0)
        status = cli_fail(&usage, e.code == -ENOENT ? STATUS_ENVIRONMENT : STATUS_USAGE,
                          &e);
    else if (flags.check)
        status = printf("sound: %zu node%s, %zu rule%s\n", c.nnodes,
                        c.nnodes == 1 ? "" : "s", c.nrules, c.nrules == 1 ? "" : "s") < 0;
    else
        status = serve(&c, &e) < 0 ? cli_fail(&usage, STATUS_ENVIRONMENT, &e)
                                   : STATUS_MET;
    config_release(&c);
    return status;
}

/* cmd_failover.c -- `sunder probe failover`: what does losing a master cost? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failover_report.h"
#include "probe.h"
#include "trial.h"

#define RUNS_MAX 1000

struct words {
    struct trial trial;
    struct failover_conf conf;
    struct sentinels group;
    const char *sentinel, *direct, *cause, *history;
    uint64_t repeat;
    struct sheet *sheet; /* of each run */
    struct failover_result result;
    json_t *runs;
};

/* -- the words -------------------------------------------------------------------- */

/* "known=real,known=real" */
static int read_places(struct words *w, struct err *e)
{
    const char *at = w->direct != NULL ? w->direct : getenv("URL_D");
    char one[URL_TEXT_MAX], *real;
    struct err why;

    for (; at != NULL && *at != '\0'; at += *at == ',') {
        struct failover_place *p = &w->conf.place[w->conf.places];
        size_t n = strcspn(at, ",");

        snprintf(one, sizeof one, "%.*s", (int)n, at);
        at += n;
        real = strchr(one, '=');
        if (w->conf.places == FAILOVER_NODES || real == NULL ||
            strlen(one) >= sizeof p->known) {
            err_set(e, -EINVAL, "--direct: '%.80s' is no place", one);
            err_hint(e, "known=real, such as 127.0.2.1:6379=127.0.1.1:6379,...");
            return -EINVAL;
        }
        *real++ = '\0';
        snprintf(p->known, sizeof p->known, "%.*s", (int)sizeof p->known - 1, one);
        if (url_parse(real, &p->real, &why) < 0)
            return err_set(e, -EINVAL, "--direct: %s", why.text);
        w->conf.places++;
    }
    return 0;
}

static int read_cause(struct words *w, struct err *e)
{
    for (int i = 0; failover_causes[i] != NULL; i++)
        if (strcmp(w->cause, failover_causes[i]) == 0) {
            w->conf.cause = (enum failover_cause)i;
            return 0;
        }
    err_set(e, -EINVAL, "'%.40s' is no cause", w->cause);
    err_hint(e, "failover, kill, stop or mark");
    return -EINVAL;
}

static const char *wrong_number(const struct words *w)
{
    const struct failover_conf *c = &w->conf;

    if (c->writers + c->pinned == 0 ||
        c->writers + c->pinned + c->readers > FAILOVER_CLIENTS)
        return "1 to 64 clients, and at least one of them a writer";
    if (c->rate == 0 || c->rate > 10000)
        return "--rate is from 1 to 10000 a second";
    if (c->timeout < MSEC(10))
        return "--timeout is at least 10ms";
    if (w->repeat == 0 || w->repeat > RUNS_MAX)
        return "--repeat is from 1 to 1000";
    if (w->repeat > 1 && w->history != NULL)
        return "--history is of one run: not with --repeat";
    return NULL;
}

static int check_claims(struct words *w, struct err *e)
{
    struct failover_result blank = {.broken = NSEC_NEVER, .mended = NSEC_NEVER};
    struct sheet s = {.n = 0};

    failover_sheet(&w->conf, &blank, &s);
    return trial_check_claims(&w->trial, &s, e);
}

static int prepare(struct words *w, struct err *e)
{
    int rc = sentinels_parse(&w->group, w->sentinel, e);

    w->conf.group = &w->group;
    w->conf.source = w->trial.source;
    w->conf.run = w->trial.run;
    if (rc == 0)
        rc = trial_check_source(w->conf.pinned_source, e);
    if (rc == 0)
        rc = read_places(w, e);
    if (rc == 0)
        rc = read_cause(w, e);
    if (rc == 0)
        rc = check_claims(w, e);
    if (rc == 0 && w->history != NULL) {
        w->conf.history = history_open(w->history, e);
        rc = w->conf.history != NULL ? 0 : -EINVAL;
    }
    w->sheet = calloc(w->repeat, sizeof *w->sheet);
    w->runs = json_array();
    return rc;
}

/* -- the runs --------------------------------------------------------------------- */

static bool text_wanted(const struct words *w)
{
    return strcmp(w->trial.output, "text") == 0;
}

static void progress(const struct words *w, uint64_t run)
{
    char line[64];

    if (w->repeat <= 1 || !cli_redraws(stderr))
        return;
    snprintf(line, sizeof line, "run %llu of %llu", (unsigned long long)run + 1,
             (unsigned long long)w->repeat);
    cli_line(stderr, line);
}

static void tell_run(const struct words *w, uint64_t i)
{
    const struct failover_result *r = &w->result;

    if (!text_wanted(w))
        return;
    if (w->repeat > 1) {
        printf("run %llu: %s -> %s\n", (unsigned long long)i + 1,
               r->node[r->master].known,
               r->promoted < r->nodes ? r->node[r->promoted].known : "nobody");
        return;
    }
    failover_timeline(stdout, r);
    printf("\n");
    failover_clients(stdout, r);
    printf("\n");
}

/* How many were played; rc is of the last. */
static uint64_t play(struct words *w, int *rc, struct err *e)
{
    uint64_t done = 0;

    *rc = 0;
    while (*rc == 0 && done < w->repeat) {
        progress(w, done);
        *rc = failover_run(&w->conf, &w->result, e);
        if (*rc == 0) {
            failover_sheet(&w->conf, &w->result, &w->sheet[done]);
            json_array_append_new(w->runs, failover_json(&w->result, &w->sheet[done]));
            tell_run(w, done++);
            fflush(stdout);
        }
        failover_release(&w->result);
    }
    if (w->repeat > 1 && cli_redraws(stderr))
        cli_line(stderr, "");
    return done;
}

/* -- the end ---------------------------------------------------------------------- */

/* A claim must hold in every run. */
static bool holds(const struct words *w, uint64_t n, const char *claim)
{
    bool met = n > 0;
    struct err e;

    for (uint64_t i = 0; i < n && met; i++)
        if (sheet_claim(&w->sheet[i], claim, &met, &e) < 0)
            return false;
    return met;
}

static json_t *json_of(const struct words *w, uint64_t n)
{
    json_t *all, *list = json_array();
    struct sheet median;

    if (n == 1) {
        all = json_incref(json_array_get(w->runs, 0));
    } else {
        failover_median(w->sheet, n, &median);
        median.errors = NULL;
        all = sheet_json(&median);
        json_object_set_new(all, "spread", failover_spread_json(w->sheet, n));
        json_object_set(all, "runs", w->runs);
    }
    for (size_t i = 0; i < w->trial.asserts.n; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:b}", "text", w->trial.asserts.item[i], "met",
                            (int)holds(w, n, w->trial.asserts.item[i])));
    json_object_set_new(all, "repeat", json_integer((json_int_t)n));
    json_object_set_new(all, "interrupted", json_boolean(talk_signal != 0));
    json_object_set_new(all, "assertions", list);
    return all;
}

static void print(const struct words *w, uint64_t n)
{
    json_t *all;

    if (text_wanted(w)) {
        if (n == 1)
            sheet_print(&w->sheet[0], stdout);
        else
            failover_spread(stdout, w->sheet, n);
        return;
    }
    all = json_of(w, n);
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
    printf("\n");
    json_decref(all);
}

static int judge(const struct words *w, uint64_t n)
{
    int status = STATUS_MET;

    for (size_t i = 0; i < w->trial.asserts.n; i++) {
        bool met = holds(w, n, w->trial.asserts.item[i]);

        if (text_wanted(w))
            printf("  %s  %s\n", met ? "met" : "NOT MET", w->trial.asserts.item[i]);
        status = met ? status : STATUS_NOT_MET;
    }
    return status;
}

static int run(struct words *w)
{
    const char *wrong = wrong_number(w);
    int rc, status = STATUS_MET;
    struct err e, why;
    uint64_t n = 0;

    if (wrong != NULL)
        return cli_usage(w->trial.usage, "%s", wrong);
    talk_catch();
    rc = prepare(w, &e);
    if (rc == 0)
        n = play(w, &rc, &e);
    if (n > 0) {
        print(w, n);
        status = judge(w, n);
    }
    if (rc < 0 && rc != -EINTR)
        status = cli_fail(w->trial.usage,
                          rc == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT, &e);
    if (w->conf.history != NULL && history_close(w->conf.history, &why) < 0)
        status = cli_fail(w->trial.usage, STATUS_ENVIRONMENT, &why);
    sentinels_close(&w->group);
    free(w->sheet);
    json_decref(w->runs);
    free(w->trial.asserts.item);
    return talk_signal ? 128 + talk_signal : status;
}

static const char about[] =
    "What does losing a master cost? Writers and readers at a fixed rate find the master "
    "through Sentinel; pinned writers know one address and stay there. An observer asks "
    "every node for its role every 10 ms. Then the master is lost, and when all is whole "
    "again the probe says what was unavailable for how long, what was acknowledged, and "
    "what of that has survived.\n"
    "causes: failover = SENTINEL FAILOVER; kill = SIGKILL for the master's process; stop "
    "= SIGSTOP, and SIGCONT when a new master is there; mark = print 'mark' and let who "
    "reads it break it, and the same again to have it mended.\n"
    "exit: 0 done, 1 a claim does not hold (in every run), 2 usage, 3 nothing could be "
    "measured";

int cmd_failover(int argc, char **argv)
{
    static struct words w;
    struct failover_conf *c = &w.conf;
    const struct opt opts[] = {
        {"sentinel", 0, OPT_TEXT, &w.sentinel, "URL,...", "the sentinels; or URL_S"},
        {"master", 0, OPT_TEXT, &w.group.master, "NAME", "what they call the master"},
        {"direct", 0, OPT_TEXT, &w.direct, "KNOWN=REAL,...",
         "where nodes really are, to look past a proxy; or URL_D"},
        {"cause", 0, OPT_TEXT, &w.cause, "CAUSE", "failover, kill, stop or mark"},
        {"writers", 0, OPT_COUNT, &c->writers, "N", "that find the master"},
        {"readers", 0, OPT_COUNT, &c->readers, "N", "that find the master"},
        {"pinned", 0, OPT_COUNT, &c->pinned, "N", "writers that stay where they are"},
        {"pinned-source", 0, OPT_TEXT, &c->pinned_source, "ADDR", "that these come from"},
        {"rate", 0, OPT_COUNT, &c->rate, "N", "operations a second of each client"},
        {"timeout", 0, OPT_TIME, &c->timeout, "TIME", "of their commands"},
        {"before", 0, OPT_TIME, &c->before, "TIME", "of peace"},
        {"hold", 0, OPT_TIME, &c->hold, "TIME", "from the new master to mending"},
        {"for", 0, OPT_TIME, &c->watch, "TIME",
         "from breaking to mending, whatever comes"},
        {"after", 0, OPT_TIME, &c->after, "TIME", "of peace, in the end"},
        {"within", 0, OPT_TIME, &c->within, "TIME",
         "to wait for a new master, and again"},
        {"repeat", 0, OPT_COUNT, &w.repeat, "N", "so many times"},
        {"history", 0, OPT_TEXT, &w.history, "FILE", "every operation, a line each"},
        TRIAL_OPTS(&w.trial)};
    const struct usage u = {
        .command = "probe failover",
        .line = "[--sentinel URL,...] [--cause CAUSE] [option ...]",
        .about = about,
        .example = "sunder lab --sentinels 3 -- sunder probe failover --assert lost=0",
        .opts = opts,
    };
    int status;

    w = (struct words){.cause = "failover", .repeat = 1};
    w.group = (struct sentinels){.master = SENTINEL_MASTER, .patience = SEC(1)};
    w.conf = (struct failover_conf){.writers = 2,
                                    .readers = 1,
                                    .pinned = 1,
                                    .rate = 100,
                                    .timeout = SEC(1),
                                    .before = SEC(1),
                                    .hold = SEC(1),
                                    .after = MSEC(500),
                                    .within = SEC(30)};
    w.trial.usage = &u;
    status = trial_parse(&w.trial, argc, argv);
    return status < 0 ? run(&w) : status;
}

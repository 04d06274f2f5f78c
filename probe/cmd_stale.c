/* cmd_stale.c -- the words of `sunder probe stale`, and what its exit code says. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "history.h"
#include "probe.h"
#include "report.h"
#include "stale.h"
#include "trial.h"

#define PAIRS_MAX     100000
#define VALUE_MAX     ((uint64_t)512 * 1024 * 1024)
#define AGES_STANDARD MSEC(100)

/* What the command line says, before it is understood. */
struct words {
    const char *write, *read, *source, *output, *history;
    struct texts asserts;
    bool ages, lines, quiet;
    struct stale_conf conf;
};

/* addresses */

static int read_url(const char *option, const char *text, struct url *out, struct err *e)
{
    struct err why;

    if (url_parse(text, out, &why) == 0)
        return 0;
    err_set(e, why.code, "%s: %s", option, why.text);
    err_hint(e, "%s", why.hint);
    return why.code;
}

/* A list, separated by commas. */
static int read_urls(const char *text, struct stale_conf *c, struct err *e)
{
    char *copy = strdup(text), *next = copy, *one;
    int err = copy ? 0 : -ENOMEM;

    while (err == 0 && (one = strsep(&next, ",")) != NULL) {
        struct url *grown = realloc(c->read, (c->nread + 1) * sizeof *grown);

        if (grown == NULL) {
            err = err_set(e, -ENOMEM, "out of memory");
            break;
        }
        c->read = grown;
        err = read_url("--read", one, &c->read[c->nread], e);
        c->nread += err == 0;
    }
    free(copy);
    return err;
}

static int read_places(struct words *w, struct err *e)
{
    struct stale_conf *c = &w->conf;
    const char *write = url_or_env(w->write, "URL_M", e);
    const char *read = write ? url_or_env(w->read, "URL_R", e) : NULL;

    if (read == NULL || read_url("--write", write, &c->write, e) < 0 ||
        read_urls(read, c, e) < 0)
        return -EINVAL;
    if (c->write_source == NULL)
        c->write_source = w->source;
    if (c->read_source == NULL)
        c->read_source = w->source;
    if (trial_check_source(c->write_source, e) < 0)
        return -EINVAL;
    return trial_check_source(c->read_source, e);
}

/* numbers */

/* What is wrong with the numbers, or NULL. */
static const char *wrong_number(const struct stale_conf *c)
{
    if (c->load.pairs == 0 || c->load.pairs > PAIRS_MAX)
        return "--pairs is from 1 to 100000";
    if (c->ops == 0 || c->ops > INT64_MAX / PAIRS_MAX)
        return "--ops is at least 1, and not astronomic";
    if (c->load.rate > SEC(1))
        return "--rate is at most one operation a nanosecond";
    if (c->load.seed > INT64_MAX)
        return "--seed is below 2^63";
    if (c->timeout < MSEC(1))
        return "--timeout is at least 1ms";
    if (c->wait && c->wait_timeout < MSEC(1))
        return "--wait-timeout is at least 1ms: WAIT takes 0 for eternity";
    if (c->value_size > VALUE_MAX)
        return "--value-size is at most 512mb, as Redis has it";
    if (c->load.ages > SEC(3600))
        return "--ages is at most 1h";
    return NULL;
}

/* "--ages 50ms" and "--ages" alone both mean something, which getopt cannot say. */
static void split_ages(int argc, char **argv)
{
    static char with_value[] = "--ages-max";

    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--ages") == 0 && isdigit((unsigned char)argv[i + 1][0]))
            argv[i] = with_value;
}

static struct claim *read_claims(const struct words *w, struct err *e)
{
    struct claim *claims = calloc(w->asserts.n + 1, sizeof *claims);
    struct err why;

    for (size_t i = 0; claims && i < w->asserts.n; i++)
        if (claim_parse(w->asserts.item[i], &claims[i], &why) < 0) {
            err_set(e, why.code, "--assert: %s", why.text);
            err_hint(e, "%s", why.hint);
            free(claims);
            return NULL;
        }
    return claims;
}

/* the end */

/* A run that never read anything measured nothing, and no exit code may hide that. */
static void explain_silence(const struct stale_result *s, struct err *e)
{
    int worst = TROUBLE_NONE;

    for (int i = 0; i < TROUBLE_KINDS; i++)
        if (s->troubles.n[i] > s->troubles.n[worst])
            worst = i;
    err_set(e, -EIO,
            "nothing was measured: %llu writes were acknowledged, %llu not, "
            "and no read was answered (mostly: %s)",
            (unsigned long long)s->writes.acknowledged,
            (unsigned long long)(s->writes.failed + s->writes.unknown),
            trouble_name((enum trouble)worst));
    if (worst == TROUBLE_READONLY)
        err_hint(e, "--write must name a master");
    if (worst == TROUBLE_DENIED)
        err_hint(e, "a server in protected mode takes connections from 127.0.0.1 only");
}

/* Whether it could be written is for main() to see. */
static int say(const struct words *w, const struct report *r)
{
    bool json = strcmp(w->output, "json") == 0;
    FILE *unmet = json ? NULL : stderr;

    if (w->conf.lines && r->result->signal == 0)
        report_all_done(w->conf.load.pairs);
    if (json)
        (void)!report_json(stdout, r);
    else if (!w->quiet && !w->conf.lines)
        report_text(stdout, r), unmet = NULL;
    return report_unmet(unmet, r) ? STATUS_NOT_MET : STATUS_MET;
}

static int finish(const struct usage *u, struct words *w, const struct report *r, int ran,
                  struct err *e)
{
    const struct stale_result *s = r->result;
    int status = ran < 0 ? cli_fail(u, STATUS_ENVIRONMENT, e) : say(w, r);

    if (s->keys_left)
        fprintf(
            stderr,
            "sunder probe stale: %llu keys k:%s:* could not be deleted from the master\n",
            (unsigned long long)s->keys_left, s->run);
    if (w->conf.history && history_close(w->conf.history, e) < 0)
        status = cli_fail(u, STATUS_ENVIRONMENT, e);
    if (s->signal)
        return 128 + s->signal;
    if (ran == 0 && s->reads.total == 0) {
        explain_silence(s, e);
        status = cli_fail(u, STATUS_ENVIRONMENT, e);
    }
    return status;
}

/* Everything is understood: measure. */
static int measure(const struct usage *u, struct words *w, const struct claim *claims)
{
    struct stale_result *result = calloc(1, sizeof *result);
    struct report report = {&w->conf, result, claims, w->asserts.n};
    struct err e;
    int ran, status;

    if (result == NULL)
        return STATUS_ENVIRONMENT;
    if (w->history && (w->conf.history = history_open(w->history, &e)) == NULL) {
        free(result);
        return cli_fail(u, STATUS_ENVIRONMENT, &e);
    }
    ran = stale_run(&w->conf, result, &e);
    status = finish(u, w, &report, ran, &e);
    stale_release(result);
    free(result);
    return status;
}

static int run_stale(const struct usage *u, struct words *w, int rest, char **argv)
{
    const char *wrong = wrong_number(&w->conf);
    struct claim *claims;
    struct err e;
    int status;

    if (argv[rest])
        return cli_usage(u, "'%s' is one word too many", argv[rest]);
    if (strcmp(w->output, "text") != 0 && strcmp(w->output, "json") != 0)
        return cli_usage(u, "'%s' is no output: text or json", w->output);
    if (wrong)
        return cli_usage(u, "%s", wrong);
    if (w->ages && w->conf.load.ages == 0)
        w->conf.load.ages = AGES_STANDARD;
    if (read_places(w, &e) < 0 || (claims = read_claims(w, &e)) == NULL)
        return cli_fail(u, STATUS_USAGE, &e);
    w->conf.progress = !w->quiet && !w->conf.lines && cli_redraws(stderr);
    status = measure(u, w, claims);
    free(claims);
    return status;
}

static int parse_and_run(const struct usage *u, struct words *w, int argc, char **argv)
{
    int status, rest = cli_parse(u, argc, argv, &status);

    if (rest >= 0)
        status = run_stale(u, w, rest, argv);
    free(w->conf.read);
    free(w->asserts.item);
    return status;
}

static const char about[] =
    "Count stale reads. Each pair has a key of its own: its writer counts it up, and as "
    "soon as a write is acknowledged its reader reads it from a replica and compares. "
    "Keys carry the run's number and are deleted afterwards.\n"
    "exit: 0 done, 1 a claim does not hold, 2 usage, 3 nothing could be measured";
static const char example[] =
    "sunder probe stale --write 127.0.0.1:6379 --read 127.0.0.1:6380 --pairs 10 "
    "--assert 'stale<=0.1%'";

int cmd_stale(int argc, char **argv)
{
    struct words w = {.output = "text"};
    struct stale_conf *c = &w.conf;
    const struct opt opts[] = {
        {"write", 0, OPT_TEXT, &w.write, "URL", "where to write: the master; or URL_M"},
        {"read", 0, OPT_TEXT, &w.read, "URL[,URL...]",
         "where to read: replicas, which the readers take in turn; or URL_R"},
        {"pairs", 0, OPT_COUNT, &c->load.pairs, "N", "pairs of a writer and a reader"},
        {"ops", 0, OPT_COUNT, &c->ops, "N", "operations of each pair"},
        {"duration", 0, OPT_TIME, &c->duration, "TIME",
         "stop after so long, done or not"},
        {"rate", 0, OPT_COUNT, &c->load.rate, "N",
         "begin so many operations a second, whether the last have ended or not"},
        {"wait", 0, OPT_COUNT, &c->wait, "N", "after each write, WAIT for N replicas"},
        {"wait-timeout", 0, OPT_TIME, &c->wait_timeout, "TIME", "for so long"},
        {"settle", 0, OPT_FRACTION, &c->load.settle, "SHARE",
         "of this share of the writes, read on until the value is there"},
        {"settle-limit", 0, OPT_TIME, &c->settle_limit, "TIME",
         "but not longer than this"},
        {"ages", 0, OPT_FLAG, &w.ages, "[MAX]",
         "read at random ages after the acknowledgement, 0 to MAX (100ms), and tell how "
         "stale reads are by age"},
        {"ages-max", 0, OPT_TIME, &c->load.ages, "MAX", "the same as --ages MAX"},
        {"value-size", 0, OPT_BYTES, &c->value_size, "BYTES", "pad values to this size"},
        {"timeout", 0, OPT_TIME, &c->timeout, "TIME", "of each command, and to connect"},
        {"source", 0, OPT_TEXT, &w.source, "ADDR", "address that connections come from"},
        {"write-source", 0, OPT_TEXT, &c->write_source, "ADDR",
         "that of the writers only"},
        {"read-source", 0, OPT_TEXT, &c->read_source, "ADDR", "that of the readers only"},
        {"seed", 0, OPT_COUNT, &c->load.seed, "N",
         "what is drawn by lot depends on this"},
        {"assert", 0, OPT_TEXTS, &w.asserts, "CLAIM",
         "exit 1 unless this holds, such as stale<=0.1%; may be given again"},
        {"history", 0, OPT_TEXT, &w.history, "FILE", "one JSON line for each operation"},
        {"output", 'o', OPT_TEXT, &w.output, "FORMAT", "text or json"},
        {"lines", 0, OPT_FLAG, &c->lines, NULL, "the tutorial's lines, no table"},
        {"quiet", 'q', OPT_FLAG, &w.quiet, NULL, "print no table and no progress"},
        {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
    };
    const struct usage u = {
        .command = "probe stale",
        .line = "--write URL --read URL[,URL...] [option ...]",
        .about = about,
        .example = example,
        .opts = opts,
    };

    c->load = (struct load){.seed = 1, .pairs = 100, .settle = 0.01};
    c->ops = 1000;
    c->wait_timeout = c->timeout = SEC(1);
    c->settle_limit = SEC(5);
    split_ages(argc, argv);
    return parse_and_run(&u, &w, argc, argv);
}

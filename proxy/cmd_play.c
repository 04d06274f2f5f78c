/* cmd_play.c -- `sunder scenario play FILE`: verbs at times, for proxies that run.
 *
 *   fan_play -> [--wait] look at all again and again -> over: did all go well?
 *                 | interrupted, or one plays no more
 *                 fan_back: stopped, and the rules are those from before
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "commands.h"
#include "doc.h"
#include "fan.h"
#include "http.h"
#include "merge.h"
#include "table.h"

static struct {
    const char *api, *token_file, *output;
    nsec timeout, interval;
    bool wait, check;
} flags;

static const struct opt opts[] = {
    {"api", 0, OPT_TEXT, &flags.api, "ADDR,...",
     "of the proxy, or of several (SUNDER_API, 127.0.0.1:8474)"},
    {"api-token-file", 0, OPT_TEXT, &flags.token_file, "FILE",
     "the token it asks for (SUNDER_API_TOKEN_FILE)"},
    {"wait", 0, OPT_FLAG, &flags.wait, NULL, "tell each step, and how all ended"},
    {"check", 0, OPT_FLAG, &flags.check, NULL, "only ask whether it would be played"},
    {"interval", 0, OPT_TIME, &flags.interval, "TIME", "between two looks, with --wait"},
    {"timeout", 0, OPT_TIME, &flags.timeout, "TIME", "how long to wait for a proxy"},
    {"output", 'o', OPT_TEXT, &flags.output, "text|wide|json",
     "for people, or JSON: the last line says it all"},
    {0},
};

static const struct usage usage = {
    "scenario play",
    "FILE [options]",
    "Have running proxies play a file of verbs at times, a line each, such as "
    "'500ms CUT r1 r2 NAME away': on all of them or on none. FILE may be -. With --wait "
    "it is told as it happens; Ctrl-C, or a proxy that is lost, stops it on all and "
    "gives them back the rules from before. Exit status: 0 every step went well, 1 one "
    "did not, or somebody stopped it, 2 the file is wrong, 3 a proxy is not there.",
    "sunder scenario play steps --wait --api 10.0.0.7:8474,10.0.0.8:8474",
    opts,
};

static volatile sig_atomic_t came; /* a signal */

static void on_signal(int sig)
{
    came = sig;
}

static bool is_json(void)
{
    return strcmp(flags.output, "json") == 0;
}

static int fail(const struct err *e)
{
    return cli_fail(&usage, e->code == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT, e);
}

/* What all say, as one. */
static json_t *merged(const struct fan *f)
{
    json_t *answer[FAN_MAX];
    const char *at[FAN_MAX];

    for (size_t i = 0; i < f->n; i++) {
        answer[i] = f->peer[i].answer;
        at[i] = f->peer[i].at;
    }
    return f->n == 1 ? json_incref(answer[0]) : merge_answers(answer, at, f->n);
}

static void print_json(const json_t *v)
{
    json_dumpf(v, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    fflush(stdout);
}

static int print_begun(const struct fan *f)
{
    json_t *all = merged(f);

    if (is_json())
        print_json(all);
    else if (flags.check)
        printf("sound: %zu step%s\n", json_array_size(json_object_get(all, "steps")),
               json_array_size(json_object_get(all, "steps")) == 1 ? "" : "s");
    else
        table_print(stdout, all,
                    strcmp(flags.output, "wide") == 0 ? TABLE_WIDE : TABLE_TEXT, NULL);
    json_decref(all);
    return STATUS_MET;
}

/* ---- waiting ---- */

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text ? text : "";
}

static void tell_step(const json_t *step)
{
    const char *error = text_of(step, "error");
    json_t *line;

    if (!is_json()) {
        printf("%8s  %s%s%s\n", text_of(step, "at"), text_of(step, "verb"),
               *error ? ": FAILED: " : "", error);
        fflush(stdout);
        return;
    }
    line = json_pack("{s:s}", "event", "step");
    json_object_update(line, (json_t *)(uintptr_t)step);
    print_json(line);
    json_decref(line);
}

/* Those that all have taken since the last look. Answers how many are told now. */
static size_t tell(const json_t *all, size_t told)
{
    size_t done = (size_t)json_integer_value(json_object_get(all, "done"));

    for (; told < done; told++)
        tell_step(json_array_get(json_object_get(all, "steps"), told));
    return told;
}

static size_t failures(const json_t *steps)
{
    json_t *step;
    size_t i, n = 0;

    json_array_foreach(steps, i, step)
    {
        n += json_object_get(step, "error") != NULL;
    }
    return n;
}

/* The last words. */
static int tell_end(const struct fan *f, json_t *all, const char *outcome)
{
    const json_t *steps = json_object_get(all, "steps");
    size_t n = json_array_size(steps), bad = failures(steps),
           done = (size_t)json_integer_value(json_object_get(all, "done"));
    json_t *out;

    if (strcmp(outcome, "over") == 0)
        outcome = bad ? "failed" : "done";
    if (is_json()) {
        out = json_pack("{s:s, s:I, s:I}", "outcome", outcome, "proxies",
                        (json_int_t)f->n, "failed", (json_int_t)bad);
        json_object_update(out, all);
        print_json(out);
        json_decref(out);
    } else {
        printf("%s: %zu of %zu steps on %zu %s, %zu failed\n", outcome, done, n, f->n,
               f->n == 1 ? "proxy" : "proxies", bad);
    }
    return strcmp(outcome, "done") == 0 ? STATUS_MET : STATUS_NOT_MET;
}

/* Why it cannot go on, by looking at who should play it; 0 as long as it can. */
static int lost(const struct fan *f, size_t steps, struct err *e)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct fan_peer *p = &f->peer[i];
        const json_t *list = json_object_get(p->answer, "steps");

        if (p->trouble.code) {
            *e = p->trouble;
            return -EAGAIN;
        }
        if (json_array_size(list) != steps) {
            err_set(e, -EIO, "%s does not play it any more", p->at);
            err_hint(e, "it was started anew, or plays something else");
            return e->code;
        }
    }
    return 0;
}

/* "playing", "over", or "stopped" as soon as one is. */
static const char *state_of_all(const struct fan *f)
{
    const char *state = "over";

    for (size_t i = 0; i < f->n; i++) {
        const char *one = text_of(f->peer[i].answer, "state");

        if (strcmp(one, "stopped") == 0)
            return "stopped";
        if (strcmp(one, "playing") == 0)
            state = "playing";
    }
    return state;
}

static nsec now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return SEC((nsec)t.tv_sec) + (nsec)t.tv_nsec;
}

static void pause_for(nsec t)
{
    struct timespec wait = {.tv_sec = (time_t)(t / SEC(1)),
                            .tv_nsec = (long)(t % SEC(1))};

    (void)nanosleep(&wait, NULL); /* a signal ends it, as it should */
}

/* Undone on all. The outcome is told as far as it is known. */
static int give_up(struct fan *f, json_t *all, const struct err *why)
{
    struct err e = {0};
    int status = came ? 128 + came : STATUS_ENVIRONMENT;

    if (came)
        fprintf(stderr, "sunder scenario play: interrupted\n");
    else
        (void)cli_fail(&usage, status, why);
    if (fan_back(f, &e) < 0)
        (void)cli_fail(&usage, status, &e);
    else
        fprintf(stderr, "stopped, and the rules are those from before\n");
    (void)tell_end(f, all, came ? "interrupted" : "lost");
    return status;
}

static int wait_for_end(struct fan *f)
{
    const struct fan_request look = {"GET", "/scenario", NULL};
    json_t *all = merged(f), *again;
    size_t steps = json_array_size(json_object_get(all, "steps")), told = 0;
    nsec seen = now();
    struct err e = {0};
    int err = 0, status = -1;

    while (status < 0) {
        pause_for(flags.interval);
        fan_ask(f, &look, NULL);
        err = lost(f, steps, &e);
        if (err == 0) {
            again = merged(f);
            json_decref(all);
            all = again;
            told = tell(all, told);
            seen = now();
        }
        if (err == 0 && strcmp(state_of_all(f), "playing") != 0)
            status = tell_end(f, all, state_of_all(f));
        else if (came || (err && (err != -EAGAIN || now() - seen > flags.timeout)))
            status = give_up(f, all, &e);
    }
    json_decref(all);
    return status;
}

static void catch_signals(void)
{
    /* The second one ends it at once. */
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
}

static int play(const char *file)
{
    struct err e = {0};
    struct fan f;
    char *text;
    size_t n;
    int status;

    if (doc_slurp(file, &text, &n, &e) < 0)
        return cli_fail(&usage, STATUS_ENVIRONMENT, &e);
    if (fan_open(&f, flags.api, flags.token_file, flags.timeout, &e) < 0) {
        free(text);
        return fail(&e);
    }
    if (flags.wait)
        catch_signals();
    if (memchr(text, '\0', n))
        status = cli_usage(&usage, "there is a zero byte in '%.200s'", file);
    else if (fan_play(&f, text, n, flags.check, &e) < 0)
        status = fail(&e);
    else
        status = flags.wait && !flags.check ? wait_for_end(&f) : print_begun(&f);
    fan_close(&f);
    free(text);
    return status;
}

int cmd_play(int argc, char **argv)
{
    const char *standard = getenv("SUNDER_API");
    int status, first;

    flags.api = standard && *standard ? standard : HTTP_STANDARD;
    flags.token_file = getenv("SUNDER_API_TOKEN_FILE");
    flags.output = "text";
    flags.interval = MSEC(200);
    flags.timeout = SEC(10);
    first = cli_parse(&usage, argc, argv, &status);
    if (first < 0)
        return status;
    if (argc - first != 1)
        return cli_usage(&usage, "one FILE, or - for standard input");
    if (strcmp(flags.output, "text") != 0 && strcmp(flags.output, "wide") != 0 &&
        !is_json())
        return cli_usage(&usage, "'%.20s' is no output: text, wide or json",
                         flags.output);
    return play(argv[first]);
}

/* cmd_control.c -- `sunder rule add ...`, `sunder cut ...`, `sunder status`: the verbs of
 * control.h, sent to a running proxy over its HTTP API.
 *
 * Nothing here knows a verb by name: what the table gains, the command line has.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "cli.h"
#include "commands.h"
#include "control.h"
#include "doc.h"
#include "fan.h"
#include "http.h"
#include "merge.h"
#include "table.h"
#include "watch.h"

struct flags {
    const char *api, *token_file, *output;
    nsec timeout, interval;
    uint64_t count;
    bool watch;
};

static struct flags flags;

static const struct opt opts[] = {
    {"api", 0, OPT_TEXT, &flags.api, "ADDR,...",
     "of the proxy, or of several (SUNDER_API, 127.0.0.1:8474)"},
    {"api-token-file", 0, OPT_TEXT, &flags.token_file, "FILE",
     "the token it asks for (SUNDER_API_TOKEN_FILE)"},
    {"timeout", 0, OPT_TIME, &flags.timeout, "TIME", "how long to wait for it"},
    {"output", 'o', OPT_TEXT, &flags.output, "text|wide|json",
     "a table for people, all there is of it, or JSON"},
    {"watch", 'w', OPT_FLAG, &flags.watch, NULL, "look again and again; Ctrl-C ends it"},
    {"interval", 0, OPT_TIME, &flags.interval, "TIME", "between two looks"},
    {"count", 0, OPT_COUNT, &flags.count, "N", "end after so many looks"},
    {0},
};

#define ABOUT                                                                            \
    "With several addresses, or a name that stands for several, all are asked and give " \
    "one answer; a change is made on all of them or on none."

static struct usage usage = {.opts = opts}; /* of the verb at hand, by describe() */

/* ---- words ---- */

/* --how and how are one; our own options stay with cli.c. Answers the words of the verb;
 * ours are moved to the front of argv. */
static size_t split_words(int argc, char **argv, const char **word, int *ours)
{
    size_t n = 0;

    *ours = 1;
    for (int i = 0; i < argc; i++) {
        bool own = false, takes_value = false;

        for (const struct opt *o = opts; i > 0 && o->name; o++) {
            size_t len = strlen(o->name);
            bool is_long = strncmp(argv[i], "--", 2) == 0 &&
                           strncmp(argv[i] + 2, o->name, len) == 0 &&
                           (argv[i][len + 2] == '\0' || argv[i][len + 2] == '=');

            bool is_this = is_long || (o->letter && argv[i][0] == '-' &&
                                       argv[i][1] == o->letter && argv[i][2] == '\0');

            own |= is_this;
            takes_value |= is_this && o->type != OPT_FLAG &&
                           !(is_long && argv[i][len + 2] == '=');
        }
        own |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        if (!own) {
            word[n++] = strncmp(argv[i], "--", 2) == 0 ? argv[i] + 2 : argv[i];
            continue;
        }
        argv[(*ours)++] = argv[i];
        if (takes_value && i + 1 < argc)
            argv[(*ours)++] = argv[++i];
    }
    return n;
}

/* Is that the verb's first word, or its only one? */
static bool begins(const struct control_verb *v, const char *word)
{
    size_t n = strcspn(v->words, " ");

    return v->route && strlen(word) == n && strncasecmp(v->words, word, n) == 0;
}

bool control_knows(const char *word)
{
    for (const struct control_verb *v = control_verbs; v->words; v++)
        if (begins(v, word))
            return true;
    return false;
}

/* ---- the usage ---- */

static struct {
    char command[64], line[256], about[1024], example[160];
} said;

/* Of one verb. */
static void describe_verb(const struct control_verb *v)
{
    char shell[256];
    size_t n = strlen(v->words);

    control_usage(v, true, shell, sizeof shell);
    snprintf(said.command, sizeof said.command, "%.*s", (int)n, shell);
    snprintf(said.line, sizeof said.line, "%s%s[option ...]",
             shell + n + (shell[n] == ' '), shell[n] ? " " : "");
    snprintf(said.about, sizeof said.about,
             "Ask a running proxy: %s. Words are those of its console: see "
             "docs/console.md.\n" ABOUT,
             v->help);
    snprintf(said.example, sizeof said.example, "sunder %s",
             v->example ? v->example : said.command);
}

/* Of all that begin with that word. */
static void describe_verbs(const char *word)
{
    const char *example = word;
    char shell[256];
    size_t at = 0;

    for (const struct control_verb *v = control_verbs; v->words; v++) {
        if (!begins(v, word))
            continue;
        example = v->example ? v->example : example;
        at += (size_t)snprintf(said.about + at, sizeof said.about - at, "%s: %s\n",
                               control_usage(v, true, shell, sizeof shell), v->help);
    }
    snprintf(said.about + at, sizeof said.about - at, ABOUT);
    snprintf(said.command, sizeof said.command, "%s", word);
    snprintf(said.line, sizeof said.line, "VERB [option ...]");
    snprintf(said.example, sizeof said.example, "sunder %s", example);
}

/* Let help and errors speak of the verb that these words begin with. */
static void describe(size_t n, const char *const *word)
{
    struct err e;
    size_t took;
    const struct control_verb *v = control_find(n, word, &took, &e);

    if (v && v->route)
        describe_verb(v);
    else
        describe_verbs(word[0]);
    usage.command = said.command;
    usage.line = said.line;
    usage.about = said.about;
    usage.example = said.example;
}

/* ---- the request ---- */

/* s as part of a URL. */
static void put_escaped(struct answer *to, const char *s)
{
    for (; *s; s++)
        if (isalnum((unsigned char)*s) || strchr("-._~", *s))
            answer_text(to, "%c", *s);
        else
            answer_text(to, "%%%02X", (unsigned char)*s);
}

/* Parameters of a GET go into the query. */
static void put_query(const json_t *args, struct answer *to)
{
    const char *key, *text;
    json_t *value;
    char mark = '?';

    json_object_foreach((json_t *)(uintptr_t)args, key, value)
    {
        text = json_string_value(value);
        answer_text(to, "%c%s%s", mark, key, text ? "=" : "");
        put_escaped(to, text ? text : "");
        mark = '&';
    }
}

/* The route with its {name} filled in from args, which loses it. */
static void put_path(const struct control_verb *v, json_t *args, struct answer *to)
{
    const char *path = strchr(v->route, ' ') + 1, *brace = strchr(path, '{');
    const char *value;
    char name[32];

    answer_text(to, "%.*s", (int)strcspn(path, "{"), path);
    if (brace) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(brace + 1, "}"), brace + 1);
        value = json_string_value(json_object_get(args, name));
        put_escaped(to, value ? value : "");
        json_object_del(args, name);
    }
    if (strncmp(v->route, "GET ", 4) == 0)
        put_query(args, to);
    answer_text(to, "%c", '\0');
}

/* On all, or on none: rules are given back; fan.h has it for what is no rule. */
static int change_all(struct fan *f, const struct control_verb *v,
                      const struct fan_request *q, json_t *args, struct err *e)
{
    char word[32];
    size_t n = strcspn(v->words, " ");

    if (strcmp(v->words, "SCENARIO STOP") == 0)
        return fan_stop(f, e);
    if (strcmp(v->words, "SESSION KILL") == 0)
        return fan_kill(f, strrchr(q->path, '/') + 1, q->path, e);
    for (size_t i = 0; i <= n && i < sizeof word; i++)
        word[i] = (char)(i < n ? tolower((unsigned char)v->words[i]) : '\0');
    return fan_change(f, q, word, args, e);
}

/* ---- the answer ---- */

static void print_answer(FILE *f, const struct control_verb *v, const json_t *out)
{
    if (strcmp(flags.output, "json") == 0) {
        if (out)
            json_dumpf(out, f, JSON_COMPACT | JSON_ENCODE_ANY);
        fputs(out ? "\n" : "null\n", f);
    } else if (out) {
        table_print(f, out, strcmp(flags.output, "wide") == 0 ? TABLE_WIDE : TABLE_TEXT,
                    control_columns(v));
    }
}

/* All that answered, as one. False when nobody did. */
static bool gather(const struct fan *f, json_t **all)
{
    json_t *answer[FAN_MAX];
    const char *at[FAN_MAX];
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        if (f->peer[i].trouble.code == 0) {
            answer[n] = f->peer[i].answer;
            at[n++] = f->peer[i].at;
        }
    if (n > 0)
        *all = f->n == 1 ? json_incref(answer[0]) : merge_answers(answer, at, n);
    return n > 0;
}

/* A look at several shows what those say that answer, and who does not. */
static int say(const struct fan *f, const struct control_verb *v)
{
    int status = STATUS_MET;
    json_t *all;

    if (gather(f, &all)) {
        print_answer(stdout, v, all);
        json_decref(all);
    }
    for (size_t i = 0; i < f->n; i++) {
        struct err e = f->peer[i].trouble;

        if (e.code == 0)
            continue;
        if (f->n > 1)
            e.hint[0] = '\0';
        status = cli_fail(&usage, e.code == -EIO ? STATUS_ENVIRONMENT : STATUS_USAGE, &e);
    }
    return status;
}

/* Ask, and say what came of it. */
static int ask_all(struct fan *f, const struct control_verb *v,
                   const struct fan_request *q, json_t *args)
{
    struct err e = {0};

    if (f->n == 1 || strcmp(q->method, "GET") == 0) {
        fan_ask(f, q, NULL);
        return say(f, v);
    }
    if (change_all(f, v, q, args, &e) < 0)
        return cli_fail(&usage, e.code == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT,
                        &e);
    return say(f, v);
}

static int send_verb(const struct control_verb *v, json_t *args)
{
    struct fan f;
    struct answer path = {0};
    struct err e = {0};
    char method[16];
    int status;

    if (fan_open(&f, flags.api, flags.token_file, flags.timeout, &e) < 0)
        return cli_fail(&usage, e.code == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT,
                        &e);
    put_path(v, args, &path);
    snprintf(method, sizeof method, "%.*s", (int)strcspn(v->route, " "), v->route);
    if (path.failed)
        status = cli_usage(&usage, "out of memory");
    else
        status = ask_all(&f, v, &(struct fan_request){method, path.p, args}, args);
    answer_release(&path);
    fan_close(&f);
    return status;
}

/* ---- again and again ---- */

struct looking {
    const struct control_verb *verb;
    json_t *args;
};

static int look(void *arg, json_t **out, struct err *e)
{
    struct looking *l = arg;
    json_t *args = json_copy(l->args);
    struct answer path = {0};
    struct fan f;
    int err = fan_open(&f, flags.api, flags.token_file, flags.timeout, e);

    *out = NULL;
    put_path(l->verb, args, &path);
    if (err == 0) {
        fan_ask(&f, &(struct fan_request){"GET", path.p, args}, NULL);
        if (!gather(&f, out)) {
            *e = f.peer[0].trouble;
            err = e->code;
        }
        fan_close(&f);
    }
    answer_release(&path);
    json_decref(args);
    return err;
}

static void draw(void *arg, FILE *f, const json_t *now, const json_t *before,
                 double seconds)
{
    const struct looking *l = arg;

    if (strcmp(l->verb->words, "STATUS") == 0 && strcmp(flags.output, "text") == 0) {
        fprintf(f, "sunder %s   ", flags.api);
        watch_status(f, now, before, seconds);
    } else {
        print_answer(f, l->verb, now);
    }
    if (strcmp(flags.output, "json") != 0)
        fputc('\n', f);
}

static int look_again(const struct control_verb *v, json_t *args)
{
    struct looking l = {v, args};
    struct watch w = {.where = flags.api,
                      .interval = flags.interval,
                      .count = flags.count,
                      .fetch = look,
                      .draw = draw,
                      .arg = &l};
    struct err e = {0};
    int err;

    if (strncmp(v->route, "GET ", 4) != 0)
        return cli_usage(&usage, "%s changes something: --watch only looks", v->words);
    err = watch_run(&w, &e);
    return err == 0
               ? STATUS_MET
               : cli_fail(&usage, err == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT, &e);
}

static int ask(size_t n, const char *const *word)
{
    struct err e = {0};
    size_t took;
    const struct control_verb *v = control_find(n, word, &took, &e);
    json_t *args = NULL;
    int status;

    if (v && v->route == NULL)
        return cli_usage(&usage, "%s is only for the console", v->words);
    if (v == NULL)
        return n == 1 ? cli_usage(&usage, "%s what?", word[0])
                      : cli_fail(&usage, STATUS_USAGE, &e);
    if (control_args(v, n - took, word + took, &args, &e) < 0) {
        err_hint(&e, "sunder %s %s", usage.command, usage.line);
        return cli_fail(&usage, STATUS_USAGE, &e);
    }
    status = flags.watch ? look_again(v, args) : send_verb(v, args);
    json_decref(args);
    return status;
}

static bool is_output(const char *name)
{
    return strcmp(name, "text") == 0 || strcmp(name, "wide") == 0 ||
           strcmp(name, "json") == 0;
}

int cmd_control(int argc, char **argv)
{
    const char *standard = getenv("SUNDER_API");
    const char **word = calloc((size_t)argc + 1, sizeof *word);
    int status, ours;
    size_t n;

    if (argc > 1 && strcasecmp(argv[0], "scenario") == 0 &&
        strcasecmp(argv[1], "play") == 0) {
        free(word);
        return cmd_play(argc - 1, argv + 1);
    }
    if (word == NULL)
        return STATUS_ENVIRONMENT;
    flags = (struct flags){.api = standard && *standard ? standard : HTTP_STANDARD,
                           .token_file = getenv("SUNDER_API_TOKEN_FILE"),
                           .output = "text",
                           .interval = SEC(1),
                           .timeout = SEC(10)};
    n = split_words(argc, argv, word, &ours);
    describe(n, word);
    argv[ours < argc ? ours : argc] = NULL;
    if (cli_parse(&usage, ours, argv, &status) >= 0) {
        if (!is_output(flags.output))
            status = cli_usage(&usage, "'%.20s' is no output: text, wide or json",
                               flags.output);
        else
            status = ask(n, word);
    }
    free(word);
    return status;
}

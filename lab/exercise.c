/* exercise.c -- what all exercises share: the probe, and what is made of its findings. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exercise.h"
#include "log.h"
#include "process.h"

#define WIDTH       86 /* of text for people */
#define PROBE_WORDS 48

/* -- the probe ------------------------------------------------------------------ */

/* Its stdout: lines for people, if it was asked for those, or a JSON object. That begins
 * with the first line that begins with a brace. */
struct heard {
    char *p;
    size_t n;
    bool object;
    FILE *lines; /* NULL = nobody wants them */
    struct stage *stage;
    const struct exercise_cue *cue;
    int rc; /* what the cue answered */
};

static void keep(struct heard *h, const char *p, size_t n)
{
    h->p = realloc(h->p, h->n + n + 1);
    assert(h->p != NULL);
    memcpy(h->p + h->n, p, n);
    h->n += n;
    h->p[h->n] = '\0';
}

static void hear_line(struct heard *h, const char *line, size_t n)
{
    if (h->lines != NULL)
        fwrite(line, 1, n, h->lines);
    else if (h->cue != NULL && n == 5 && memcmp(line, "mark\n", n) == 0)
        h->rc = h->cue->come(h->stage, h->cue->arg);
}

static void on_output(void *arg, const char *p, size_t n)
{
    struct heard *h = arg;
    size_t done = 0;

    keep(h, p, n);
    while (!h->object && done < h->n) {
        const char *end = memchr(h->p + done, '\n', h->n - done);

        h->object = h->p[done] == '{';
        if (h->object || end == NULL)
            break;
        end++;
        hear_line(h, h->p + done, (size_t)(end - (h->p + done)));
        done = (size_t)(end - h->p);
    }
    memmove(h->p, h->p + done, h->n - done + 1);
    h->n -= done;
}

/* argv for the program that we are ourselves. */
static int run_self(struct stage *s, const char *const *probe, struct heard *h,
                    int *status)
{
    const char *argv[PROBE_WORDS] = {"/proc/self/exe", "probe"};
    size_t n = 2;

    while (*probe != NULL && n + 1 < sizeof argv / sizeof *argv)
        argv[n++] = *probe++;
    assert(*probe == NULL);
    return stage_run(s, argv, NULL, on_output, h, false, status);
}

static int check_status(struct stage *s, int status)
{
    char how[64];

    if (process_exit_code(status) == STATUS_MET)
        return 0;
    return err_set(&s->trouble.err, -EIO, "the probe did not finish: %s",
                   process_status(status, how, sizeof how));
}

static int parse(struct stage *s, const struct heard *h, json_t **out)
{
    *out = h->n > 0 ? json_loads(h->p, 0, NULL) : NULL;
    if (*out != NULL)
        return 0;
    return err_set(&s->trouble.err, -EIO, "the probe did not say what it found");
}

void exercise_row(struct exercise_outcome *o, const char *name, json_t *probe)
{
    struct exercise_row *row = &o->row[o->rows++];

    assert(o->rows <= EXERCISE_ROWS);
    snprintf(row->name, sizeof row->name, "%s", name);
    row->probe = probe;
    row->rules = json_copy(o->rules);
}

static int hear(struct stage *s, const char *const *argv, struct heard *h,
                struct exercise_outcome *o, const char *row)
{
    json_t *probe = NULL;
    int status, rc;

    assert(row == NULL || o->rows < EXERCISE_ROWS);
    rc = run_self(s, argv, h, &status);
    if (h->rc < 0)
        rc = h->rc;
    if (rc == 0)
        rc = check_status(s, status);
    if (rc == 0 && row != NULL)
        rc = parse(s, h, &probe);
    free(h->p);
    if (rc == 0 && row != NULL)
        exercise_row(o, row, probe);
    return rc;
}

int exercise_probe(struct stage *s, const char *const *argv, FILE *lines,
                   struct exercise_outcome *o, const char *row)
{
    struct heard h = {.lines = lines};
    int rc = hear(s, argv, &h, o, row);

    fflush(lines);
    return rc;
}

int exercise_cued(struct stage *s, const char *const *argv,
                  const struct exercise_cue *cue, struct exercise_outcome *o,
                  const char *row)
{
    struct heard h = {.stage = s, .cue = cue};
    const char *all[PROBE_WORDS];
    size_t n = 0;

    while (argv[n] != NULL && n + 3 < PROBE_WORDS) {
        all[n] = argv[n];
        n++;
    }
    assert(argv[n] == NULL);
    all[n++] = "-o";
    all[n++] = "json";
    all[n] = NULL;
    return hear(s, all, &h, o, row);
}

double exercise_number(const json_t *probe, const char *path)
{
    char name[64];

    while (probe != NULL && *path != '\0') {
        size_t n = strcspn(path, ".");

        snprintf(name, sizeof name, "%.*s", (int)n, path);
        probe = json_object_get(probe, name);
        path += n + (path[n] == '.');
    }
    return json_is_number(probe) ? json_number_value(probe) : (double)NAN;
}

/* -- the outcome ----------------------------------------------------------------- */

void exercise_check(struct exercise_outcome *o, bool met, const char *fmt, ...)
{
    struct exercise_check *c = &o->check[o->checks++];
    va_list args;

    assert(o->checks <= EXERCISE_CHECKS);
    c->met = met;
    va_start(args, fmt);
    vsnprintf(c->text, sizeof c->text, fmt, args);
    va_end(args);
}

bool exercise_met(const struct exercise_outcome *o)
{
    for (size_t i = 0; i < o->checks; i++)
        if (!o->check[i].met)
            return false;
    return true;
}

static size_t widest_name(const struct exercise_outcome *o)
{
    size_t widest = 0;

    for (size_t i = 0; i < o->rows; i++)
        if (strlen(o->row[i].name) > widest)
            widest = strlen(o->row[i].name);
    return widest;
}

static size_t widest_cell(const struct exercise_outcome *o,
                          const struct exercise_column *c)
{
    size_t widest = strlen(c->title);
    char buf[64];

    for (size_t i = 0; i < o->rows; i++) {
        size_t n = strlen(c->cell(o->row[i].probe, buf, sizeof buf));

        widest = n > widest ? n : widest;
    }
    return widest;
}

/* row = o->rows prints the titles. */
static void print_row(const struct exercise_outcome *o, size_t row, size_t name_width,
                      const struct exercise_column *c, size_t n)
{
    bool titles = row == o->rows;
    char buf[64];

    printf("%-*s", (int)name_width, titles ? "" : o->row[row].name);
    for (size_t i = 0; i < n; i++)
        printf("  %*s", (int)widest_cell(o, &c[i]),
               titles ? c[i].title : c[i].cell(o->row[row].probe, buf, sizeof buf));
    printf("\n");
}

void exercise_print_table(const struct exercise_outcome *o,
                          const struct exercise_column *c, size_t n)
{
    size_t width = widest_name(o);

    print_row(o, o->rows, width, c, n);
    for (size_t i = 0; i < o->rows; i++)
        print_row(o, i, width, c, n);
}

static void print_rules_of(const struct exercise_row *row, int width)
{
    for (size_t i = 0; i < json_array_size(row->rules); i++)
        printf("%-*s  %s\n", width, i == 0 ? row->name : "",
               json_string_value(json_array_get(row->rules, i)));
}

/* Under the table: by which rules each row came about. */
void exercise_print_rules(const struct exercise_outcome *o)
{
    int width = (int)widest_name(o);

    printf("\n");
    for (size_t i = 0; i < o->rows; i++) {
        const struct exercise_row *row = &o->row[i];

        if (i > 0 && row->rules != NULL && json_equal(row->rules, row[-1].rules))
            printf("%-*s  the same\n", width, row->name);
        else
            print_rules_of(row, width);
    }
}

static void print_wrapped(const char *text)
{
    size_t at = 0;

    while (*text != '\0') {
        size_t n = strcspn(text, " ");

        if (at > 0 && at + 1 + n > WIDTH) {
            printf("\n");
            at = 0;
        }
        printf("%s%.*s", at > 0 ? " " : "", (int)n, text);
        at += n + (at > 0);
        text += n + (text[n] == ' ');
    }
    printf("\n");
}

void exercise_print_verdict(const struct exercise_outcome *o)
{
    bool colour = cli_colour(stdout);

    printf("\n");
    for (size_t i = 0; i < o->checks; i++)
        printf("%s%s%s  %s\n",
               !colour           ? ""
               : o->check[i].met ? "\033[32m"
                                 : "\033[31m",
               o->check[i].met ? "met    " : "NOT MET", colour ? "\033[0m" : "",
               o->check[i].text);
    printf("\n");
    print_wrapped(o->text);
}

static json_t *json_rows(const struct exercise_outcome *o)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < o->rows; i++) {
        json_t *row = json_pack("{s:s}", "name", o->row[i].name);

        json_object_update(row, o->row[i].probe);
        if (o->row[i].rules != NULL)
            json_object_set(row, "rules", o->row[i].rules);
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *json_checks(const struct exercise_outcome *o)
{
    json_t *checks = json_array();

    for (size_t i = 0; i < o->checks; i++)
        json_array_append_new(checks, json_pack("{s:s, s:b}", "text", o->check[i].text,
                                                "met", o->check[i].met));
    return checks;
}

void exercise_print_json(const struct exercise_outcome *o, json_t *about)
{
    json_t *all = json_pack("{s:s}", "exercise", o->name);

    json_object_update(all, about);
    json_decref(about);
    json_object_set_new(all, "rows", json_rows(o));
    json_object_set_new(all, "verdict",
                        json_pack("{s:b, s:s, s:o}", "met", exercise_met(o), "text",
                                  o->text, "checks", json_checks(o)));
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
    printf("\n");
    json_decref(all);
}

void exercise_release(struct exercise_outcome *o)
{
    for (size_t i = 0; i < o->rows; i++) {
        json_decref(o->row[i].probe);
        json_decref(o->row[i].rules);
    }
    json_decref(o->rules);
    o->rules = NULL;
    o->rows = 0;
}

/* -- `sunder exercise` ----------------------------------------------------------- */

static const struct exercise *const exercises[] = {
    &exercise_stale,
    &exercise_retry,
    &exercise_pipeline,
    &exercise_half_open,
    &exercise_cable,
    &exercise_pubsub_gap,
    &exercise_loading,
    &exercise_lost_acks,
    &exercise_lag_that_lies,
    &exercise_min_replicas,
    &exercise_wait_is_not_consensus,
    &exercise_empty_restart,
    &exercise_backlog,
    &exercise_phantom_expiry,
    &exercise_serve_stale,
    &exercise_resync_storm,
    &exercise_monotonic,
    &exercise_ack_drop,
    &exercise_silent_divergence,
    &exercise_failover,
    &exercise_split_brain,
    &exercise_planned_failover,
    &exercise_needless_failover,
    &exercise_zombie,
    &exercise_minority,
    &exercise_flapping,
    &exercise_sentinel_lies,
};

#define EXERCISES (sizeof exercises / sizeof *exercises)

static const struct usage usage = {
    .command = "exercise",
    .line = "list | NAME [options]",
    .about =
        "Real Redis servers, a fault on the links between them, a probe, and a verdict. "
        "Exit status 0: what was expected was seen; 1: it was not; 2: the command line "
        "is wrong; 3: something needed is not there.",
    .example = "sunder exercise stale --lag 50ms",
    .opts = (const struct opt[]){{0}},
};

static int list(void)
{
    for (size_t i = 0; i < EXERCISES; i++)
        printf("%-22s %s\n", exercises[i]->name, exercises[i]->help);
    return STATUS_MET;
}

static int unknown(const char *name)
{
    const char *names[EXERCISES + 2] = {"list"};
    const char *near;
    struct err e;

    for (size_t i = 0; i < EXERCISES; i++)
        names[i + 1] = exercises[i]->name;
    near = err_nearest(name, names);
    err_set(&e, -EINVAL, "there is no exercise '%s'", name);
    if (near != NULL)
        err_hint(&e, "did you mean '%s'?", near);
    else
        err_hint(&e, "'sunder exercise list' names them all");
    return cli_fail(&usage, STATUS_USAGE, &e);
}

int cmd_exercise(int argc, char **argv)
{
    int status;

    if (argc > 1 && argv[1][0] != '-') {
        log_level = LOG_WARN;
        if (strcmp(argv[1], "list") == 0)
            return list();
        for (size_t i = 0; i < EXERCISES; i++)
            if (strcmp(argv[1], exercises[i]->name) == 0)
                return exercises[i]->run(argc - 1, argv + 1);
        return unknown(argv[1]);
    }
    if (cli_parse(&usage, argc, argv, &status) < 0)
        return status;
    return cli_usage(&usage, "which exercise?");
}

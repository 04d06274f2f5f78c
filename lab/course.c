/* course.c -- how an exercise goes: its words, its labs, its rows, its end. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "course.h"
#include "observe.h"

/* -- rules ------------------------------------------------------------------------ */

void course_note(struct exercise_outcome *o, const char *sentence)
{
    if (o->rules == NULL)
        o->rules = json_array();
    json_array_append_new(o->rules, json_string(sentence));
}

int course_rule(struct stage *s, struct exercise_outcome *o, const char *sentence)
{
    course_note(o, sentence);
    return stage_rule(s, sentence);
}

void course_heal(struct stage *s, struct exercise_outcome *o)
{
    proxy_rule_clear(lab_proxy(s->lab));
    course_forget(o);
}

void course_forget(struct exercise_outcome *o)
{
    json_decref(o->rules);
    o->rules = NULL;
}

int course_ask(struct stage *s, size_t node, const char *command, char *buf, size_t size)
{
    return observe_text(s, lab_topology(s->lab)->node[node].name, command, buf, size);
}

/* -- rows -------------------------------------------------------------------------- */

static size_t expected; /* of all rows, for who watches */

void course_tell(const struct exercise_outcome *o, const char *row)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "%zu of %zu: %s\n", o->rows + 1, expected, row);
}

int course_row(struct stage *s, struct exercise_outcome *o, const char *row,
               const char *const *argv, const struct exercise_cue *cue)
{
    int rc = stage_sync(s);

    if (rc < 0)
        return rc;
    course_tell(o, row);
    return exercise_cued(s, argv, cue, o, row);
}

double course_number(const struct exercise_outcome *o, size_t row, const char *path)
{
    return exercise_number(o->row[row].probe, path);
}

static const char *cell(double x, const char *fmt, char *buf, size_t size)
{
    if (isnan(x))
        snprintf(buf, size, "-");
    else
        snprintf(buf, size, *fmt == 's' ? "%.2f s" : "%.0f", x);
    return buf;
}

const char *course_count(const json_t *probe, const char *path, char *buf, size_t size)
{
    return cell(exercise_number(probe, path), "", buf, size);
}

const char *course_seconds(const json_t *probe, const char *path, char *buf, size_t size)
{
    return cell(exercise_number(probe, path) / 1e3, "s", buf, size);
}

const char *course_text(const struct exercise_outcome *o, size_t row, const char *member)
{
    const char *text = json_string_value(json_object_get(o->row[row].probe, member));

    return text != NULL ? text : "?";
}

const char *course_word(const json_t *probe, const char *member, char *buf, size_t size)
{
    const char *text = json_string_value(json_object_get(probe, member));

    snprintf(buf, size, "%s", text != NULL ? text : "-");
    return buf;
}

/* -- the words --------------------------------------------------------------------- */

int course_parse(const struct usage *u, struct course_flags *f, int argc, char **argv)
{
    int status, at;

    f->output = "text";
    at = cli_parse(u, argc, argv, &status);
    if (at < 0)
        return status;
    if (at < argc)
        return cli_usage(u, "'%s' is no option", argv[at]);
    if (strcmp(f->output, "text") != 0 && strcmp(f->output, "json") != 0)
        return cli_usage(u, "--output is text or json, not '%s'", f->output);
    return -1;
}

/* -- the course -------------------------------------------------------------------- */

static int make_keep(struct stage *s, const char *keep)
{
    if (keep == NULL || mkdir(keep, 0700) == 0 || errno == EEXIST)
        return 0;
    s->trouble = (struct lab_trouble){.log = ""};
    return err_set(&s->trouble.err, -errno, "cannot make '%s': %s", keep,
                   strerror(errno));
}

int course_lab(struct stage *s, const struct course_flags *f, const char *name,
               const struct lab_options *o)
{
    struct lab_options lab = *o;
    char keep[4096];

    stage_lab_close(s);
    lab.server = f->server;
    if (f->keep != NULL) {
        int n = snprintf(keep, sizeof keep, "%s/", f->keep);

        for (size_t i = 0; name[i] != '\0' && (size_t)n + 1 < sizeof keep; i++)
            if (isalnum((unsigned char)name[i]))
                keep[n++] = name[i];
            else if (keep[n - 1] != '-' && name[i + 1] != '\0')
                keep[n++] = '-';
        keep[n] = '\0';
        lab.keep = keep;
    }
    return stage_lab(s, &lab);
}

static int open_lab(struct stage *s, const struct course *c, bool direct)
{
    /* By disk a second replica need not wait for the first one's turn to be over. */
    const struct lab_options lab = {
        .replicas = c->replicas, .direct = direct, .tuning = {.disk = true}};

    return course_lab(s, c->flags, direct ? "direct" : "proxied", &lab);
}

static int each_row(struct stage *s, const struct course *c, struct exercise_outcome *o)
{
    int rc = 0;

    for (size_t i = 0; i < c->rows && rc == 0; i++)
        rc = c->row(s, o, i);
    return rc;
}

static int rows(struct stage *s, const struct course *c, struct exercise_outcome *o)
{
    int rc = make_keep(s, c->flags->keep);

    if (rc == 0 && c->row != NULL)
        return each_row(s, c, o);
    if (rc == 0 && c->labs != NULL)
        return c->labs(s, o);
    if (rc == 0)
        rc = open_lab(s, c, true);
    if (rc == 0)
        rc = c->direct(s, o);
    if (rc < 0)
        return rc;
    stage_lab_close(s);
    rc = open_lab(s, c, false);
    return rc < 0 ? rc : c->proxied(s, o);
}

static int finish(const struct course *c, struct exercise_outcome *o)
{
    c->judge(o);
    if (strcmp(c->flags->output, "json") == 0)
        exercise_print_json(o, c->about != NULL ? c->about() : json_object());
    else
        c->print(o);
    return exercise_met(o) ? STATUS_MET : STATUS_NOT_MET;
}

int course_play(const struct course *c)
{
    struct exercise_outcome o = {.name = c->name};
    struct stage s;
    int rc, status;

    expected = c->rows;
    stage_open(&s);
    rc = rows(&s, c, &o);
    status = rc < 0 ? stage_fail(&s, c->usage, rc) : STATUS_MET;
    stage_close(&s);
    if (rc == 0)
        status = finish(c, &o);
    exercise_release(&o);
    return status;
}

/* course.c -- how an exercise goes: its words, its labs, its rows, its end. */
#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "course.h"
#include "question.h"

#define ASK_DEADLINE SEC(5)

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
    json_decref(o->rules);
    o->rules = NULL;
}

/* -- questions to a node ----------------------------------------------------------- */

struct asked {
    char *buf;
    size_t size;
    int status;
    bool done;
};

static void on_answer(void *arg, int status, const struct redisReply *reply)
{
    struct asked *a = arg;

    a->done = true;
    a->status = status;
    if (reply == NULL)
        return;
    if (reply->type == REDIS_REPLY_ERROR)
        a->status = -EPROTO;
    if (reply->type == REDIS_REPLY_INTEGER)
        snprintf(a->buf, a->size, "%lld", reply->integer);
    else if (reply->str != NULL)
        snprintf(a->buf, a->size, "%s", reply->str);
}

int course_ask(struct stage *s, size_t node, const char *command, char *buf, size_t size)
{
    const struct topology *t = lab_topology(s->lab);
    struct asked a = {.buf = buf, .size = size};
    struct question *q;

    *buf = '\0';
    q = question_open(&s->loop, t->node[node].real, t->port, command, ASK_DEADLINE,
                      on_answer, &a);
    while (!a.done && !s->failed && s->came == 0)
        uv_run(&s->loop, UV_RUN_ONCE);
    if (!a.done)
        question_cancel(&q);
    if (s->came != 0)
        return -EINTR;
    if (s->failed)
        return s->trouble.err.code;
    if (a.status < 0 && a.status != -EPROTO) {
        s->trouble = (struct lab_trouble){.log = ""};
        return err_set(&s->trouble.err, -EIO, "%s does not answer: %s",
                       t->node[node].name, strerror(-a.status));
    }
    return a.status;
}

/* -- rows -------------------------------------------------------------------------- */

static size_t expected; /* of all rows, for who watches */

int course_row(struct stage *s, struct exercise_outcome *o, const char *row,
               const char *const *argv, const struct exercise_cue *cue)
{
    int rc = stage_sync(s);

    if (rc < 0)
        return rc;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "%zu of %zu: %s\n", o->rows + 1, expected, row);
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

static int open_lab(struct stage *s, const struct course *c, bool direct)
{
    struct lab_options lab = {
        .replicas = c->replicas,
        .server = c->flags->server,
        .direct = direct,
    };
    char keep[4096];

    if (c->flags->keep != NULL) {
        snprintf(keep, sizeof keep, "%s/%s", c->flags->keep,
                 direct ? "direct" : "proxied");
        lab.keep = keep;
    }
    return stage_lab(s, &lab);
}

static int rows(struct stage *s, const struct course *c, struct exercise_outcome *o)
{
    int rc = make_keep(s, c->flags->keep);

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

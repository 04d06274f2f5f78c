/* scenario_run.c -- the programs of a scenario. What they print becomes part of the
 * timeline; what they complain of is shown when they fail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario_play.h"

#define GRACE SEC(2) /* for a program to end by itself */
#define URLS  512

static void put_line(struct run *r)
{
    r->line[r->n] = '\0';
    r->n = 0;
    if (r->play->json)
        play_readable(r->line);
    play_say(r->play, "output", json_pack("{s:s, s:s}", "run", r->name, "line", r->line),
             "%s| %s", r->name, r->line);
}

static void on_output(void *arg, const char *p, size_t n)
{
    struct run *r = arg;

    for (size_t i = 0; i < n; i++) {
        if (p[i] != '\n')
            r->line[r->n++] = p[i];
        if (p[i] == '\n' || r->n == sizeof r->line - 1)
            put_line(r);
    }
}

/* What it said last on standard error, line by line. */
static void put_complaint(struct run *r)
{
    char text[2048];

    process_last_lines(r->log, 8, text, sizeof text);
    on_output(r, text, strlen(text));
}

static void on_exit_seen(void *arg, int status)
{
    struct run *r = arg;
    struct play *p = r->play;
    char how[64];

    r->process = NULL;
    r->status = status;
    if (r->n > 0)
        put_line(r);
    if (status != 0)
        put_complaint(r);
    play_say(p, "run-end",
             json_pack("{s:s, s:i}", "run", r->name, "exit", process_exit_code(status)),
             "run %s ends: %s", r->name, process_status(status, how, sizeof how));
    p->running--;
    p->quiet = p->running == 0;
}

static void urls(struct play *p, enum topology_role role, const char *name, char *buf)
{
    char text[URLS];

    snprintf(buf, URLS + 8, "%s=%s", name,
             topology_urls(lab_topology(p->stage.lab), role, text, sizeof text));
}

/* "sunder" is this very program, wherever it is. */
static int spawn(struct run *r, const struct scenario_action *a, struct err *e)
{
    struct play *p = r->play;
    char m[URLS + 8], re[URLS + 8], se[URLS + 8];
    const char *env[] = {m, re, se, NULL};
    const char *argv[64] = {NULL};
    struct process_spec spec = {
        .argv = argv,
        .env = env,
        .log = r->log,
        .on_output = on_output,
        .on_exit = on_exit_seen,
        .arg = r,
    };

    urls(p, TOPOLOGY_MASTER, "URL_M", m);
    urls(p, TOPOLOGY_REPLICA, "URL_R", re);
    urls(p, TOPOLOGY_SENTINEL, "URL_S", se);
    for (size_t i = 0; i < 63 && a->argv[i]; i++)
        argv[i] = a->argv[i];
    if (strcmp(argv[0], "sunder") == 0)
        argv[0] = "/proc/self/exe";
    return process_spawn(&p->stage.loop, &spec, &r->process, e);
}

/* The command as it was written, or the beginning of it. */
static const char *spell(const struct scenario_action *a, char *buf, size_t size)
{
    bool shell = strcmp(a->argv[0], "sh") == 0 && a->argv[1] &&
                 strcmp(a->argv[1], "-c") == 0 && a->argv[2];
    size_t n = 0;

    for (size_t i = shell ? 2 : 0; a->argv[i] && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", a->argv[i]);
    for (char *p = buf; *p; p++)
        *p = *p == '\n' ? ' ' : *p;
    return buf;
}

void run_start(struct play *p, const struct scenario_step *step,
               const struct scenario_action *a)
{
    struct run *r = calloc(1, sizeof *r);
    char text[100];
    struct err e;

    if (r == NULL)
        abort();
    r->play = p;
    p->runs++;
    if (step->name)
        snprintf(r->name, sizeof r->name, "%s", step->name);
    else
        snprintf(r->name, sizeof r->name, "run-%zu", p->runs);
    snprintf(r->log, sizeof r->log, "%s/run-%zu.log", lab_directory(p->stage.lab),
             p->runs);
    r->next = p->run;
    p->run = r;
    if (spawn(r, a, &e) < 0) {
        r->status = 127 << 8; /* as a shell has it */
        p->failed = true;
        play_say(p, "failed", json_pack("{s:s}", "run", r->name), "run %s: %s", r->name,
                 e.text);
        return;
    }
    p->running++;
    p->quiet = false;
    play_say(p, "run", json_pack("{s:s}", "run", r->name), "run %s: %s", r->name,
             spell(a, text, sizeof text));
}

void run_stop_all(struct play *p)
{
    for (struct run *r = p->run; r; r = r->next)
        if (r->process) {
            r->killed = true;
            process_stop(r->process, GRACE);
        }
}

void run_release(struct play *p)
{
    while (p->run) {
        struct run *r = p->run;

        p->run = r->next;
        free(r);
    }
}

/* scenario_verdict.c -- was it as expected? */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "insync.h"
#include "scenario_play.h"

struct finding {
    bool met;
    char seen[160];
};

/* ---- one expectation ---- */

static void look_fired(struct play *p, const struct scenario_expect *x, struct finding *f)
{
    uint64_t n = play_fired(p, x->who);

    f->met = scenario_holds(x->op, n, x->number);
    snprintf(f->seen, sizeof f->seen, "%llu", (unsigned long long)n);
}

/* Of a program that ran several times, each time counts. */
static void look_run(struct play *p, const struct scenario_expect *x, struct finding *f)
{
    size_t ran = 0;

    f->met = true;
    snprintf(f->seen, sizeof f->seen, "it did not run");
    for (const struct run *r = p->run; r; r = r->next) {
        uint64_t code = (uint64_t)process_exit_code(r->status);
        bool met = !r->killed && scenario_holds(x->op, code, x->number);

        if (strcmp(r->name, x->who) != 0)
            continue;
        ran++;
        if (f->met)
            snprintf(f->seen, sizeof f->seen,
                     r->killed ? "it had to be ended: %llu" : "%llu",
                     (unsigned long long)code);
        f->met &= met;
    }
    f->met &= ran > 0;
}

static void look_node(struct play *p, const struct scenario_expect *x, struct finding *f)
{
    bool up = lab_up(p->stage.lab, (size_t)lab_find(p->stage.lab, x->who));

    f->met = up == x->up;
    snprintf(f->seen, sizeof f->seen, "it is %s", up ? "up" : "down");
}

static void look_sessions(struct play *p, const struct scenario_expect *x,
                          struct finding *f)
{
    uint64_t n = proxy_link_sessions(p->proxy, x->who, x->to);

    f->met = scenario_holds(x->op, n, x->number);
    snprintf(f->seen, sizeof f->seen, "%llu", (unsigned long long)n);
}

struct waiting {
    struct finding *f;
    struct insync *insync;
    bool over;
};

static void on_insync(void *arg, const char *problem)
{
    struct waiting *w = arg;

    w->insync = NULL;
    w->over = true;
    w->f->met = problem == NULL;
    snprintf(w->f->seen, sizeof w->f->seen, "%s", problem ? problem : "they are");
}

static int look_in_sync(struct play *p, const struct scenario_expect *x,
                        struct finding *f)
{
    struct waiting w = {.f = f};
    nsec start = uv_hrtime();
    int rc;

    w.insync = insync_start(&p->stage.loop, p->stage.lab, x->within, on_insync, &w);
    rc = stage_until(&p->stage, &w.over);
    insync_cancel(&w.insync);
    if (rc == 0 && f->met)
        snprintf(f->seen, sizeof f->seen, "after %.3f s",
                 (double)(uv_hrtime() - start) / 1e9);
    return rc;
}

static int look(struct play *p, const struct scenario_expect *x, struct finding *f)
{
    switch (x->claim) {
    case CLAIM_FIRED: look_fired(p, x, f); break;
    case CLAIM_RUN: look_run(p, x, f); break;
    case CLAIM_NODE: look_node(p, x, f); break;
    case CLAIM_SESSIONS: look_sessions(p, x, f); break;
    case CLAIM_IN_SYNC: return look_in_sync(p, x, f);
    }
    return 0;
}

/* ---- all of them ---- */

static json_t *json_fired(const struct play *p)
{
    json_t *all = json_object();

    for (size_t i = 0; i < p->nfired; i++)
        json_object_set_new(all, p->fired[i].name,
                            json_integer((json_int_t)p->fired[i].n));
    return all;
}

static json_t *json_runs(const struct play *p)
{
    json_t *all = json_array();

    for (const struct run *r = p->run; r; r = r->next)
        json_array_insert_new(all, 0,
                              json_pack("{s:s, s:i, s:b}", "name", r->name, "exit",
                                        process_exit_code(r->status), "killed",
                                        r->killed));
    return all;
}

static void print_json(struct play *p, json_t *expect, bool met)
{
    json_t *all = json_pack("{s:s, s:I, s:f, s:o, s:o, s:o, s:b, s:b}", "scenario",
                            p->file, "seed", (json_int_t)p->seed, "seconds",
                            (double)(p->last - p->zero) / 1e9, "fired", json_fired(p),
                            "runs", json_runs(p), "expect", expect, "steps_failed",
                            p->failed, "met", met);

    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(all);
}

static void print_finding(const struct scenario_expect *x, const struct finding *f)
{
    printf("%-9s  %s: %s\n", f->met ? "met" : "NOT MET", x->text, f->seen);
}

int play_verdict(struct play *p)
{
    json_t *list = json_array();
    size_t met = 0, n = p->scenario->nexpect;
    int rc = 0;

    if (!p->json && n > 0)
        printf("\n");
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct scenario_expect *x = &p->scenario->expect[i];
        struct finding f = {.met = false};

        rc = look(p, x, &f);
        if (rc < 0)
            break;
        met += f.met;
        json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "text", x->text, "met",
                                              f.met, "seen", f.seen));
        if (!p->json)
            print_finding(x, &f);
    }
    if (rc < 0) {
        json_decref(list);
        return rc;
    }
    if (p->json)
        print_json(p, list, met == n && !p->failed);
    else
        json_decref(list);
    if (!p->json && p->failed)
        printf("%-9s  a step could not be done\n", "NOT MET");
    fflush(stdout);
    return met == n && !p->failed ? STATUS_MET : STATUS_NOT_MET;
}

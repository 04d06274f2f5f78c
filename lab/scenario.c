/* scenario.c -- a scenario is played: its clock, what its steps wait for, its timeline.
 *
 *   lab up --> rules --> steps, by the clock and by events --> over --> programs end
 *     --> what was expected
 *
 * Events come in the middle of things: they are noted, and acted on when the loop is
 * back.
 */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario_play.h"

#define PATIENCE_MS 30000 /* for programs to end by themselves, when all else is over */

/* ---- the timeline ---- */

/* How many bytes the letter has that begins there; 0 if none does. */
static size_t letter(const char *p)
{
    for (size_t n = 1; n <= 4 && p[n - 1] != '\0'; n++) {
        json_t *text = json_stringn(p, n);

        json_decref(text);
        if (text != NULL)
            return n;
    }
    return 0;
}

char *play_readable(char *text)
{
    size_t n;

    for (char *p = text; *p != '\0'; p += n > 0 ? n : 1) {
        n = letter(p);
        if (n == 0)
            *p = '?';
    }
    return text;
}

void play_say(struct play *p, const char *event, json_t *more, const char *fmt, ...)
{
    double t = p->zero ? (double)(uv_hrtime() - p->zero) / 1e9 : 0;
    char text[1024];
    va_list ap;
    json_t *line;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!p->json) {
        printf("%9.3f  %s\n", t, text);
    } else {
        line = json_pack("{s:f, s:s, s:s}", "t", t, "event", event, "text",
                         play_readable(text));
        if (more)
            json_object_update(line, more);
        json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        printf("\n");
        json_decref(line);
    }
    json_decref(more);
    fflush(stdout);
}

/* ---- steps ---- */

static nsec passed(const struct play *p)
{
    return uv_hrtime() - p->zero;
}

static void on_clock(uv_timer_t *timer);

/* Wake up when the next step is due, or the end. */
static void set_clock(struct play *p)
{
    nsec due = p->scenario->length, now = passed(p);

    for (size_t i = 0; i < p->scenario->nsteps; i++)
        if (p->step[i].due < due)
            due = p->step[i].due;
    if (p->over || due == NSEC_NEVER)
        uv_timer_stop(&p->clock);
    else
        uv_timer_start(&p->clock, on_clock,
                       due > now ? (due - now + MSEC(1) - 1) / MSEC(1) : 0, 0);
}

static void play(struct play *p, size_t i)
{
    p->step[i].done++;
    play_step(p, &p->scenario->steps[i]);
}

/* Without a length it is over when nothing more is to come by the clock. */
static bool is_over(const struct play *p)
{
    if (p->scenario->length != NSEC_NEVER)
        return passed(p) >= p->scenario->length;
    for (size_t i = 0; i < p->scenario->nsteps; i++)
        if (p->scenario->steps[i].trigger != STEP_AT || p->step[i].done == 0)
            return false;
    return true;
}

static void on_clock(uv_timer_t *timer)
{
    struct play *p = timer->data;
    nsec now = passed(p);

    for (size_t i = 0; i < p->scenario->nsteps && !p->over; i++) {
        const struct scenario_step *step = &p->scenario->steps[i];
        struct step_state *s = &p->step[i];

        if (s->due > now)
            continue;
        s->due = step->trigger == STEP_EVERY && s->done + 1 < step->times
                     ? s->due + step->time
                     : NSEC_NEVER;
        play(p, i);
    }
    if (is_over(p))
        play_end(p);
    set_clock(p);
}

static void on_soon(uv_timer_t *timer)
{
    struct play *p = timer->data;

    for (size_t i = 0; i < p->scenario->nsteps; i++)
        for (; p->step[i].pending > 0 && !p->over; p->step[i].pending--)
            play(p, i);
}

void play_end(struct play *p)
{
    if (p->over)
        return;
    p->over = true;
    p->last = uv_hrtime();
    play_say(p, "end", NULL, "the steps are over");
    set_clock(p);
}

/* ---- events ---- */

static bool is_meant(const struct scenario_event *want, enum scenario_news news,
                     const char *who, const char *to)
{
    return want->news == news && fnmatch(want->who, who, 0) == 0 &&
           (to == NULL || fnmatch(want->to, to, 0) == 0);
}

static void notice(struct play *p, enum scenario_news news, const char *who,
                   const char *to)
{
    for (size_t i = 0; i < p->scenario->nsteps; i++) {
        const struct scenario_step *step = &p->scenario->steps[i];
        struct step_state *s = &p->step[i];

        if (step->trigger != STEP_WHEN || s->done + s->pending >= step->times ||
            !is_meant(&step->event, news, who, to))
            continue;
        s->pending++;
        uv_timer_start(&p->soon, on_soon, 0, 0);
    }
}

static struct fired *fired_of(struct play *p, const char *name)
{
    struct fired *more;

    for (size_t i = 0; i < p->nfired; i++)
        if (strcmp(p->fired[i].name, name) == 0)
            return &p->fired[i];
    more = realloc(p->fired, (p->nfired + 1) * sizeof *more);
    if (more == NULL)
        abort();
    p->fired = more;
    more[p->nfired] = (struct fired){.n = 0};
    snprintf(more[p->nfired].name, RULE_NAME_MAX, "%s", name);
    return &more[p->nfired++];
}

uint64_t play_fired(const struct play *p, const char *glob)
{
    uint64_t n = 0;

    for (size_t i = 0; i < p->nfired; i++)
        if (fnmatch(glob, p->fired[i].name, 0) == 0)
            n += p->fired[i].n;
    return n;
}

static void on_fired(struct play *p, const struct proxy_event *ev)
{
    if (fired_of(p, ev->rule->name)->n++ == 0)
        play_say(p, "rule-fired",
                 json_pack("{s:s, s:s, s:s}", "rule", ev->rule->name, "from", ev->from,
                           "to", ev->to),
                 "rule %s fires for the first time, on %s -> %s%s%s", ev->rule->name,
                 ev->from, ev->to, ev->command[0] ? ", " : "", ev->command);
    notice(p, NEWS_RULE_FIRED, ev->rule->name, NULL);
}

static void on_rule(struct play *p, const struct proxy_event *ev)
{
    char text[RULE_TEXT_MAX];
    bool added = ev->kind == EVENT_RULE_ADDED;

    rule_print(ev->rule, text, sizeof text);
    play_say(p, proxy_event_names[ev->kind],
             json_pack("{s:s, s:s}", "rule", ev->rule->name, "sentence", text),
             added ? "rule %s" : "rule %s is over", added ? text : ev->rule->name);
}

/* The sessions of replicas are few and matter; those of clients would flood it. */
static void on_session(struct play *p, const struct proxy_event *ev)
{
    bool replicates = ev->role == ROLE_REPLICATION;

    if (ev->kind == EVENT_SESSION_OPENED)
        notice(p, NEWS_SESSION_OPENED, ev->from, ev->to);
    if (ev->kind == EVENT_SESSION_CLOSED)
        notice(p, NEWS_SESSION_CLOSED, ev->from, ev->to);
    if (!replicates || ev->kind == EVENT_SESSION_OPENED)
        return;
    play_say(p, ev->kind == EVENT_SESSION_ROLE ? "replica-up" : "replica-down",
             json_pack("{s:s, s:s}", "from", ev->from, "to", ev->to),
             "replica %s: its session with %s %s", ev->from, ev->to,
             ev->kind == EVENT_SESSION_ROLE ? "has begun" : "is over");
    notice(p, ev->kind == EVENT_SESSION_ROLE ? NEWS_REPLICA_UP : NEWS_REPLICA_DOWN,
           ev->from, NULL);
}

static void on_event(void *arg, const struct proxy_event *ev)
{
    struct play *p = arg;

    switch (ev->kind) {
    case EVENT_RULE_FIRED: on_fired(p, ev); break;
    case EVENT_RULE_ADDED:
    case EVENT_RULE_REMOVED: on_rule(p, ev); break;
    case EVENT_SESSION_OPENED:
    case EVENT_SESSION_CLOSED:
    case EVENT_SESSION_ROLE: on_session(p, ev); break;
    default: break;
    }
}

static void on_node(void *arg, size_t node, bool up)
{
    struct play *p = arg;
    const char *name = lab_topology(p->stage.lab)->node[node].name;

    play_say(p, up ? "node-up" : "node-down", json_pack("{s:s}", "node", name),
             "node %s is %s", name, up ? "up" : "down");
    notice(p, up ? NEWS_NODE_UP : NEWS_NODE_DOWN, name, NULL);
}

/* ---- the whole ---- */

static void on_patience(uv_timer_t *timer)
{
    run_stop_all(timer->data);
}

static void begin(struct play *p)
{
    p->zero = uv_hrtime();
    for (size_t i = 0; i < p->scenario->nsteps; i++)
        p->step[i].due = p->scenario->steps[i].trigger == STEP_WHEN
                             ? NSEC_NEVER
                             : p->scenario->steps[i].time;
    set_clock(p);
}

/* From the first rule to the last program. 0, or a negative errno as the stage's. */
static int perform(struct play *p)
{
    int rc = proxy_watch(p->proxy, on_event, p);

    lab_watch(p->stage.lab, on_node, p);
    p->zero = uv_hrtime();
    if (rc == 0)
        rc = proxy_rules_add(p->proxy, (const char *const *)p->scenario->rules,
                             p->scenario->nrules, &p->stage.trouble.err);
    if (rc < 0)
        return rc;
    begin(p);
    rc = stage_until(&p->stage, &p->over);
    if (rc == 0 && !p->quiet)
        uv_timer_start(&p->patience, on_patience, PATIENCE_MS, 0);
    if (rc == 0)
        rc = stage_until(&p->stage, &p->quiet);
    uv_timer_stop(&p->patience);
    return rc;
}

/* No step, no event, no program any more. */
static void wind_up(struct play *p)
{
    p->over = true;
    uv_timer_stop(&p->clock);
    uv_timer_stop(&p->soon);
    run_stop_all(p);
    while (!p->quiet)
        uv_run(&p->stage.loop, UV_RUN_ONCE);
    if (p->proxy)
        proxy_unwatch(p->proxy, on_event, p);
    if (p->stage.lab)
        lab_watch(p->stage.lab, NULL, NULL);
}

static void open_timers(struct play *p)
{
    uv_timer_t *const timers[] = {&p->clock, &p->soon, &p->patience};

    for (size_t i = 0; i < 3; i++) {
        uv_timer_init(&p->stage.loop, timers[i]);
        timers[i]->data = p;
    }
}

static void close_timers(struct play *p)
{
    uv_close((uv_handle_t *)&p->clock, NULL);
    uv_close((uv_handle_t *)&p->soon, NULL);
    uv_close((uv_handle_t *)&p->patience, NULL);
}

static void introduce(const struct play *p)
{
    const struct topology *t = lab_topology(p->stage.lab);

    if (p->json)
        return;
    printf("scenario %s:", p->file);
    for (size_t i = 0; i < t->n; i++)
        printf(" %s", t->node[i].name);
    printf(", seed %llu\n\n", (unsigned long long)p->seed);
    fflush(stdout);
}

int scenario_play(const struct scenario *s, const struct scenario_options *o,
                  const struct usage *u)
{
    struct play p = {.scenario = s, .file = o->file, .json = o->json, .quiet = true};
    struct lab_options lab = {
        .replicas = (size_t)s->lab.replicas,
        .sentinels = (size_t)s->lab.sentinels,
        .data = s->lab.data,
        .chain = s->lab.chain,
        .tuning = s->lab.tuning,
        .watch = s->lab.watch,
        .server = o->server,
        .seed = o->seed_given ? o->seed : s->seed,
        .seed_given = true,
        .journal = o->journal,
    };
    int rc, status;

    p.seed = lab.seed;
    p.step = calloc(s->nsteps + 1, sizeof *p.step);
    stage_open(&p.stage);
    open_timers(&p);
    rc = stage_lab(&p.stage, &lab);
    if (rc == 0) {
        p.proxy = lab_proxy(p.stage.lab);
        introduce(&p);
        rc = perform(&p);
    }
    status = rc == 0 ? rc = play_verdict(&p) : 0;
    wind_up(&p);
    if (rc < 0)
        status = stage_fail(&p.stage, u, rc);
    close_timers(&p);
    stage_close(&p.stage);
    run_release(&p);
    free(p.fired);
    free(p.step);
    return status;
}

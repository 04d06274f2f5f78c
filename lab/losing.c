/* losing.c -- see losing.h. */
#include "losing.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "observe.h"
#include "question.h"

#define URLS   512
#define WORDS  44
#define ANSWER SEC(2)

#define SLOW_DOWN SEC(5)     /* down-after */
#define FAST_DOWN MSEC(1500) /* a new link may take a second to answer */

static struct flags {
    struct course_flags all;
    uint64_t repeat;
    bool slow;
} flags;

static const struct opt opts[] = {
    {"default-timers", 0, OPT_FLAG, &flags.slow, NULL,
     "down-after 5s, and Sentinel's own periods: minutes instead of seconds"},
    {"repeat", 0, OPT_COUNT, &flags.repeat, "N",
     "each row that has a proxy so many times; figures are then medians"},
    COURSE_OPTS(&flags.all),
};

static const struct losing_exercise *playing;
static char timers[200]; /* what was in force, in words */
static size_t bypassed;
static unsigned disturbed; /* rows that were played again */

bool losing_is_slow(void)
{
    return flags.slow;
}

/* -- breaking and mending ---------------------------------------------------------- */

static int tell(struct losing_now *now, int rc, const char *what)
{
    if (rc < 0)
        err_set(&now->s->trouble.err, rc, "cannot %s %s: %s", what, now->name,
                strerror(-rc));
    return rc;
}

int losing_kill(struct losing_now *now)
{
    return tell(now, lab_kill(now->s->lab, now->master), "kill");
}

int losing_stop(struct losing_now *now)
{
    return tell(now, lab_stop(now->s->lab, now->master), "stop");
}

int losing_cont(struct losing_now *now)
{
    return tell(now, lab_cont(now->s->lab, now->master), "continue");
}

int losing_restart(struct losing_now *now)
{
    return lab_restart(now->s->lab, now->master, &now->s->trouble.err);
}

int losing_heal(struct losing_now *now)
{
    proxy_rule_clear(lab_proxy(now->s->lab));
    return 0;
}

int losing_rule(struct losing_now *now, const char *sentence)
{
    char rule[RULE_TEXT_MAX];
    const char *at = strstr(sentence, "%s");

    snprintf(rule, sizeof rule, "%.*s%s%s", at ? (int)(at - sentence) : 1000, sentence,
             at ? now->name : "", at ? at + 2 : "");
    return course_rule(now->s, now->o, rule);
}

/* Of the row that is under way: an answer after its end has nobody to go to. */
static struct asking {
    struct question *question;
    struct losing_now *now;
    void (*then)(struct losing_now *now);
} asking;

static void on_answer(void *arg, int status, const struct redisReply *reply)
{
    (void)arg, (void)reply;
    asking.question = NULL;
    if (status == 0 && asking.then != NULL)
        asking.then(asking.now);
}

void losing_ask(struct losing_now *now, size_t node, const char *command,
                void (*then)(struct losing_now *now))
{
    const struct topology *t = lab_topology(now->s->lab);

    question_cancel(&asking.question);
    asking = (struct asking){.now = now, .then = then};
    asking.question = question_open(&now->s->loop, t->node[node].real, t->port, command,
                                    ANSWER, on_answer, NULL);
}

/* -- a row ------------------------------------------------------------------------- */

/* Of all the times but the first: who is the master by now? From the loop nobody can be
 * asked, but the proxy knows who replicates. */
static void look_again(struct losing_now *now)
{
    const struct topology *t = lab_topology(now->s->lab);
    struct party party[TOPOLOGY_NODES + TOPOLOGY_CLIENTS + 1];
    size_t n = proxy_parties(lab_proxy(now->s->lab), party, sizeof party / sizeof *party);

    for (size_t i = 0; i < n; i++) {
        int node = lab_find(now->s->lab, party[i].name);

        if (node < 0 || party[i].kind != PARTY_REDIS || party[i].replica)
            continue;
        now->master = (size_t)node;
        now->name = t->node[node].name;
    }
    course_forget(now->o);
}

static int come(struct stage *s, void *arg)
{
    struct losing_now *now = arg;
    bool mend = now->marks++ % 2 == 1;
    int (*act)(struct losing_now *) = mend ? now->row->mends : now->row->breaks;

    if (!mend && now->marks > 1)
        look_again(now);
    s->trouble = (struct lab_trouble){.log = ""};
    return act != NULL ? act(now) : 0;
}

static int open_lab(struct stage *s, const struct losing *row)
{
    const struct lab_options o = {
        .replicas = 2,
        .sentinels = 3,
        .clients = 2,
        .direct = row->direct,
        .watch = {.down_after = flags.slow ? SLOW_DOWN : FAST_DOWN, .fast = !flags.slow},
    };
    int rc = course_lab(s, &flags.all, row->name, &o);

    if (rc == 0)
        topology_print_watch(lab_topology(s->lab), &lab_server(s->lab)->version, timers,
                             sizeof timers);
    return rc;
}

static int find_master(struct stage *s, struct losing_now *now)
{
    const struct topology *t = lab_topology(s->lab);
    char role[16];
    int rc = 0;

    now->name = NULL;
    for (size_t i = 0; i <= t->replicas && rc == 0 && now->name == NULL; i++) {
        rc = observe_info(s, t->node[i].name, "role", role, sizeof role);
        if (rc == 0 && strcmp(role, "master") == 0) {
            now->master = i;
            now->name = t->node[i].name;
        }
    }
    if (rc == 0 && now->name == NULL)
        return err_set(&s->trouble.err, -EIO, "no node says that it is a master");
    return rc;
}

/* What this row wants; and what the one before it wanted is undone. */
static int prepare(struct stage *s, const struct losing *row)
{
    const struct topology *t = lab_topology(s->lab);
    int rc = 0;

    for (size_t i = 0; i <= t->replicas && rc == 0; i++) {
        rc = observe_order(s, t->node[i].name, "CONFIG SET min-replicas-to-write %u",
                           row->min_replicas);
        if (rc == 0)
            rc = observe_order(s, t->node[i].name, "CONFIG SET min-replicas-max-lag 1");
    }
    for (size_t i = t->replicas + 1; i < t->n && row->order != NULL && rc == 0; i++)
        rc = observe_order(s, t->node[i].name, "%s", row->order);
    return rc;
}

/* Where down-after is longer, all takes longer by that. */
static const char *print_watch(const struct losing *row, char *buf, size_t size)
{
    nsec more = flags.slow ? SLOW_DOWN - FAST_DOWN : 0;

    snprintf(buf, size, "%llums", (unsigned long long)((row->watch + more) / MSEC(1)));
    return buf;
}

static int probe(struct stage *s, struct exercise_outcome *o, const struct losing *row,
                 struct losing_now *now)
{
    const struct exercise_cue cue = {come, now};
    char sentinels[URLS], places[URLS], watch[24], repeat[24];
    const char *argv[WORDS] = {"failover",  "--sentinel",      sentinels,  "--direct",
                               places,      "--cause",         "mark",     "--timeout",
                               "500ms",     "--before",        "400ms",    "--after",
                               "200ms",     "--hold",          "300ms",    "--source",
                               "127.0.3.1", "--pinned-source", "127.0.3.2"};
    size_t n = 0;

    while (argv[n] != NULL)
        n++;
    for (size_t i = 0; row->probe != NULL && row->probe[i] != NULL && n + 1 < WORDS; i++)
        argv[n++] = row->probe[i];
    if (row->watch > 0) {
        argv[n++] = "--for";
        argv[n++] = print_watch(row, watch, sizeof watch);
    }
    if (flags.repeat > 1 && !row->direct) {
        snprintf(repeat, sizeof repeat, "%llu", (unsigned long long)flags.repeat);
        argv[n++] = "--repeat";
        argv[n++] = repeat;
    }
    topology_urls(lab_topology(s->lab), TOPOLOGY_SENTINEL, sentinels, sizeof sentinels);
    topology_places(lab_topology(s->lab), places, sizeof places);
    course_tell(o, row->name);
    return exercise_cued(s, argv, &cue, o, row->name);
}

static int play_row(struct stage *s, struct exercise_outcome *o, const struct losing *row)
{
    struct losing_now now = {.s = s, .o = o, .row = row};
    size_t n;
    int rc = row->fresh ? open_lab(s, row) : 0;

    course_forget(o);
    if (rc == 0)
        rc = find_master(s, &now);
    if (rc == 0)
        rc = prepare(s, row);
    if (rc == 0)
        rc = probe(s, o, row, &now);
    question_cancel(&asking.question);
    if (rc < 0)
        return rc;
    /* The probe's object came at its end, and the rules with the marks: it has them. */
    n = row->direct ? 0 : losing_bypasses(lab_topology(s->lab));
    bypassed = n > bypassed ? n : bypassed;
    if (!row->direct)
        proxy_rule_clear(lab_proxy(s->lab));
    return 0;
}

/* On a machine that is busy a Sentinel may be kept waiting for longer than it has
 * patience, and replace a master that nobody has touched. Such a row says nothing. */
static bool is_disturbed(const struct exercise_outcome *o, const struct losing *row)
{
    double failovers = course_number(o, o->rows - 1, "failovers");

    return !row->many && failovers > (row->watch > 0 ? 0 : 1);
}

static void drop_row(struct exercise_outcome *o)
{
    struct exercise_row *row = &o->row[--o->rows];

    json_decref(row->probe);
    json_decref(row->rules);
}

static int play(struct stage *s, struct exercise_outcome *o)
{
    int rc = 0;

    for (size_t i = 0; i < playing->rows && rc == 0; i++) {
        rc = play_row(s, o, &playing->row[i]);
        if (rc < 0 || !is_disturbed(o, &playing->row[i]))
            continue;
        drop_row(o);
        disturbed++;
        rc = play_row(s, o, &playing->row[i]);
    }
    course_forget(o);
    return rc;
}

/* -- the verdict ------------------------------------------------------------------- */

size_t losing_bypassed(void)
{
    return bypassed;
}

void losing_check_peace(struct exercise_outcome *o, size_t row)
{
    double failovers = course_number(o, row, "failovers");
    double lost = course_number(o, row, "lost");

    exercise_check(o, failovers == 0 && lost == 0,
                   "%s: %g failovers, %g writes lost; expected none", o->row[row].name,
                   failovers, lost);
}

void losing_check_failovers(struct exercise_outcome *o, size_t row, double n, bool more)
{
    double seen = course_number(o, row, "failovers");

    exercise_check(o, more ? seen >= n : seen == n, "%s: %g failover%s; expected %s%g",
                   o->row[row].name, seen, seen == 1 ? "" : "s", more ? "at least " : "",
                   n);
}

void losing_check_zombie(struct exercise_outcome *o, size_t row)
{
    double taken = course_number(o, row, "old_side");
    double lost = course_number(o, row, "lost_old_side");

    exercise_check(o, taken > 0 && lost == taken,
                   "%s: the old master acknowledged %g writes after another was "
                   "promoted, and %g of them are lost; expected some, and all lost",
                   o->row[row].name, taken, lost);
}

void losing_check_less(struct exercise_outcome *o, size_t row, size_t than)
{
    double less = course_number(o, row, "lost"), more = course_number(o, than, "lost");

    exercise_check(o, less < more / 2,
                   "%s: %g lost; expected less than half of the %g of '%s'",
                   o->row[row].name, less, more, o->row[than].name);
}

void losing_say(struct exercise_outcome *o, const char *when_met, ...)
{
    va_list args;

    if (!exercise_met(o)) {
        snprintf(o->text, sizeof o->text, "Expectation NOT met: see above.");
        return;
    }
    va_start(args, when_met);
    vsnprintf(o->text, sizeof o->text, when_met, args);
    va_end(args);
}

/* -- what is printed --------------------------------------------------------------- */

#define COUNT(cell, path)                                                                \
    LOSING_CELL(cell)                                                                    \
    {                                                                                    \
        return course_count(probe, path, buf, size);                                     \
    }
#define SECONDS(cell, path)                                                              \
    LOSING_CELL(cell)                                                                    \
    {                                                                                    \
        return course_seconds(probe, path "_ms", buf, size);                             \
    }

COUNT(failovers, "failovers")
COUNT(sdowns, "sdowns")
COUNT(odowns, "odowns")
COUNT(aborted, "aborted")
COUNT(acknowledged, "acknowledged")
COUNT(old_side, "old_side")
COUNT(new_side, "new_side")
COUNT(lost, "lost")
SECONDS(detection, "detection")
SECONDS(promotion, "promotion")
SECONDS(published, "published")
SECONDS(unavailable, "unavailable")
SECONDS(dual, "dual_master")
SECONDS(zombie, "zombie")
SECONDS(whole, "whole")

static bool any_rules(const struct exercise_outcome *o)
{
    for (size_t i = 0; i < o->rows; i++)
        if (o->row[i].rules != NULL)
            return true;
    return false;
}

static void print(const struct exercise_outcome *o)
{
    printf("%s\nSentinels: %s.\n\n", playing->intro, timers);
    if (disturbed > 0)
        printf("%u %s played again: Sentinel had replaced a master that nobody had "
               "touched.\n\n",
               disturbed, disturbed == 1 ? "row was" : "rows were");
    exercise_print_table(o, playing->column, playing->columns);
    if (any_rules(o))
        exercise_print_rules(o);
    exercise_print_verdict(o);
}

static json_t *about(void)
{
    return json_pack("{s:s, s:b, s:I, s:i}", "timers", timers, "fast", (int)!flags.slow,
                     "links_round_the_proxy", (json_int_t)bypassed, "played_again",
                     (int)disturbed);
}

int losing_main(const struct losing_exercise *x, int argc, char **argv)
{
    char command[48], example[64];
    const struct usage usage = {
        .command = command,
        .line = "[options]",
        .about = x->about,
        .example = example,
        .opts = opts,
    };
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = x->exercise->name,
        .rows = x->rows,
        .labs = play,
        .judge = x->judge,
        .print = print,
        .about = about,
    };
    int status;

    playing = x;
    bypassed = 0;
    disturbed = 0;
    flags = (struct flags){.slow = false};
    snprintf(command, sizeof command, "exercise %.30s", x->exercise->name);
    snprintf(example, sizeof example, "sunder exercise %.30s", x->exercise->name);
    status = course_parse(&usage, &flags.all, argc, argv);
    return status < 0 ? course_play(&course) : status;
}

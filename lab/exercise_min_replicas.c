/* exercise_min_replicas.c -- how long does a master that is cut off go on acknowledging?
 *
 * Without min-replicas-to-write until somebody stops it. With it until it has heard of no
 * replica for min-replicas-max-lag seconds, and one more at most, for it looks once a
 * second: that bounds what is lost, and does not prevent it.
 */
#include <stdio.h>

#include "loss.h"

#define CUT     "on r2,r3 -> r1 both do hang"
#define MAX_LAG 2

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise min-replicas",
    .line = "[options]",
    .about =
        "How long does a master that is cut off from its replicas go on acknowledging "
        "writes? With min-replicas-to-write 1 and min-replicas-max-lag 2, and without. "
        "Then it is killed.",
    .example = "sunder exercise min-replicas",
    .opts = opts,
};

#define RATE        100
#define CONTROL_OPS 50
#define BARE_OPS    100
#define OPS         450 /* four seconds and a half */

enum { DIRECT, PROXIED, BARE, PROTECTED, ROWS };

#define GUARD                                                                            \
    {                                                                                    \
        .min_replicas = 1, .max_lag = MAX_LAG                                            \
    }

static const struct loss rows[ROWS] = {
    {.name = "direct", .direct = true, .tuning = GUARD, .writes = {.ops = CONTROL_OPS}},
    {.name = "proxied", .tuning = GUARD, .writes = {.ops = CONTROL_OPS}},
    {.name = "cut off", .rule = CUT, .writes = {.ops = BARE_OPS}},
    {.name = "cut off, min-replicas",
     .rule = CUT,
     .tuning = GUARD,
     .writes = {.ops = OPS}},
};

static int play_row(struct stage *s, struct exercise_outcome *o, size_t i)
{
    struct loss row = rows[i];

    row.writes.rate = RATE;
    row.heir = "r2";
    row.other = "r3";
    return loss_row(s, &flags.all, o, &row);
}

/* -- the verdict ------------------------------------------------------------------- */

/* Acknowledged until max-lag seconds after what was heard last, which may have been a
 * second ago; and up to a second more, and a bit, until the master looks. */
static void check_protected(struct exercise_outcome *o)
{
    double acked = course_number(o, PROTECTED, "acknowledged");
    double refused = course_number(o, PROTECTED, "errors.NOREPLICAS");
    double lost = course_number(o, PROTECTED, "lost");
    double first = course_number(o, PROTECTED, "first_refused_ms") / 1e3;

    exercise_check(o, first >= MAX_LAG - 1 && first <= MAX_LAG + 2,
                   "cut off, min-replicas: the first write was refused after %.1f s; "
                   "expected %d to %d",
                   first, MAX_LAG - 1, MAX_LAG + 2);
    exercise_check(o, refused > 0 && acked + refused == OPS && lost == acked,
                   "cut off, min-replicas: %g acknowledged and lost, %g refused with "
                   "NOREPLICAS; expected both, and no other",
                   lost, refused);
}

#define WHEN_MET                                                                         \
    "Expectation met: a master that is cut off acknowledges all it is sent, and loses "  \
    "it. With min-replicas-to-write it stopped after %.1f s: %g writes were lost, and "  \
    "the %g that followed got an error their client can act on. The price is that "      \
    "without replicas nobody can write."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. On a machine that is busy for seconds on end a "    \
    "replica may be late to say that it lives."

static void judge(struct exercise_outcome *o)
{
    loss_check_control(o, DIRECT, CONTROL_OPS);
    loss_check_control(o, PROXIED, CONTROL_OPS);
    loss_check_all_lost(o, BARE, BARE_OPS);
    check_protected(o);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET,
                 course_number(o, PROTECTED, "first_refused_ms") / 1e3,
                 course_number(o, PROTECTED, "lost"),
                 course_number(o, PROTECTED, "refused"));
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

static const char *cell_first(const json_t *p, char *buf, size_t size)
{
    return course_seconds(p, "first_refused_ms", buf, size);
}

static const struct exercise_column columns[] = {
    {"acknowledged", loss_acknowledged}, {"refused", loss_refused},
    {"refused from", cell_first},        {"lag in INFO", loss_lag},
    {"bytes behind", loss_behind},       {"lost", loss_lost},
};

static void print(const struct exercise_outcome *o)
{
    printf("%d writes a second to r1, which hears nothing of its replicas, nor they of "
           "it; then\nit is killed and r2 is made the master. min-replicas-max-lag is %d "
           "seconds.\n\n",
           RATE, MAX_LAG);
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int min_replicas(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_min_replicas.name,
        .rows = ROWS,
        .row = play_row,
        .judge = judge,
        .print = print,
    };
    int status = course_parse(&usage, &flags.all, argc, argv);

    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_min_replicas = {
    .name = "min-replicas",
    .help = "how long does a master that is cut off go on acknowledging?",
    .run = min_replicas,
};

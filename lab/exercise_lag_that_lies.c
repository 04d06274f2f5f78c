/* exercise_lag_that_lies.c -- does min-replicas-to-write keep acknowledged writes safe?
 *
 * It counts the replicas that have been heard of lately, and a replica says each second
 * how far it is, also when it gets nothing and has nothing new to say. So a stream that
 * stands still while the way back is open leaves lag=0 or 1, a link that is up, and a
 * master that accepts every write: none of which anybody else has.
 */
#include <inttypes.h>
#include <stdio.h>

#include "loss.h"

#define STALL   "on r2,r3 -> r1 replies do hang"
#define MAX_LAG 2

static struct flags {
    struct course_flags all;
    uint64_t times;
} flags;

static const struct opt opts[] = {
    {"times", 0, OPT_COUNT, &flags.times, "N", "how often the stall is played, 1 to 4"},
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise lag-that-lies",
    .line = "[options]",
    .about =
        "Does min-replicas-to-write keep acknowledged writes safe? The replicas get "
        "nothing for four seconds, and go on saying each second how far they are. "
        "min-replicas-to-write is 1, min-replicas-max-lag 2 seconds. Then the master is "
        "killed.",
    .example = "sunder exercise lag-that-lies --times 1",
    .opts = opts,
};

#define CONTROL_OPS 50
#define RATE        100
#define OPS         400 /* four seconds: twice what the lag may be */
#define WAIT_OPS    10

enum { DIRECT, PROXIED, WAITED, STALLED };

static int row(struct stage *s, struct exercise_outcome *o, const char *name,
               const char *rule, unsigned ops, unsigned wait)
{
    const struct loss l = {
        .name = name,
        .direct = o->rows == DIRECT,
        .rule = rule,
        .tuning = {.min_replicas = 1, .max_lag = MAX_LAG},
        .writes = {.ops = ops, .rate = RATE, .wait = wait},
        .heir = "r2",
        .other = "r3",
    };

    return loss_row(s, &flags.all, o, &l);
}

static int play(struct stage *s, struct exercise_outcome *o)
{
    char name[32];
    int rc = row(s, o, "direct", NULL, CONTROL_OPS, 0);

    if (rc == 0)
        rc = row(s, o, "proxied", NULL, CONTROL_OPS, 0);
    if (rc == 0)
        rc = row(s, o, "stalled, WAIT 1", STALL, WAIT_OPS, 1);
    for (uint64_t i = 1; i <= flags.times && rc == 0; i++) {
        snprintf(name, sizeof name, "stalled, %" PRIu64, i);
        rc = row(s, o, name, STALL, OPS, 0);
    }
    return rc;
}

/* -- the verdict ------------------------------------------------------------------- */

static void check_lie(struct exercise_outcome *o, size_t row)
{
    double refused = course_number(o, row, "refused"),
           lag = course_number(o, row, "lag_s");

    exercise_check(o, refused == 0 && lag <= MAX_LAG,
                   "%s: in the end lag=%g, and %g writes were refused; expected lag<=%d, "
                   "and none",
                   o->row[row].name, lag, refused, MAX_LAG);
}

static void check_waited(struct exercise_outcome *o)
{
    double confirmed = course_number(o, WAITED, "confirmed");
    double acked = course_number(o, WAITED, "acknowledged");

    exercise_check(o, confirmed == 0 && acked == WAIT_OPS,
                   "stalled, WAIT 1: %g of %g acknowledged writes confirmed; expected "
                   "none of %d",
                   confirmed, acked, WAIT_OPS);
}

#define WHEN_MET                                                                         \
    "Expectation met: with min-replicas-to-write 1 the master acknowledged %g writes "   \
    "in four seconds in which no replica got any, and all of them are lost; %s. It "     \
    "counts who was heard of within min-replicas-max-lag, not who has the data: a "      \
    "check of life, not of replication. Compare offsets, or use WAIT and look at its "   \
    "answer."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. On a machine that is busy for seconds on end a "    \
    "replica may be late to say that it lives."

static void judge(struct exercise_outcome *o)
{
    loss_check_control(o, DIRECT, CONTROL_OPS);
    loss_check_control(o, PROXIED, CONTROL_OPS);
    check_waited(o);
    for (size_t i = STALLED; i < o->rows; i++) {
        loss_check_all_lost(o, i, OPS);
        check_lie(o, i);
    }
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET,
                 course_number(o, STALLED, "acknowledged"),
                 flags.times > 1 ? "each time the same" : "once");
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

static const struct exercise_column columns[] = {
    {"acknowledged", loss_acknowledged},
    {"refused", loss_refused},
    {"WAIT confirmed", loss_confirmed},
    {"link", loss_link},
    {"lag in INFO", loss_lag},
    {"bytes behind", loss_behind},
    {"lost", loss_lost},
};

static void print(const struct exercise_outcome *o)
{
    printf("min-replicas-to-write 1, min-replicas-max-lag 2. Writes to r1; then r1 is "
           "killed and\nr2 is made the master. link, lag and bytes behind: of r2, just "
           "before that.\n\n");
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int lag_that_lies(int argc, char **argv)
{
    struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_lag_that_lies.name,
        .labs = play,
        .judge = judge,
        .print = print,
    };
    int status;

    flags = (struct flags){.times = 3};
    status = course_parse(&usage, &flags.all, argc, argv);
    if (status >= 0)
        return status;
    if (flags.times == 0 || flags.times > 4)
        return cli_usage(&usage, "--times is 1 to 4, and each takes four seconds");
    course.rows = STALLED + flags.times;
    return course_play(&course);
}

const struct exercise exercise_lag_that_lies = {
    .name = "lag-that-lies",
    .help = "does min-replicas-to-write keep acknowledged writes safe?",
    .run = lag_that_lies,
};

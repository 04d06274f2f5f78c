/* exercise_wait_is_not_consensus.c -- is a write safe that WAIT has confirmed?
 *
 * WAIT 1 answers 1 when some replica has it. Nothing makes a failover choose that one:
 * priorities, a sentinel that cannot see it, or an operator may choose another, and then
 * the replica that had the write throws it away to follow the new master.
 */
#include <stdio.h>

#include "loss.h"

#define STALL "on r3 -> r1 replies do hang"

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise wait-is-not-consensus",
    .line = "[options]",
    .about = "Is a write safe that WAIT has confirmed? r3 gets nothing, r2 has it all, "
             "WAIT 1 answers 1. The master is killed, and r3 is made the master by hand.",
    .example = "sunder exercise wait-is-not-consensus",
    .opts = opts,
};

#define RATE    200
#define OPS     50
#define ALL_OPS 10 /* each waits for a WAIT that gives up */

enum { DIRECT, PROXIED, WRONG, RIGHT, ALL, ROWS };

static const struct loss rows[ROWS] = {
    {.name = "direct", .direct = true, .writes = {OPS, RATE, 1, true}, .heir = "r3"},
    {.name = "proxied", .writes = {OPS, RATE, 1, true}, .heir = "r3"},
    {.name = "WAIT 1, r3 promoted",
     .rule = STALL,
     .writes = {OPS, RATE, 1, true},
     .heir = "r3"},
    {.name = "WAIT 1, r2 promoted",
     .rule = STALL,
     .writes = {OPS, RATE, 1, true},
     .heir = "r2"},
    {.name = "WAIT 2, r3 promoted",
     .rule = STALL,
     .writes = {ALL_OPS, RATE, 2, false},
     .heir = "r3"},
};

static int play_row(struct stage *s, struct exercise_outcome *o, size_t i)
{
    struct loss row = rows[i];

    row.other = i == RIGHT ? "r3" : "r2";
    return loss_row(s, &flags.all, o, &row);
}

/* -- the verdict ------------------------------------------------------------------- */

static void check_wrong(struct exercise_outcome *o)
{
    double lost = course_number(o, WRONG, "lost_confirmed");
    double had = course_number(o, WRONG, "kept_elsewhere");
    double kept = course_number(o, WRONG, "kept");

    exercise_check(o, lost == OPS && had == OPS && kept == 0,
                   "WAIT 1, r3 promoted: %g of %d confirmed writes lost, of which r2 had "
                   "%g before it followed r3, and %g after; expected all, all, and none",
                   lost, OPS, had, kept);
}

static void check_right(struct exercise_outcome *o)
{
    double confirmed = course_number(o, RIGHT, "confirmed");
    double lost = course_number(o, RIGHT, "lost");

    exercise_check(o, confirmed == OPS && lost == 0,
                   "WAIT 1, r2 promoted: %g of %d writes confirmed, %g lost; expected "
                   "all, and none",
                   confirmed, OPS, lost);
}

static void check_all(struct exercise_outcome *o)
{
    double confirmed = course_number(o, ALL, "confirmed");
    double lost = course_number(o, ALL, "lost");

    exercise_check(o, confirmed == 0 && lost == ALL_OPS,
                   "WAIT 2, r3 promoted: %g writes confirmed, %g of %d lost; expected "
                   "none confirmed, as all are lost",
                   confirmed, lost, ALL_OPS);
}

static void check_control(struct exercise_outcome *o, size_t row)
{
    double confirmed = course_number(o, row, "confirmed");

    loss_check_control(o, row, OPS);
    exercise_check(o, confirmed == OPS,
                   "%s: WAIT 1 confirmed %g of %d writes; expected all", o->row[row].name,
                   confirmed, OPS);
}

#define WHEN_MET                                                                         \
    "Expectation met: WAIT answered 1 for each of %g writes, and all of them are gone, " \
    "also from the replica that had them: it threw them away to follow the new master. " \
    "WAIT counts copies; it elects nobody. A confirmed write survives if whoever is "    \
    "promoted has it: wait for all that may be, or promote the one that is furthest."
#define WHEN_NOT_MET "Expectation NOT met: see above."

static void judge(struct exercise_outcome *o)
{
    check_control(o, DIRECT);
    check_control(o, PROXIED);
    check_wrong(o);
    check_right(o);
    check_all(o);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET,
                 course_number(o, WRONG, "lost_confirmed"));
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

static const struct exercise_column columns[] = {
    {"acknowledged", loss_acknowledged},
    {"WAIT confirmed", loss_confirmed},
    {"lost", loss_lost},
    {"lost though confirmed", loss_lost_confirmed},
    {"had by the other", loss_kept_elsewhere},
    {"still", loss_kept},
};

static void print(const struct exercise_outcome *o)
{
    printf("Writes to r1, each followed by WAIT; then r1 is killed, and one of r2 and r3 "
           "is made\nthe master. had by the other: of the lost ones, how many the other "
           "replica had; still:\nhow many it has once it follows the new master.\n\n");
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int wait_is_not_consensus(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_wait_is_not_consensus.name,
        .rows = ROWS,
        .row = play_row,
        .judge = judge,
        .print = print,
    };
    int status = course_parse(&usage, &flags.all, argc, argv);

    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_wait_is_not_consensus = {
    .name = "wait-is-not-consensus",
    .help = "is a write safe that WAIT has confirmed?",
    .run = wait_is_not_consensus,
};

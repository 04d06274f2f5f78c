/* exercise_minority.c -- how many Sentinels does a failover need?
 *
 * The quorum says how many must think that the master is down. Whoever then wants to lead
 * the failover needs the votes of a majority of all Sentinels that are known, dead ones
 * included: a lower quorum detects sooner and elects nobody.
 */
#include "losing.h"

#define SET "SENTINEL SET " TOPOLOGY_SERVICE " "

/* The master hangs, and two of three sentinels are gone. */
static int lose_two(struct losing_now *now)
{
    const struct topology *t = lab_topology(now->s->lab);
    int rc = losing_stop(now);

    for (size_t i = t->n - 2; i < t->n && rc == 0; i++)
        rc = lab_kill(now->s->lab, i);
    course_note(now->o, "kill -9 s2 s3; SIGSTOP for the master");
    return rc;
}

static int bring_back(struct losing_now *now)
{
    const struct topology *t = lab_topology(now->s->lab);
    int rc = losing_cont(now);

    for (size_t i = t->n - 2; i < t->n && rc == 0; i++)
        rc = lab_restart(now->s->lab, i, &now->s->trouble.err);
    return rc;
}

enum { DIRECT, ALL, TWO, ONE, ROWS };

static const struct losing rows[ROWS] = {
    [DIRECT] = {.name = "direct: 3 of 3, quorum 2",
                .fresh = true,
                .direct = true,
                .breaks = losing_stop,
                .mends = losing_cont},
    [ALL] = {.name = "3 of 3, quorum 2",
             .fresh = true,
             .breaks = losing_stop,
             .mends = losing_cont},
    [TWO] = {.name = "1 of 3, quorum 2",
             .order = SET "failover-timeout 2000",
             .watch = SEC(6),
             .breaks = lose_two,
             .mends = bring_back},
    [ONE] = {.name = "1 of 3, quorum 1",
             .order = SET "quorum 1",
             .watch = SEC(6),
             .breaks = lose_two,
             .mends = bring_back},
};

static void check(struct exercise_outcome *o, size_t row, bool agrees)
{
    double odowns = course_number(o, row, "odowns");
    double aborted = course_number(o, row, "aborted");

    losing_check_failovers(o, row, 0, false);
    exercise_check(o, agrees ? odowns >= 1 && aborted >= 1 : odowns == 0 && aborted == 0,
                   "%s: %g +odown, %g failovers given up; expected %s", o->row[row].name,
                   odowns, aborted,
                   agrees ? "both: it detects, and is not elected" : "neither");
}

static void judge(struct exercise_outcome *o)
{
    losing_check_failovers(o, DIRECT, 1, false);
    losing_check_failovers(o, ALL, 1, false);
    check(o, TWO, false);
    check(o, ONE, true);
    losing_say(o, "Expectation met: with one Sentinel of three nobody replaces a dead "
                  "master. With a quorum of 2 it says +sdown and no more; with a quorum "
                  "of 1 it says +odown, tries to be elected, and gives up "
                  "(-failover-abort-not-elected). The quorum is about detection; to "
                  "elect takes a majority of all, always. SENTINEL CKQUORUM tells "
                  "beforehand.");
}

static const struct exercise_column columns[] = {
    {"+sdown", losing_sdowns},      {"+odown", losing_odowns},
    {"given up", losing_aborted},   {"failovers", losing_failovers},
    {"promoted", losing_promotion}, {"no write for", losing_unavailable},
    {"lost", losing_lost},
};

static const struct losing_exercise exercise = {
    .exercise = &exercise_minority,
    .about = "How many Sentinels does a failover need? The master hangs, with three of "
             "three Sentinels alive and with one; with a quorum of 2 and of 1.",
    .intro = "The master hangs; so many Sentinels are alive.\n",
    .row = rows,
    .rows = ROWS,
    .column = columns,
    .columns = sizeof columns / sizeof *columns,
    .judge = judge,
};

static int run(int argc, char **argv)
{
    return losing_main(&exercise, argc, argv);
}

const struct exercise exercise_minority = {
    .name = "minority",
    .help = "how many Sentinels does a failover need?",
    .run = run,
};

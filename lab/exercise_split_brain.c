/* exercise_split_brain.c -- two masters: which writes survive?
 *
 * The master and the clients beside it are cut off from all others. Those elect another
 * master; the clients on each side write to their own. After the heal the old master is
 * told to follow, and throws away what only it has.
 */
#include "losing.h"

/* Who is with whom: the pinned writers, c2, are with the master. */
static int split(struct losing_now *now)
{
    static const char *const cut[] = {"on r1,c2 <-> r2,r3,sentinel,c1 do hang",
                                      "on r2,c2 <-> r1,r3,sentinel,c1 do hang",
                                      "on r3,c2 <-> r1,r2,sentinel,c1 do hang"};

    return losing_rule(now, cut[now->master]);
}

static const char *const both[] = {"--pinned", "2",  "--readers", "0",
                                   "--hold",   "2s", NULL};
static const char *const calm[] = {"--pinned", "2", "--readers", "0", NULL};

enum { DIRECT, CONTROL, BRAIN, GUARDED, ROWS };

static const struct losing rows[ROWS] = {
    [DIRECT] =
        {.name = "direct", .fresh = true, .direct = true, .probe = calm, .watch = SEC(1)},
    [CONTROL] = {.name = "proxied", .fresh = true, .probe = calm, .watch = SEC(1)},
    [BRAIN] = {.name = "split", .probe = both, .breaks = split, .mends = losing_heal},
    [GUARDED] = {.name = "split, min-replicas 1",
                 .probe = both,
                 .min_replicas = 1,
                 .breaks = split,
                 .mends = losing_heal},
};

static void judge(struct exercise_outcome *o)
{
    double dual = course_number(o, BRAIN, "dual_master_ms");

    losing_check_peace(o, DIRECT);
    losing_check_peace(o, CONTROL);
    losing_check_failovers(o, BRAIN, 1, false);
    losing_check_zombie(o, BRAIN);
    exercise_check(o, dual >= 1000,
                   "split: two masters for %.2f s; expected more than a second",
                   dual / 1e3);
    losing_check_less(o, GUARDED, BRAIN);
    losing_say(o,
               "Expectation met: for %.1f s there were two masters. The clients on the "
               "old one's side had %g writes acknowledged after the other was promoted, "
               "and all are gone; the clients on the other side saw nothing but a "
               "failover. With min-replicas-to-write 1 the old master refuses a second "
               "or two after it was cut off, and %g were lost instead of %g.",
               dual / 1e3, course_number(o, BRAIN, "old_side"),
               course_number(o, GUARDED, "lost"), course_number(o, BRAIN, "lost"));
}

static const struct exercise_column columns[] = {
    {"promoted", losing_promotion},
    {"two masters for", losing_dual},
    {"old side took", losing_old_side},
    {"new side took", losing_new_side},
    {"old side for", losing_zombie},
    {"acknowledged", losing_acknowledged},
    {"lost", losing_lost},
};

static const struct losing_exercise exercise = {
    .exercise = &exercise_split_brain,
    .about = "Two masters: which writes survive? The master and some clients are cut "
             "off from all others, and come back two seconds after another master was "
             "elected.",
    .intro = "c2 writes to the first master and is with it; c1 finds the master through "
             "Sentinel. The master\nand c2 are cut off from all others until two seconds "
             "after another master is known.\n",
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

const struct exercise exercise_split_brain = {
    .name = "split-brain",
    .help = "two masters: which writes survive?",
    .run = run,
};

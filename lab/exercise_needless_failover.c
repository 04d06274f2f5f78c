/* exercise_needless_failover.c -- what if only the Sentinels cannot see the master?
 *
 * One Sentinel that is cut off thinks that the master is down, and finds nobody to agree.
 * When all are cut off they agree, and replace a master whose clients and replicas are
 * content with it.
 */
#include "losing.h"

static int cut_one(struct losing_now *now)
{
    return losing_rule(now, "on s1 <-> %s do hang");
}

static int cut_all(struct losing_now *now)
{
    return losing_rule(now, "on sentinel <-> %s do hang");
}

enum { DIRECT, CONTROL, ONE, ALL, GUARDED, ROWS };

static const char *const hold[] = {"--hold", "1s", NULL};

static const struct losing rows[ROWS] = {
    [DIRECT] = {.name = "direct", .fresh = true, .direct = true, .watch = SEC(1)},
    [CONTROL] = {.name = "proxied", .fresh = true, .watch = SEC(1)},
    [ONE] = {.name = "one sentinel cut off",
             .watch = SEC(4),
             .breaks = cut_one,
             .mends = losing_heal},
    [ALL] = {.name = "all cut off",
             .probe = hold,
             .breaks = cut_all,
             .mends = losing_heal},
    [GUARDED] = {.name = "all, min-replicas 1",
                 .probe = hold,
                 .min_replicas = 1,
                 .breaks = cut_all,
                 .mends = losing_heal},
};

static void check_one(struct exercise_outcome *o)
{
    double sdowns = course_number(o, ONE, "sdowns");
    double odowns = course_number(o, ONE, "odowns");

    losing_check_peace(o, ONE);
    exercise_check(o, sdowns >= 1 && odowns == 0,
                   "one sentinel cut off: %g +sdown, %g +odown; expected one that thinks "
                   "so, and none that agrees",
                   sdowns, odowns);
}

static void judge(struct exercise_outcome *o)
{
    losing_check_peace(o, DIRECT);
    losing_check_peace(o, CONTROL);
    check_one(o);
    losing_check_failovers(o, ALL, 1, false);
    losing_check_zombie(o, ALL);
    losing_check_failovers(o, GUARDED, 1, false);
    losing_check_less(o, GUARDED, ALL);
    losing_say(o,
               "Expectation met: one Sentinel that was cut off said +sdown and found "
               "nobody to agree; all of them replaced a master that was well. It did not "
               "know, went on for %.1f s and lost %g acknowledged writes; %g with "
               "min-replicas-to-write 1. Sentinels belong where the clients are: what "
               "they cannot reach, clients should not reach either.",
               course_number(o, ALL, "zombie_ms") / 1e3, course_number(o, ALL, "lost"),
               course_number(o, GUARDED, "lost"));
}

static const struct exercise_column columns[] = {
    {"+sdown", losing_sdowns},
    {"+odown", losing_odowns},
    {"failovers", losing_failovers},
    {"promoted", losing_promotion},
    {"two masters for", losing_dual},
    {"old side took", losing_old_side},
    {"acknowledged", losing_acknowledged},
    {"lost", losing_lost},
};

static const struct losing_exercise exercise = {
    .exercise = &exercise_needless_failover,
    .about = "What if only the Sentinels cannot see the master? One of them is cut off "
             "from it, then all; clients and replicas are not.",
    .intro = "Clients and replicas reach the master all the time; Sentinels do not.\n",
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

const struct exercise exercise_needless_failover = {
    .name = "needless-failover",
    .help = "what if only the Sentinels cannot see the master?",
    .run = run,
};

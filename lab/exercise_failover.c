/* exercise_failover.c -- what does it cost to lose a master, and does it matter how?
 *
 * On command; killed; hung, and back again; out of reach, and back again. The one on
 * command is over soonest, and yet writes are lost.
 */
#include "filter.h"
#include "losing.h"

/* As with a cable that is pulled, where packets can be kept from us; else nearly so. */
static int cut_off(struct losing_now *now)
{
    return losing_rule(now, filter_check(NULL) == 0 ? "on * <-> %s do blackhole"
                                                    : "on * <-> %s do hang");
}

enum { DIRECT, COMMAND, KILLED, HUNG, UNREACHED, ROWS };

static const struct losing rows[ROWS] = {
    [DIRECT] = {.name = "direct: kill -9",
                .fresh = true,
                .direct = true,
                .breaks = losing_kill,
                .mends = losing_restart},
    [COMMAND] = {.name = "SENTINEL FAILOVER",
                 .fresh = true,
                 .probe = (const char *[]){"--cause", "failover", NULL}},
    [KILLED] = {.name = "kill -9", .breaks = losing_kill, .mends = losing_restart},
    [HUNG] = {.name = "SIGSTOP", .breaks = losing_stop, .mends = losing_cont},
    [UNREACHED] = {.name = "out of reach", .breaks = cut_off, .mends = losing_heal},
};

static void check_order(struct exercise_outcome *o)
{
    double command = course_number(o, COMMAND, "unavailable_ms");
    double killed = course_number(o, KILLED, "unavailable_ms");

    exercise_check(o, command < killed,
                   "no write for %.2f s on command, and for %.2f s after kill -9; "
                   "expected less on command",
                   command / 1e3, killed / 1e3);
}

static void check_links(struct exercise_outcome *o)
{
    exercise_check(o, losing_bypassed() == 0,
                   "%zu links went round the proxy after all these failovers; expected "
                   "none",
                   losing_bypassed());
}

static void judge(struct exercise_outcome *o)
{
    for (size_t i = 0; i < ROWS; i++)
        losing_check_failovers(o, i, 1, false);
    check_order(o);
    losing_check_zombie(o, HUNG);
    check_links(o);
    losing_say(o,
               "Expectation met: after kill -9 clients could not write for %.2f s, most "
               "of which is the time that Sentinel waits before it believes in a death. "
               "A master that hangs is worse: it comes back, does not know that it was "
               "replaced, and takes %g writes that are thrown away when it is told.",
               course_number(o, KILLED, "unavailable_ms") / 1e3,
               course_number(o, HUNG, "old_side"));
}

static const struct exercise_column columns[] = {
    {"detected", losing_detection},        {"promoted", losing_promotion},
    {"published", losing_published},       {"no write for", losing_unavailable},
    {"two masters for", losing_dual},      {"whole after", losing_whole},
    {"acknowledged", losing_acknowledged}, {"lost", losing_lost},
};

static const struct losing_exercise exercise = {
    .exercise = &exercise_failover,
    .about = "What does it cost to lose a master, and does it matter how? On command, "
             "with kill -9, with SIGSTOP, and by cutting it off from all others.",
    .intro = "The master is lost; when another is known to all, the old one may come "
             "back. Two writers and\na reader find the master through Sentinel, one "
             "writer stays with the first.\n",
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

const struct exercise exercise_failover = {
    .name = "failover",
    .help = "what does it cost to lose a master, and does it matter how?",
    .run = run,
};

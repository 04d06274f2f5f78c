/* exercise_sentinel_lies.c -- what counts as an answer to a Sentinel's PING?
 *
 * PONG, LOADING and MASTERDOWN count as alive, any other answer as none. So a master that
 * serves every client is replaced when Sentinel's PING is refused; and one that can do
 * nothing stays as long as somebody says LOADING in its name.
 */
#include "losing.h"

#define REFUSED "on sentinel -> %s when role=sentinel command=PING do error NOAUTH"
#define LOADING                                                                          \
    "on sentinel -> %s when role=sentinel command=PING,INFO,PUBLISH do error LOADING"

static int refuse(struct losing_now *now)
{
    return losing_rule(now, REFUSED);
}

static int stop_loading(struct losing_now *now)
{
    int rc = losing_rule(now, LOADING);

    return rc < 0 ? rc : losing_stop(now);
}

static int go_on(struct losing_now *now)
{
    (void)losing_heal(now);
    return losing_cont(now);
}

enum { DIRECT, CONTROL, REFUSING, HUNG, LOADS, ROWS };

static const struct losing rows[ROWS] = {
    [DIRECT] = {.name = "direct", .fresh = true, .direct = true, .watch = SEC(1)},
    [CONTROL] = {.name = "proxied", .fresh = true, .watch = SEC(1)},
    [REFUSING] = {.name = "healthy, PING is refused",
                  .breaks = refuse,
                  .mends = losing_heal},
    [HUNG] = {.name = "hung", .breaks = losing_stop, .mends = losing_cont},
    [LOADS] = {.name = "hung, PING says LOADING",
               .watch = SEC(5),
               .breaks = stop_loading,
               .mends = go_on},
};

static void judge(struct exercise_outcome *o)
{
    double away = course_number(o, LOADS, "unavailable_ms");

    losing_check_peace(o, DIRECT);
    losing_check_peace(o, CONTROL);
    losing_check_failovers(o, REFUSING, 1, false);
    losing_check_zombie(o, REFUSING);
    losing_check_failovers(o, HUNG, 1, false);
    losing_check_failovers(o, LOADS, 0, false);
    exercise_check(
        o, away >= 4500,
        "hung, PING says LOADING: no write for %.2f s; expected nearly all of the "
        "time for which it hung",
        away / 1e3);
    losing_say(o,
               "Expectation met: a master that was well was replaced because Sentinel's "
               "PING was refused, as a changed password or an ACL does it; %g writes "
               "were lost. A master that hung was not replaced for as long as PING was "
               "answered with LOADING. Watch what clients can do, not what PING says.",
               course_number(o, REFUSING, "lost"));
}

static const struct exercise_column columns[] = {
    {"+sdown", losing_sdowns},
    {"failovers", losing_failovers},
    {"promoted", losing_promotion},
    {"no write for", losing_unavailable},
    {"two masters for", losing_dual},
    {"acknowledged", losing_acknowledged},
    {"lost", losing_lost},
};

static const struct losing_exercise exercise = {
    .exercise = &exercise_sentinel_lies,
    .about = "What counts as an answer to a Sentinel's PING? One that is refused by a "
             "healthy master, and a LOADING in the name of one that hangs.",
    .intro = "What Sentinels are told when they ask the master PING is not what clients "
             "are told.\n",
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

const struct exercise exercise_sentinel_lies = {
    .name = "sentinel-lies",
    .help = "what counts as an answer to a Sentinel's PING?",
    .run = run,
};

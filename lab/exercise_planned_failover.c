/* exercise_planned_failover.c -- a failover on command, with everything healthy: is it
 * safe?
 *
 * SENTINEL FAILOVER promotes a replica and tells the old master last. Until then that
 * goes on to acknowledge, and whoever is connected to it has no reason to look elsewhere.
 */
#include <stdio.h>

#include "losing.h"

#define PAUSE "CLIENT PAUSE 3000 WRITE"

static void order(struct losing_now *now)
{
    const struct topology *t = lab_topology(now->s->lab);

    losing_ask(now, t->replicas + 1, "SENTINEL FAILOVER " TOPOLOGY_SERVICE, NULL);
}

/* Let writes wait until the old master has become a replica: so one would think. PUBLISH
 * may be replicated, and so it waits, too; and Sentinel says hello with PUBLISH, on the
 * connection on which it will order the master to follow. */
static int pause_and_order(struct losing_now *now)
{
    course_note(now->o, "before it, on the master: " PAUSE);
    losing_ask(now, now->master, PAUSE, order);
    return 0;
}

static const char *const on_command[] = {"--cause", "failover", NULL};
static const char *const patient[] = {"--timeout", "5s", NULL};
enum { DIRECT, CONTROL, PLANNED, PAUSED, GUARDED, ROWS };

static const struct losing rows[ROWS] = {
    [DIRECT] = {.name = "direct", .fresh = true, .direct = true, .probe = on_command},
    [CONTROL] = {.name = "proxied, none", .fresh = true, .watch = SEC(1)},
    [PLANNED] = {.name = "SENTINEL FAILOVER", .probe = on_command},
    [PAUSED] = {.name = "the same, CLIENT PAUSE",
                .probe = patient,
                .breaks = pause_and_order},
    [GUARDED] = {.name = "the same, min-replicas 2",
                 .probe = on_command,
                 .min_replicas = 2},
};

static void judge(struct exercise_outcome *o)
{
    double took = course_number(o, PLANNED, "zombie_ms") / 1e3;

    losing_check_zombie(o, DIRECT);
    losing_check_peace(o, CONTROL);
    losing_check_zombie(o, PLANNED);
    losing_check_failovers(o, PAUSED, 1, false);
    losing_check_zombie(o, PAUSED);
    losing_check_failovers(o, GUARDED, 1, false);
    losing_check_less(o, GUARDED, PLANNED);
    losing_say(o,
               "Expectation met: nothing was broken, and %g of %g acknowledged writes "
               "are gone: for %.1f s after the promotion the old master took them. To "
               "pause writes is no way out: Sentinel's own PUBLISH waits as well, and "
               "behind it the order to follow; what had waited was taken, and lost (%g). "
               "With min-replicas-to-write 2 the master refuses from the moment in which "
               "the first replica leaves: %g lost. It does so whenever one is missing.",
               course_number(o, PLANNED, "lost"),
               course_number(o, PLANNED, "acknowledged"), took,
               course_number(o, PAUSED, "lost"), course_number(o, GUARDED, "lost"));
}

static const struct exercise_column columns[] = {
    {"promoted", losing_promotion},        {"published", losing_published},
    {"no write for", losing_unavailable},  {"two masters for", losing_dual},
    {"old side took", losing_old_side},    {"old side for", losing_zombie},
    {"acknowledged", losing_acknowledged}, {"lost", losing_lost},
};

static const struct losing_exercise exercise = {
    .exercise = &exercise_planned_failover,
    .about = "Is a failover on command safe, with everything healthy? SENTINEL FAILOVER "
             "under load, as it is, with min-replicas-to-write, and with writes paused.",
    .intro = "SENTINEL FAILOVER while two writers that find the master and one that "
             "stays where it is\nwrite 100 times a second each.\n",
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

const struct exercise exercise_planned_failover = {
    .name = "planned-failover-loses",
    .help = "is a failover on command safe, with everything healthy?",
    .run = run,
};

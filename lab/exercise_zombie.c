/* exercise_zombie.c -- a master that comes back from the dead: what does it do?
 *
 * It believes its own configuration, or its own memory, and is a master until a Sentinel
 * tells it otherwise. Whoever still knows its address may write, and is acknowledged.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "losing.h"

/* Sentinel rewrites the configuration of those it tells something. The dead is told
 * nothing; so we write what Sentinel would: follow one who was there all the time. Should
 * that be a replica itself, it is told better soon. */
static int restart_as_replica(struct losing_now *now)
{
    const struct topology *t = lab_topology(now->s->lab);
    size_t other = now->master == 0 ? 1 : 0;
    char path[4200];
    FILE *f;
    bool ok;

    snprintf(path, sizeof path, "%s/%s/server.conf", lab_directory(now->s->lab),
             now->name);
    f = fopen(path, "ae");
    ok = f != NULL &&
         fprintf(f, "\nreplicaof %s %u\n", t->node[other].known, t->port) > 0;
    if (f != NULL && fclose(f) != 0)
        ok = false;
    if (!ok)
        return err_set(&now->s->trouble.err, -EIO, "cannot write %.100s", path);
    course_note(now->o, "before it starts again, in its server.conf: replicaof");
    return losing_restart(now);
}

enum { DIRECT, RESTARTED, FOLLOWING, HUNG, GUARDED, ROWS };

static const struct losing rows[ROWS] = {
    [DIRECT] = {.name = "direct: restart",
                .fresh = true,
                .direct = true,
                .breaks = losing_kill,
                .mends = losing_restart},
    [RESTARTED] = {.name = "restart",
                   .fresh = true,
                   .breaks = losing_kill,
                   .mends = losing_restart},
    [FOLLOWING] = {.name = "restart as replica",
                   .breaks = losing_kill,
                   .mends = restart_as_replica},
    [HUNG] = {.name = "SIGSTOP, SIGCONT", .breaks = losing_stop, .mends = losing_cont},
    [GUARDED] = {.name = "the same, min-replicas 1",
                 .min_replicas = 1,
                 .breaks = losing_stop,
                 .mends = losing_cont},
};

static void check_none(struct exercise_outcome *o, size_t row, double most)
{
    double taken = course_number(o, row, "old_side");

    exercise_check(o, taken <= most,
                   "%s: the old master acknowledged %g writes; expected at most %g",
                   o->row[row].name, taken, most);
}

static void judge(struct exercise_outcome *o)
{
    losing_check_zombie(o, DIRECT);
    losing_check_zombie(o, RESTARTED);
    check_none(o, FOLLOWING, 0);
    losing_check_zombie(o, HUNG);
    check_none(o, GUARDED, course_number(o, HUNG, "old_side") / 2);
    losing_say(o,
               "Expectation met: a master that came back took writes for %.1f s until a "
               "Sentinel told it to follow, and threw them away: %g after a restart, %g "
               "after it had hung. One that is started as a replica takes none. With "
               "min-replicas-to-write 1 it took %g: it has no replica any more.",
               course_number(o, RESTARTED, "zombie_ms") / 1e3,
               course_number(o, RESTARTED, "old_side"),
               course_number(o, HUNG, "old_side"), course_number(o, GUARDED, "old_side"));
}

static const struct exercise_column columns[] = {
    {"promoted", losing_promotion},        {"two masters for", losing_dual},
    {"old side took", losing_old_side},    {"old side for", losing_zombie},
    {"acknowledged", losing_acknowledged}, {"lost", losing_lost},
    {"whole after", losing_whole},
};

static const struct losing_exercise exercise = {
    .exercise = &exercise_zombie,
    .about = "A master comes back from the dead: what does it do? It is killed and "
             "started again, or stopped and continued, after another was elected.",
    .intro = "The master is killed or stopped; a moment after another is known it "
             "is back. One writer\nstays with its address.\n",
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

const struct exercise exercise_zombie = {
    .name = "zombie",
    .help = "a master comes back from the dead: what does it do?",
    .run = run,
};

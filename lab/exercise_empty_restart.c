/* exercise_empty_restart.c -- what becomes of the data when a master without any on disk
 * comes back at once?
 *
 * It comes back empty, sooner than anybody calls it dead, and its replicas do what
 * replicas do: they synchronise, and are empty as well.
 *
 * A full synchronisation by way of the disk leaves its file there, and a server that
 * starts loads it, whether it was to save anything or not: then what comes back is what
 * there was when a replica last needed everything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "course.h"
#include "observe.h"

#define KEYS     500 /* before the replicas come */
#define MORE     100 /* once all are in sync */
#define PATIENCE SEC(20)

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise empty-restart",
    .line = "[options]",
    .about = "What becomes of the data when a master that keeps nothing on disk is "
             "restarted at once, as a container or systemd would do it? 600 keys on "
             "three servers; one is killed and comes back.",
    .example = "sunder exercise empty-restart",
    .opts = opts,
};

enum { DIRECT, PROXIED, EMPTY, BY_DISK, AOF, PROMOTED, ROWS };

static const struct row {
    const char *name, *victim;
    struct tuning tuning;
    const char *done;
} rows[ROWS] = {
    {"direct, a replica", "r2", {.persistence = PERSIST_NONE}, "kill r2; start r2"},
    {"a replica", "r2", {.persistence = PERSIST_NONE}, "kill r2; start r2"},
    {"the master", "r1", {.persistence = PERSIST_NONE}, "kill r1; start r1"},
    {"the master, synchronised by disk", "r1", {.disk = true}, "kill r1; start r1"},
    {"the master, with AOF", "r1", {PERSIST_AOF, .disk = true}, "kill r1; start r1"},
    {"the master, after a promotion",
     "r1",
     {.disk = true},
     "kill r1; r2: REPLICAOF NO ONE; r3: REPLICAOF r2; start r1; r1: REPLICAOF r2"},
};

/* -- the rows ---------------------------------------------------------------------- */

/* Until they have one history. Asked for anew each time: a master begins a new one when
 * its first replica comes. */
static int until_follows(struct stage *s, const char *replica, const char *master)
{
    nsec end = uv_hrtime() + PATIENCE;
    char history[64], own[64];
    int rc;

    while ((rc = observe_info(s, master, "master_replid", history, sizeof history)) ==
               0 &&
           (rc = observe_info(s, replica, "master_replid", own, sizeof own)) == 0 &&
           strcmp(history, own) != 0 && uv_hrtime() < end && rc == 0)
        rc = stage_for(s, MSEC(10));
    return rc < 0 ? rc : observe_sync(s, master, replica, PATIENCE);
}

static int come_back(struct stage *s, bool promote)
{
    const struct topology *t = lab_topology(s->lab);
    const char *master = promote ? "r2" : "r1";
    int rc = 0;

    if (promote)
        rc = observe_promote(s, "r2", "r3");
    if (rc == 0)
        rc = stage_restart(s, "r1");
    if (rc == 0 && promote)
        rc = observe_order(s, "r1", "REPLICAOF %s %u", t->node[1].known, t->port);
    if (rc == 0)
        rc = until_follows(s, promote ? "r1" : "r2", master);
    return rc < 0 ? rc : until_follows(s, "r3", master);
}

static int count_keys(struct stage *s, const char *node, json_t *found)
{
    char keys[32];
    int rc = observe_text(s, node, "DBSIZE", keys, sizeof keys);

    json_object_set_new(found, node, json_integer(atoll(keys)));
    return rc;
}

static int write_more(struct stage *s)
{
    int rc = observe_order(
        s, "r1", "EVAL \"for i=1,%d do redis.call('SET','k'..i,'v') end\" 0", MORE);

    if (rc == 0)
        rc = observe_sync(s, "r1", "r2", PATIENCE);
    return rc < 0 ? rc : observe_sync(s, "r1", "r3", PATIENCE);
}

static int play_row(struct stage *s, struct exercise_outcome *o, size_t i)
{
    const struct row *r = &rows[i];
    const struct lab_options lab = {
        .replicas = 2,
        .direct = i == DIRECT,
        .data = KEYS * 1024,
        .tuning = r->tuning,
    };
    json_t *found = json_object();
    int rc;

    course_tell(o, r->name);
    course_note(o, r->done);
    rc = course_lab(s, &flags.all, r->name, &lab);
    if (rc == 0)
        rc = write_more(s);
    if (rc == 0)
        rc = stage_kill(s, r->victim);
    if (rc == 0 && strcmp(r->victim, "r1") == 0)
        rc = come_back(s, i == PROMOTED);
    else if (rc == 0)
        rc = stage_restart(s, r->victim);
    if (rc == 0 && i < EMPTY)
        rc = until_follows(s, r->victim, "r1");
    for (size_t n = 0; n < 3 && rc == 0; n++)
        rc = count_keys(s, lab_topology(s->lab)->node[n].name, found);
    exercise_row(o, r->name, found);
    course_forget(o);
    return rc;
}

/* -- the verdict ------------------------------------------------------------------- */

static void check(struct exercise_outcome *o, size_t row, double expected)
{
    double r1 = course_number(o, row, "r1"), r2 = course_number(o, row, "r2"),
           r3 = course_number(o, row, "r3");

    exercise_check(o, r1 == expected && r2 == expected && r3 == expected,
                   "%s: %g, %g and %g keys; expected %g everywhere", o->row[row].name, r1,
                   r2, r3, expected);
}

#define WHEN_MET                                                                         \
    "Expectation met: the master came back empty, and its replicas threw away what "     \
    "they had, to be like it: %d keys on three servers became none on three servers, "   \
    "with no error anywhere. The file of a synchronisation by disk may save some, but "  \
    "not the %d since. With an append only file all come back; and if a replica is the " \
    "master by then, it is the one to synchronise."
#define WHEN_NOT_MET "Expectation NOT met: see above."

static void judge(struct exercise_outcome *o)
{
    check(o, DIRECT, KEYS + MORE);
    check(o, PROXIED, KEYS + MORE);
    check(o, EMPTY, 0);
    check(o, BY_DISK, KEYS);
    check(o, AOF, KEYS + MORE);
    check(o, PROMOTED, KEYS + MORE);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET, KEYS + MORE, MORE);
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_CELL(r1)
COURSE_CELL(r2)
COURSE_CELL(r3)

static const struct exercise_column columns[] = {
    {"r1", cell_r1},
    {"r2", cell_r2},
    {"r3", cell_r3},
};

static void print(const struct exercise_outcome *o)
{
    printf("%d keys on r1, r2 and r3. One of them is killed and started again. How many "
           "keys there\nare once all are in sync:\n\n",
           KEYS + MORE);
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int empty_restart(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_empty_restart.name,
        .rows = ROWS,
        .row = play_row,
        .judge = judge,
        .print = print,
    };
    int status = course_parse(&usage, &flags.all, argc, argv);

    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_empty_restart = {
    .name = "empty-restart",
    .help = "what becomes of the data when an empty master comes back at once?",
    .run = empty_restart,
};

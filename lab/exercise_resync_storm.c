/* exercise_resync_storm.c -- can a replica that is too slow be sent everything for ever?
 *
 * What a slow replica has not taken yet waits in the master's memory. Beyond
 * client-output-buffer-limit the master closes the link; the replica comes back, has
 * missed more than the backlog holds, and is sent everything, over the link that was too
 * slow for the changes alone. Meanwhile more changes wait, and it begins again.
 */
#include <stdio.h>

#include "course.h"
#include "log.h"
#include "observe.h"

#define SLOW     "on r2 -> r1 replies do bandwidth 600kb/s"
#define STEP     MSEC(20)
#define STEP_KB  200     /* written in each step: some megabytes a second */
#define LANE     65536   /* the proxy is no place to wait in */
#define TIMES    3       /* full synchronisations, and it is a storm */
#define PATIENCE SEC(20) /* for those */

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise resync-storm",
    .line = "[options]",
    .about = "Can a replica that is too slow be sent everything again and again? Its "
             "link takes 600 kB a second, many times that is written, and the master "
             "keeps little for it.",
    .example = "sunder exercise resync-storm",
    .opts = opts,
};

enum { DIRECT, PROXIED, STORM, ROOM, ROWS };

static const struct row {
    const char *name, *limit; /* client-output-buffer-limit of replicas */
    const char *rule;
} rows[ROWS] = {
    {"direct", "1mb 0 0", NULL},
    {"proxied", "1mb 0 0", NULL},
    {"slow", "1mb 0 0", SLOW},
    {"slow, room for it", "256mb 0 0", SLOW},
};

/* -- the rows ---------------------------------------------------------------------- */

/* The same 50 keys over and over: what there is to send stays small. */
static int write_step(struct stage *s)
{
    int rc = observe_order(s, "r1",
                           "EVAL \"local v=string.rep('x',4096) for i=1,%d do "
                           "redis.call('SET','k'..i,v) end\" 0",
                           STEP_KB / 4);

    return rc < 0 ? rc : stage_for(s, STEP);
}

/* Until it has happened so often, or time is over; *seen is how often. */
static int write_on(struct stage *s, nsec time, double times, double *seen)
{
    nsec end = uv_hrtime() + time;
    double before, now;
    int rc = observe_number(s, "r1", "sync_full", &before);

    for (*seen = 0; rc == 0 && uv_hrtime() < end && *seen < times;) {
        rc = write_step(s);
        if (rc == 0)
            rc = observe_number(s, "r1", "sync_full", &now);
        if (rc == 0)
            *seen = now - before;
    }
    return rc;
}

static int begin(struct stage *s, struct exercise_outcome *o, size_t i)
{
    const struct lab_options lab = {
        .replicas = 1,
        .direct = i == DIRECT,
        .lane_limit = LANE,
        .tuning = {.backlog = 16384},
    };
    int rc;

    course_tell(o, rows[i].name);
    rc = course_lab(s, &flags.all, rows[i].name, &lab);
    if (rc == 0)
        rc = observe_order(s, "r1",
                           "CONFIG SET client-output-buffer-limit \"replica %s\"",
                           rows[i].limit);
    return rc < 0 || rows[i].rule == NULL ? rc : course_rule(s, o, rows[i].rule);
}

/* How long each is watched; the remedy for as long as one of the storm's synchronisations
 * took, and half of it again. */
static nsec time_of(const struct exercise_outcome *o, size_t i)
{
    if (i == STORM)
        return PATIENCE;
    return i == ROOM ? (nsec)(course_number(o, STORM, "seconds") * 1.5e9 / TIMES)
                     : MSEC(300);
}

static int play_row(struct stage *s, struct exercise_outcome *o, size_t i)
{
    double before, wrote, has, seen = 0;
    int rc = begin(s, o, i);
    nsec begun = uv_hrtime();

    if (rc == 0)
        rc = observe_number(s, "r1", "master_repl_offset", &before);
    if (rc == 0)
        rc = write_on(s, time_of(o, i), TIMES, &seen);
    if (rc == 0)
        rc = observe_number(s, "r1", "master_repl_offset", &wrote);
    if (rc == 0)
        rc = observe_number(s, "r2", "slave_repl_offset", &has);
    if (rc < 0)
        return rc;
    exercise_row(o, rows[i].name,
                 json_pack("{s:f, s:I, s:I, s:I}", "seconds",
                           (double)(uv_hrtime() - begun) / 1e9, "written_bytes",
                           (json_int_t)(wrote - before), "sync_full", (json_int_t)seen,
                           "behind_bytes", (json_int_t)(wrote - has)));
    course_forget(o);
    return 0;
}

/* -- the verdict ------------------------------------------------------------------- */

static void check_calm(struct exercise_outcome *o, size_t row)
{
    double full = course_number(o, row, "sync_full");

    exercise_check(o, full == 0, "%s: %g full synchronisations; expected none",
                   o->row[row].name, full);
}

static void check_storm(struct exercise_outcome *o)
{
    double full = course_number(o, STORM, "sync_full");
    double seconds = course_number(o, STORM, "seconds");

    exercise_check(o, full >= TIMES,
                   "slow: %g full synchronisations in %.1f s; expected at least %d in %d "
                   "s",
                   full, seconds, TIMES, (int)(PATIENCE / SEC(1)));
}

#define WHEN_MET                                                                         \
    "Expectation met: a full synchronisation every %.1f s, and it would go on for "      \
    "ever: while one is under way more is written than client-output-buffer-limit and "  \
    "the backlog have room for. With room the same replica over the same link is "       \
    "behind, by %.0f MB after %.1f s, and is not sent anything twice: a link to mend, "  \
    "and not a storm."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. A machine that cannot write some megabytes a "      \
    "second does not outrun the link."

static void judge(struct exercise_outcome *o)
{
    check_calm(o, DIRECT);
    check_calm(o, PROXIED);
    check_storm(o);
    check_calm(o, ROOM);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET,
                 course_number(o, STORM, "seconds") /
                     course_number(o, STORM, "sync_full"),
                 course_number(o, ROOM, "behind_bytes") / 1e6,
                 course_number(o, ROOM, "seconds"));
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_CELL(sync_full)
COURSE_CELL(written_bytes)
COURSE_CELL(behind_bytes)

static const char *cell_seconds(const json_t *p, char *buf, size_t size)
{
    snprintf(buf, size, "%.1f s", exercise_number(p, "seconds"));
    return buf;
}

static const struct exercise_column columns[] = {
    {"watched", cell_seconds},
    {"bytes written", cell_written_bytes},
    {"full synchronisations", cell_sync_full},
    {"bytes behind", cell_behind_bytes},
};

static void print(const struct exercise_outcome *o)
{
    printf("The master may keep 1 MB for its replica (room for it: 256 MB), and has a "
           "backlog of\n16 kB. full synchronisations: those after the first one.\n\n");
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int resync_storm(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_resync_storm.name,
        .rows = ROWS,
        .row = play_row,
        .judge = judge,
        .print = print,
    };
    int status = course_parse(&usage, &flags.all, argc, argv);

    log_level = LOG_ERROR; /* that a lane is full is the point, and no news */
    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_resync_storm = {
    .name = "resync-storm",
    .help = "can a replica that is too slow be sent everything for ever?",
    .run = resync_storm,
};

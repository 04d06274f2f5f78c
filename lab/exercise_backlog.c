/* exercise_backlog.c -- a replica was away for a moment: what does it cost to come back?
 *
 * The master keeps the last repl-backlog-size bytes of what it has sent. A replica that
 * missed no more goes on where it was; one that missed more is sent everything.
 */
#include <stdio.h>

#include "course.h"
#include "observe.h"

#define AWAY     "on r2 -> r1 do reset"
#define PATIENCE SEC(20)
#define KB       60 /* written meanwhile */

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise backlog",
    .line = "[options]",
    .about = "A replica was away for a moment: what does it cost to come back? 60 kB are "
             "written while its link is cut, with a repl-backlog-size of 16 kB and of 1 "
             "MB.",
    .example = "sunder exercise backlog",
    .opts = opts,
};

enum { DIRECT, PROXIED, SMALL, LARGE, ROWS };

static const struct row {
    const char *name;
    uint64_t backlog;
    bool away;
} rows[ROWS] = {
    {"direct, reconnects", 16384, false},
    {"reconnects", 16384, false},
    {"away, backlog 16kb", 16384, true},
    {"away, backlog 1mb", 1048576, true},
};

/* -- the rows ---------------------------------------------------------------------- */

static const char *const counters[] = {"sync_full", "sync_partial_ok", "sync_partial_err",
                                       "master_repl_offset"};

#define COUNTERS (sizeof counters / sizeof *counters)

static int read_counters(struct stage *s, double *out)
{
    int rc = 0;

    for (size_t i = 0; i < COUNTERS && rc == 0; i++)
        rc = observe_number(s, "r1", counters[i], &out[i]);
    return rc;
}

/* So many values of 1 kB, each a command of its own. */
static int write_some(struct stage *s)
{
    return observe_order(s, "r1",
                         "EVAL \"local v=string.rep('x',1000) for i=1,%d do "
                         "redis.call('SET','k'..i,v) end\" 0",
                         KB);
}

static int cut_and_heal(struct stage *s, struct exercise_outcome *o)
{
    int rc = course_rule(s, o, AWAY);

    if (rc == 0)
        rc = observe_until(s, "r1", "connected_slaves", "0", PATIENCE);
    if (rc == 0)
        rc = write_some(s);
    proxy_rule_clear(lab_proxy(s->lab));
    return rc;
}

static int part(struct stage *s, struct exercise_outcome *o, bool away)
{
    if (away)
        return cut_and_heal(s, o);
    course_note(o, "r1: CLIENT KILL TYPE replica");
    return observe_order(s, "r1", "CLIENT KILL TYPE replica");
}

/* The link is new when one of the counters says so. */
static int until_back(struct stage *s, const double *before)
{
    nsec end = uv_hrtime() + PATIENCE;
    double now[COUNTERS];
    int rc;

    while ((rc = read_counters(s, now)) == 0 && now[0] == before[0] &&
           now[1] == before[1] && uv_hrtime() < end && rc == 0)
        rc = stage_for(s, MSEC(10));
    return rc < 0 ? rc : observe_sync(s, "r1", "r2", PATIENCE);
}

static int play_row(struct stage *s, struct exercise_outcome *o, size_t i)
{
    const struct lab_options lab = {
        .replicas = 1,
        .direct = i == DIRECT,
        .tuning = {.backlog = rows[i].backlog},
    };
    double before[COUNTERS], after[COUNTERS];
    json_t *found;
    nsec begun;
    int rc;

    course_tell(o, rows[i].name);
    rc = course_lab(s, &flags.all, rows[i].name, &lab);
    if (rc == 0)
        rc = read_counters(s, before);
    begun = uv_hrtime();
    if (rc == 0)
        rc = part(s, o, rows[i].away);
    if (rc == 0)
        rc = until_back(s, before);
    if (rc == 0)
        rc = read_counters(s, after);
    if (rc < 0)
        return rc;
    found = json_pack("{s:i, s:f}", "backlog_bytes", (int)rows[i].backlog, "away_ms",
                      (double)(uv_hrtime() - begun) / 1e6);
    for (size_t c = 0; c < COUNTERS; c++)
        json_object_set_new(found, c < 3 ? counters[c] : "missed_bytes",
                            json_integer((json_int_t)(after[c] - before[c])));
    exercise_row(o, rows[i].name, found);
    course_forget(o);
    return 0;
}

/* -- the verdict ------------------------------------------------------------------- */

static void check(struct exercise_outcome *o, size_t row, bool full)
{
    double fulls = course_number(o, row, "sync_full");
    double partial = course_number(o, row, "sync_partial_ok");
    double failed = course_number(o, row, "sync_partial_err");

    exercise_check(o, fulls == full && partial == !full && failed == full,
                   "%s: %g full synchronisations, %g partial, %g partial ones refused; "
                   "expected %d, %d, %d",
                   o->row[row].name, fulls, partial, failed, full, !full, full);
}

#define WHEN_MET                                                                         \
    "Expectation met: the replica missed %g bytes. With a backlog of 16 kB the master "  \
    "no longer had them and sent its whole data set, however large that is; with 1 MB "  \
    "it sent what was missed. repl-backlog-size should hold what is written in the "     \
    "longest absence that you mean to survive: bytes a second times seconds."
#define WHEN_NOT_MET "Expectation NOT met: see above."

static void judge(struct exercise_outcome *o)
{
    check(o, DIRECT, false);
    check(o, PROXIED, false);
    check(o, SMALL, true);
    check(o, LARGE, false);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET,
                 course_number(o, SMALL, "missed_bytes"));
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_CELL(backlog_bytes)
COURSE_CELL(missed_bytes)
COURSE_CELL(sync_full)
COURSE_CELL(sync_partial_ok)
COURSE_CELL(sync_partial_err)

static const char *cell_away(const json_t *p, char *buf, size_t size)
{
    return course_seconds(p, "away_ms", buf, size);
}

static const struct exercise_column columns[] = {
    {"backlog", cell_backlog_bytes},
    {"missed", cell_missed_bytes},
    {"away", cell_away},
    {"full", cell_sync_full},
    {"partial", cell_sync_partial_ok},
    {"refused", cell_sync_partial_err},
};

static void print(const struct exercise_outcome *o)
{
    printf("r2 loses its link to r1, which writes meanwhile, and comes back. full, "
           "partial: how it was\nbrought up to date; refused: it asked for a partial "
           "synchronisation and got none.\n\n");
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int backlog(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_backlog.name,
        .rows = ROWS,
        .row = play_row,
        .judge = judge,
        .print = print,
    };
    int status = course_parse(&usage, &flags.all, argc, argv);

    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_backlog = {
    .name = "backlog",
    .help = "a replica was away for a moment: what does it cost to come back?",
    .run = backlog,
};

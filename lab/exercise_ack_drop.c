/* exercise_ack_drop.c -- WAIT says that nobody has it: is it so?
 *
 * All that a master knows of its replicas it has from their acknowledgements. When these
 * get lost it knows nothing: WAIT answers 0, min-replicas-to-write refuses, and after
 * repl-timeout the link is closed. The replicas have every write all the same. To the
 * client it looks like a stream that stands still; the replicas' own offsets tell which
 * of the two it is.
 */
#include <stdio.h>
#include <stdlib.h>

#include "observe.h"
#include "writes.h"

#define PATIENCE SEC(20)

#define DROP  "on r2 -> r1 do drop-acks"
#define STALL "on r2 -> r1 replies do hang"
#define CLOSE "then r1: CONFIG SET repl-timeout 1"

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise ack-drop",
    .line = "[options]",
    .about =
        "WAIT says that nobody has it: is it so? The acknowledgements of a replica get "
        "lost on their way to the master, and nothing else does; compared with a stream "
        "that stands still.",
    .example = "sunder exercise ack-drop",
    .opts = opts,
};

enum { DIRECT, PROXIED, STALLED, DROPPED, REFUSED, ROWS };

static const struct row {
    const char *name, *rule;
    struct tuning tuning;
    struct writes writes;
} rows[ROWS] = {
    {"direct", NULL, {.backlog = 0}, {20, 100, 1, true}},
    {"proxied", NULL, {.backlog = 0}, {20, 100, 1, true}},
    {"stream stalled", STALL, {.backlog = 0}, {5, 100, 1, false}},
    {"ACKs dropped", DROP, {.backlog = 0}, {5, 100, 1, false}},
    {"ACKs dropped, min-replicas",
     DROP,
     {.min_replicas = 1, .max_lag = 1},
     {300, 100, 0, false}},
};

/* -- the rows ---------------------------------------------------------------------- */

/* What the replica has, and how far it is by its own account. */
static int look(struct stage *s, json_t *found)
{
    char has[32];
    double wrote = 0, own = 0;
    int rc = observe_text(s, "r2", "SCARD " WRITES_KEY, has, sizeof has);

    if (rc == 0)
        rc = observe_number(s, "r1", "master_repl_offset", &wrote);
    if (rc == 0)
        rc = observe_number(s, "r2", "slave_repl_offset", &own);
    json_object_set_new(found, "on_replica", json_integer(atoll(has)));
    json_object_set_new(found, "behind_bytes", json_integer((json_int_t)(wrote - own)));
    return rc;
}

/* The master gives the link up, and the replica comes back. */
static int time_out(struct stage *s, json_t *found)
{
    double full = 0, partial = 0, before = 0;
    int rc = observe_number(s, "r1", "sync_full", &before);

    if (rc == 0)
        rc = observe_order(s, "r1", "CONFIG SET repl-timeout 1");
    if (rc == 0)
        rc = observe_beyond(s, "r1", "sync_partial_ok", 0, PATIENCE);
    if (rc == 0)
        rc = observe_number(s, "r1", "sync_partial_ok", &partial);
    if (rc == 0)
        rc = observe_number(s, "r1", "sync_full", &full);
    json_object_set_new(found, "sync_partial_ok", json_integer((json_int_t)partial));
    json_object_set_new(found, "sync_full", json_integer((json_int_t)(full - before)));
    return rc;
}

static int play_row(struct stage *s, struct exercise_outcome *o, size_t i)
{
    const struct row *r = &rows[i];
    const struct lab_options lab = {
        .replicas = 1, .direct = i == DIRECT, .tuning = r->tuning};
    struct exercise_row *row = &o->row[i];
    int rc = course_lab(s, &flags.all, r->name, &lab);

    if (rc == 0 && r->rule != NULL)
        rc = course_rule(s, o, r->rule);
    if (i == REFUSED)
        course_note(o, CLOSE);
    if (rc == 0)
        rc = writes_row(s, o, r->name, &r->writes);
    if (rc == 0)
        rc = look(s, row->probe);
    if (rc == 0 && i == REFUSED)
        rc = time_out(s, row->probe);
    course_forget(o);
    return rc;
}

/* -- the verdict ------------------------------------------------------------------- */

static void check(struct exercise_outcome *o, size_t row, bool told, bool there)
{
    double ops = rows[row].writes.ops;
    double confirmed = course_number(o, row, "confirmed");
    double has = course_number(o, row, "on_replica");
    double acked = course_number(o, row, "acknowledged");

    exercise_check(
        o, acked == ops && confirmed == (told ? ops : 0) && has == (there ? ops : 0),
        "%s: %g of %g writes acknowledged, %g confirmed by WAIT, %g on the "
        "replica; expected %g, %g, %g",
        o->row[row].name, acked, ops, confirmed, has, ops, told ? ops : 0,
        there ? ops : 0);
}

static void check_offsets(struct exercise_outcome *o)
{
    double stalled = course_number(o, STALLED, "behind_bytes");
    double dropped = course_number(o, DROPPED, "behind_bytes");

    exercise_check(o, stalled > 0 && dropped == 0,
                   "by its own offset the replica is %g bytes behind when the stream "
                   "stands still, %g when ACKs are dropped; expected some, and none",
                   stalled, dropped);
}

static void check_refused(struct exercise_outcome *o)
{
    double acked = course_number(o, REFUSED, "acknowledged");
    double refused = course_number(o, REFUSED, "errors.NOREPLICAS");
    double has = course_number(o, REFUSED, "on_replica");
    double partial = course_number(o, REFUSED, "sync_partial_ok");
    double full = course_number(o, REFUSED, "sync_full");

    exercise_check(o, refused > 0 && acked > 0 && has == acked,
                   "with min-replicas-to-write: %g writes refused, and %g of the %g "
                   "acknowledged on the replica; expected some, and all",
                   refused, has, acked);
    exercise_check(o, partial > 0 && full == 0,
                   "after repl-timeout: %g partial synchronisations, %g full; expected "
                   "some, and none: nothing was missed",
                   partial, full);
}

#define WHEN_MET                                                                         \
    "Expectation met: WAIT answers 0 to a client whose write is nowhere and to one "     \
    "whose write is everywhere: it says what the master has heard. Without ACKs the "    \
    "master refused %g writes for want of a replica that had everything, and closed a "  \
    "link that lacked nothing. A 0 from WAIT is not a no but a `not known`; the "        \
    "replica's own offset tells."
#define WHEN_NOT_MET "Expectation NOT met: see above."

static void judge(struct exercise_outcome *o)
{
    check(o, DIRECT, true, true);
    check(o, PROXIED, true, true);
    check(o, STALLED, false, false);
    check(o, DROPPED, false, true);
    check_offsets(o);
    check_refused(o);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET, course_number(o, REFUSED, "refused"));
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_CELL(acknowledged)
COURSE_CELL(refused)
COURSE_CELL(confirmed)
COURSE_CELL(on_replica)
COURSE_CELL(behind_bytes)
COURSE_CELL(sync_partial_ok)

static const struct exercise_column columns[] = {
    {"acknowledged", cell_acknowledged}, {"refused", cell_refused},
    {"WAIT confirmed", cell_confirmed},  {"on the replica", cell_on_replica},
    {"bytes behind", cell_behind_bytes}, {"came back", cell_sync_partial_ok},
};

static void print(const struct exercise_outcome *o)
{
    printf("Writes to r1; the stream to r2, or what r2 acknowledges, does not arrive. "
           "bytes behind:\nby r2's own account; came back: links that r1 gave up, and r2 "
           "took up where it was.\n\n");
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int ack_drop(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_ack_drop.name,
        .rows = ROWS,
        .row = play_row,
        .judge = judge,
        .print = print,
    };
    int status = course_parse(&usage, &flags.all, argc, argv);

    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_ack_drop = {
    .name = "ack-drop",
    .help = "WAIT says that nobody has it: is it so?",
    .run = ack_drop,
};

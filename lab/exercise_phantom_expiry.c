/* exercise_phantom_expiry.c -- can a key expire on a replica that never expired?
 *
 * A replica deletes nothing by itself, but it looks at the clock before it answers: a key
 * whose time is over is not there for who asks, and is there for who counts. When its
 * life is extended on the master at the last moment and the news does not arrive, the two
 * tell different stories until it does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "course.h"
#include "observe.h"

#define STALL    "on r2 -> r1 replies do hang"
#define SHORT_MS 800
#define LONG_MS  60000
#define PATIENCE SEC(20)

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise phantom-expiry",
    .line = "[options]",
    .about = "Can a key expire on a replica that never expired on the master? A key has "
             "0.8 s to live; its life is extended for ever, while the replica hears "
             "nothing.",
    .example = "sunder exercise phantom-expiry",
    .opts = opts,
};

enum { DIRECT, PROXIED, STALLED, HEALED, EARLY, ROWS };

/* -- the rows ---------------------------------------------------------------------- */

static const struct {
    const char *member, *node, *command;
} questions[] = {
    {"master", "r1", "GET p"},
    {"master_ttl", "r1", "TTL p"},
    {"replica", "r2", "GET p"},
    {"replica_ttl", "r2", "TTL p"},
    {"replica_exists", "r2", "EXISTS p"},
    {"replica_dbsize", "r2", "DBSIZE"},
};

static int ask(struct stage *s, struct exercise_outcome *o, const char *row)
{
    json_t *found = json_object();
    char answer[64];
    int rc = 0;

    for (size_t i = 0; i < sizeof questions / sizeof *questions && rc == 0; i++) {
        rc = observe_text(s, questions[i].node, questions[i].command, answer,
                          sizeof answer);
        json_object_set_new(found, questions[i].member, json_string(answer));
    }
    exercise_row(o, row, found);
    return rc;
}

/* The key is on both; then perhaps a rule; then it is to live for ever; then the time is
 * over that it had. */
static int row(struct stage *s, struct exercise_outcome *o, const char *name, int ms,
               const char *rule)
{
    int rc;

    course_tell(o, name);
    rc = observe_order(s, "r1", "SET p v PX %d", ms);
    if (rc == 0)
        rc = observe_sync(s, "r1", "r2", PATIENCE);
    if (rc == 0 && rule != NULL)
        rc = course_rule(s, o, rule);
    if (rc == 0)
        rc = observe_order(s, "r1", "PERSIST p");
    if (rc == 0)
        rc = stage_for(s, MSEC(SHORT_MS + 100));
    return rc < 0 ? rc : ask(s, o, name);
}

static int direct(struct stage *s, struct exercise_outcome *o)
{
    return row(s, o, "direct", SHORT_MS, NULL);
}

static int proxied(struct stage *s, struct exercise_outcome *o)
{
    int rc = row(s, o, "proxied", SHORT_MS, NULL);

    if (rc == 0)
        rc = row(s, o, "stalled", SHORT_MS, STALL);
    course_heal(s, o);
    if (rc == 0)
        rc = observe_sync(s, "r1", "r2", PATIENCE);
    if (rc == 0)
        rc = ask(s, o, "healed");
    if (rc == 0)
        rc = row(s, o, "stalled, extended early", LONG_MS, STALL);
    course_heal(s, o);
    return rc;
}

/* -- the verdict ------------------------------------------------------------------- */

static bool is(const struct exercise_outcome *o, size_t row, const char *member,
               const char *value)
{
    return strcmp(course_text(o, row, member), value) == 0;
}

static void check(struct exercise_outcome *o, size_t row, const char *value,
                  const char *ttl, const char *exists)
{
    exercise_check(
        o,
        is(o, row, "master", "v") && is(o, row, "master_ttl", "-1") &&
            is(o, row, "replica", value) && is(o, row, "replica_ttl", ttl) &&
            is(o, row, "replica_exists", exists) && is(o, row, "replica_dbsize", "1"),
        "%s: the replica says GET %s, TTL %s, EXISTS %s, DBSIZE %s; expected "
        "%s, %s, %s, 1",
        o->row[row].name, course_text(o, row, "replica"),
        course_text(o, row, "replica_ttl"), course_text(o, row, "replica_exists"),
        course_text(o, row, "replica_dbsize"), value, ttl, exists);
}

static void check_early(struct exercise_outcome *o)
{
    int ttl = atoi(course_text(o, EARLY, "replica_ttl"));

    exercise_check(
        o, is(o, EARLY, "replica", "v") && ttl > 0,
        "stalled, extended early: the replica says GET %s, TTL %d; expected v, "
        "and what is left of a minute",
        course_text(o, EARLY, "replica"), ttl);
}

#define WHEN_MET                                                                         \
    "Expectation met: the key never expired on the master, and for a while it was gone " \
    "for all who asked the replica, where DBSIZE still counted it. It came back with "   \
    "the news of its longer life. A life that is extended while much of it is left "     \
    "outlasts the stall; extended at the last moment it needs a replica that keeps up, " \
    "or readers that ask the master."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. On a machine that is busy with other things 0.8 s " \
    "may be over before PERSIST comes."

static void judge(struct exercise_outcome *o)
{
    check(o, DIRECT, "v", "-1", "1");
    check(o, PROXIED, "v", "-1", "1");
    check(o, STALLED, "(nil)", "-2", "0");
    check(o, HEALED, "v", "-1", "1");
    check_early(o);
    snprintf(o->text, sizeof o->text, "%s", exercise_met(o) ? WHEN_MET : WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_WORD(master)
COURSE_WORD(master_ttl)
COURSE_WORD(replica)
COURSE_WORD(replica_ttl)
COURSE_WORD(replica_exists)
COURSE_WORD(replica_dbsize)

static const struct exercise_column columns[] = {
    {"master: GET", cell_master},    {"TTL", cell_master_ttl},
    {"replica: GET", cell_replica},  {"TTL", cell_replica_ttl},
    {"EXISTS", cell_replica_exists}, {"DBSIZE", cell_replica_dbsize},
};

static void print(const struct exercise_outcome *o)
{
    printf("r1: SET p v PX %d (early: PX %d), then PERSIST p. A second later r1 and "
           "r2 are asked:\n\n",
           SHORT_MS, LONG_MS);
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int phantom_expiry(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_phantom_expiry.name,
        .replicas = 1,
        .rows = ROWS,
        .direct = direct,
        .proxied = proxied,
        .judge = judge,
        .print = print,
    };
    int status = course_parse(&usage, &flags.all, argc, argv);

    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_phantom_expiry = {
    .name = "phantom-expiry",
    .help = "can a key expire on a replica that never expired?",
    .run = phantom_expiry,
};

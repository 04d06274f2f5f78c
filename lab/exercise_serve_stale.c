/* exercise_serve_stale.c -- does `replica-serve-stale-data no` keep a replica from
 * serving stale data?
 *
 * It looks at the state of the link, not at what came through it. A link that is down
 * makes the replica refuse nearly everything, PING included, so that a health check takes
 * it for dead. A link that is up and carries nothing changes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "course.h"
#include "observe.h"

#define STALL    "on r2 -> r1 replies do hang"
#define BREAK    "on r2 -> r1 do reset"
#define PATIENCE SEC(20)

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise serve-stale",
    .line = "[options]",
    .about = "Does replica-serve-stale-data no keep a replica from serving stale data? "
             "Its link stands still, or is broken; the key is changed on the master; the "
             "replica is asked.",
    .example = "sunder exercise serve-stale",
    .opts = opts,
};

enum { DIRECT, PROXIED, STALLED, BROKEN_NO, BROKEN_YES, ROWS };

/* -- the rows ---------------------------------------------------------------------- */

/* The answer, or the first word of an error: MASTERDOWN. */
static int say(struct stage *s, json_t *found, const char *member, const char *command)
{
    char answer[160];
    int rc = observe_text(s, "r2", command, answer, sizeof answer);

    if (rc == -EPROTO) {
        answer[strcspn(answer, " ")] = '\0';
        rc = 0;
    }
    json_object_set_new(found, member, json_string(answer));
    return rc;
}

static int ask(struct stage *s, struct exercise_outcome *o, const char *row)
{
    json_t *found = json_object();
    char link[16];
    double wrote, has;
    int rc = say(s, found, "get", "GET k");

    if (rc == 0)
        rc = say(s, found, "ping", "PING");
    if (rc == 0)
        rc = observe_info(s, "r2", "master_link_status", link, sizeof link);
    if (rc == 0)
        rc = observe_number(s, "r1", "master_repl_offset", &wrote);
    if (rc == 0)
        rc = observe_number(s, "r2", "slave_repl_offset", &has);
    if (rc == 0) {
        json_object_set_new(found, "link", json_string(link));
        json_object_set_new(found, "behind_bytes",
                            json_integer((json_int_t)(wrote - has)));
    }
    exercise_row(o, row, found);
    return rc;
}

/* The old value is on both; the fault; the new value on the master, and on the replica if
 * it gets through. */
static int row(struct stage *s, struct exercise_outcome *o, const char *name,
               const char *serve, const char *rule, const char *link)
{
    int rc;

    course_tell(o, name);
    rc = observe_order(s, "r2", "CONFIG SET replica-serve-stale-data %s", serve);
    if (rc == 0)
        rc = observe_order(s, "r1", "SET k old");
    if (rc == 0)
        rc = observe_sync(s, "r1", "r2", PATIENCE);
    if (rc == 0 && rule != NULL)
        rc = course_rule(s, o, rule);
    if (rc == 0)
        rc = observe_until(s, "r2", "master_link_status", link, PATIENCE);
    if (rc == 0)
        rc = observe_order(s, "r1", "SET k new");
    if (rc == 0 && rule == NULL)
        rc = observe_sync(s, "r1", "r2", PATIENCE);
    return rc < 0 ? rc : ask(s, o, name);
}

static int direct(struct stage *s, struct exercise_outcome *o)
{
    return row(s, o, "direct, no", "no", NULL, "up");
}

static int proxied(struct stage *s, struct exercise_outcome *o)
{
    int rc = row(s, o, "no", "no", NULL, "up");

    if (rc == 0)
        rc = row(s, o, "stalled, no", "no", STALL, "up");
    course_heal(s, o);
    if (rc == 0)
        rc = row(s, o, "broken, no", "no", BREAK, "down");
    course_heal(s, o);
    if (rc == 0)
        rc = row(s, o, "broken, yes", "yes", BREAK, "down");
    course_heal(s, o);
    return rc;
}

/* -- the verdict ------------------------------------------------------------------- */

static void check(struct exercise_outcome *o, size_t row, const char *get,
                  const char *ping, bool behind)
{
    double bytes = course_number(o, row, "behind_bytes");

    exercise_check(
        o,
        strcmp(course_text(o, row, "get"), get) == 0 &&
            strcmp(course_text(o, row, "ping"), ping) == 0 && (bytes > 0) == behind,
        "%s: GET says %s, PING says %s, %g bytes behind; expected %s, %s, %s",
        o->row[row].name, course_text(o, row, "get"), course_text(o, row, "ping"), bytes,
        get, ping, behind ? "some" : "none");
}

#define WHEN_MET                                                                         \
    "Expectation met: with replica-serve-stale-data no a replica whose link is down "    \
    "answers MASTERDOWN, to PING as well, and one whose link stands still serves the "   \
    "old value as ever: the setting looks at the link, not at its lag. The bytes that "  \
    "it is behind tell; asked of the master and the replica, they tell in both cases."
#define WHEN_NOT_MET "Expectation NOT met: see above."

static void judge(struct exercise_outcome *o)
{
    check(o, DIRECT, "new", "PONG", false);
    check(o, PROXIED, "new", "PONG", false);
    check(o, STALLED, "old", "PONG", true);
    check(o, BROKEN_NO, "MASTERDOWN", "MASTERDOWN", true);
    check(o, BROKEN_YES, "old", "PONG", true);
    snprintf(o->text, sizeof o->text, "%s", exercise_met(o) ? WHEN_MET : WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_WORD(get)
COURSE_WORD(ping)
COURSE_WORD(link)
COURSE_CELL(behind_bytes)

static const struct exercise_column columns[] = {
    {"GET k", cell_get},
    {"PING", cell_ping},
    {"link", cell_link},
    {"bytes behind", cell_behind_bytes},
};

static void print(const struct exercise_outcome *o)
{
    printf(
        "replica-serve-stale-data no, or yes. k was old, and is now new on the master. "
        "What r2 says:\n\n");
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int serve_stale(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_serve_stale.name,
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

const struct exercise exercise_serve_stale = {
    .name = "serve-stale",
    .help = "does replica-serve-stale-data no keep a replica from serving stale data?",
    .run = serve_stale,
};

/* exercise_silent_divergence.c -- who notices that one command of the stream was lost?
 *
 * Replication counts bytes. A command that is replaced by as many bytes of nothing keeps
 * every offset right: the link is up, WAIT confirms, a partial synchronisation goes on
 * where it was. Nothing in Redis compares the data; only who does so himself finds it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe.h"
#include "writes.h"

#define PATIENCE SEC(20)
#define OPS      40
#define LOSE     "on r2 -> r1 replies when command=SADD nth=20 poison do silent-loss"

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise silent-divergence",
    .line = "[options]",
    .about = "Who notices that one command of the replication stream was lost? In its "
             "place come as many bytes that do nothing, as from a bug or from a network "
             "that damages what it carries.",
    .example = "sunder exercise silent-divergence",
    .opts = opts,
};

enum { DIRECT, PROXIED, LOST, AGAIN, FULL, ROWS };

/* -- the rows ---------------------------------------------------------------------- */

static int number(struct stage *s, const char *node, const char *command, json_t *found,
                  const char *member)
{
    char text[64];
    int rc = observe_text(s, node, command, text, sizeof text);

    json_object_set_new(found, member, json_integer(atoll(text)));
    return rc;
}

static int info(struct stage *s, const char *node, const char *field, json_t *found,
                const char *member)
{
    double x = 0;
    int rc = observe_number(s, node, field, &x);

    json_object_set_new(found, member, json_integer((json_int_t)x));
    return rc;
}

/* What Redis says of itself; and what there is. */
static int look(struct stage *s, json_t *found)
{
    char master[64], replica[64], link[16];
    double wrote = 0, has = 0;
    int rc = observe_text(s, "r1", "DEBUG DIGEST", master, sizeof master);

    if (rc == 0)
        rc = observe_text(s, "r2", "DEBUG DIGEST", replica, sizeof replica);
    if (rc == 0)
        rc = observe_info(s, "r2", "master_link_status", link, sizeof link);
    if (rc == 0)
        rc = observe_number(s, "r1", "master_repl_offset", &wrote);
    if (rc == 0)
        rc = observe_number(s, "r2", "slave_repl_offset", &has);
    if (rc == 0)
        rc = number(s, "r2", "SCARD " WRITES_KEY, found, "on_replica");
    if (rc == 0)
        rc = info(s, "r1", "sync_partial_ok", found, "sync_partial_ok");
    if (rc == 0)
        rc = info(s, "r1", "sync_full", found, "sync_full");
    if (rc < 0)
        return rc;
    json_object_set_new(found, "link", json_string(link));
    json_object_set_new(found, "behind_bytes", json_integer((json_int_t)(wrote - has)));
    json_object_set_new(found, "digest",
                        json_string(strcmp(master, replica) == 0 ? "same" : "differ"));
    return 0;
}

static int written_row(struct stage *s, struct exercise_outcome *o, const char *row)
{
    const struct writes w = {.ops = OPS, .rate = 200, .wait = 1, .patient = true};
    int rc = writes_row(s, o, row, &w);

    if (rc == 0)
        rc = observe_sync(s, "r1", "r2", PATIENCE);
    return rc < 0 ? rc : look(s, o->row[o->rows - 1].probe);
}

static int direct(struct stage *s, struct exercise_outcome *o)
{
    return written_row(s, o, "direct");
}

/* Nothing is written; something is done to the link, and that is looked at. */
static int later_row(struct stage *s, struct exercise_outcome *o, const char *row)
{
    json_t *found = json_object();
    int rc;

    course_tell(o, row);
    rc = observe_sync(s, "r1", "r2", PATIENCE);
    if (rc == 0)
        rc = look(s, found);
    exercise_row(o, row, found);
    return rc;
}

static int reconnect(struct stage *s, struct exercise_outcome *o)
{
    double before = 0;
    int rc = observe_number(s, "r1", "sync_partial_ok", &before);

    course_note(o, "r1: CLIENT KILL TYPE replica");
    if (rc == 0)
        rc = observe_order(s, "r1", "CLIENT KILL TYPE replica");
    if (rc == 0)
        rc = observe_beyond(s, "r1", "sync_partial_ok", before, PATIENCE);
    return rc < 0 ? rc : later_row(s, o, "reconnected");
}

static int begin_anew(struct stage *s, struct exercise_outcome *o)
{
    const struct topology *t = lab_topology(s->lab);
    double before = 0;
    int rc = observe_number(s, "r1", "sync_full", &before);

    course_forget(o);
    course_note(o, "r2: REPLICAOF NO ONE; REPLICAOF r1");
    if (rc == 0)
        rc = observe_order(s, "r2", "REPLICAOF NO ONE");
    if (rc == 0)
        rc = observe_order(s, "r2", "REPLICAOF %s %u", t->node[0].known, t->port);
    if (rc == 0)
        rc = observe_beyond(s, "r1", "sync_full", before, PATIENCE);
    return rc < 0 ? rc : later_row(s, o, "synchronised anew");
}

static int proxied(struct stage *s, struct exercise_outcome *o)
{
    int rc = written_row(s, o, "proxied");

    if (rc == 0)
        rc = observe_order(s, "r1", "DEL " WRITES_KEY);
    if (rc == 0)
        rc = course_rule(s, o, LOSE);
    if (rc == 0)
        rc = written_row(s, o, "one command lost");
    course_heal(s, o);
    if (rc == 0)
        rc = reconnect(s, o);
    return rc < 0 ? rc : begin_anew(s, o);
}

/* -- the verdict ------------------------------------------------------------------- */

static void check_data(struct exercise_outcome *o, size_t row, double has,
                       const char *digest)
{
    const char *seen = course_text(o, row, "digest");
    double there = course_number(o, row, "on_replica");

    exercise_check(o, there == has && strcmp(seen, digest) == 0,
                   "%s: %g of %d writes on the replica, digests: %s; expected %g, %s",
                   o->row[row].name, there, OPS, seen, has, digest);
}

static void check_silence(struct exercise_outcome *o)
{
    double confirmed = course_number(o, LOST, "confirmed");
    double behind = course_number(o, LOST, "behind_bytes");
    double partial = course_number(o, AGAIN, "sync_partial_ok");

    exercise_check(o, confirmed == OPS && behind == 0,
                   "one command lost: WAIT confirmed %g of %d writes, and the replica is "
                   "%g bytes behind; expected all, and none",
                   confirmed, OPS, behind);
    exercise_check(o, partial > 0,
                   "reconnected: %g partial synchronisation%s; expected "
                   "one that goes on as if nothing had been",
                   partial, partial == 1 ? "" : "s");
}

#define WHEN_MET                                                                         \
    "Expectation met: one of %d writes is missing on the replica, and nothing says so: " \
    "WAIT confirmed it, the offsets are equal, the link is up, and a partial "           \
    "synchronisation changes nothing. It will not heal by itself. Comparing the data "   \
    "finds it, a full synchronisation mends it, and TLS would have refused the damage."
#define WHEN_NOT_MET "Expectation NOT met: see above."

static void judge(struct exercise_outcome *o)
{
    check_data(o, DIRECT, OPS, "same");
    check_data(o, PROXIED, OPS, "same");
    check_data(o, LOST, OPS - 1, "differ");
    check_silence(o);
    check_data(o, AGAIN, OPS - 1, "differ");
    check_data(o, FULL, OPS, "same");
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET, OPS);
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_CELL(acknowledged)
COURSE_CELL(confirmed)
COURSE_CELL(behind_bytes)
COURSE_CELL(on_replica)
COURSE_WORD(link)
COURSE_WORD(digest)

static const struct exercise_column columns[] = {
    {"acknowledged", cell_acknowledged},
    {"WAIT confirmed", cell_confirmed},
    {"link", cell_link},
    {"bytes behind", cell_behind_bytes},
    {"on the replica", cell_on_replica},
    {"DEBUG DIGEST", cell_digest},
};

static void print(const struct exercise_outcome *o)
{
    printf("%d writes to r1. What Redis says of the replica r2, and what r2 has:\n\n",
           OPS);
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int silent_divergence(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_silent_divergence.name,
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

const struct exercise exercise_silent_divergence = {
    .name = "silent-divergence",
    .help = "who notices that one command of the stream was lost?",
    .run = silent_divergence,
};

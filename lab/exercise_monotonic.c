/* exercise_monotonic.c -- can a client see time go backwards?
 *
 * One that reads from replicas in turn, when one of them lags: the new value from the
 * one, the old from the other, and so on. One replica alone, however late, never goes
 * back; and a client that remembers what it has seen need not take an older answer.
 */
#include <stdio.h>

#include "course.h"

#define URLS    512
#define ADDRESS (TOPOLOGY_ADDRESS + 8)
/* Much more than a turn takes: a busy machine is slow to write and to read. */
#define LAG "on r3 -> r1 replies do latency 200ms"
#define OPS 50

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise monotonic",
    .line = "[options]",
    .about = "Can a client see time go backwards? It writes, and reads from two replicas "
             "in turn, one of which is 200 ms late.",
    .example = "sunder exercise monotonic",
    .opts = opts,
};

enum { DIRECT, PROXIED, TURNS, STICKY, TOKEN, ROWS };

/* -- the rows ---------------------------------------------------------------------- */

/* sticky: to r3, the late one. */
static int row(struct stage *s, struct exercise_outcome *o, const char *name, bool sticky,
               const char *how)
{
    const struct topology *t = lab_topology(s->lab);
    char write[ADDRESS], r2[ADDRESS], r3[ADDRESS], read[URLS], ops[16];
    const char *argv[] = {"session", "--write", write, "--read", read,
                          "--ops",   ops,       how,   NULL};

    topology_known(t, 0, write);
    topology_known(t, 1, r2);
    topology_known(t, 2, r3);
    if (sticky)
        snprintf(read, sizeof read, "%s", r3);
    else
        snprintf(read, sizeof read, "%s,%s", r2, r3);
    snprintf(ops, sizeof ops, "%d", OPS);
    return course_row(s, o, name, argv, NULL);
}

static int direct(struct stage *s, struct exercise_outcome *o)
{
    return row(s, o, "direct", false, NULL);
}

static int proxied(struct stage *s, struct exercise_outcome *o)
{
    int rc = row(s, o, "proxied", false, NULL);

    if (rc == 0)
        rc = course_rule(s, o, LAG);
    if (rc == 0)
        rc = row(s, o, "r3 lags, in turn", false, NULL);
    if (rc == 0)
        rc = row(s, o, "r3 lags, r3 only", true, NULL);
    return rc < 0 ? rc : row(s, o, "r3 lags, token", false, "--token");
}

/* -- the verdict ------------------------------------------------------------------- */

static void check_control(struct exercise_outcome *o, size_t row)
{
    double reads = course_number(o, row, "reads");
    double back = course_number(o, row, "not_monotonic");

    exercise_check(o, reads == 2 * OPS && back <= reads / 5,
                   "%s: %g of %g reads went back; expected few or none", o->row[row].name,
                   back, reads);
}

static void check_turns(struct exercise_outcome *o)
{
    double back = course_number(o, TURNS, "not_monotonic");

    exercise_check(
        o, back >= OPS * 0.8,
        "r3 lags, in turn: %g of %g reads went back; expected nearly all %d of "
        "r3's",
        back, course_number(o, TURNS, "reads"), OPS);
}

static void check_sticky(struct exercise_outcome *o)
{
    double back = course_number(o, STICKY, "not_monotonic");
    double own = course_number(o, STICKY, "not_own");

    exercise_check(
        o, back == 0 && own >= OPS * 0.8,
        "r3 lags, r3 only: %g reads went back, %g of %d missed the client's own "
        "write; expected none, and nearly all",
        back, own, OPS);
}

static void check_token(struct exercise_outcome *o)
{
    double back = course_number(o, TOKEN, "not_monotonic");
    double own = course_number(o, TOKEN, "not_own");
    double elsewhere = course_number(o, TOKEN, "elsewhere");

    exercise_check(o, back == 0 && own == 0 && elsewhere >= OPS * 0.8,
                   "r3 lags, token: %g reads went back, %g missed the own write, %g were "
                   "answered elsewhere; expected 0, 0, and nearly all %d of r3's",
                   back, own, elsewhere, OPS);
}

#define WHEN_MET                                                                         \
    "Expectation met: reading from replicas in turn, the client saw time go backwards "  \
    "%g times in %g reads, for one of them was 200 ms late. With that replica alone it " \
    "went back never, though nearly every read missed its own last write. With a token " \
    "both hold, and %g reads were answered by another server."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. On a machine that is busy with other things a "     \
    "replica may lag by itself."

static void judge(struct exercise_outcome *o)
{
    check_control(o, DIRECT);
    check_control(o, PROXIED);
    check_turns(o);
    check_sticky(o);
    check_token(o);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET,
                 course_number(o, TURNS, "not_monotonic"),
                 course_number(o, TURNS, "reads"), course_number(o, TOKEN, "elsewhere"));
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_CELL(reads)
COURSE_CELL(not_monotonic)
COURSE_CELL(not_own)
COURSE_CELL(most_behind)
COURSE_CELL(elsewhere)

static const struct exercise_column columns[] = {
    {"reads", cell_reads},
    {"went back", cell_not_monotonic},
    {"missed own write", cell_not_own},
    {"versions behind", cell_most_behind},
    {"elsewhere", cell_elsewhere},
};

static void print(const struct exercise_outcome *o)
{
    printf(
        "A client writes 1, 2, 3 ... to r1, and 5 ms after each reads from r2 and from "
        "r3.\nwent back: older than what it had read before.\n\n");
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int monotonic(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_monotonic.name,
        .replicas = 2,
        .rows = ROWS,
        .direct = direct,
        .proxied = proxied,
        .judge = judge,
        .print = print,
    };
    int status = course_parse(&usage, &flags.all, argc, argv);

    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_monotonic = {
    .name = "monotonic",
    .help = "can a client see time go backwards?",
    .run = monotonic,
};

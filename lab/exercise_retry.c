/* exercise_retry.c -- is it safe to send a command again when its answer is lost?
 *
 * Either the request is lost or its answer is, and to the client both are the same reset
 * connection. It sends the INCR again each time: right in the one case, one too many in
 * the other. A token that the server counts once makes it right in both.
 *
 * `every` counts for each session, and each loss begins a new one: of ten INCRs on a
 * connection the tenth is lost. So 100 INCRs that all get through take 111 attempts.
 */
#include <inttypes.h>
#include <stdio.h>

#include "course.h"

#define URLS 512

/* The script that counts once is an EVAL. */
#define LOSE_REQUEST "on client -> r1 when command=INCR,EVAL every=10 do reset"
#define LOSE_REPLY                                                                       \
    "on client -> r1 when command=INCR,EVAL every=10 do lose-reply then=reset"

static struct flags {
    struct course_flags all;
    uint64_t ops;
} flags;

static const struct opt opts[] = {
    {"ops", 0, OPT_COUNT, &flags.ops, "N", "how many INCRs the client means"},
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise retry",
    .line = "[options]",
    .about =
        "Is it safe to send a command again when its answer is lost? A client counts a "
        "key up with INCR; every tenth time the connection breaks before the server has "
        "run it, or after. It sends again, sends again with a token, or gives up.",
    .example = "sunder exercise retry",
    .opts = opts,
};

enum { DIRECT, PROXIED, REQUEST_LOST, REPLY_LOST, GIVEN_UP, TOKEN, ROWS };

static int row(struct stage *s, struct exercise_outcome *o, const char *name,
               const char *how)
{
    char write[URLS], ops[24];
    const char *argv[] = {"retry", "--write", write, "--ops", ops, how, NULL};

    topology_urls(lab_topology(s->lab), TOPOLOGY_MASTER, write, sizeof write);
    snprintf(ops, sizeof ops, "%" PRIu64, flags.ops);
    return course_row(s, o, name, argv, NULL);
}

static int direct(struct stage *s, struct exercise_outcome *o)
{
    return row(s, o, "direct", NULL);
}

static int proxied(struct stage *s, struct exercise_outcome *o)
{
    int rc = row(s, o, "proxied", NULL);

    if (rc == 0)
        rc = course_rule(s, o, LOSE_REQUEST);
    if (rc == 0)
        rc = row(s, o, "request lost", NULL);
    course_heal(s, o);
    if (rc == 0)
        rc = course_rule(s, o, LOSE_REPLY);
    if (rc == 0)
        rc = row(s, o, "reply lost", NULL);
    if (rc == 0)
        rc = row(s, o, "reply lost, give up", "--give-up");
    if (rc == 0)
        rc = row(s, o, "reply lost, token", "--token");
    return rc;
}

/* -- the verdict ------------------------------------------------------------------- */

/* Attempts on one connection end with the tenth: of ten, nine get through. */
static double losses(double ops)
{
    double lost = 0;

    for (double done = 0; done + 9 < ops; done += 9)
        lost++;
    return lost;
}

static void check_counts(struct exercise_outcome *o, size_t row, double again,
                         double server)
{
    double ops = (double)flags.ops, acked = course_number(o, row, "acknowledged");
    double sent = course_number(o, row, "sent_again"),
           on = course_number(o, row, "on_server");

    exercise_check(o, acked == ops && sent == again && on == server,
                   "%s: %g of %g acknowledged, %g sent again, %g on the server; expected "
                   "%g, %g, %g",
                   o->row[row].name, acked, ops, sent, on, ops, again, server);
}

static void check_given_up(struct exercise_outcome *o)
{
    double ops = (double)flags.ops, lost = (double)(flags.ops / 10);
    double unknown = course_number(o, GIVEN_UP, "unknown");
    double on = course_number(o, GIVEN_UP, "on_server");

    exercise_check(o, unknown == lost && on == ops,
                   "%s: of %g nothing is known, %g on the server; expected %g and %g",
                   o->row[GIVEN_UP].name, unknown, on, lost, ops);
}

#define WHEN_MET                                                                         \
    "Expectation met: to the client a lost request and a lost answer look the same. "    \
    "Sending again is right for the one and one too many for the other: %g became %g. "  \
    "Giving up counts nothing twice, and leaves the client not knowing. With a token "   \
    "that the server remembers, sending again is safe."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. Other troubles than the injected ones (a busy "     \
    "machine that lets an answer come later than a second) are sent again as well."

static void judge(struct exercise_outcome *o)
{
    double ops = (double)flags.ops, again = losses(ops);

    check_counts(o, DIRECT, 0, ops);
    check_counts(o, PROXIED, 0, ops);
    check_counts(o, REQUEST_LOST, again, ops);
    check_counts(o, REPLY_LOST, again, ops + again);
    check_given_up(o);
    check_counts(o, TOKEN, again, ops);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET, ops, ops + again);
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_CELL(logical)
COURSE_CELL(acknowledged)
COURSE_CELL(sent_again)
COURSE_CELL(unknown)
COURSE_CELL(on_server)
COURSE_CELL(twice)

static const struct exercise_column columns[] = {
    {"logical", cell_logical},         {"acknowledged", cell_acknowledged},
    {"sent again", cell_sent_again},   {"unknown", cell_unknown},
    {"on the server", cell_on_server}, {"too many", cell_twice},
};

static void print(const struct exercise_outcome *o)
{
    printf("A client means to count a key up %" PRIu64 " times with INCR.\n\n",
           flags.ops);
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int retry(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_retry.name,
        .rows = ROWS,
        .direct = direct,
        .proxied = proxied,
        .judge = judge,
        .print = print,
    };
    int status;

    flags = (struct flags){.ops = 100};
    status = course_parse(&usage, &flags.all, argc, argv);
    if (status >= 0)
        return status;
    if (flags.ops < 10 || flags.ops > 100000)
        return cli_usage(&usage, "--ops is 10 to 100000: every tenth is lost");
    return course_play(&course);
}

const struct exercise exercise_retry = {
    .name = "retry",
    .help = "is it safe to send a command again when its answer is lost?",
    .run = retry,
};

/* exercise_pipeline.c -- when a pipeline breaks half way, what has been done?
 *
 * A connection ends in the third command of each second batch of ten, once among the
 * answers and once among the requests. The client has three answers or fewer; the server
 * has run all ten, or three. MULTI and EXEC with a token make a batch happen once or not
 * at all, and let the client find out which.
 */
#include <inttypes.h>
#include <stdio.h>

#include "course.h"

#define URLS    512
#define BATCHES 10
#define SIZE    10
#define PASS    3  /* of a batch that is cut */
#define AGAIN   36 /* sent again, when rests of batches shift what is cut next */

/* Counted for each connection: the third of its second batch. With these numbers no cut
 * falls on the end of a batch, where it would be a race who hears of it. */
#define CUT_REPLIES  "on client -> r1 replies when command=HINCRBY nth=13 do cut after"
#define CUT_REQUESTS "on client -> r1 requests when command=HINCRBY nth=14 do reset"

static struct course_flags flags;

static const struct opt opts[] = {COURSE_OPTS(&flags)};

static const struct usage usage = {
    .command = "exercise pipeline",
    .line = "[options]",
    .about =
        "When a pipeline breaks half way, what has been carried out? Batches of ten "
        "commands, of which each second one is cut after its third answer, or after its "
        "third request; what the client knows, and what the server has done.",
    .example = "sunder exercise pipeline",
    .opts = opts,
};

enum {
    DIRECT,
    PROXIED,
    REPLIES,
    REPLIES_AGAIN,
    REPLIES_MULTI,
    REQUESTS,
    REQUESTS_MULTI,
    ROWS
};

static int row(struct stage *s, struct exercise_outcome *o, const char *name,
               const char *how)
{
    char write[URLS], batches[8], size[8];
    const char *argv[] = {"pipeline", "--write", write, "--batches", batches,
                          "--size",   size,      how,   NULL};

    topology_urls(lab_topology(s->lab), TOPOLOGY_MASTER, write, sizeof write);
    snprintf(batches, sizeof batches, "%d", BATCHES);
    snprintf(size, sizeof size, "%d", SIZE);
    return course_row(s, o, name, argv, NULL);
}

static int direct(struct stage *s, struct exercise_outcome *o)
{
    return row(s, o, "direct", NULL);
}

static int replies_cut(struct stage *s, struct exercise_outcome *o)
{
    int rc = course_rule(s, o, CUT_REPLIES);

    if (rc == 0)
        rc = row(s, o, "replies cut", NULL);
    if (rc == 0)
        rc = row(s, o, "replies cut, rest again", "--again");
    if (rc == 0)
        rc = row(s, o, "replies cut, MULTI and token", "--transaction");
    course_heal(s, o);
    return rc;
}

static int requests_cut(struct stage *s, struct exercise_outcome *o)
{
    int rc = course_rule(s, o, CUT_REQUESTS);

    if (rc == 0)
        rc = row(s, o, "requests cut", NULL);
    if (rc == 0)
        rc = row(s, o, "requests cut, MULTI and token", "--transaction");
    course_heal(s, o);
    return rc;
}

static int proxied(struct stage *s, struct exercise_outcome *o)
{
    int rc = row(s, o, "proxied", NULL);

    if (rc == 0)
        rc = replies_cut(s, o);
    return rc < 0 ? rc : requests_cut(s, o);
}

/* -- the verdict ------------------------------------------------------------------- */

#define MEANT (BATCHES * SIZE)

static void check_control(struct exercise_outcome *o, size_t row)
{
    double answered = course_number(o, row, "answered"),
           on = course_number(o, row, "on_server");

    exercise_check(o, answered == MEANT && on == MEANT,
                   "%s: %g of %d answered, %g run; expected all", o->row[row].name,
                   answered, MEANT, on);
}

#define LEFT (BATCHES / 2 * (SIZE - PASS))

/* Each second batch has three answers, and has run whole. */
static void check_replies(struct exercise_outcome *o)
{
    double unknown = course_number(o, REPLIES, "unknown");
    double ran = course_number(o, REPLIES, "unknown_ran");
    double again = course_number(o, REPLIES_AGAIN, "sent_again");
    double twice = course_number(o, REPLIES_AGAIN, "twice");

    exercise_check(
        o, unknown == LEFT && ran == LEFT,
        "replies cut: %g commands unknown, and %g of them have run; expected %d "
        "and %d",
        unknown, ran, LEFT, LEFT);
    exercise_check(o, again == AGAIN && twice == AGAIN,
                   "rest again: %g sent again, and %g have run twice; expected %d and %d",
                   again, twice, AGAIN, AGAIN);
}

static void check_requests(struct exercise_outcome *o)
{
    double unknown = course_number(o, REQUESTS, "unknown");
    double ran = course_number(o, REQUESTS, "unknown_ran");
    double half = course_number(o, REQUESTS, "half_done");

    exercise_check(o, unknown >= LEFT && ran < unknown && half > 0,
                   "requests cut: %g unknown, %g of them have run, %g batches half done; "
                   "expected at least %d, fewer, and some",
                   unknown, ran, half, LEFT);
}

static void check_multi(struct exercise_outcome *o, size_t row)
{
    double broken = course_number(o, row, "broken"),
           answered = course_number(o, row, "answered");
    double on = course_number(o, row, "on_server"),
           twice = course_number(o, row, "twice");
    double half = course_number(o, row, "half_done");

    exercise_check(
        o, broken > 0 && answered == MEANT && on == MEANT && twice == 0 && half == 0,
        "%s: %g of %d answered, %g run, %g twice, %g batches half done; "
        "expected all, all, 0, 0",
        o->row[row].name, answered, MEANT, on, twice, half);
}

#define WHEN_MET                                                                         \
    "Expectation met: of a pipeline that breaks, the client knows what was answered, "   \
    "and nothing of the rest: all of it has run, or some, or none. Sending the rest "    \
    "again does some of it twice. A transaction with a token in it happens once or "     \
    "not at all, and the token says which."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. Other troubles than the injected ones break "       \
    "batches as well, and elsewhere."

static void judge(struct exercise_outcome *o)
{
    check_control(o, DIRECT);
    check_control(o, PROXIED);
    check_replies(o);
    check_multi(o, REPLIES_MULTI);
    check_requests(o);
    check_multi(o, REQUESTS_MULTI);
    snprintf(o->text, sizeof o->text, "%s", exercise_met(o) ? WHEN_MET : WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_CELL(answered)
COURSE_CELL(unknown)
COURSE_CELL(unknown_ran)
COURSE_CELL(on_server)
COURSE_CELL(twice)
COURSE_CELL(half_done)

static const struct exercise_column columns[] = {
    {"answered", cell_answered},     {"unknown", cell_unknown},
    {"which ran", cell_unknown_ran}, {"all that ran", cell_on_server},
    {"twice", cell_twice},           {"half done", cell_half_done},
};

static void print(const struct exercise_outcome *o)
{
    printf("%d batches of %d commands each, %d in all. Half done are batches.\n\n",
           BATCHES, SIZE, MEANT);
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int pipeline(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags,
        .name = exercise_pipeline.name,
        .rows = ROWS,
        .direct = direct,
        .proxied = proxied,
        .judge = judge,
        .print = print,
    };
    int status;

    flags = (struct course_flags){0};
    status = course_parse(&usage, &flags, argc, argv);
    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_pipeline = {
    .name = "pipeline",
    .help = "when a pipeline breaks half way, what has been done?",
    .run = pipeline,
};

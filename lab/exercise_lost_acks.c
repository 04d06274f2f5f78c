/* exercise_lost_acks.c -- what is an acknowledgement worth when the master dies?
 *
 * Replication is asynchronous: the master answers before anybody else has the write. When
 * the stream to its replicas stands still and it dies, all that it acknowledged since is
 * gone, and nobody was told. WAIT does not prevent that; but it says so while there is
 * still time.
 */
#include <stdio.h>

#include "loss.h"

#define BEHIND "on r2,r3 -> r1 do lag commands=50"
#define STALL  "on r2,r3 -> r1 replies do hang"

static struct flags {
    struct course_flags all;
} flags;

static const struct opt opts[] = {
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise lost-acks",
    .line = "[options]",
    .about = "What is an acknowledgement worth when the master dies? Its replicas get "
             "nothing for a second, the master acknowledges every write, and "
             "is killed.",
    .example = "sunder exercise lost-acks",
    .opts = opts,
};

#define CONTROL_OPS 100
#define LAG         50
#define OPS         200
#define WAIT_OPS    5

enum { DIRECT, PROXIED, LAGGED, STALLED, WAITED, ROWS };

static const struct loss rows[ROWS] = {
    {.name = "direct", .direct = true, .writes = {CONTROL_OPS, 200, 0, false}},
    {.name = "proxied", .writes = {CONTROL_OPS, 200, 0, false}},
    {.name = "50 writes behind", .rule = BEHIND, .writes = {CONTROL_OPS, 200, 0, false}},
    {.name = "stalled", .rule = STALL, .writes = {OPS, 200, 0, false}},
    {.name = "stalled, WAIT 1", .rule = STALL, .writes = {WAIT_OPS, 200, 1, false}},
};

static int play_row(struct stage *s, struct exercise_outcome *o, size_t i)
{
    struct loss row = rows[i];

    row.heir = "r2";
    row.other = "r3";
    return loss_row(s, &flags.all, o, &row);
}

/* -- the verdict ------------------------------------------------------------------- */

static void check_lagged(struct exercise_outcome *o)
{
    double acked = course_number(o, LAGGED, "acknowledged");
    double lost = course_number(o, LAGGED, "lost");

    exercise_check(o, acked == CONTROL_OPS && lost == LAG,
                   "50 writes behind: %g of %d writes acknowledged, %g lost; expected "
                   "all, and %d",
                   acked, CONTROL_OPS, lost, LAG);
}

static void check_waited(struct exercise_outcome *o)
{
    double confirmed = course_number(o, WAITED, "confirmed");
    double lost = course_number(o, WAITED, "lost");

    exercise_check(o, confirmed == 0 && lost == WAIT_OPS,
                   "stalled, WAIT 1: %g writes confirmed, %g of %d lost; expected none "
                   "confirmed, as all are lost",
                   confirmed, lost, WAIT_OPS);
}

#define WHEN_MET                                                                         \
    "Expectation met: %g writes were acknowledged and all of them died with the "        \
    "master: an acknowledgement says that one server has it. The last of them were "     \
    "%g bytes ahead of the replicas; that gap is what a failover would lose, and "       \
    "whoever watches the offsets sees it grow. WAIT 1 answered 0 each time: it keeps "   \
    "nothing, but a client that looks at its answer knows."
#define WHEN_NOT_MET "Expectation NOT met: see above."

static void judge(struct exercise_outcome *o)
{
    loss_check_control(o, DIRECT, CONTROL_OPS);
    loss_check_control(o, PROXIED, CONTROL_OPS);
    check_lagged(o);
    loss_check_all_lost(o, STALLED, OPS);
    check_waited(o);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET,
                 course_number(o, STALLED, "acknowledged"),
                 course_number(o, STALLED, "behind_bytes"));
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

static const struct exercise_column columns[] = {
    {"acknowledged", loss_acknowledged},
    {"WAIT confirmed", loss_confirmed},
    {"bytes behind", loss_behind},
    {"lost", loss_lost},
    {"lost though confirmed", loss_lost_confirmed},
};

static void print(const struct exercise_outcome *o)
{
    printf("Writes to r1, one after the other; then r1 is killed and r2 is made the "
           "master.\nlost: acknowledged, and not on the new master.\n\n");
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int lost_acks(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_lost_acks.name,
        .rows = ROWS,
        .row = play_row,
        .judge = judge,
        .print = print,
    };
    int status = course_parse(&usage, &flags.all, argc, argv);

    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_lost_acks = {
    .name = "lost-acks",
    .help = "what is an acknowledgement worth when the master dies?",
    .run = lost_acks,
};

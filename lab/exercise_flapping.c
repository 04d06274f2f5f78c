/* exercise_flapping.c -- how patient should a Sentinel be?
 *
 * The links between Sentinels and master pause for 0.8 s, again and again. Who waits less
 * replaces the master each time; who waits longer does not notice.
 */
#include <errno.h>

#include "losing.h"

#define SET    "SENTINEL SET " TOPOLOGY_SERVICE " down-after-milliseconds "
#define PAUSE  "on sentinel <-> master do hang for 800ms"
#define PAUSES 4
#define EVERY  1800 /* ms */

static struct pauses {
    const struct stage *s;
    uv_timer_t timer;
    unsigned left;
} pauses;

/* The lab may be gone before the last of them. */
static void on_pause(uv_timer_t *t)
{
    const struct stage *s = pauses.s;
    struct err e;
    int rc = s->lab == NULL ? -ESRCH : proxy_rule_add(lab_proxy(s->lab), PAUSE, &e);

    if (rc < 0 || --pauses.left == 0)
        uv_close((uv_handle_t *)t, NULL);
}

static int pause_often(struct losing_now *now)
{
    course_note(now->o, "4 times, every 1.8 s: " PAUSE);
    pauses.s = now->s;
    pauses.left = PAUSES;
    uv_timer_init(&now->s->loop, &pauses.timer);
    return uv_timer_start(&pauses.timer, on_pause, 0, EVERY);
}

enum { DIRECT, HASTY, PATIENT, ROWS };

static const struct losing rows[ROWS] = {
    [DIRECT] = {.name = "direct, no pauses",
                .fresh = true,
                .direct = true,
                .order = SET "500",
                .watch = SEC(1)},
    [HASTY] = {.name = "down-after 500ms",
               .fresh = true,
               .order = SET "500",
               .watch = SEC(8),
               .many = true,
               .breaks = pause_often,
               .mends = losing_heal},
    [PATIENT] = {.name = "down-after 3s",
                 .order = SET "3000",
                 .watch = SEC(8),
                 .breaks = pause_often,
                 .mends = losing_heal},
};

static void judge(struct exercise_outcome *o)
{
    losing_check_peace(o, DIRECT);
    losing_check_failovers(o, HASTY, 2, true);
    losing_check_peace(o, PATIENT);
    losing_say(o,
               "Expectation met: four pauses of 0.8 s, %g failovers with a down-after of "
               "500 ms, each of which loses writes and synchronises the others anew (%g "
               "writes lost); none with 3 s. down-after has to be longer than the "
               "longest pause of network, disk and fork that is still normal.",
               course_number(o, HASTY, "failovers"), course_number(o, HASTY, "lost"));
}

static const struct exercise_column columns[] = {
    {"+sdown", losing_sdowns},
    {"+odown", losing_odowns},
    {"failovers", losing_failovers},
    {"no write for", losing_unavailable},
    {"two masters for", losing_dual},
    {"acknowledged", losing_acknowledged},
    {"lost", losing_lost},
};

static const struct losing_exercise exercise = {
    .exercise = &exercise_flapping,
    .about = "How patient should a Sentinel be? Its links to the master pause for 0.8 s "
             "four times, with a down-after of 500 ms and of 3 s.",
    .intro = "The links between Sentinels and master pause for 0.8 s, four times.\n",
    .row = rows,
    .rows = ROWS,
    .column = columns,
    .columns = sizeof columns / sizeof *columns,
    .judge = judge,
};

static int run(int argc, char **argv)
{
    return losing_main(&exercise, argc, argv);
}

const struct exercise exercise_flapping = {
    .name = "flapping",
    .help = "how patient should a Sentinel be?",
    .run = run,
};

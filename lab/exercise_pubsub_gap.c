/* exercise_pubsub_gap.c -- what does a subscriber miss that is cut off for half a second?
 *
 * Pub/sub keeps nothing. A subscriber whose connection is reset misses all until it is
 * back, and PUBLISH answers 0 meanwhile: the publisher could know. One whose messages get
 * lost behind a connection that still stands misses as many, and PUBLISH answers 1. A
 * stream keeps them; its reader goes on from where it was.
 */
#include <inttypes.h>
#include <stdio.h>

#include "course.h"

#define URLS 512
#define RATE 100 /* messages a second */
#define CUT  50  /* messages in half a second */

#define RESET        "on client -> r1 when role=pubsub do reset for 500ms"
#define SWALLOW      "on client -> r1 replies when role=pubsub do swallow for 500ms"
#define HANG         "on client -> r1 replies when role=pubsub do hang for 500ms"
#define RESET_STREAM "on client -> r1 when command=XREAD do reset for 500ms"

static struct flags {
    struct course_flags all;
    uint64_t messages;
} flags;

static const struct opt opts[] = {
    {"messages", 0, OPT_COUNT, &flags.messages, "N", "how many, at 100 a second"},
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise pubsub-gap",
    .line = "[options]",
    .about = "What does a subscriber miss that is cut off for half a second, and can the "
             "publisher know? A hundred messages a second through pub/sub, and through a "
             "stream.",
    .example = "sunder exercise pubsub-gap",
    .opts = opts,
};

enum { DIRECT, PROXIED, HUNG, WAS_RESET, SWALLOWED, STREAM, ROWS };

/* Its time runs from when it is added: in the midst of the messages. */
static int cut(struct stage *s, void *rule)
{
    return stage_rule(s, rule);
}

static int row(struct stage *s, struct exercise_outcome *o, const char *name, char *rule,
               const char *how)
{
    char url[URLS], messages[24], mark[24];
    const char *argv[] = {"pubsub", "--publish", url,  "--messages",
                          messages, "--mark",    mark, "--grace",
                          "300ms",  how,         NULL};
    const struct exercise_cue cue = {cut, rule};
    int rc;

    topology_urls(lab_topology(s->lab), TOPOLOGY_MASTER, url, sizeof url);
    snprintf(messages, sizeof messages, "%" PRIu64, flags.messages);
    snprintf(mark, sizeof mark, "%" PRIu64, flags.messages / 3);
    if (rule != NULL)
        course_note(o, rule);
    rc = course_row(s, o, name, argv, rule != NULL ? &cue : NULL);
    if (rule != NULL)
        course_heal(s, o);
    return rc;
}

static int direct(struct stage *s, struct exercise_outcome *o)
{
    return row(s, o, "direct", NULL, NULL);
}

static int proxied(struct stage *s, struct exercise_outcome *o)
{
    static char hang[] = HANG, reset[] = RESET, swallow[] = SWALLOW;
    static char reset_stream[] = RESET_STREAM;
    int rc = row(s, o, "proxied", NULL, NULL);

    if (rc == 0)
        rc = row(s, o, "hang", hang, NULL);
    if (rc == 0)
        rc = row(s, o, "reset", reset, NULL);
    if (rc == 0)
        rc = row(s, o, "swallow", swallow, NULL);
    return rc < 0 ? rc : row(s, o, "reset, stream", reset_stream, "--stream");
}

/* -- the verdict ------------------------------------------------------------------- */

static void check_nothing_lost(struct exercise_outcome *o, size_t row, const char *but)
{
    double lost = course_number(o, row, "lost");
    double published = course_number(o, row, "published");

    exercise_check(o, lost == 0 && published > 0,
                   "%s: %g of %g messages lost; expected none%s", o->row[row].name, lost,
                   published, but);
}

/* As many as in half a second, and what the way back takes; a busy machine publishes
 * fewer in that time, and the rest at once after it. */
static void check_lost(struct exercise_outcome *o, size_t row)
{
    double lost = course_number(o, row, "lost");

    exercise_check(o, lost >= CUT - 10 && lost <= CUT + 20,
                   "%s: %g messages lost; expected about %d, those of half a second",
                   o->row[row].name, lost, CUT);
}

static void check_publisher(struct exercise_outcome *o)
{
    double lost = course_number(o, WAS_RESET, "lost");
    double knew = course_number(o, WAS_RESET, "nobody");
    double swallowed = course_number(o, SWALLOWED, "lost");
    double suspected = course_number(o, SWALLOWED, "nobody");

    exercise_check(
        o, knew >= lost - 5 && knew <= lost,
        "reset: PUBLISH answered 0 for %g of the %g lost ones; expected nearly "
        "all",
        knew, lost);
    /* Afterwards, while the subscriber is on its way back, it can. */
    exercise_check(o, swallowed - suspected >= CUT - 10,
                   "swallow: PUBLISH answered 0 for %g of the %g lost ones; expected "
                   "none for about %d: it cannot know",
                   suspected, swallowed, CUT);
}

#define WHEN_MET                                                                         \
    "Expectation met: pub/sub forgets what it cannot deliver at once, and tells the "    \
    "subscriber nothing. The publisher can know only if the server does: PUBLISH "       \
    "answered 0 for %g of %g lost messages after a reset, and for %g of %g behind a "    \
    "connection that still stood. The stream lost none."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. On a machine that is busy with other things, more " \
    "or fewer messages than those of half a second fall into the gap."

static void judge(struct exercise_outcome *o)
{
    check_nothing_lost(o, DIRECT, "");
    check_nothing_lost(o, PROXIED, "");
    check_nothing_lost(o, HUNG, ": they come late");
    check_lost(o, WAS_RESET);
    check_lost(o, SWALLOWED);
    check_publisher(o);
    check_nothing_lost(o, STREAM, "");
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET, course_number(o, WAS_RESET, "nobody"),
                 course_number(o, WAS_RESET, "lost"),
                 course_number(o, SWALLOWED, "nobody"),
                 course_number(o, SWALLOWED, "lost"));
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_CELL(published)
COURSE_CELL(received)
COURSE_CELL(lost)
COURSE_CELL(nobody)
COURSE_CELL(reconnects)

static const char *cell_silence(const json_t *p, char *buf, size_t size)
{
    return course_seconds(p, "silence_ms", buf, size);
}

static const char *cell_latest(const json_t *p, char *buf, size_t size)
{
    return course_seconds(p, "latest_ms", buf, size);
}

static const struct exercise_column columns[] = {
    {"published", cell_published},
    {"received", cell_received},
    {"lost", cell_lost},
    {"PUBLISH said 0", cell_nobody},
    {"silence", cell_silence},
    {"latest", cell_latest},
    {"tries to return", cell_reconnects},
};

static void print(const struct exercise_outcome *o)
{
    printf(
        "%d messages a second; after a third of them the subscriber is cut off for half "
        "a\nsecond. silence: the longest between two messages; latest: the greatest age "
        "of one.\n\n",
        RATE);
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int pubsub_gap(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_pubsub_gap.name,
        .rows = ROWS,
        .direct = direct,
        .proxied = proxied,
        .judge = judge,
        .print = print,
    };
    int status;

    flags = (struct flags){.messages = 300};
    status = course_parse(&usage, &flags.all, argc, argv);
    if (status >= 0)
        return status;
    if (flags.messages < 100 || flags.messages > 10000)
        return cli_usage(&usage, "--messages is 100 to 10000: the cut takes 50 of them");
    return course_play(&course);
}

const struct exercise exercise_pubsub_gap = {
    .name = "pubsub-gap",
    .help = "what does a subscriber miss that is cut off for half a second?",
    .run = pubsub_gap,
};

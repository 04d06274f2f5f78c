/* exercise_half_open.c -- who notices that a server has gone silent, and after how long?
 *
 * Two silences that look alike to a program and not to its kernel. hang: a server, or a
 * middle box, that is there and does not answer; its kernel still acknowledges what it is
 * sent. blackhole: the cable is pulled; no packet is acknowledged.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "course.h"
#include "filter.h"
#include "netns.h"

#define URLS 512

/* Long enough for a keepalive to fail (1 s and two probes), and for TCP_USER_TIMEOUT. */
#define WATCH_CONTROL "3200ms"
#define WATCH         "5s"

static struct course_flags flags;

static const struct opt opts[] = {COURSE_OPTS(&flags)};

static const struct usage usage = {
    .command = "exercise half-open",
    .line = "[options]",
    .about =
        "Who notices that a server has gone silent, and after how long? Seven clients, "
        "each with one means of noticing, before a server that hangs, and before one "
        "whose cable is pulled.",
    .example = "sunder exercise half-open",
    .opts = opts,
};

enum { DIRECT, PROXIED, HANG, BLACKHOLE, ROWS };

static int silence(struct stage *s, void *rule)
{
    return stage_rule(s, rule);
}

static int row(struct stage *s, struct exercise_outcome *o, const char *name,
               const char *watch, char *rule)
{
    char url[URLS];
    const char *argv[] = {"half-open", "--mark", "--for", watch, "--url", url, NULL};
    const struct exercise_cue cue = {silence, rule};
    int rc;

    topology_urls(lab_topology(s->lab), TOPOLOGY_MASTER, url, sizeof url);
    if (rule != NULL)
        course_note(o, rule);
    rc = course_row(s, o, name, argv, rule != NULL ? &cue : NULL);
    if (rule != NULL)
        course_heal(s, o);
    return rc;
}

static int direct(struct stage *s, struct exercise_outcome *o)
{
    return row(s, o, "direct", WATCH_CONTROL, NULL);
}

static int proxied(struct stage *s, struct exercise_outcome *o)
{
    static char hang[] = "on client -> r1 do hang";
    static char blackhole[] = "on client -> r1 do blackhole";
    int rc = row(s, o, "proxied", WATCH_CONTROL, NULL);

    if (rc == 0)
        rc = row(s, o, "hang", WATCH, hang);
    return rc < 0 ? rc : row(s, o, "blackhole", WATCH, blackhole);
}

/* -- the verdict ------------------------------------------------------------------- */

static const char *const who[] = {
    "idle_ms",           "idle_keepalive_ms",    "busy_ms",
    "busy_keepalive_ms", "busy_user_timeout_ms", "command_timeout_ms",
    "new_connection_ms",
};

#define WHO (sizeof who / sizeof *who)

static unsigned noticed(const struct exercise_outcome *o, size_t row, size_t n)
{
    unsigned sum = 0;

    for (size_t i = 0; i < n; i++)
        if (!isnan(course_number(o, row, who[i])))
            sum++;
    return sum;
}

static bool dialing(const struct exercise_outcome *o, size_t row, const char *begins)
{
    const char *s = json_string_value(json_object_get(o->row[row].probe, "dialing"));

    return s != NULL && strncmp(s, begins, strlen(begins)) == 0;
}

static void check_control(struct exercise_outcome *o, size_t row)
{
    exercise_check(o, noticed(o, row, WHO) == 0,
                   "%s: %u of %zu clients noticed anything; expected none",
                   o->row[row].name, noticed(o, row, WHO), WHO);
}

static void check_time(struct exercise_outcome *o, size_t row, const char *path,
                       const char *what, double from, double to)
{
    double s = course_number(o, row, path) / 1e3;

    if (isnan(s))
        exercise_check(o, false, "%s: %s noticed nothing; expected %g to %g s",
                       o->row[row].name, what, from, to);
    else
        exercise_check(o, s >= from && s <= to,
                       "%s: %s noticed after %.2f s; expected %g to %g s",
                       o->row[row].name, what, s, from, to);
}

static void check_hang(struct exercise_outcome *o)
{
    exercise_check(o, noticed(o, HANG, WHO - 2) == 0,
                   "hang: %u of the %zu that leave it to the kernel noticed; expected "
                   "none",
                   noticed(o, HANG, WHO - 2), WHO - 2);
    check_time(o, HANG, "command_timeout_ms", "a command timeout", 1, 2);
    exercise_check(o, dialing(o, HANG, "connects, and"),
                   "hang: a new connection %s; expected: connects, and nobody answers",
                   json_string_value(json_object_get(o->row[HANG].probe, "dialing")));
}

static void check_blackhole(struct exercise_outcome *o)
{
    check_time(o, BLACKHOLE, "idle_keepalive_ms", "keepalive, idle,", 2, 4.5);
    check_time(o, BLACKHOLE, "busy_user_timeout_ms", "TCP_USER_TIMEOUT", 3, 4.5);
    check_time(o, BLACKHOLE, "command_timeout_ms", "a command timeout", 1, 2);
    exercise_check(o,
                   isnan(course_number(o, BLACKHOLE, "busy_keepalive_ms")) &&
                       isnan(course_number(o, BLACKHOLE, "busy_ms")) &&
                       isnan(course_number(o, BLACKHOLE, "idle_ms")),
                   "blackhole: keepalive while a request is under way, and no means at "
                   "all, noticed nothing in " WATCH "; expected");
    exercise_check(
        o, dialing(o, BLACKHOLE, "cannot connect: nobody"),
        "blackhole: a new connection: %s; expected: nobody answers the SYN",
        json_string_value(json_object_get(o->row[BLACKHOLE].probe, "dialing")));
}

#define WHEN_MET                                                                         \
    "Expectation met: a server that hangs keeps its connections alive, and only a "      \
    "timeout of the client's own notices. A pulled cable is noticed by keepalive on an " \
    "idle connection, and not on one with a request under way: there it takes "          \
    "TCP_USER_TIMEOUT, or some 15 minutes. Only the command timeout is right in both."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. Times are from the last answer; a machine that is " \
    "busy with other things makes them longer."

static void judge(struct exercise_outcome *o)
{
    check_control(o, DIRECT);
    check_control(o, PROXIED);
    check_hang(o);
    check_blackhole(o);
    snprintf(o->text, sizeof o->text, "%s", exercise_met(o) ? WHEN_MET : WHEN_NOT_MET);
}

/* -- where packets can be lost ----------------------------------------------------- */

static bool own_network;

/* Where only an administrator may lose packets, become one: of a network of our own. */
static int find_network(struct err *e)
{
    own_network = false;
    if (filter_check(e) == 0)
        return 0;
    own_network = true;
    return netns_own(e) < 0 ? -1 : filter_check(e);
}

static json_t *about(void)
{
    return json_pack("{s:b}", "own_network", (int)own_network);
}

/* -- what is printed --------------------------------------------------------------- */

#define SECONDS(name)                                                                    \
    static const char *cell_##name(const json_t *p, char *buf, size_t size)              \
    {                                                                                    \
        return course_seconds(p, #name "_ms", buf, size);                                \
    }

SECONDS(idle)
SECONDS(idle_keepalive)
SECONDS(busy)
SECONDS(busy_keepalive)
SECONDS(busy_user_timeout)
SECONDS(command_timeout)
SECONDS(new_connection)

static const char *cell_connect(const json_t *p, char *buf, size_t size)
{
    const char *s = json_string_value(json_object_get(p, "dialing"));

    snprintf(buf, size, "%s",
             s == NULL || strncmp(s, "conn", 4) == 0 ? "works" : "hangs");
    return buf;
}

static const struct exercise_column columns[] = {
    {"idle", cell_idle},
    {"idle, KA", cell_idle_keepalive},
    {"busy", cell_busy},
    {"busy, KA", cell_busy_keepalive},
    {"busy, UT", cell_busy_user_timeout},
    {"busy, CT", cell_command_timeout},
    {"new one", cell_new_connection},
    {"connect()", cell_connect},
};

static void print(const struct exercise_outcome *o)
{
    printf(
        "How long after its last answer a client noticed that the server is silent. "
        "idle: it waits\nfor nothing; busy: it asks all the time. KA: TCP keepalive, "
        "1 s idle and 2 probes; UT:\nTCP_USER_TIMEOUT of 3 s; CT: a command timeout of "
        "1 s; the new one has that, too.\nWatched for " WATCH ".%s\n\n",
        own_network ? "\nIn a network of its own: only root may lose packets in the "
                      "common one."
                    : "");
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int half_open(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags,
        .name = exercise_half_open.name,
        .rows = ROWS,
        .direct = direct,
        .proxied = proxied,
        .judge = judge,
        .print = print,
        .about = about,
    };
    struct err e;
    int status;

    flags = (struct course_flags){0};
    status = course_parse(&usage, &flags, argc, argv);
    if (status >= 0)
        return status;
    if (find_network(&e) < 0)
        return cli_fail(&usage, STATUS_ENVIRONMENT, &e);
    return course_play(&course);
}

const struct exercise exercise_half_open = {
    .name = "half-open",
    .help = "who notices that a server has gone silent, and after how long?",
    .run = half_open,
};

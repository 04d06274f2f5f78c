/* exercise_loading.c -- what does a client see of a replica that loads its data?
 *
 * After a full synchronisation a replica loads what it was sent, and answers -LOADING
 * meanwhile. Two seconds of that are real if the server lets us slow it down: with a
 * setting that delays each key (Redis has it for its own tests, and hides it), 200 keys,
 * and a replica that is told to begin anew. If not, the proxy says -LOADING for as long.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "course.h"
#include "question.h"

#define URLS    512
#define ADDRESS (TOPOLOGY_ADDRESS + 8)
#define MASTER  0
#define REPLICA 1 /* r2 */

#define MARK "25" /* reads, and the replica begins to load */

#define INJECTED "on client -> r2 do error LOADING for 2s"
#define REAL     "r2: CONFIG SET key-load-delay 10000; REPLICAOF NO ONE; REPLICAOF r1"

/* Each key is 2 kB, and a server that loads looks up after each 1 kB. */
#define FILL "EVAL \"for i=1,200 do redis.call('SET','k'..i,string.rep('x',2000)) end\" 0"

static struct flags {
    struct course_flags all;
    bool injected;
} flags;

static const struct opt opts[] = {
    {"injected", 0, OPT_FLAG, &flags.injected, NULL,
     "do not load slowly in truth; the proxy answers LOADING"},
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise loading",
    .line = "[options]",
    .about = "What does a client see of a replica that loads its data after a full "
             "synchronisation? It answers LOADING for two seconds; a client fails, tries "
             "again, or asks another replica.",
    .example = "sunder exercise loading",
    .opts = opts,
};

enum { DIRECT, PROXIED, NAIVE, RETRY, NEXT, ROWS };

/* -- a replica that loads slowly --------------------------------------------------- */

/* Can this server? 0 if it can, -EPROTO if it does not know how. */
static int slow_down(struct stage *s)
{
    static const struct {
        size_t node;
        const char *command;
    } steps[] = {
        {REPLICA, "CONFIG SET key-load-delay 10000"},
        {REPLICA, "CONFIG SET loading-process-events-interval-bytes 1024"},
        {MASTER, "CONFIG SET rdbcompression no"},
        {MASTER, FILL},
    };
    char answer[256];
    int rc = 0;

    for (size_t i = 0; i < sizeof steps / sizeof *steps && rc == 0; i++)
        rc = course_ask(s, steps[i].node, steps[i].command, answer, sizeof answer);
    return rc;
}

static void on_free(void *arg, int status, const struct redisReply *reply)
{
    struct stage *s = arg;
    const struct topology *t;
    char command[64];

    (void)reply;
    if (status < 0 || s->lab == NULL) /* it was interrupted */
        return;
    t = lab_topology(s->lab);
    snprintf(command, sizeof command, "REPLICAOF %s %u", t->node[MASTER].known, t->port);
    question_open(&s->loop, t->node[REPLICA].real, t->port, command, SEC(2), NULL, NULL);
}

/* As its own master it has a history of its own: it cannot go on where it was. */
static int begin_anew(struct stage *s, void *arg)
{
    const struct topology *t = lab_topology(s->lab);

    (void)arg;
    question_open(&s->loop, t->node[REPLICA].real, t->port, "REPLICAOF NO ONE", SEC(2),
                  on_free, s);
    return 0;
}

static int inject(struct stage *s, void *arg)
{
    (void)arg;
    return stage_rule(s, INJECTED);
}

/* -- the rows ---------------------------------------------------------------------- */

static const char *place(struct stage *s, size_t node, char *buf)
{
    return topology_known(lab_topology(s->lab), node, buf);
}

static int row(struct stage *s, struct exercise_outcome *o, const char *name,
               const char *how, int (*load)(struct stage *s, void *arg))
{
    char read[URLS], first[ADDRESS], second[ADDRESS];
    const char *argv[] = {"read",
                          "--read",
                          read,
                          "--mark",
                          MARK,
                          "--duration",
                          load != NULL ? "3s" : "500ms",
                          how,
                          NULL};
    const struct exercise_cue cue = {load, NULL};
    int rc;

    snprintf(read, sizeof read, "%s,%s", place(s, REPLICA, first),
             place(s, REPLICA + 1, second));
    rc = course_row(s, o, name, argv, load != NULL ? &cue : NULL);
    if (load != NULL && flags.injected)
        proxy_rule_clear(lab_proxy(s->lab));
    return rc;
}

static int direct(struct stage *s, struct exercise_outcome *o)
{
    return row(s, o, "direct", NULL, NULL);
}

static int proxied(struct stage *s, struct exercise_outcome *o)
{
    int (*load)(struct stage *, void *) = begin_anew;
    int rc = row(s, o, "proxied", NULL, NULL);

    if (rc == 0 && !flags.injected) {
        rc = slow_down(s);
        flags.injected = rc == -EPROTO;
        rc = flags.injected ? 0 : rc;
    }
    if (flags.injected)
        load = inject;
    course_note(o, flags.injected ? INJECTED : REAL);
    if (rc == 0)
        rc = row(s, o, "loading", NULL, load);
    if (rc == 0)
        rc = row(s, o, "loading, retry", "--retry", load);
    return rc < 0 ? rc : row(s, o, "loading, next replica", "--next", load);
}

/* -- the verdict ------------------------------------------------------------------- */

static void check_control(struct exercise_outcome *o, size_t row)
{
    double failed = course_number(o, row, "failed"),
           reads = course_number(o, row, "reads");

    exercise_check(o, failed == 0 && reads > 0,
                   "%s: %g of %g reads failed; expected none", o->row[row].name, failed,
                   reads);
}

static void check_naive(struct exercise_outcome *o)
{
    double failed = course_number(o, NAIVE, "failed");
    double loading = course_number(o, NAIVE, "errors.LOADING");

    exercise_check(
        o, failed >= 150 && failed <= 275 && loading == failed,
        "loading: %g reads failed, %g of them with LOADING; expected about 200: "
        "those of two seconds",
        failed, loading);
}

static void check_remedy(struct exercise_outcome *o, size_t row, double from, double to)
{
    double failed = course_number(o, row, "failed");
    double s = course_number(o, row, "slowest_ms") / 1e3;

    exercise_check(
        o, failed == 0 && s >= from && s <= to,
        "%s: %g reads failed, the slowest took %.2f s; expected none, and %g to "
        "%g s",
        o->row[row].name, failed, s, from, to);
}

#define WHEN_MET                                                                         \
    "Expectation met: for as long as it loads, a replica answers every read with an "    \
    "error, at once; its connections stay. A client that takes that for an answer "      \
    "fails %g reads; one that tries again is as late as the loading takes; one that "    \
    "asks the next replica notices little. (%s)"
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. On a machine that is busy with other things "       \
    "loading takes longer."
#define WAS_REAL     "The loading was real, slowed down to two seconds."
#define WAS_INJECTED "The proxy said LOADING; the server was well."

static void judge(struct exercise_outcome *o)
{
    check_control(o, DIRECT);
    check_control(o, PROXIED);
    check_naive(o);
    check_remedy(o, RETRY, 1.5, 3.5);
    check_remedy(o, NEXT, 0, 1);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET, course_number(o, NAIVE, "failed"),
                 flags.injected ? WAS_INJECTED : WAS_REAL);
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET);
}

/* -- what is printed --------------------------------------------------------------- */

COURSE_CELL(reads)
COURSE_CELL(answered)
COURSE_CELL(failed)
COURSE_CELL(again)
COURSE_CELL(elsewhere)

static const char *cell_loading(const json_t *p, char *buf, size_t size)
{
    return course_count(p, "errors.LOADING", buf, size);
}

static const char *cell_slowest(const json_t *p, char *buf, size_t size)
{
    return course_seconds(p, "slowest_ms", buf, size);
}

static const struct exercise_column columns[] = {
    {"reads", cell_reads},     {"answered", cell_answered}, {"failed", cell_failed},
    {"LOADING", cell_loading}, {"tried anew", cell_again},  {"elsewhere", cell_elsewhere},
    {"slowest", cell_slowest},
};

static void print(const struct exercise_outcome *o)
{
    printf("100 reads a second from a replica, which loads its data for two seconds.\n"
           "%s\n\n",
           flags.injected ? WAS_INJECTED : WAS_REAL);
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static json_t *about(void)
{
    return json_pack("{s:s}", "loading", flags.injected ? "injected" : "real");
}

static int loading(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_loading.name,
        .replicas = 2,
        .rows = ROWS,
        .direct = direct,
        .proxied = proxied,
        .judge = judge,
        .print = print,
        .about = about,
    };
    int status;

    flags = (struct flags){.injected = false};
    status = course_parse(&usage, &flags.all, argc, argv);
    return status < 0 ? course_play(&course) : status;
}

const struct exercise exercise_loading = {
    .name = "loading",
    .help = "what does a client see of a replica that loads its data?",
    .run = loading,
};

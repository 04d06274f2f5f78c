/* exercise_cable.c -- what is wrong with the cable, and who can tell?
 *
 * One replication link under five faults that people mix up: each is watched from the
 * replica, from the master, from a client that reads the replica, and from the kernel,
 * which counts what it had to send again.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "course.h"
#include "filter.h"
#include "netns.h"
#include "observe.h"
#include "question.h"

#define STEP    MSEC(40)
#define STALE   250 /* ms: a client that is told the time notices */
#define WRITES  512 /* more than fit into a row */
#define TIMEOUT 3   /* s: repl-timeout */
#define SETTLED SEC(30)

static struct course_flags flags;

static const struct opt opts[] = {COURSE_OPTS(&flags)};

static const struct usage usage = {
    .command = "exercise cable",
    .line = "[options]",
    .about =
        "What is wrong with the cable, and who can tell? One replication link that is "
        "late, that loses packets, that does both, that hangs, and that is pulled.",
    .example = "sunder exercise cable",
    .opts = opts,
};

enum { DIRECT, PROXIED, LATENCY, LOSS, NETEM, HANG, BLACKHOLE, ROWS };

static const struct row {
    const char *name, *rule;
    nsec watch;
} rows[ROWS] = {
    {"direct", NULL, SEC(1)},
    {"proxied", NULL, SEC(1)},
    {"latency", "on r2 -> r1 both do latency 100ms", MSEC(1500)},
    {"loss", "on r2 -> r1 both do loss 20%", MSEC(2500)},
    {"netem", "on r2 -> r1 both do netem delay=100ms loss=20%", MSEC(2500)},
    {"hang", "on r2 -> r1 do hang", SEC(TIMEOUT + 3)},
    {"blackhole", "on r2 -> r1 do blackhole", SEC(TIMEOUT + 3)},
};

/* -- a row ------------------------------------------------------------------------- */

/* Times are since the row began; NAN while nothing was noticed. */
struct watch {
    nsec begun;
    nsec written[WRITES]; /* when each value was there */
    double late[WRITES];  /* ms: how old what each read found was */
    unsigned writes;
    double client_ms, replica_ms, master_ms;
    double resent, partial, full;
    bool link_up, has_replica;
};

static double since(nsec t)
{
    return (double)(uv_hrtime() - t) / 1e6;
}

/* Segments that the kernel has sent again, in this network, ever. */
static double segments_resent(void)
{
    FILE *f = fopen("/proc/self/net/snmp", "re");
    double v[12] = {0};
    char line[512];

    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        (void)sscanf(line, "Tcp: %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf", &v[0],
                     &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9],
                     &v[10], &v[11]);
    if (f != NULL)
        fclose(f);
    return v[11];
}

static int resyncs(struct stage *s, double *partial, double *full)
{
    int rc = observe_number(s, "r1", "sync_partial_ok", partial);

    return rc < 0 ? rc : observe_number(s, "r1", "sync_full", full);
}

/* A client writes to the master and reads from the replica. What it finds is as old as
 * the first write that is missing. */
static int client_step(struct stage *s, struct watch *w)
{
    unsigned n = w->writes, found;
    char text[32];
    int rc = observe_order(s, "r1", "SET beat %u", n);

    w->written[n] = uv_hrtime();
    if (rc == 0)
        rc = observe_text(s, "r2", "GET beat", text, sizeof text);
    if (rc < 0)
        return rc;
    found = text[0] == '(' ? 0 : (unsigned)strtoul(text, NULL, 10) + 1;
    w->late[n] = found > n ? 0 : since(w->written[found]);
    w->writes++;
    if (isnan(w->client_ms) && w->late[n] > STALE)
        w->client_ms = since(w->begun);
    return 0;
}

static void hear_replica(void *arg, const redisReply *r)
{
    struct watch *w = arg;
    char up[16] = "";

    if (r->type == REDIS_REPLY_STRING)
        question_info(r->str, "master_link_status", up, sizeof up);
    w->link_up = strcmp(up, "up") == 0;
}

static void hear_master(void *arg, const redisReply *r)
{
    struct watch *w = arg;
    char n[16] = "";

    if (r->type == REDIS_REPLY_STRING)
        question_info(r->str, "connected_slaves", n, sizeof n);
    w->has_replica = strcmp(n, "0") != 0;
}

static int servers_step(struct stage *s, struct watch *w)
{
    int rc = observe(s, "r2", "INFO replication", hear_replica, w);

    if (rc == 0)
        rc = observe(s, "r1", "INFO replication", hear_master, w);
    if (rc < 0)
        return rc;
    if (isnan(w->replica_ms) && !w->link_up)
        w->replica_ms = since(w->begun);
    if (isnan(w->master_ms) && !w->has_replica)
        w->master_ms = since(w->begun);
    return 0;
}

static int watch(struct stage *s, struct watch *w, nsec time)
{
    int rc = 0;

    while (rc == 0 && uv_hrtime() < w->begun + time && w->writes < WRITES &&
           (isnan(w->replica_ms) || isnan(w->master_ms))) {
        rc = client_step(s, w);
        if (rc == 0)
            rc = servers_step(s, w);
        if (rc == 0)
            rc = stage_for(s, STEP);
    }
    return rc;
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static json_t *number(double x)
{
    return isnan(x) ? json_null() : json_real(x);
}

static void note(struct exercise_outcome *o, const struct row *r, struct watch *w,
                 double back)
{
    const char *how = w->full > 0 ? "full" : w->partial > 0 ? "partial" : "none";

    qsort(w->late, w->writes, sizeof *w->late, ascending);
    exercise_row(o, r->name,
                 json_pack("{s:I, s:f, s:f, s:o, s:o, s:o, s:f, s:f, s:s}", "reads",
                           (json_int_t)w->writes, "late_ms",
                           w->writes ? w->late[w->writes / 2] : 0, "worst_ms",
                           w->writes ? w->late[w->writes - 1] : 0, "client_ms",
                           number(w->client_ms), "replica_ms", number(w->replica_ms),
                           "master_ms", number(w->master_ms), "resent", w->resent,
                           "back_ms", back, "resync", how));
}

/* Not with this kernel, or not by us: that is said, and the others go on. */
static bool skip(struct stage *s, struct exercise_outcome *o, const struct row *r, int rc)
{
    const char *why = s->trouble.err.text;

    if (strstr(r->rule, "netem") == NULL || rc == -EINVAL || rc == -EINTR)
        return false;
    course_forget(o);
    exercise_row(o, r->name, json_pack("{s:s}", "skipped", why));
    return true;
}

static int measure(struct stage *s, struct exercise_outcome *o, const struct row *r)
{
    struct watch w = {.client_ms = NAN, .replica_ms = NAN, .master_ms = NAN};
    double partial, full, resent = segments_resent();
    int rc = resyncs(s, &partial, &full);
    nsec healed;

    w.begun = uv_hrtime();
    if (rc == 0 && r->rule != NULL && (rc = course_rule(s, o, r->rule)) < 0)
        return skip(s, o, r, rc) ? 0 : rc;
    if (rc == 0)
        rc = watch(s, &w, r->watch);
    w.resent = segments_resent() - resent;
    healed = uv_hrtime();
    if (rc == 0 && lab_proxy(s->lab) != NULL)
        proxy_rule_clear(lab_proxy(s->lab));
    if (rc == 0)
        rc = observe_sync(s, "r1", "r2", SETTLED);
    if (rc == 0)
        rc = resyncs(s, &w.partial, &w.full);
    if (rc < 0)
        return rc;
    w.partial -= partial;
    w.full -= full;
    note(o, r, &w, since(healed));
    course_forget(o);
    return 0;
}

static int play(struct stage *s, struct exercise_outcome *o, size_t from, size_t to)
{
    static const char *const nodes[] = {"r1", "r2"};
    int rc = 0;

    for (size_t i = 0; i < 2 && rc == 0; i++) {
        rc = observe_order(s, nodes[i], "CONFIG SET repl-timeout %d", TIMEOUT);
        if (rc == 0)
            rc = observe_order(s, nodes[i], "CONFIG SET repl-ping-replica-period 1");
    }
    for (size_t i = from; i < to && rc == 0; i++) {
        course_tell(o, rows[i].name);
        rc = observe_order(s, "r1", "DEL beat"); /* each row counts from 0 */
        if (rc == 0)
            rc = stage_sync(s);
        if (rc == 0)
            rc = measure(s, o, &rows[i]);
    }
    return rc;
}

static int direct(struct stage *s, struct exercise_outcome *o)
{
    return play(s, o, DIRECT, PROXIED);
}

static int proxied(struct stage *s, struct exercise_outcome *o)
{
    return play(s, o, PROXIED, ROWS);
}

/* -- the verdict ------------------------------------------------------------------- */

static bool skipped(const struct exercise_outcome *o, size_t row)
{
    return json_object_get(o->row[row].probe, "skipped") != NULL;
}

static void check_servers(struct exercise_outcome *o, size_t row, bool notice)
{
    double replica = course_number(o, row, "replica_ms") / 1e3;
    double master = course_number(o, row, "master_ms") / 1e3;

    if (!notice)
        exercise_check(o, isnan(replica) && isnan(master),
                       "%s: replica and master notice nothing; expected",
                       o->row[row].name);
    else
        exercise_check(o,
                       replica >= TIMEOUT - 1 && replica <= TIMEOUT + 3 &&
                           master >= TIMEOUT - 1 && master <= TIMEOUT + 3,
                       "%s: the replica notices after %.1f s, the master after %.1f s; "
                       "expected repl-timeout, %d s, and up to 2 s more",
                       o->row[row].name, replica, master, TIMEOUT);
}

static void check_late(struct exercise_outcome *o, size_t row, const char *path,
                       double from, double to)
{
    double ms = course_number(o, row, path);

    exercise_check(o, ms >= from && ms <= to,
                   "%s: reads %.0f ms late (%s); expected %.0f to %.0f", o->row[row].name,
                   ms, path, from, to);
}

static void check_resent(struct exercise_outcome *o, size_t row, bool some)
{
    double n = course_number(o, row, "resent");

    exercise_check(o, some ? n > 3 : n <= 3,
                   "%s: the kernel sent %.0f segments again; expected %s",
                   o->row[row].name, n, some ? "some" : "none");
}

#define WHEN_MET                                                                         \
    "Expectation met: late, all is in order but the age of what is read, and only who "  \
    "looks at that can tell. Lossy: nothing is missing, but now and then all waits for " \
    "a retransmission, and the kernel counts those. Hang and a pulled cable look alike " \
    "to Redis, which notices both after repl-timeout and never sooner; the kernel can "  \
    "tell them apart, for into a hung peer it sends nothing twice."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. A machine that is busy with other things is late "  \
    "by itself; and in a network with other traffic the kernel counts that as well."

static void judge(struct exercise_outcome *o)
{
    check_late(o, DIRECT, "worst_ms", 0, STALE);
    check_late(o, PROXIED, "worst_ms", 0, STALE);
    check_late(o, LATENCY, "late_ms", 50, 200); /* a step less, when asked too soon */
    check_resent(o, LATENCY, false);
    check_servers(o, LATENCY, false);
    check_late(o, LOSS, "worst_ms", 5, 5000);
    check_resent(o, LOSS, true);
    if (!skipped(o, NETEM)) {
        check_late(o, NETEM, "late_ms", 50, 3000);
        check_resent(o, NETEM, true);
    }
    for (size_t row = HANG; row <= BLACKHOLE; row++) {
        check_servers(o, row, true);
        check_late(o, row, "client_ms", STALE, 1500);
        check_resent(o, row, row == BLACKHOLE);
    }
    snprintf(o->text, sizeof o->text, "%s", exercise_met(o) ? WHEN_MET : WHEN_NOT_MET);
}

/* -- where packets can be lost ----------------------------------------------------- */

static bool own_network;

/* In a network of our own nothing else is counted, and we are its administrator. Where
 * there is none, the common one may do. */
static int find_network(struct err *e)
{
    own_network = netns_own(e) == 0;
    return filter_check(e);
}

static json_t *about(void)
{
    return json_pack("{s:b, s:i}", "own_network", (int)own_network, "repl_timeout",
                     TIMEOUT);
}

/* -- what is printed --------------------------------------------------------------- */

static const char *milliseconds(const json_t *p, const char *path, char *buf, size_t size)
{
    double x = exercise_number(p, path);

    snprintf(buf, size, isnan(x) ? "-" : "%.0f ms", x);
    return buf;
}

static const char *cell_late(const json_t *p, char *buf, size_t size)
{
    return milliseconds(p, "late_ms", buf, size);
}

static const char *cell_worst(const json_t *p, char *buf, size_t size)
{
    return milliseconds(p, "worst_ms", buf, size);
}

static const char *cell_client(const json_t *p, char *buf, size_t size)
{
    return course_seconds(p, "client_ms", buf, size);
}

static const char *cell_replica(const json_t *p, char *buf, size_t size)
{
    return course_seconds(p, "replica_ms", buf, size);
}

static const char *cell_master(const json_t *p, char *buf, size_t size)
{
    return course_seconds(p, "master_ms", buf, size);
}

static const char *cell_back(const json_t *p, char *buf, size_t size)
{
    return course_seconds(p, "back_ms", buf, size);
}

COURSE_CELL(resent)
COURSE_WORD(resync)

static const struct exercise_column columns[] = {
    {"late", cell_late},       {"worst", cell_worst},   {"client", cell_client},
    {"replica", cell_replica}, {"master", cell_master}, {"sent again", cell_resent},
    {"back", cell_back},       {"resync", cell_resync},
};

static void print(const struct exercise_outcome *o)
{
    printf("late, worst: how old what is read from the replica is, half of the time and "
           "at worst.\nclient, replica, master: when a read is more than %d ms old, the "
           "link is down for the\nreplica, the replica is gone for the master. sent "
           "again: segments, by the kernel. back:\nuntil all is well after the rule. "
           "repl-timeout is %d s.%s\n\n",
           STALE, TIMEOUT,
           own_network ? "" : " Other traffic of this machine is counted.");
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < o->rows; i++)
        if (skipped(o, i))
            printf("\n%s is skipped: %s\n", o->row[i].name, course_text(o, i, "skipped"));
    exercise_print_rules(o);
    exercise_print_verdict(o);
}

static int cable(int argc, char **argv)
{
    const struct course course = {
        .usage = &usage,
        .flags = &flags,
        .name = exercise_cable.name,
        .replicas = 1,
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

const struct exercise exercise_cable = {
    .name = "cable",
    .help = "what is wrong with the cable, and who can tell?",
    .run = cable,
};

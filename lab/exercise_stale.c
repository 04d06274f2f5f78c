/* exercise_stale.c -- how often does a read from a replica miss a write that was just
 * acknowledged, and what helps?
 *
 * Four rows, because one number says nothing here. Without any fault the rate depends on
 * the machine, and a proxy that does nothing moves it: so both are measured first. Then a
 * known lag on the replication links, which must make nearly every immediate read stale,
 * and must be found again as the time until a write is visible; if it is not, neither
 * number can be trusted. Last the same lag with WAIT, which must leave no stale read.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "course.h"
#include "value.h"

#define URLS 512

/* With the lag, operations begin at a third of the rate that the proxy let through
 * without it, and only for a while: on a busy machine the settle time would otherwise
 * show how long a read waits for its turn. With WAIT each takes a round of the lag. */
#define PACED_SHARE 3
#define PACED_TIME  SEC(10)
#define WAITED_TIME SEC(3)
#define LEAST_OPS   20

struct flags {
    struct course_flags all;
    nsec lag;
    uint64_t pairs, ops, replicas;
    bool lines;
};

static struct flags flags;

static const struct opt opts[] = {
    {"lag", 0, OPT_TIME, &flags.lag, "TIME", "how late replicas hear of a write"},
    {"pairs", 0, OPT_COUNT, &flags.pairs, "N", "how many writers, with a reader each"},
    {"ops", 0, OPT_COUNT, &flags.ops, "N", "how many writes, and reads, of each pair"},
    {"replicas", 0, OPT_COUNT, &flags.replicas, "N", "how many replicas are read from"},
    {"lines", 0, OPT_FLAG, &flags.lines, NULL,
     "print the wrong values of the row with lag as they come"},
    COURSE_OPTS(&flags.all),
};

static const struct usage usage = {
    .command = "exercise stale",
    .line = "[options]",
    .about =
        "How often does a read from a replica miss a write that has just been "
        "acknowledged? Measured without a proxy, through the proxy, with a lag on the "
        "replication links, and with the same lag and WAIT after each write.",
    .example = "sunder exercise stale --lag 50ms",
    .opts = opts,
};

/* -- the rows -------------------------------------------------------------------- */

enum { DIRECT, PROXIED, LAGGED, WAITED, ROWS };

/* What the rows differ in. */
struct load {
    uint64_t ops, rate; /* rate 0 = as fast as it goes */
    bool wait, lines;
};

static uint64_t at_most_ops(uint64_t n)
{
    n = n < LEAST_OPS ? LEAST_OPS : n;
    return n < flags.ops ? n : flags.ops;
}

static struct load paced(const struct exercise_outcome *o)
{
    double free_rate = exercise_number(o->row[PROXIED].probe, "throughput");
    uint64_t rate = free_rate > PACED_SHARE ? (uint64_t)(free_rate / PACED_SHARE) : 1;

    return (struct load){
        .rate = rate,
        .ops = at_most_ops(rate * (PACED_TIME / SEC(1)) / flags.pairs),
    };
}

static struct load waiting(void)
{
    uint64_t ops = at_most_ops(WAITED_TIME / (flags.lag + MSEC(5)));

    return (struct load){.ops = ops, .wait = true};
}

/* How many of 100 writes to settle: one, but about a hundred in all at the least. */
static uint64_t settle_percent(const struct load *l)
{
    uint64_t all = flags.pairs * l->ops;

    return all >= 10000 ? 1 : all <= 100 ? 100 : 10000 / all;
}

static int run_probe(struct stage *s, struct exercise_outcome *o, const char *name,
                     const struct load *l)
{
    const struct topology *t = lab_topology(s->lab);
    char write[URLS], read[URLS], pairs[24], ops[24], settle[24], number[24];
    const char *argv[20] = {"stale", "--write", write, "--read",   read,  "--pairs",
                            pairs,   "--ops",   ops,   "--settle", settle};
    size_t n = 11;

    topology_urls(t, TOPOLOGY_MASTER, write, sizeof write);
    topology_urls(t, TOPOLOGY_REPLICA, read, sizeof read);
    snprintf(pairs, sizeof pairs, "%" PRIu64, flags.pairs);
    snprintf(ops, sizeof ops, "%" PRIu64, l->ops);
    snprintf(settle, sizeof settle, "%" PRIu64 "%%", settle_percent(l));
    snprintf(number, sizeof number, "%" PRIu64, l->wait ? flags.replicas : l->rate);
    if (l->wait || l->rate > 0) {
        argv[n++] = l->wait ? "--wait" : "--rate";
        argv[n++] = number;
    }
    if (l->lines)
        argv[n++] = "--lines";
    argv[n++] = "-o";
    argv[n++] = "json";
    return exercise_probe(
        s, argv, strcmp(flags.all.output, "json") == 0 ? stderr : stdout, o, name);
}

static int row(struct stage *s, struct exercise_outcome *o, const char *name,
               struct load l)
{
    int rc = stage_sync(s);

    if (rc < 0)
        return rc;
    course_tell(o, name);
    return run_probe(s, o, name, &l);
}

static int lagged_row(struct stage *s, struct exercise_outcome *o, const char *name)
{
    struct load load = paced(o);

    load.lines = flags.lines;
    return row(s, o, name, load);
}

static int direct_row(struct stage *s, struct exercise_outcome *o)
{
    return row(s, o, "direct", (struct load){.ops = flags.ops});
}

static int proxied_rows(struct stage *s, struct exercise_outcome *o)
{
    char rule[128], lag[32], name[48];
    int rc = row(s, o, "proxied", (struct load){.ops = flags.ops});

    value_print_time(flags.lag, lag, sizeof lag);
    snprintf(rule, sizeof rule, "lag: on r* -> r1 replies do latency %s", lag);
    if (rc == 0)
        rc = course_rule(s, o, rule);
    snprintf(name, sizeof name, "lag %s", lag);
    if (rc == 0)
        rc = lagged_row(s, o, name);
    snprintf(name, sizeof name, "lag %s, WAIT %" PRIu64, lag, flags.replicas);
    if (rc == 0)
        rc = row(s, o, name, waiting());
    return rc;
}

/* -- the verdict ----------------------------------------------------------------- */

static double settle_limit(void)
{
    double lag = (double)flags.lag / 1e6, more = lag / 10;

    return lag + (more > 5 ? more : 5);
}

static void check_lagged(struct exercise_outcome *o)
{
    const json_t *row = o->row[LAGGED].probe;
    double rate = exercise_number(row, "reads.rate");
    double settle = exercise_number(row, "settle_ms.p50");
    double lag = (double)flags.lag / 1e6;

    exercise_check(o, rate >= 0.99,
                   "with the lag %.2f %% of reads are stale; expected at least 99 %%",
                   100 * rate);
    exercise_check(o, settle >= lag && settle <= settle_limit(),
                   "half of the writes are visible after %.2f ms; expected %g to %g ms: "
                   "the lag itself",
                   settle, lag, settle_limit());
}

static void check_waited(struct exercise_outcome *o)
{
    const json_t *row = o->row[WAITED].probe;
    double stale = exercise_number(row, "reads.stale");
    double reads = exercise_number(row, "reads.total");

    exercise_check(o, stale == 0 && reads > 0,
                   "after WAIT %" PRIu64 " %g of %g reads are stale; expected none",
                   flags.replicas, stale, reads);
}

/* Texts with one gap, for the lag. */
#define WHEN_MET                                                                         \
    "Expectation met: a replica that is %s behind answers nearly every immediate read "  \
    "with an old value, and nothing tells the reader. WAIT for every replica that is "   \
    "read leaves none, and costs a round of that lag for each write."
#define WHEN_NOT_MET                                                                     \
    "Expectation NOT met: see above. A machine that is busy with other things widens "   \
    "the settle time; few stale reads mean that the lag of %s is too short to be "       \
    "seen, or did not reach all replicas."

static void judge(struct exercise_outcome *o)
{
    char lag[32];

    check_lagged(o);
    check_waited(o);
    value_print_time(flags.lag, lag, sizeof lag);
    if (exercise_met(o))
        snprintf(o->text, sizeof o->text, WHEN_MET, lag);
    else
        snprintf(o->text, sizeof o->text, WHEN_NOT_MET, lag);
}

/* -- what is printed ------------------------------------------------------------- */

static const char *whole(const json_t *probe, const char *path, char *buf, size_t size)
{
    double x = exercise_number(probe, path);

    snprintf(buf, size, isnan(x) ? "-" : "%.0f", x);
    return buf;
}

static const char *cell_reads(const json_t *p, char *buf, size_t size)
{
    return whole(p, "reads.total", buf, size);
}

static const char *cell_stale(const json_t *p, char *buf, size_t size)
{
    return whole(p, "reads.stale", buf, size);
}

static const char *cell_rate(const json_t *p, char *buf, size_t size)
{
    snprintf(buf, size, "%.2f %%", 100 * exercise_number(p, "reads.rate"));
    return buf;
}

static const char *cell_interval(const json_t *p, char *buf, size_t size)
{
    snprintf(buf, size, "%.2f to %.2f", 100 * exercise_number(p, "reads.low"),
             100 * exercise_number(p, "reads.high"));
    return buf;
}

static const char *pair(const json_t *p, const char *a, const char *b, const char *fmt,
                        char *buf, size_t size)
{
    double x = exercise_number(p, a), y = exercise_number(p, b);

    if (isnan(x) || isnan(y))
        snprintf(buf, size, "-");
    else if (strcmp(fmt, "ms") == 0)
        snprintf(buf, size, "%.2f / %.2f", x, y);
    else
        snprintf(buf, size, "%.0f / %.0f", x, y);
    return buf;
}

static const char *cell_behind(const json_t *p, char *buf, size_t size)
{
    return pair(p, "behind.p50", "behind.max", "", buf, size);
}

static const char *cell_settle(const json_t *p, char *buf, size_t size)
{
    return pair(p, "settle_ms.p50", "settle_ms.p99", "ms", buf, size);
}

static const char *cell_throughput(const json_t *p, char *buf, size_t size)
{
    return whole(p, "throughput", buf, size);
}

static const struct exercise_column columns[] = {
    {"reads", cell_reads},
    {"stale", cell_stale},
    {"rate", cell_rate},
    {"95 % interval", cell_interval},
    {"behind p50/max", cell_behind},
    {"settle ms p50/p99", cell_settle},
    {"reads/s", cell_throughput},
};

static void print_text(const struct exercise_outcome *o)
{
    printf(
        "%" PRIu64 " pairs of a writer and a reader, reading from %" PRIu64
        " replicas. The first two rows go as fast as\nthey can. With the lag, operations "
        "begin at a third of that rate, so that the settle time\nis that of the lag and "
        "not of a busy machine.\n\n",
        flags.pairs, flags.replicas);
    exercise_print_table(o, columns, sizeof columns / sizeof *columns);
    exercise_print_verdict(o);
}

static json_t *about(void)
{
    return json_pack("{s:f, s:I, s:I}", "lag_ms", (double)flags.lag / 1e6, "pairs",
                     (json_int_t)flags.pairs, "replicas", (json_int_t)flags.replicas);
}

static int stale(int argc, char **argv)
{
    struct course course = {
        .usage = &usage,
        .flags = &flags.all,
        .name = exercise_stale.name,
        .rows = ROWS,
        .direct = direct_row,
        .proxied = proxied_rows,
        .judge = judge,
        .print = print_text,
        .about = about,
    };
    int status;

    flags = (struct flags){.lag = MSEC(50), .pairs = 100, .ops = 1000, .replicas = 2};
    status = course_parse(&usage, &flags.all, argc, argv);
    if (status >= 0)
        return status;
    if (flags.lag == 0 || flags.lag > SEC(5))
        return cli_usage(&usage, "--lag is more than 0 and at most 5s");
    if (flags.pairs == 0 || flags.ops == 0)
        return cli_usage(&usage, "--pairs and --ops are at least 1");
    if (flags.replicas == 0 || flags.replicas > TOPOLOGY_REPLICAS)
        return cli_usage(&usage, "--replicas is 1 to %d", TOPOLOGY_REPLICAS);
    course.replicas = flags.replicas;
    return course_play(&course);
}

const struct exercise exercise_stale = {
    .name = "stale",
    .help = "how often does a read from a replica miss the last write?",
    .run = stale,
};

/* claim.c -- name, comparison, value; see claim.h. */
#include "claim.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

#define NAME_MAX_LEN 32

enum unit { UNIT_RATE, UNIT_COUNT, UNIT_TIME, UNIT_PLAIN };

/* In the order of metrics[]. */
enum metric {
    STALE,
    RATE,
    STALE_READS,
    FUTURE,
    NOT_OWN,
    NOT_MONOTONIC,
    FAILED,
    READS,
    ACKNOWLEDGED,
    WRITES_FAILED,
    INDETERMINATE,
    WAIT_SHORT,
    UNSETTLED,
    ERRORS,
    THROUGHPUT,
    BEHIND,
    AGE,
    SETTLE,
    LATENCY,
    WRITE,
    READ,
};

static const struct {
    const char *name;
    enum unit unit;
    bool spread; /* takes a .p50, .p99, .p999 or .max */
} metrics[] = {
    [STALE] = {"stale", UNIT_RATE, false},
    [RATE] = {"rate", UNIT_RATE, false},
    [STALE_READS] = {"stale-reads", UNIT_COUNT, false},
    [FUTURE] = {"future", UNIT_COUNT, false},
    [NOT_OWN] = {"not-own", UNIT_COUNT, false},
    [NOT_MONOTONIC] = {"not-monotonic", UNIT_COUNT, false},
    [FAILED] = {"failed", UNIT_COUNT, false},
    [READS] = {"reads", UNIT_COUNT, false},
    [ACKNOWLEDGED] = {"acknowledged", UNIT_COUNT, false},
    [WRITES_FAILED] = {"writes-failed", UNIT_COUNT, false},
    [INDETERMINATE] = {"indeterminate", UNIT_COUNT, false},
    [WAIT_SHORT] = {"wait-short", UNIT_COUNT, false},
    [UNSETTLED] = {"unsettled", UNIT_COUNT, false},
    [ERRORS] = {"errors", UNIT_COUNT, false},
    [THROUGHPUT] = {"throughput", UNIT_PLAIN, false},
    [BEHIND] = {"behind", UNIT_PLAIN, true},
    [AGE] = {"age", UNIT_TIME, true},
    [SETTLE] = {"settle", UNIT_TIME, true},
    [LATENCY] = {"latency", UNIT_TIME, true},
    [WRITE] = {"write", UNIT_TIME, true},
    [READ] = {"read", UNIT_TIME, true},
};
#define METRICS ((int)(sizeof metrics / sizeof *metrics))

static const struct {
    const char *name;
    double q;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};

static const struct {
    const char *text;
    enum claim_op op;
} ops[] = {
    {"<=", CLAIM_LE}, {">=", CLAIM_GE}, {"==", CLAIM_EQ},
    {"<", CLAIM_LT},  {">", CLAIM_GT},
};

/* parsing */

static int unknown(const char *name, struct err *e)
{
    const char *words[METRICS + 1] = {NULL}, *near;

    for (int i = 0; i < METRICS; i++)
        words[i] = metrics[i].name;
    near = err_nearest(name, words);
    err_set(e, -EINVAL, "nothing called '%s' is measured", name);
    if (near)
        err_hint(e, "did you mean '%s'?", near);
    else
        err_hint(
            e, "stale, future, not-own, not-monotonic, failed, settle.p99, read.p99 ...");
    return -EINVAL;
}

static int find_quantile(const char *name, struct claim *c, struct err *e)
{
    for (size_t i = 0; name && i < sizeof quantiles / sizeof *quantiles; i++)
        if (strcmp(name, quantiles[i].name) == 0) {
            c->q = quantiles[i].q;
            return 0;
        }
    err_set(e, -EINVAL, "'%s' has many values: say which", metrics[c->metric].name);
    err_hint(e, "%s.p50, .p90, .p99, .p999 or .max", metrics[c->metric].name);
    return -EINVAL;
}

static int find_metric(char *name, struct claim *c, struct err *e)
{
    char *dot = strchr(name, '.');

    if (strncmp(name, "latency.write", 13) == 0 || strncmp(name, "latency.read", 12) == 0)
        return find_metric(name + strlen("latency."), c, e);
    if (dot)
        *dot++ = '\0';
    for (c->metric = 0; c->metric < METRICS; c->metric++)
        if (strcmp(name, metrics[c->metric].name) == 0)
            break;
    if (c->metric == METRICS)
        return unknown(name, e);
    if (metrics[c->metric].spread)
        return find_quantile(dot, c, e);
    if (dot == NULL)
        return 0;
    err_set(e, -EINVAL, "'%s' is one number: it has no '.%s'", name, dot);
    return -EINVAL;
}

static int find_op(const char **at, struct claim *c, struct err *e)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strncmp(*at, ops[i].text, strlen(ops[i].text)) == 0) {
            c->op = ops[i].op;
            *at += strlen(ops[i].text);
            return 0;
        }
    err_set(e, -EINVAL, "no comparison in '%s'", c->text);
    err_hint(e, "such as stale<=0.1%%, with one of < <= > >= ==");
    return -EINVAL;
}

static int plain_number(const char *s, double *out)
{
    char *end;

    if (!isdigit((unsigned char)*s) && *s != '.')
        return -EINVAL;
    *out = strtod(s, &end);
    return *end == '\0' && isfinite(*out) ? 0 : -EINVAL;
}

static int wrong_value(const struct claim *c, const char *s, const char *such,
                       struct err *e)
{
    err_set(e, -EINVAL, "'%s' is no value for '%s'", s, metrics[c->metric].name);
    err_hint(e, "%s", such);
    return -EINVAL;
}

static int read_bound(const char *s, struct claim *c, struct err *e)
{
    bool percent = *s && s[strlen(s) - 1] == '%';
    nsec t;

    switch (metrics[c->metric].unit) {
    case UNIT_TIME:
        if (plain_number(s, &c->bound) == 0) /* milliseconds, as in the report */
            return 0;
        if (value_time(s, &t, NULL) < 0)
            return wrong_value(c, s, "a time such as 50ms", e);
        c->bound = (double)t / 1e6;
        return 0;
    case UNIT_RATE:
        if (value_fraction(s, &c->bound, NULL) < 0)
            return wrong_value(c, s, "a share such as 0.1%, or 0.001", e);
        return 0;
    case UNIT_COUNT:
        c->share = percent;
        if (percent ? value_fraction(s, &c->bound, NULL) < 0
                    : plain_number(s, &c->bound) < 0)
            return wrong_value(c, s, "a count such as 0, or a share of all reads: 1%", e);
        return 0;
    case UNIT_PLAIN:
        if (plain_number(s, &c->bound) < 0)
            return wrong_value(c, s, "a number such as 25000", e);
        return 0;
    }
    return -EINVAL;
}

int claim_parse(const char *text, struct claim *c, struct err *e)
{
    const char *at = text + strspn(text, " ");
    size_t n = strcspn(at, "<>= ");
    char name[NAME_MAX_LEN];

    *c = (struct claim){.text = text};
    if (n == 0 || n >= sizeof name) {
        err_set(e, -EINVAL, "'%.64s' does not begin with what is measured", text);
        err_hint(e, "such as stale<=0.1%%");
        return -EINVAL;
    }
    memcpy(name, at, n);
    name[n] = '\0';
    at += n;
    at += strspn(at, " ");
    if (find_metric(name, c, e) < 0 || find_op(&at, c, e) < 0)
        return -EINVAL;
    return read_bound(at + strspn(at, " "), c, e);
}

/* checking */

/* The histogram behind a metric that has many values. */
static const struct hist *hist_of(int metric, const struct stale_result *r)
{
    switch (metric) {
    case BEHIND: return &r->behind;
    case AGE: return &r->age;
    case SETTLE: return &r->settle;
    case WRITE: return &r->writes.latency;
    default: return &r->reads.latency;
    }
}

static struct claim_verdict spread_value(const struct claim *c,
                                         const struct stale_result *r)
{
    double unit = metrics[c->metric].unit == UNIT_TIME ? 1e6 : 1;
    struct hist both;
    const struct hist *h = hist_of(c->metric, r);

    if (c->metric == LATENCY) { /* of all requests, writes and reads */
        both = r->reads.latency;
        hist_merge(&both, &r->writes.latency);
        h = &both;
    }
    return (struct claim_verdict){.known = h->n > 0,
                                  .value = (double)hist_at(h, c->q) / unit};
}

static uint64_t count_of(int metric, const struct stale_result *r)
{
    switch (metric) {
    case FUTURE: return r->reads.future;
    case NOT_OWN: return r->reads.not_own;
    case NOT_MONOTONIC: return r->reads.not_monotonic;
    case FAILED: return r->reads.failed;
    case READS: return r->reads.total;
    case ACKNOWLEDGED: return r->writes.acknowledged;
    case WRITES_FAILED: return r->writes.failed;
    case INDETERMINATE: return r->writes.unknown;
    case WAIT_SHORT: return r->writes.wait_short;
    case UNSETTLED: return r->unsettled;
    case ERRORS: return trouble_total(&r->troubles);
    default: return r->reads.stale;
    }
}

static bool compare(enum claim_op op, double value, double bound)
{
    bool equal = fabs(value - bound) <= 1e-12 * fmax(fabs(value), fabs(bound));

    switch (op) {
    case CLAIM_LT: return value < bound && !equal;
    case CLAIM_LE: return value < bound || equal;
    case CLAIM_GT: return value > bound && !equal;
    case CLAIM_GE: return value > bound || equal;
    case CLAIM_EQ: return equal;
    }
    return false;
}

struct claim_verdict claim_check(const struct claim *c, const struct stale_result *r)
{
    double seconds = (double)r->elapsed / 1e9, reads = (double)r->reads.total;
    bool rate = metrics[c->metric].unit == UNIT_RATE || c->share;
    struct claim_verdict v = {.known = reads > 0};

    if (metrics[c->metric].spread)
        v = spread_value(c, r);
    else if (c->metric == THROUGHPUT)
        v.value = seconds > 0 ? reads / seconds : 0;
    else
        v.value = (double)count_of(c->metric, r) / (rate && reads > 0 ? reads : 1);
    /* These say something of a run without reads, too. */
    if (c->metric >= READS && c->metric <= ERRORS && !c->share)
        v.known = true;
    if (c->metric == FAILED && !c->share && r->reads.failed)
        v.known = true;
    v.met = v.known && compare(c->op, v.value, c->bound);
    return v;
}

const char *claim_print(const struct claim *c, double value, char *buf, size_t size)
{
    switch (metrics[c->metric].unit) {
    case UNIT_TIME: snprintf(buf, size, "%.4gms", value); break;
    case UNIT_RATE: snprintf(buf, size, "%.4g%%", value * 100); break;
    default:
        if (c->share)
            snprintf(buf, size, "%.4g%%", value * 100);
        else
            snprintf(buf, size, "%.12g", value);
    }
    return buf;
}

/* report_json.c -- the same as one JSON object. Its members are a contract: exercises and
 * users' scripts read them. Members may be added, none renamed. Times are milliseconds.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "report.h"

#define PRECISION 12

static json_t *count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *ms(uint64_t ns)
{
    return json_real((double)ns / 1e6);
}

/* Of nothing there is no median: null. */
static json_t *quantile(const struct hist *h, double q)
{
    return h->n ? ms(hist_at(h, q)) : json_null();
}

static json_t *latency(const struct hist *h)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "p50", quantile(h, 0.5), "p99",
                     quantile(h, 0.99), "p999", quantile(h, 0.999), "max",
                     quantile(h, 1));
}

static json_t *spread(const struct hist *h)
{
    return json_pack("{s:o,s:o,s:o}", "p50", quantile(h, 0.5), "p99", quantile(h, 0.99),
                     "max", quantile(h, 1));
}

static json_t *url(const struct url *u)
{
    char text[URL_TEXT_MAX];

    return json_string(url_print(u, text, sizeof text));
}

static json_t *reads_from(const struct stale_conf *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->nread; i++)
        json_array_append_new(list, url(&c->read[i]));
    return list;
}

static json_t *writes(const struct stale_result *r)
{
    return json_pack(
        "{s:o,s:o,s:o,s:o,s:o}", "acknowledged", count(r->writes.acknowledged), "failed",
        count(r->writes.failed), "indeterminate", count(r->writes.unknown), "wait_short",
        count(r->writes.wait_short), "latency_ms", latency(&r->writes.latency));
}

static json_t *reads(const struct stale_result *r)
{
    struct rate rate = stats_rate(r->reads.stale, r->reads.total);

    return json_pack("{s:o,s:o,s:f,s:f,s:f,s:o,s:o,s:o,s:o,s:o}", "total",
                     count(r->reads.total), "stale", count(r->reads.stale), "rate",
                     rate.at, "low", rate.low, "high", rate.high, "future",
                     count(r->reads.future), "not_own", count(r->reads.not_own),
                     "not_monotonic", count(r->reads.not_monotonic), "failed",
                     count(r->reads.failed), "latency_ms", latency(&r->reads.latency));
}

static json_t *behind(const struct hist *h)
{
    return json_pack("{s:o,s:o}", "p50", h->n ? count(hist_at(h, 0.5)) : json_null(),
                     "max", h->n ? count(h->max) : json_null());
}

static json_t *settle(const struct stale_result *r)
{
    json_t *o = spread(&r->settle);

    json_object_set_new(o, "samples", count(r->settle.n));
    json_object_set_new(o, "unsettled", count(r->unsettled));
    return o;
}

static json_t *nodes(const struct report *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->conf->nread; i++)
        json_array_append_new(list,
                              json_pack("{s:o,s:o,s:o}", "read", url(&r->conf->read[i]),
                                        "reads", count(r->result->node[i].reads), "stale",
                                        count(r->result->node[i].stale)));
    return list;
}

static json_t *ages(const struct report *r)
{
    json_t *list = json_array();
    double width = (double)r->conf->load.ages / 1e6 / STALE_AGES;

    for (int i = 0; r->conf->load.ages && i < STALE_AGES; i++)
        json_array_append_new(list, json_pack("{s:f,s:o,s:o}", "ms", i * width, "reads",
                                              count(r->result->ages[i].reads), "stale",
                                              count(r->result->ages[i].stale)));
    return list;
}

static json_t *crossing(const struct report *r, double fresh)
{
    double width = (double)r->conf->load.ages / 1e6 / STALE_AGES;
    double at = stats_crossing(r->result->ages, STALE_AGES, 1 - fresh + 1e-12);

    return r->conf->load.ages == 0 || at == STATS_NEVER ? json_null()
                                                        : json_real(at * width);
}

static json_t *errors(const struct troubles *t)
{
    json_t *o = json_object();

    for (int i = 0; i < TROUBLE_KINDS; i++)
        if (t->n[i])
            json_object_set_new(o, trouble_name((enum trouble)i), count(t->n[i]));
    return o;
}

static json_t *sockets(const struct sockets *s)
{
    return json_pack("{s:o,s:o,s:f,s:f}", "connections", count(s->n), "retransmits",
                     count(s->retransmits), "rtt_ms",
                     s->n ? (double)s->rtt_us_sum / (double)s->n / 1e3 : 0.0,
                     "rtt_max_ms", (double)s->rtt_us_max / 1e3);
}

static json_t *assertions(const struct report *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->nclaims; i++) {
        struct claim_verdict v = claim_check(&r->claims[i], r->result);

        json_array_append_new(list, json_pack("{s:s,s:o,s:b}", "text", r->claims[i].text,
                                              "value",
                                              v.known ? json_real(v.value) : json_null(),
                                              "met", (int)v.met));
    }
    return list;
}

static json_t *what_was_run(const struct report *r)
{
    const struct stale_conf *c = r->conf;
    const struct stale_result *s = r->result;
    double seconds = (double)s->elapsed / 1e9;

    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:f,s:f,s:b}", "probe",
                     "stale", "run", s->run, "write", url(&c->write), "read",
                     reads_from(c), "pairs", count(c->load.pairs), "ops", count(c->ops),
                     "wait", count(c->wait), "rate", count(c->load.rate), "seed",
                     count(c->load.seed), "seconds", seconds, "throughput",
                     seconds > 0 ? (double)s->reads.total / seconds : 0.0, "interrupted",
                     s->signal != 0);
}

int report_json(FILE *f, const struct report *r)
{
    const struct stale_result *s = r->result;
    json_t *o = what_was_run(r);
    json_t *found = json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:{s:o,s:o,s:o},s:o,s:o,s:o,s:o}", "writes",
        writes(s), "reads", reads(s), "nodes", nodes(r), "behind", behind(&s->behind),
        "age_ms", spread(&s->age), "settle_ms", settle(s), "ages", ages(r),
        "fresh_from_ms", "p50", crossing(r, 0.5), "p99", crossing(r, 0.99), "p999",
        crossing(r, 0.999), "errors", errors(&s->troubles), "keys_left",
        count(s->keys_left), "assertions", assertions(r), "sockets",
        sockets(&s->sockets));
    int failed = o == NULL || found == NULL || json_object_update(o, found) < 0 ||
                 json_dumpf(o, f, JSON_COMPACT | JSON_REAL_PRECISION(PRECISION)) < 0;

    json_decref(found);
    json_decref(o);
    fputc('\n', f);
    return failed ? -ENOMEM : 0;
}

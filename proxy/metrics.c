/* metrics.c -- see metrics.h. Values are those of the moment, not of a session's end. */
#include "metrics.h"

#include <inttypes.h>

#include "describe_parts.h"
#include "tox.h"

static void head(struct answer *a, const char *name, const char *type, const char *help)
{
    answer_text(a, "# HELP sunder_%s %s\n# TYPE sunder_%s %s\n", name, help, name, type);
}

static void single(struct answer *a, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    head(a, name, type, help);
    answer_text(a, "sunder_%s %" PRIu64 "\n", name, value);
}

static void by_lane(struct answer *a, const char *name, const char *help,
                    const uint64_t value[2])
{
    head(a, name, "counter", help);
    answer_text(a, "sunder_%s{lane=\"requests\"} %" PRIu64 "\n", name, value[0]);
    answer_text(a, "sunder_%s{lane=\"replies\"} %" PRIu64 "\n", name, value[1]);
}

static void by_link(const struct proxy *p, struct answer *a)
{
    head(a, "link_sessions", "gauge", "Live sessions of a link.");
    for (size_t i = 0; i < p->nodes; i++)
        for (size_t who = 0; who < p->node[i]->links; who++) {
            const struct link *l = p->node[i]->link[who];

            if (l)
                answer_text(a,
                            "sunder_link_sessions{from=\"%s\",to=\"%s\"} %" PRIu64 "\n",
                            l->from->name, l->to->name, l->live);
        }
}

static void by_rule(const struct proxy *p, struct answer *a)
{
    head(a, "rule_fired_total", "counter", "Times a rule has acted.");
    for (size_t i = 0; i < p->plan->n; i++) {
        const struct rule *r = p->plan->entry[i].rule;

        answer_text(a, "sunder_rule_fired_total{rule=\"%s\",fault=\"%s\"} %" PRIu64 "\n",
                    r->name, r->fault->name, r->fired);
    }
}

void metrics_write(const struct proxy *p, struct answer *a)
{
    struct proxy_stats s;

    proxy_stats(p, &s);
    single(a, "sessions", "gauge", "Live sessions.", s.sessions);
    single(a, "sessions_total", "counter", "Sessions ever accepted.", s.accepted);
    single(a, "upstream_failures_total", "counter",
           "Upstreams that could not be reached.", s.refused);
    by_lane(a, "bytes_total", "Bytes read, by lane.", s.bytes);
    by_lane(a, "frames_total", "Frames seen, by lane.", s.frames);
    single(a, "held_bytes", "gauge", "Memory of bytes that wait in lanes.", s.held);
    single(a, "pauses_total", "counter", "Times a bound stopped the reading.", s.paused);
    head(a, "paused_seconds_total", "counter", "How long bounds stopped the reading.");
    answer_text(a, "sunder_paused_seconds_total %.6f\n", (double)s.paused_time / 1e9);
    single(a, "decisions_total", "counter", "Verdicts that were not to let it pass.",
           s.decisions);
    single(a, "opaque_lanes_total", "counter", "Lanes that could not be read as RESP.",
           s.opaque);
    single(a, "pairings_lost_total", "counter",
           "Sessions whose replies can no longer be told apart.", s.pairing_lost);
    tox_metrics(p, a);
    by_link(p, a);
    metrics_repl(p, a);
    metrics_sockets(p, a);
    by_rule(p, a);
}

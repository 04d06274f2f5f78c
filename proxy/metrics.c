/* metrics.c -- see metrics.h. Values are those of the moment, not of a session's end. */
#include "metrics.h"

#include <inttypes.h>

#include "describe_parts.h"
#include "session_parts.h"
#include "tox.h"

#define METRICS_LINKS 4096
#define METRICS_RULES 1000

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

/* ---- links ---- */

/* Calls put for each link, up to METRICS_LINKS. */
static void each_link(const struct proxy *p, struct answer *a,
                      void (*put)(struct answer *a, struct link *l))
{
    size_t n = 0;

    for (size_t i = 0; i < p->nodes; i++)
        for (size_t who = 0; who < p->node[i]->links; who++)
            if (p->node[i]->link[who] && n++ < METRICS_LINKS)
                put(a, p->node[i]->link[who]);
}

static void put_live(struct answer *a, struct link *l)
{
    answer_text(a, "sunder_link_sessions{from=\"%s\",to=\"%s\"} %" PRIu64 "\n",
                l->from->name, l->to->name, l->live);
}

static void put_bytes(struct answer *a, struct link *l)
{
    static const char *const lanes[] = {"requests", "replies"};

    for (int i = 0; i < 2; i++)
        answer_text(
            a, "sunder_link_bytes_total{from=\"%s\",to=\"%s\",lane=\"%s\"} %" PRIu64 "\n",
            l->from->name, l->to->name, lanes[i], l->bytes[i]);
}

static void clear_tally(struct answer *a, struct link *l)
{
    (void)a;
    for (size_t i = 0; i < ROLE_COUNT; i++)
        l->tally[i] = 0;
}

static void put_roles(struct answer *a, struct link *l)
{
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (l->tally[i])
            answer_text(a,
                        "sunder_role_sessions{from=\"%s\",to=\"%s\",role=\"%s\"} %" PRIu64
                        "\n",
                        l->from->name, l->to->name, role_names[i], l->tally[i]);
}

static void by_link(const struct proxy *p, struct answer *a)
{
    head(a, "link_sessions", "gauge", "Live sessions of a link.");
    each_link(p, a, put_live);
    head(a, "link_bytes_total", "counter", "Bytes read, by link and lane.");
    each_link(p, a, put_bytes);
    each_link(p, a, clear_tally);
    for (const struct session *s = p->sessions; s; s = s->next)
        s->link->tally[s->dialog.track.role]++;
    head(a, "role_sessions", "gauge", "Live sessions by what they turned out to be.");
    each_link(p, a, put_roles);
}

/* ---- rules ---- */

static void by_rule(const struct proxy *p, struct answer *a)
{
    single(a, "rules", "gauge", "Rules in force, those below and the rest.", p->plan->n);
    head(a, "rule_fired_total", "counter", "Times a rule has acted.");
    for (size_t i = 0; i < p->plan->n && i < METRICS_RULES; i++) {
        const struct rule *r = p->plan->entry[i].rule;

        answer_text(a, "sunder_rule_fired_total{rule=\"%s\",fault=\"%s\"} %" PRIu64 "\n",
                    r->name, r->fault->name, r->fired);
    }
}

static void by_fault(const struct proxy *p, struct answer *a)
{
    head(a, "fault_decisions_total", "counter",
         "Times a fault has acted, by whatever rules there were.");
    for (size_t k = 0; faults[k]; k++) {
        uint64_t n = p->retired[k];

        for (size_t i = 0; i < p->plan->n; i++)
            if (p->plan->entry[i].rule->fault == faults[k])
                n += p->plan->entry[i].rule->fired;
        if (n)
            answer_text(a, "sunder_fault_decisions_total{fault=\"%s\"} %" PRIu64 "\n",
                        faults[k]->name, n);
    }
}

/* ---- the loop ---- */

static void by_loop(const struct proxy *p, struct answer *a)
{
    const struct pulse *l = &p->hub->pulse;
    uint64_t n = 0;

    head(a, "loop_busy_seconds", "histogram",
         "How long the loop was busy at a time, and all else waited.");
    for (size_t i = 0; i < PULSE_BUCKETS; i++) {
        n += l->turns[i];
        if (i < PULSE_BUCKETS - 1)
            answer_text(a, "sunder_loop_busy_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                        pulse_bounds[i], n);
    }
    answer_text(a, "sunder_loop_busy_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", n);
    answer_text(a, "sunder_loop_busy_seconds_sum %.6f\n", (double)l->busy / 1e9);
    answer_text(a, "sunder_loop_busy_seconds_count %" PRIu64 "\n", n);
    head(a, "loop_busy_longest_seconds", "gauge", "The longest of them, ever.");
    answer_text(a, "sunder_loop_busy_longest_seconds %.6f\n", (double)l->longest / 1e9);
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
    by_fault(p, a);
    by_loop(p, a);
}

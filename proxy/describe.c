/* describe.c -- see describe.h. */
#include "describe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe_parts.h"

static const char *const kinds[] = {"redis", "sentinel", "client"};
static const char *const lanes[] = {"requests", "replies", "both"};

static json_t *integer(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *link_repl(const struct proxy *p, const struct link *l)
{
    return l->replicating ? describe_repl(session_replicating(p, l)) : json_null();
}

static const char *role_of_node(const struct party *p)
{
    if (p->kind != PARTY_REDIS)
        return kinds[p->kind];
    return p->replica ? "replica" : "master";
}

static uint64_t live_sessions(const struct node *n)
{
    uint64_t live = 0;

    for (size_t i = 0; i < n->links; i++)
        live += n->link[i] ? n->link[i]->live : 0;
    return live;
}

json_t *describe_nodes(const struct proxy *p)
{
    json_t *all = json_array();

    for (size_t i = 0; i < p->nodes; i++) {
        const struct node *n = p->node[i];
        char listen[ADDR_TEXT_MAX], upstream[ADDR_TEXT_MAX];

        addr_print_sockaddr((const struct sockaddr *)&n->listener.at, listen,
                            sizeof listen);
        addr_print(&n->upstream, upstream, sizeof upstream);
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o}", "name", n->party.name,
                           "kind", kinds[n->party.kind], "role", role_of_node(&n->party),
                           "listen", listen, "upstream", upstream, "listening",
                           listener_is_open(&n->listener), "sessions",
                           integer(live_sessions(n))));
    }
    return all;
}

/* What is in force on a link, by the name of the fault. */
static json_t *faults_of(const struct proxy *p, const struct link *l)
{
    json_t *names = json_array();

    for (size_t i = 0; i < p->plan->n; i++) {
        const struct rule *r = p->plan->entry[i].rule;

        if (rule_in_force(r) && match_link(r, l->from, l->to))
            json_array_append_new(names, json_string(r->fault->name));
    }
    return names;
}

static json_t *rules_of_session(const struct session *s)
{
    const struct plan *plan = s->proxy->plan;
    json_t *names = json_array();

    for (size_t i = 0; i < plan->n; i++) {
        const struct rule *r = plan->entry[i].rule;

        if (rule_in_force(r) && match_link(r, s->link->from, s->link->to) &&
            match_role(r, s->dialog.track.role))
            json_array_append_new(names, json_string(r->name));
    }
    return names;
}

/* The rules that are about a link, by name. */
static json_t *rules_of(const struct proxy *p, const struct link *l)
{
    json_t *names = json_array();

    for (size_t i = 0; i < p->plan->n; i++)
        if (match_link(p->plan->entry[i].rule, l->from, l->to))
            json_array_append_new(names, json_string(p->plan->entry[i].rule->name));
    return names;
}

static json_t *describe_link(const struct proxy *p, const struct link *l)
{
    json_t *o = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "from",
                          l->from->name, "to", l->to->name, "sessions", integer(l->live),
                          "ever", integer(l->sessions), "bytes_requests",
                          integer(l->bytes[LANE_REQUESTS]), "bytes_replies",
                          integer(l->bytes[LANE_REPLIES]), "rules", rules_of(p, l),
                          "faults", faults_of(p, l));

    json_object_set_new(o, "replicating", integer(l->replicating));
    json_object_set_new(o, "full_resyncs", integer(l->full));
    json_object_set_new(o, "partial_resyncs", integer(l->partial));
    json_object_set_new(o, "replication", link_repl(p, l));
    return o;
}

json_t *describe_links(const struct proxy *p)
{
    json_t *all = json_array();

    for (size_t i = 0; i < p->nodes; i++)
        for (size_t who = 0; who < p->node[i]->links; who++)
            if (p->node[i]->link[who])
                json_array_append_new(all, describe_link(p, p->node[i]->link[who]));
    return all;
}

static json_t *describe_lane(const struct session *s, enum lane_id lane)
{
    const struct lane *l = &s->dialog.lane[lane];

    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:i}", "bytes", integer(l->bytes),
                     "frames", integer(l->frames), "held", integer(l->queue.held),
                     "held_frames", integer(l->queue.frames), "opaque", l->opaque,
                     "paused", s->flow[lane].paused, "rules", (int)l->seats);
}

static json_t *describe_socket(const struct session *s, int side)
{
    struct endpoint_facts f = {0};
    uint32_t class = s->priority[side];
    char name[16];

    if (side == DIALED && !s->connected)
        return json_null();
    endpoint_facts(&s->side[side], &f);
    snprintf(name, sizeof name, "%x:%x", class >> 16, class & 0xffff);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:s?}", "rtt_us", (json_int_t)f.rtt_us,
                     "retransmits", (json_int_t)f.retransmits, "cwnd", (json_int_t)f.cwnd,
                     "unacked", (json_int_t)f.unacked, "unsent", (json_int_t)f.unsent,
                     "class", class ? name : NULL);
}

static json_t *describe_session(const struct session *s, nsec now)
{
    const struct track *t = &s->dialog.track;

    return json_pack(
        "{s:o, s:s, s:s, s:o, s:s, s:i, s:s?, s:b, s:b, s:f, s:o, s:o, s:o, s:o, s:o, "
        "s:o}",
        "id", integer(s->id), "from", s->link->from->name, "to", s->link->to->name,
        "session", integer(s->dialog.ordinal), "role", role_names[t->role], "resp",
        t->resp, "client_name", t->name, "connected", s->connected, "pairing_lost",
        t->lost, "age", (double)(now - s->opened) / 1e9, "requests",
        describe_lane(s, LANE_REQUESTS), "replies", describe_lane(s, LANE_REPLIES),
        "dialer", describe_socket(s, DIALER), "dialed", describe_socket(s, DIALED),
        "replication", describe_repl(s), "rules", rules_of_session(s));
}

int proxy_session_end(struct proxy *p, uint64_t id, enum close_how how)
{
    for (struct session *s = p->sessions; s; s = s->next)
        if (s->id == id && !s->closing) {
            session_close(s, how);
            return 0;
        }
    return -ENOENT;
}

json_t *describe_sessions(const struct proxy *p)
{
    json_t *list = json_array();
    nsec now = uv_hrtime();
    size_t n = 0;

    for (const struct session *s = p->sessions; s && n < DESCRIBE_SESSIONS; s = s->next)
        if (!s->closing) {
            json_array_append_new(list, describe_session(s, now));
            n++;
        }
    return json_pack("{s:o, s:o}", "total", integer(p->stats.sessions), "sessions", list);
}

/* Does a fault that changes what replicas get leave their offsets right? */
static json_t *offset_clean(const struct fault *f)
{
    return f->poison ? json_boolean(!f->skews) : json_null();
}

json_t *describe_rule(const struct plan_entry *e)
{
    char text[RULE_TEXT_MAX];
    nsec now = uv_hrtime();
    json_t *left = json_null();

    if (e->until != NSEC_NEVER)
        left = json_real(e->until > now ? (double)(e->until - now) / 1e9 : 0);
    return json_pack("{s:s, s:s, s:s, s:o, s:b, s:o, s:o}", "name", e->rule->name, "rule",
                     rule_print(e->rule, text, sizeof text), "fault",
                     e->rule->fault->name, "fired", integer(e->rule->fired), "in_force",
                     rule_in_force(e->rule), "seconds_left", left, "offset_clean",
                     offset_clean(e->rule->fault));
}

json_t *describe_rules(const struct proxy *p)
{
    json_t *all = json_array();

    for (size_t i = 0; i < p->plan->n; i++)
        json_array_append_new(all, describe_rule(&p->plan->entry[i]));
    return all;
}

static struct proxy_stats stats_of(const struct proxy *p)
{
    struct proxy_stats s;

    proxy_stats(p, &s);
    return s;
}

json_t *describe_stats(const struct proxy *p)
{
    struct proxy_stats s = stats_of(p);
    const struct {
        const char *name;
        uint64_t n;
    } counts[] = {
        {"sessions", s.sessions},
        {"accepted", s.accepted},
        {"refused", s.refused},
        {"bytes_requests", s.bytes[LANE_REQUESTS]},
        {"bytes_replies", s.bytes[LANE_REPLIES]},
        {"frames_requests", s.frames[LANE_REQUESTS]},
        {"frames_replies", s.frames[LANE_REPLIES]},
        {"held", s.held},
        {"held_max", s.held_max},
        {"paused", s.paused},
        {"opaque", s.opaque},
        {"pairing_lost", s.pairing_lost},
        {"decisions", s.decisions},
        {"rules", p->plan->n},
        {"seed", p->core.seed},
    };
    json_t *o = json_object();

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_object_set_new(o, counts[i].name, integer(counts[i].n));
    json_object_set_new(o, "paused_seconds", json_real((double)s.paused_time / 1e9));
    return o;
}

/* Where the last lines of p[0..n) begin. */
static const char *last_lines(const char *p, size_t n, size_t lines)
{
    size_t at = n;

    while (at > 0 && (p[at - 1] != '\n' || at == n || --lines > 0))
        at--;
    return p + at;
}

json_t *describe_journal(const struct proxy *p, size_t lines, struct err *e)
{
    json_t *all;
    size_t n;
    char *text;
    const char *at;
    int err = p->journal ? journal_tail(p->journal, &text, &n) : -ENOENT;

    if (err == -ENOENT) {
        err_set(e, err, "this proxy writes no journal");
        err_hint(e, "--journal FILE has it write one; SUBSCRIBE events needs none");
        return NULL;
    }
    if (err < 0) {
        err_set(e, err, "cannot read the journal: %s", strerror(-err));
        return NULL;
    }
    all = json_array();
    at = last_lines(text, n, lines);
    for (const char *end = text + n, *eol; at < end; at = eol + 1) {
        eol = memchr(at, '\n', (size_t)(end - at));
        eol = eol ? eol : end;
        json_array_append_new(all, json_stringn(at, (size_t)(eol - at)));
    }
    free(text);
    return all;
}

json_t *describe_event(const struct proxy_event *ev)
{
    json_t *o = json_pack("{s:s, s:f}", "event", proxy_event_names[ev->kind], "t",
                          (double)ev->now / 1e9);

    if (ev->rule)
        json_object_set_new(o, "rule", json_string(ev->rule->name));
    if (ev->from)
        json_object_set_new(o, "from", json_string(ev->from));
    if (ev->to)
        json_object_set_new(o, "to", json_string(ev->to));
    if (ev->session) {
        json_object_set_new(o, "session", integer(ev->session));
        json_object_set_new(o, "role", json_string(role_names[ev->role]));
    }
    if (ev->repl)
        describe_repl_event(ev->repl, o);
    if (ev->kind == EVENT_RULE_FIRED) {
        json_object_set_new(o, "lane", json_string(lanes[ev->lane]));
        json_object_set_new(o, "frame", integer(ev->frame));
    }
    return o;
}

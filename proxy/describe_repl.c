/* describe_repl.c -- replication links as JSON and as metrics: how far each side is, and
 * what of that is only here, or only on the way.
 *
 *   master's offset >= forwarded by the proxy >= acknowledged by the replica
 *            |-- held here --|-- in flight --|
 */
#include <inttypes.h>

#include "describe_parts.h"

struct facts {
    uint64_t offset, forwarded, acked; /* 0 unless anchored */
    uint64_t held, commands, unread, flight;
    nsec unacked; /* age of the oldest byte in flight */
};

static struct facts facts_of(const struct session *s, nsec now)
{
    const struct repl *r = s->dialog.repl;
    struct facts f = {
        .held = dialog_stream_held(&s->dialog),
        .unread = dialog_stream_unread(&s->dialog, now),
        .flight = repl_flight(r),
    };

    if (f.held)
        f.commands = s->dialog.lane[LANE_REPLIES].queue.frames;
    if (r->anchored) {
        f.offset = repl_offset(r);
        f.forwarded = repl_forwarded_offset(r);
        f.acked = r->acked;
    }
    if (f.flight && repl_unacked_since(r))
        f.unacked = now - repl_unacked_since(r);
    return f;
}

static json_t *integer(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *known(bool is_known, uint64_t n)
{
    return is_known ? integer(n) : json_null();
}

static json_t *text(const char *s)
{
    return s[0] ? json_string(s) : json_null();
}

static void put_progress(const struct session *s, json_t *o)
{
    const struct repl *r = s->dialog.repl;
    struct facts f = facts_of(s, uv_hrtime());
    int64_t skew = dialog_stream_skew(&s->dialog);

    json_object_set_new(o, "offset", known(r->anchored, f.offset));
    json_object_set_new(o, "forwarded", known(r->anchored, f.forwarded));
    json_object_set_new(o, "acknowledged", known(r->acking, f.acked));
    json_object_set_new(o, "on_disk", known(r->flushed > 0, r->flushed));
    json_object_set_new(o, "held_bytes", integer(f.held));
    json_object_set_new(o, "held_commands", integer(f.commands));
    json_object_set_new(o, "unread_bytes", integer(f.unread));
    json_object_set_new(o, "flight_bytes", integer(f.flight));
    json_object_set_new(o, "unacknowledged_seconds", json_real((double)f.unacked / 1e9));
    json_object_set_new(o, "offset_clean", json_boolean(skew == 0));
    json_object_set_new(o, "offset_skew", json_integer(skew));
}

static void put_counts(const struct repl *r, json_t *o)
{
    json_object_set_new(o, "commands", integer(r->commands));
    json_object_set_new(o, "writes", integer(r->writes));
    json_object_set_new(o, "getacks", integer(r->getacks));
    json_object_set_new(o, "full_resyncs", integer(r->full));
    json_object_set_new(o, "partial_resyncs", integer(r->partial));
    json_object_set_new(o, "refused_resyncs", integer(r->refused));
    json_object_set_new(o, "rdb_bytes", integer(r->rdb_bytes));
    json_object_set_new(o, "rdb_size", known(r->rdb_size > 0, r->rdb_size));
    json_object_set_new(o, "diskless", json_boolean(r->diskless));
}

/* Of the replica: what has come here may still be on its way to it. */
static enum repl_phase phase_of_replica(const struct dialog *d)
{
    if (d->repl->phase == PHASE_STREAM && d->lane[LANE_REPLIES].sent < d->stream_out)
        return d->repl->rdb_bytes ? PHASE_RDB : PHASE_HANDSHAKE;
    return d->repl->phase;
}

json_t *describe_repl(const struct session *s)
{
    const struct repl *r = s ? s->dialog.repl : NULL;
    json_t *o;

    if (r == NULL)
        return json_null();
    o = json_pack("{s:s, s:b, s:o}", "phase", phase_names[phase_of_replica(&s->dialog)],
                  "lost", r->lost, "replid", text(r->id));
    put_progress(s, o);
    put_counts(r, o);
    json_object_set_new(o, "announced_ip", text(r->ip));
    json_object_set_new(o, "announced_port", known(r->port > 0, r->port));
    json_object_set_new(o, "capabilities", text(r->capas));
    json_object_set_new(o, "channel",
                        r->channel == 0  ? json_null()
                        : r->rdb_channel ? json_string("rdb")
                                         : json_string("main"));
    return o;
}

void describe_repl_event(const struct repl *r, json_t *into)
{
    json_object_set_new(into, "phase", json_string(phase_names[r->phase]));
    json_object_set_new(into, "lost", json_boolean(r->lost));
    json_object_set_new(into, "replid", text(r->id));
    json_object_set_new(into, "offset", known(r->anchored, repl_offset(r)));
    json_object_set_new(into, "full_resyncs", integer(r->full));
    json_object_set_new(into, "partial_resyncs", integer(r->partial));
}

/* ---- metrics ---- */

static const struct {
    const char *name, *help;
    size_t at;
} gauges[] = {
    {"master_offset", "Offset of the master, as seen here.",
     offsetof(struct facts, offset)},
    {"forwarded_offset", "Offset that has been passed on to the replica.",
     offsetof(struct facts, forwarded)},
    {"acknowledged_offset", "Offset that the replica has acknowledged.",
     offsetof(struct facts, acked)},
    {"held_bytes", "Bytes of the stream that wait here.", offsetof(struct facts, held)},
    {"held_commands", "Commands of the stream that wait here.",
     offsetof(struct facts, commands)},
    {"unread_bytes", "Of the bytes that wait here, those that no rule holds.",
     offsetof(struct facts, unread)},
    {"flight_bytes", "Bytes passed on and not acknowledged.",
     offsetof(struct facts, flight)},
    {"unacknowledged_nanoseconds", "Age of the oldest of them.",
     offsetof(struct facts, unacked)},
};

static void put_gauge(const struct proxy *p, struct answer *a, const char *name,
                      size_t at)
{
    nsec now = uv_hrtime();

    for (const struct session *s = p->sessions; s; s = session_next(s)) {
        struct facts f;

        if (s->dialog.repl == NULL || session_replicating(p, s->link) != s)
            continue;
        f = facts_of(s, now);
        answer_text(a, "sunder_replication_%s{from=\"%s\",to=\"%s\"} %" PRIu64 "\n", name,
                    s->link->from->name, s->link->to->name,
                    *(const uint64_t *)((const char *)&f + at));
    }
}

static void put_resyncs(const struct proxy *p, struct answer *a)
{
    static const char *const line =
        "sunder_replication_resyncs_total{from=\"%s\",to=\"%s\",kind=\"%s\"} %" PRIu64
        "\n";

    answer_text(a, "# HELP sunder_replication_resyncs_total Resyncs granted.\n"
                   "# TYPE sunder_replication_resyncs_total counter\n");
    for (size_t i = 0; i < p->nodes; i++)
        for (size_t who = 0; who < p->node[i]->links; who++) {
            const struct link *l = p->node[i]->link[who];

            if (l == NULL || l->full + l->partial == 0)
                continue;
            answer_text(a, line, l->from->name, l->to->name, "full", l->full);
            answer_text(a, line, l->from->name, l->to->name, "partial", l->partial);
        }
}

void metrics_repl(const struct proxy *p, struct answer *a)
{
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++) {
        answer_text(a,
                    "# HELP sunder_replication_%s %s\n"
                    "# TYPE sunder_replication_%s gauge\n",
                    gauges[i].name, gauges[i].help, gauges[i].name);
        put_gauge(p, a, gauges[i].name, gauges[i].at);
    }
    put_resyncs(p, a);
}

/* metrics_sockets.c -- what the kernel knows of the sockets of each link: how far away a
 * peer is, and what was lost on the way. Asked of every live socket when it is asked for.
 */
#include <inttypes.h>

#include "describe_parts.h"

static const char *const sides[] = {"dialer", "dialed"};

static void forget(const struct proxy *p)
{
    for (size_t i = 0; i < p->nodes; i++)
        for (size_t who = 0; who < p->node[i]->links; who++)
            for (int side = 0; side < 2 && p->node[i]->link[who]; side++)
                p->node[i]->link[who]->sockets[side] = (struct link_sockets){0};
}

static void count(const struct session *s, int side)
{
    struct link_sockets *sum = &s->link->sockets[side];
    struct endpoint_facts f;

    endpoint_facts(&s->side[side], &f);
    if (f.rtt_us > sum->rtt_us)
        sum->rtt_us = f.rtt_us;
    if (f.cwnd && (sum->cwnd == 0 || f.cwnd < sum->cwnd))
        sum->cwnd = f.cwnd;
    sum->unacked += f.unacked;
    sum->retransmits += f.retransmits;
}

static uint64_t rtt(const struct link *l, int side)
{
    return l->sockets[side].rtt_us;
}

static uint64_t cwnd(const struct link *l, int side)
{
    return l->sockets[side].cwnd;
}

static uint64_t unacked(const struct link *l, int side)
{
    return l->sockets[side].unacked;
}

static uint64_t retransmits(const struct link *l, int side)
{
    return l->retransmits[side] + l->sockets[side].retransmits;
}

static const struct {
    const char *name, *type, *help;
    uint64_t (*of)(const struct link *l, int side);
} kinds[] = {
    {"rtt_microseconds", "gauge", "The longest round-trip time of a live socket.", rtt},
    {"congestion_window", "gauge", "The least window of a live socket, in segments.",
     cwnd},
    {"unacked_segments", "gauge", "Under way to the peers, not acknowledged.", unacked},
    {"retransmits_total", "counter", "Segments that had to be sent again.", retransmits},
};

static void put(const struct proxy *p, struct answer *a, size_t kind)
{
    answer_text(a, "# HELP sunder_link_%s %s\n# TYPE sunder_link_%s %s\n",
                kinds[kind].name, kinds[kind].help, kinds[kind].name, kinds[kind].type);
    for (size_t i = 0; i < p->nodes; i++)
        for (size_t who = 0; who < p->node[i]->links; who++)
            for (int side = 0; side < 2 && p->node[i]->link[who]; side++) {
                const struct link *l = p->node[i]->link[who];

                answer_text(
                    a, "sunder_link_%s{from=\"%s\",to=\"%s\",peer=\"%s\"} %" PRIu64 "\n",
                    kinds[kind].name, l->from->name, l->to->name, sides[side],
                    kinds[kind].of(l, side));
            }
}

void metrics_sockets(const struct proxy *p, struct answer *a)
{
    forget(p);
    for (const struct session *s = p->sessions; s; s = s->next)
        for (int side = 0; side < 2 && !s->closing; side++)
            if (side == DIALER || s->connected)
                count(s, side);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        put(p, a, i);
}

/* bandwidth.c -- let what matches through at so many bytes a second.
 *
 * The fault keeps one time: when the link will be idle again. What comes before then
 * waits its turn; what comes after finds the link free, and still takes the time its
 * own bytes need. A pause is not saved up: an idle link is not a faster one.
 *
 * Division loses parts of a nanosecond; they are carried over, so that the rate is
 * exact in the long run however the bytes are sliced.
 */
#include "fault.h"

enum scope { SESSION, LINK };

struct bandwidth {
    uint64_t rate;
    int scope;
};

struct meter {
    nsec idle_at;
    uint64_t carry; /* nanoseconds * rate not yet spent, < rate */
};

static const char *const scopes[] = {"session", "link", NULL};

static const struct param params[] = {
    {"rate", PARAM_RATE, offsetof(struct bandwidth, rate), 1, UINT64_C(10) << 30, NULL,
     NULL, "bytes a second, or bits: 10mbit"},
    {"scope", PARAM_WORD, offsetof(struct bandwidth, scope), 0, 0, "session", scopes,
     "each session has the rate, or all of the link share it"},
    {0},
};

/* Half a millisecond's worth, or a TCP segment: fine enough to look like a link, coarse
 * enough to be cheap. */
static size_t grain(const void *conf, const void *state)
{
    const struct bandwidth *c = conf;

    (void)state;
    return c->rate / 2000 > 1448 ? (size_t)(c->rate / 2000) : 1448;
}

static void on_bytes(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct bandwidth *c = conf;
    struct meter *m = c->scope == LINK ? u->shared : state;
    uint64_t cost = u->len * SEC(1) + m->carry;

    if (m->idle_at < u->now)
        m->idle_at = u->now;
    m->idle_at += cost / c->rate;
    m->carry = cost % c->rate;
    verdict_delay(v, m->idle_at - u->now);
}

const struct fault fault_bandwidth = {
    .name = "bandwidth",
    .help = "let what matches through at so many bytes a second",
    .example = "bandwidth 100kb/s",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct bandwidth),
    .state_size = sizeof(struct meter),
    .shared_size = sizeof(struct meter),
    .grain = grain,
    .on_bytes = on_bytes,
};

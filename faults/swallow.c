/* swallow.c -- take what matches and throw it away.
 *
 * The sender sees its bytes acknowledged; the receiver sees nothing. A stream with a
 * hole in it makes no sense, so the connection closes when the rule goes. To hold the
 * bytes back and deliver them later, use hang; to lose packets, which TCP repairs, use
 * blackhole or loss.
 *
 * With part, only some frames are thrown away: a stream of replies with some missing, as
 * no network would make it. With idle, a connection closes when nothing has come for so
 * long, from its beginning or from when the rule was added.
 */
#include "fault.h"

struct swallow {
    double part, correlation;
    nsec idle;
};

struct memory {
    bool lost; /* the one before */
};

static const struct param params[] = {
    {"part", PARAM_FRACTION, offsetof(struct swallow, part), 0, 0, "100%", NULL,
     "how much of it"},
    {"correlation", PARAM_FRACTION, offsetof(struct swallow, correlation), 0, 0, "0%",
     NULL, "so much likelier after one that was thrown away"},
    {"idle", PARAM_TIME, offsetof(struct swallow, idle), 0, SEC(3600), "0", NULL,
     "close when nothing has come for so long; 0 = do not"},
    {0},
};

static void watch(const struct swallow *c, const struct unit *u, struct verdict *v)
{
    if (c->idle)
        verdict_idle(v, nsec_add(u->now, c->idle));
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct swallow *c = conf;
    struct memory *m = state;
    double part = c->part + (m->lost ? c->correlation : 0);

    watch(c, u, v);
    m->lost = part >= 1 || rng_unit(u->rng) < part;
    if (!m->lost)
        return;
    verdict_drop(v);
    v->owe = true;
}

static void on_open(const void *conf, void *state, const struct unit *u,
                    struct verdict *v)
{
    (void)state;
    watch(conf, u, v);
}

const struct fault fault_swallow = {
    .name = "swallow",
    .help = "take what matches and throw it away; close when the rule goes",
    .example = "swallow",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct swallow),
    .state_size = sizeof(struct memory),
    .on_open = on_open,
    .on_frame = on_frame,
};

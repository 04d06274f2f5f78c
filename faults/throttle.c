/* throttle.c -- collect what matches and let it go in bursts.
 *
 * All that arrives within a period leaves at its end, as from an access point that
 * sleeps. The first period begins with the first match.
 */
#include "fault.h"

struct throttle {
    nsec every;
};

struct phase {
    nsec start;
};

static const struct param params[] = {
    {"every", PARAM_TIME, offsetof(struct throttle, every), USEC(100), SEC(3600), NULL,
     NULL, "the time between two bursts"},
    {0},
};

static void on_bytes(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct throttle *c = conf;
    struct phase *p = state;

    if (p->start == 0)
        p->start = u->now;
    verdict_delay(v, c->every - (u->now - p->start) % c->every);
}

const struct fault fault_throttle = {
    .name = "throttle",
    .help = "collect what matches and let it go in bursts",
    .example = "throttle 200ms",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct throttle),
    .state_size = sizeof(struct phase),
    .on_bytes = on_bytes,
};

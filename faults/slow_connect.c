/* slow_connect.c -- make a new session wait before its upstream is dialed.
 *
 * The dialer's connect() has already succeeded: the kernel accepts for us. What is slow
 * is the first answer. For a connect() that hangs, use blackhole.
 */
#include "fault.h"

struct slow_connect {
    nsec time;
};

static const struct param params[] = {
    {"time", PARAM_TIME, offsetof(struct slow_connect, time), 0, SEC(3600), NULL, NULL,
     "how long"},
    {0},
};

static void on_open(const void *conf, void *state, const struct unit *u,
                    struct verdict *v)
{
    const struct slow_connect *c = conf;

    (void)state;
    if (!u->live)
        verdict_delay(v, c->time);
}

const struct fault fault_slow_connect = {
    .name = "slow-connect",
    .help = "let new sessions wait before the upstream is dialed",
    .example = "slow-connect 2s",
    .lane = LANE_BOTH,
    .params = params,
    .conf_size = sizeof(struct slow_connect),
    .on_open = on_open,
};

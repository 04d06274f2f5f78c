/* slow_close.c -- pass the end of a stream (FIN) on late.
 *
 * Bytes are not delayed, only the end is. A reset is passed on at once.
 */
#include "fault.h"

struct slow_close {
    nsec time;
};

static const struct param params[] = {
    {"time", PARAM_TIME, offsetof(struct slow_close, time), 0, SEC(3600), NULL, NULL,
     "how long"},
    {0},
};

static void on_end(const void *conf, void *state, const struct unit *u, struct verdict *v)
{
    const struct slow_close *c = conf;

    (void)state, (void)u;
    verdict_delay(v, c->time);
}

const struct fault fault_slow_close = {
    .name = "slow-close",
    .help = "pass the end of the stream on late",
    .example = "slow-close 1s",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct slow_close),
    .on_end = on_end,
};

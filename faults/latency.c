/* latency.c -- make what matches wait.
 *
 * Order is kept: TCP cannot deliver late bytes before early ones, so a frame that waits
 * makes those behind it wait. Throughput is kept too, up to the lane's memory: beyond
 * memory / delay the sender is paused, as on a long link with a small window.
 *
 * uniform draws from time - jitter .. time + jitter, normal has mean time and deviation
 * jitter. A draw below 0 is 0.
 */
#include "fault.h"

enum dist { UNIFORM, NORMAL };

struct latency {
    nsec time, jitter;
    int dist;
};

static const char *const dists[] = {"uniform", "normal", NULL};

static const struct param params[] = {
    {"time", PARAM_TIME, offsetof(struct latency, time), 0, SEC(3600), NULL, NULL,
     "how long"},
    {"jitter", PARAM_TIME, offsetof(struct latency, jitter), 0, SEC(3600), "0", NULL,
     "give or take"},
    {"dist", PARAM_WORD, offsetof(struct latency, dist), 0, 0, "uniform", dists,
     "how the jitter is spread"},
    {0},
};

static nsec draw(const struct latency *c, struct rng *rng)
{
    int64_t off;

    if (c->jitter == 0)
        return c->time;
    if (c->dist == NORMAL)
        off = (int64_t)(rng_normal(rng) * (double)c->jitter);
    else
        off = (int64_t)rng_below(rng, 2 * c->jitter + 1) - (int64_t)c->jitter;
    return (int64_t)c->time + off > 0 ? (nsec)((int64_t)c->time + off) : 0;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    (void)state;
    verdict_delay(v, draw(conf, u->rng));
}

const struct fault fault_latency = {
    .name = "latency",
    .help = "delay what matches by a time, give or take",
    .example = "latency 50ms jitter=10ms",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct latency),
    .on_frame = on_frame,
};

/* latency.c -- make what matches wait.
 *
 * Order is kept: TCP cannot deliver late bytes before early ones, so a frame that waits
 * makes those behind it wait. Throughput is kept too, up to the lane's memory: beyond
 * memory / delay the sender is paused, as on a long link with a small window.
 *
 * uniform draws from time - jitter .. time + jitter; normal has mean time and deviation
 * jitter; pareto has a long tail above time: most are a little late, a few many jitters
 * (shape 3, as netem's table has it, cut off at 100). A draw below 0 is 0. With a
 * correlation each draw resembles the one before it.
 */
#include <math.h>

#include "fault.h"

enum dist { UNIFORM, NORMAL, PARETO };

struct latency {
    nsec time, jitter;
    int dist;
    double correlation;
};

static const char *const dists[] = {"uniform", "normal", "pareto", NULL};

static const struct param params[] = {
    {"time", PARAM_TIME, offsetof(struct latency, time), 0, SEC(3600), NULL, NULL,
     "how long"},
    {"jitter", PARAM_TIME, offsetof(struct latency, jitter), 0, SEC(3600), "0", NULL,
     "give or take"},
    {"dist", PARAM_WORD, offsetof(struct latency, dist), 0, 0, "uniform", dists,
     "how the jitter is spread"},
    {"correlation", PARAM_FRACTION, offsetof(struct latency, correlation), 0, 0, "0%",
     NULL, "how far a draw follows the one before"},
    {0},
};

/* How far off, in jitters. */
static double spread(int dist, struct rng *rng)
{
    switch (dist) {
    case NORMAL: return rng_normal(rng);
    case PARETO: return fmin(pow(1 - rng_unit(rng), -1.0 / 3) - 1, 100);
    default: return 2 * rng_unit(rng) - 1;
    }
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct latency *c = conf;
    double *last = state, off = c->jitter ? spread(c->dist, u->rng) : 0, t;

    if (u->nth > 0)
        off = c->correlation * *last + (1 - c->correlation) * off;
    *last = off;
    t = (double)c->time + off * (double)c->jitter;
    verdict_delay(v, t > 0 ? (nsec)t : 0);
}

static bool level(const void *conf, nsec *delay)
{
    const struct latency *c = conf;

    *delay = c->time;
    return c->jitter == 0;
}

const struct fault fault_latency = {
    .name = "latency",
    .help = "delay what matches by a time, give or take",
    .example = "latency 50ms jitter=10ms",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct latency),
    .state_size = sizeof(double), /* the last draw, in jitters */
    .on_frame = on_frame,
    .level = level,
};

/* egress.c -- see egress.h. */
#include "egress.h"

#include <math.h>
#include <stdio.h>

#include "value.h"

#define SCALE 8192.0 /* netem's one */

bool egress_netem(const struct egress *x)
{
    return x->delay || x->jitter || x->loss > 0 || x->duplicate > 0 || x->reorder > 0 ||
           x->corrupt > 0;
}

bool egress_any(const struct egress *x)
{
    return egress_netem(x) || x->rate;
}

static bool equal(double a, double b)
{
    return !(a < b) && !(a > b);
}

bool egress_same(const struct egress *a, const struct egress *b)
{
    return a->delay == b->delay && a->jitter == b->jitter && a->dist == b->dist &&
           a->rate == b->rate && a->burst == b->burst && a->limit == b->limit &&
           equal(a->correlation, b->correlation) && equal(a->loss, b->loss) &&
           equal(a->duplicate, b->duplicate) && equal(a->reorder, b->reorder) &&
           equal(a->corrupt, b->corrupt);
}

static double either(double a, double b)
{
    return 1 - (1 - a) * (1 - b);
}

void egress_add(struct egress *sum, const struct egress *more)
{
    sum->delay = nsec_add(sum->delay, more->delay);
    sum->jitter = nsec_add(sum->jitter, more->jitter);
    if (more->dist != EGRESS_UNIFORM)
        sum->dist = more->dist;
    sum->correlation = fmax(sum->correlation, more->correlation);
    sum->loss = either(sum->loss, more->loss);
    sum->duplicate = either(sum->duplicate, more->duplicate);
    sum->reorder = either(sum->reorder, more->reorder);
    sum->corrupt = either(sum->corrupt, more->corrupt);
    if (more->rate && (sum->rate == 0 || more->rate < sum->rate)) {
        sum->rate = more->rate;
        sum->burst = more->burst;
    }
    if (more->limit > sum->limit)
        sum->limit = more->limit;
}

const char *egress_near(const struct egress *x, char *buf, size_t size)
{
    char text[64];

    if (x->delay)
        snprintf(buf, size, "latency %s", value_print_time(x->delay, text, sizeof text));
    else if (x->rate)
        snprintf(buf, size, "bandwidth %s/s",
                 value_print_bytes(x->rate, text, sizeof text));
    else if (x->loss > 0)
        snprintf(buf, size, "loss %s", value_print_fraction(x->loss, text, sizeof text));
    else
        snprintf(buf, size, "latency 50ms jitter=10ms");
    return buf;
}

/* ---- distributions ---- */

/* The x that a standard normal draw is below with chance p: Newton, from a near one. */
static double normal_quantile(double p, double x)
{
    for (int i = 0; i < 6; i++) {
        double below = erfc(-x / sqrt(2)) / 2;
        double density = exp(-x * x / 2) / sqrt(2 * acos(-1));

        x -= (below - p) / density;
    }
    return x;
}

/* Shape 3, moved and scaled to mean 0 and deviation 1. */
static double pareto_quantile(double p)
{
    return (pow(1 - p, -1.0 / 3) - 1.5) / sqrt(0.75);
}

void egress_table(int dist, int16_t out[EGRESS_TABLE])
{
    double x = -3.7;

    for (size_t i = 0; i < EGRESS_TABLE; i++) {
        double p = ((double)i + 0.5) / EGRESS_TABLE;

        switch (dist) {
        case EGRESS_NORMAL: x = normal_quantile(p, x); break;
        case EGRESS_PARETO: x = pareto_quantile(p); break;
        default: x = 2 * p - 1;
        }
        out[i] = (int16_t)lrint(fmax(-32768, fmin(32767, x * SCALE)));
    }
}

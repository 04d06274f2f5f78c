/* egress.h -- what the kernel is to do to packets on their way out of us.
 *
 * Host faults describe it, host.h carries it out. Several rules on one lane add up to
 * one such description.
 */
#ifndef EGRESS_H
#define EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

enum egress_dist { EGRESS_UNIFORM, EGRESS_NORMAL, EGRESS_PARETO };

struct egress { /* all zero: nothing */
    nsec     delay, jitter;
    int      dist;        /* enum egress_dist: how the jitter is spread */
    double   correlation; /* 0..1: how far a delay follows the one before */
    double   loss, duplicate, reorder, corrupt; /* 0..1 of the packets */
    uint64_t rate;  /* bytes a second, headers included; 0 = as they come */
    uint64_t burst; /* bytes that may leave at once after a pause; 0 = some */
    uint64_t limit; /* packets that may wait for their delay; 0 = 1000 */
};

/* Is there anything that takes netem? */
bool egress_netem(const struct egress *x);
bool egress_any(const struct egress *x); /* or anything at all? */
bool egress_same(const struct egress *a, const struct egress *b);

/* What both together come to: delays add up, chances combine, the slower rate wins. */
void egress_add(struct egress *sum, const struct egress *more);

/* A fault that comes near and leaves the devices alone: "latency 50ms". Answers buf. */
const char *egress_near(const struct egress *x, char *buf, size_t size);

/* netem's table of a distribution: quantiles, in 8192nds of the jitter. */
#define EGRESS_TABLE 4096
void egress_table(int dist, int16_t out[EGRESS_TABLE]);

#endif

/* stats.h -- the little statistics a probe's report needs. Pure. */
#ifndef STATS_H
#define STATS_H

#include <stddef.h>
#include <stdint.h>

/* The rate hits/total and Wilson's 95 % interval for it, which holds for no hits at all
 * as well ("none in 1000" is not "none ever"). All 0..1 when total is 0. */
struct rate {
    double at, low, high;
};
struct rate stats_rate(uint64_t hits, uint64_t total);

/* Reads that began when a write had been acknowledged for so long. */
struct age_bucket {
    uint64_t reads, stale;
};

#define STATS_NEVER (-1.0)

/* The age, in buckets, from which on at most a fraction `still` of reads is stale. The
 * chance of a stale read cannot rise with age, so neighbours that say it does are pooled
 * until none does. STATS_NEVER when no bucket is that good. */
double stats_crossing(const struct age_bucket *b, size_t n, double still);

/* The shortest decimal that reads back as x, always with a point: 0.003, 0.0, 1.0. */
const char *stats_print_shortest(double x, char *buf, size_t size);

#endif

/* load.h -- when each operation is due and what is asked of it.
 *
 * A pure schedule: what operation `op` of pair `pair` is to do depends on the seed and on
 * these two numbers alone, never on how the run goes.
 *
 * With a rate the loop is open: an operation is due at its time whether the one before
 * has ended or not, and its latency counts from then. A load that waits for the server
 * would not notice the seconds in which the server did nothing.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>

#include "clock.h"

struct load {
    uint64_t seed;
    uint64_t pairs;
    uint64_t rate;   /* operations a second, all pairs together; 0 = closed loop */
    double   settle; /* the fraction of operations to settle */
    nsec     ages;   /* reads wait up to so long; 0 = not at all */
};

/* pair counts from 0, op from 1. The time is since the start; 0 in a closed loop. */
nsec load_due(const struct load *l, uint64_t pair, uint64_t op);

bool load_settles(const struct load *l, uint64_t pair, uint64_t op);
nsec load_age(const struct load *l, uint64_t pair, uint64_t op);

#endif

/* pulse.h -- how long a loop is busy at a time: for so long everything else waits.
 *
 * Measured in every turn of the loop, as what passes between two waits; costs two
 * readings of the clock a turn, and nothing while the loop sleeps.
 */
#ifndef PULSE_H
#define PULSE_H

#include "clock.h"

#define PULSE_BUCKETS 6 /* turns up to 100 us, 1, 10, 100 ms, 1 s; and longer ones */

extern const double pulse_bounds[PULSE_BUCKETS - 1]; /* in seconds */

struct pulse {
    uint64_t turns[PULSE_BUCKETS]; /* each in one bucket only */
    nsec     busy;                 /* all turns together */
    nsec     longest;

    nsec woke; /* private */
};

void pulse_wake(struct pulse *p, nsec now); /* the loop has waited */
void pulse_rest(struct pulse *p, nsec now); /* and is going to wait again */

#endif

/* pulse.c -- see pulse.h. */
#include "pulse.h"

#include <stddef.h>

const double pulse_bounds[PULSE_BUCKETS - 1] = {0.0001, 0.001, 0.01, 0.1, 1};

void pulse_wake(struct pulse *p, nsec now)
{
    p->woke = now;
}

void pulse_rest(struct pulse *p, nsec now)
{
    nsec busy = now > p->woke ? now - p->woke : 0;
    size_t i = 0;

    while (i < PULSE_BUCKETS - 1 && (double)busy / 1e9 > pulse_bounds[i])
        i++;
    p->turns[i]++;
    p->busy += busy;
    if (busy > p->longest)
        p->longest = busy;
}

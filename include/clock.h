/* clock.h -- time is a number that is passed in, never one that is asked for.
 *
 * Only the libuv shell reads a clock (uv_hrtime, once a callback). Everything below
 * it takes the time as an argument, so a test's clock is a variable.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

typedef uint64_t nsec; /* nanoseconds of a monotonic clock, or a span of them */

#define NSEC_NEVER UINT64_MAX
#define USEC(n)    ((nsec)(n)*1000u)
#define MSEC(n)    ((nsec)(n)*1000000u)
#define SEC(n)     ((nsec)(n)*1000000000u)

/* a + b, where NSEC_NEVER and overflow stay NSEC_NEVER. */
static inline nsec nsec_add(nsec a, nsec b)
{
    return a > NSEC_NEVER - b ? NSEC_NEVER : a + b;
}

#endif

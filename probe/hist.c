/* hist.c -- a log-linear histogram.
 *
 *   value          0 .. 127 | 128 .. 255 | 256 .. 511 | 512 .. 1023 | ...
 *   bucket width      1     |     1      |     2      |      4      | ...
 */
#include "hist.h"

#include <math.h>

#define SUB (1u << HIST_SUB_BITS)

static unsigned shift_of(uint64_t value)
{
    return value < SUB ? 0 : 63u - HIST_SUB_BITS - (unsigned)__builtin_clzll(value);
}

static uint64_t index_of(uint64_t value)
{
    unsigned shift = shift_of(value);

    return (uint64_t)shift * SUB + (value >> shift);
}

/* The middle of a bucket, which is at most half its width off. */
static uint64_t value_of(uint64_t index)
{
    uint64_t shift = index < 2 * SUB ? 0 : index / SUB - 1;
    uint64_t low = (index - shift * SUB) << shift;

    return low + (((uint64_t)1 << shift) - 1) / 2;
}

void hist_add(struct hist *h, uint64_t value)
{
    h->n++;
    h->bucket[index_of(value)]++;
    if (value > h->max)
        h->max = value;
}

uint64_t hist_at(const struct hist *h, double q)
{
    uint64_t rank = (uint64_t)ceil(q * (double)h->n), seen = 0, value;

    if (rank >= h->n)
        return h->max;
    if (rank == 0)
        rank = 1;
    for (uint64_t i = 0; i < HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= rank) {
            value = value_of(i);
            return value < h->max ? value : h->max;
        }
    }
    return h->max;
}

void hist_merge(struct hist *h, const struct hist *more)
{
    h->n += more->n;
    for (uint64_t i = 0; i < HIST_BUCKETS; i++)
        h->bucket[i] += more->bucket[i];
    if (more->max > h->max)
        h->max = more->max;
}

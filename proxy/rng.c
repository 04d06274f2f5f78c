/* rng.c -- splitmix64, and its finaliser as the mixer of what a draw is about.
 *
 * All of it is integer arithmetic, so that a seed means the same on every machine.
 * That is why the normal draw is not Box-Muller: log and cos differ between C
 * libraries in the last bit, and a replay must not.
 */
#include "rng.h"

#include <assert.h>

#define GOLDEN 0x9e3779b97f4a7c15u

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t stir(uint64_t s, uint64_t more)
{
    return mix((s + GOLDEN) ^ mix(more + GOLDEN));
}

struct rng rng_for(const struct rng_about *about)
{
    uint64_t s = stir(0, about->seed);

    s = stir(s, about->rule);
    s = stir(s, about->link);
    s = stir(s, about->session);
    s = stir(s, about->frame);
    s = stir(s, about->lane);
    return (struct rng){s};
}

/* FNV-1a, then mixed: FNV alone leaves the high bits of short names alike. */
uint64_t rng_hash(const void *p, size_t n)
{
    const uint8_t *byte = p;
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ byte[i]) * 0x100000001b3u;
    return mix(h);
}

uint64_t rng_next(struct rng *r)
{
    r->s += GOLDEN;
    return mix(r->s);
}

/* A plain remainder would favour small numbers; the draws that make it uneven are
 * those below 2^64 mod bound, so they are drawn again. */
uint64_t rng_below(struct rng *r, uint64_t bound)
{
    uint64_t uneven, x;

    assert(bound > 0);
    uneven = (0 - bound) % bound;
    do
        x = rng_next(r);
    while (x < uneven);
    return x % bound;
}

double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

/* The sum of twelve uniform draws has deviation 1 and is normal to the eye: 0.23 % lie
 * beyond three deviations (0.27 % in theory), none beyond six. */
double rng_normal(struct rng *r)
{
    uint64_t sum = 0;

    for (int i = 0; i < 6; i++) {
        uint64_t x = rng_next(r);

        sum += (x >> 32) + (x & UINT32_MAX);
    }
    return (double)(sum + 6) * 0x1p-32 - 6.0; /* + 6: each draw is half a step low */
}

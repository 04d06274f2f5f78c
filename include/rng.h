/* rng.h -- the only source of chance.
 *
 * A draw depends on what it is about and on nothing else: rng_for() mixes the seed,
 * the rule, the session and the frame into a fresh generator, so that neighbours,
 * timing and rules added elsewhere cannot move a decision.
 */
#ifndef RNG_H
#define RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s;
};

/* What one decision is about. */
struct rng_about {
    uint64_t seed;
    uint64_t rule;    /* rng_hash of its name or sentence */
    uint64_t link;    /* rng_hash of "from->to" */
    uint64_t session; /* ordinal on its link, from 1 */
    uint64_t frame;   /* ordinal on its lane, from 1; 0 for the session itself */
    unsigned lane;
};

struct rng rng_for(const struct rng_about *about);
uint64_t   rng_hash(const void *p, size_t n);

uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound); /* 0..bound-1; bound > 0 */
double   rng_unit(struct rng *r);                  /* [0, 1) */
double   rng_normal(struct rng *r);                /* mean 0, deviation 1 */

#endif

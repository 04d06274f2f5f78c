/* load.c -- see load.h. */
#include "load.h"

#include <string.h>

#include "rng.h"

/* Pairs take turns, so that the load is even and not in bursts of all pairs. */
nsec load_due(const struct load *l, uint64_t pair, uint64_t op)
{
    uint64_t turn = (op - 1) * l->pairs + pair;

    if (l->rate == 0)
        return 0;
    return turn / l->rate * SEC(1) + turn % l->rate * SEC(1) / l->rate;
}

static struct rng draw(const struct load *l, const char *what, uint64_t pair, uint64_t op)
{
    struct rng_about about = {.seed = l->seed,
                              .rule = rng_hash(what, strlen(what)),
                              .session = pair + 1,
                              .frame = op};

    return rng_for(&about);
}

bool load_settles(const struct load *l, uint64_t pair, uint64_t op)
{
    struct rng r;

    if (l->settle <= 0)
        return false;
    r = draw(l, "settle", pair, op);
    return rng_unit(&r) < l->settle;
}

nsec load_age(const struct load *l, uint64_t pair, uint64_t op)
{
    struct rng r;

    if (l->ages == 0)
        return 0;
    r = draw(l, "age", pair, op);
    return rng_below(&r, l->ages);
}

/* recipe.h -- the lines of configuration that put every link of one's own nodes through
 * the proxy, and keep it there.
 *
 * Only what this needs: redis.conf and sentinel.conf have the rest already. The first
 * Redis node is the master at the start. Pure: text to a stream.
 */
#ifndef RECIPE_H
#define RECIPE_H

#include <stdio.h>

#include "places.h"

struct recipe {
    const struct places *places;
    const char          *master; /* what sentinels call it */
    unsigned             quorum; /* 0 = more than half of the sentinels */
    bool                 old;    /* Redis 6.2: it has no bind-source-addr */
};

/* Can it be written? -EINVAL and *e: no node, no master, or an address that cannot be
 * announced because the proxy listens on all of its own. */
int recipe_check(const struct recipe *r, struct err *e) MUST_CHECK;

/* What the file of a node should say; what the proxy's should. */
void recipe_node(FILE *f, const struct recipe *r, size_t node);
void recipe_proxy(FILE *f, const struct recipe *r);

#endif

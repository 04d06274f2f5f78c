/* wiring.h -- the proxy that a topology needs: a listener for each node, at the address
 * it is known by, which knows the node by the address it dials from.
 */
#ifndef WIRING_H
#define WIRING_H

#include "config.h"
#include "topology.h"

/* Add every node to what config_init has made. */
int wiring_nodes(const struct topology *t, struct config *c, struct err *e) MUST_CHECK;

/* Are these rules sound, and do they name nodes that there will be? */
int wiring_check(const struct topology *t, const char *const *rules, size_t n,
                 struct err *e) MUST_CHECK;

#endif

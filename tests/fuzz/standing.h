/* standing.h -- a proxy that only stands there, for fuzzers that give it orders: two
 * nodes, a sentinel and a client, and nobody ever dials.
 */
#ifndef STANDING_H
#define STANDING_H

#include "proxy.h"

/* The one of this process, opened when first asked for; without rules. What the last
 * input left is gone. */
struct proxy *standing_proxy(void);

/* Let its loop do what is due, without waiting. */
void standing_turn(void);

#endif

/* insync.h -- are the data nodes of a lab, as they are now, in sync?
 *
 * Asked straight, past the proxy: one of those that run is a master, all others replicate
 * from it, and have what it had when it was first asked. Whoever that is, after any
 * failover. Nodes that do not run are left out.
 */
#ifndef INSYNC_H
#define INSYNC_H

#include "lab.h"

struct insync;

/* done is called once, from the loop: problem is NULL when they are, else what is wrong
 * after `within`. */
struct insync *insync_start(uv_loop_t *loop, const struct lab *l, nsec within,
                            void (*done)(void *arg, const char *problem), void *arg);
void insync_cancel(struct insync **s); /* sets *s to NULL; NULL is fine */

#endif

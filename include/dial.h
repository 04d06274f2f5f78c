/* dial.h -- connect to an address, whatever its kind, without ever blocking.
 *
 * Names are resolved anew for each dial and their addresses tried in order. done() is
 * called exactly once, never from within dial_start, also after dial_cancel.
 */
#ifndef DIAL_H
#define DIAL_H

#include "addr.h"
#include "endpoint.h"

struct dial;

/* status 0: *into is connected, has the `ready` that the caller gave it, and is to be
 * closed by the caller. Below 0: *into is not touched. Answers NULL when out of memory;
 * *to is copied. */
struct dial *dial_start(struct hub *hub, const struct addr *to, struct endpoint *into,
                        void (*done)(void *arg, int status), void *arg);

void dial_cancel(struct dial *d); /* done() follows with UV_ECANCELED */

#endif

/* dial.h -- connect to an address, whatever its kind, without ever blocking.
 *
 * Names are resolved anew for each dial and their addresses tried in order. done() is
 * called exactly once, never from within dial_start, also after dial_cancel.
 */
#ifndef DIAL_H
#define DIAL_H

#include <uv.h>

#include "addr.h"
#include "endpoint.h"

struct dial;

/* status 0: *into is an open, connected stream that the caller closes. Below 0: it is no
 * handle at all (any more). Answers NULL when out of memory; *to is copied. */
struct dial *dial_start(uv_loop_t *loop, const struct addr *to, union endpoint *into,
                        void (*done)(void *arg, int status), void *arg);

void dial_cancel(struct dial *d); /* done() follows with UV_ECANCELED */

#endif

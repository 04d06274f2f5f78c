/* wire.h -- one connection that speaks RESP: hiredis reads and writes, libuv says when.
 *
 * A non-blocking hiredis context, and not hiredis' asynchronous one: that aborts the
 * process when a reply comes that nobody asked for, which is a fault that is injected
 * here; and its libuv adapter of 0.14 never notices a refused connection (both seen).
 *
 * What is written goes out at the end of the callback, in pool_flush.
 */
#ifndef WIRE_H
#define WIRE_H

#include <hiredis/hiredis.h>
#include <uv.h>

#include "client.h"

struct wire {
    uv_poll_t     poll;
    struct pool  *pool;
    redisContext *ctx;
    bool          connected, closing;
    bool          dirty; /* has something to write */
    struct wire  *next_dirty;

    void (*up)(struct wire *w);                           /* it is connected */
    void (*replied)(struct wire *w, const redisReply *r); /* *r is gone afterwards */
    void (*over)(struct wire *w, enum trouble t, const char *why); /* it has ended */
    void *data;
};

/* Take on a context that has begun to connect. 0 or a negative errno; only then the
 * context is still the caller's. */
int wire_open(struct pool *p, redisContext *ctx, struct wire **out) MUST_CHECK;

/* Whole commands, once it is connected. 0 or -ENOMEM. */
int wire_write(struct wire *w, const char *text, size_t len) MUST_CHECK;

/* End it from here: nothing is called any more. May be called from its callbacks. After
 * `over` it has been done. */
void wire_close(struct wire *w);

/* What went wrong with a context, and its name among troubles. */
enum trouble wire_trouble(const redisContext *ctx);

#endif

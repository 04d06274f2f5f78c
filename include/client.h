/* client.h -- connections to Redis that come back by themselves, and requests on them.
 *
 * A pool is all connections of one program on one loop. A client is one connection: it
 * is made and remade as needed, logs in, selects its database, and only then carries
 * requests. A request (struct ask) is answered exactly once, with a reply or with what
 * went wrong, in the time it was given. Every failure is also counted, by kind, once:
 * a connection that fails with three requests on it is one failure.
 *
 * hiredis does the speaking, libuv the waiting; see wire.h.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <hiredis/hiredis.h>
#include <uv.h>

#include "clock.h"
#include "trouble.h"
#include "url.h"

#define CLIENT_WHY_MAX 160

struct client;
struct wire;

/* What the kernel knows of connections (tcp(7): TCP_INFO), those that have ended. */
struct sockets {
    uint64_t n, retransmits; /* connections; segments sent again, by our side */
    uint64_t rtt_us_sum, rtt_us_max;
};

struct pool {
    uv_loop_t      *loop;
    struct troubles troubles;
    struct sockets  sockets;
    size_t          clients, up; /* open, and of them ready for requests */

    /* Called some hundred times a second; may be NULL. */
    void (*on_tick)(struct pool *p, nsec now);
    void *data;

    /* Private to client.c. */
    uv_timer_t     tick;
    uv_prepare_t   before_poll;
    struct client *first;
    struct wire   *dirty; /* have something to write */
    bool           closing;
};

/* A request. The caller owns it, and leaves it alone until it is answered. */
struct ask {
    const char *text; /* as it goes onto the wire */
    size_t      len;
    nsec        timeout;
    void (*answered)(struct ask *a); /* may free it */
    void *data;

    /* For `answered`: */
    const redisReply *reply;   /* gone afterwards; NULL when none came */
    enum trouble      trouble; /* TROUBLE_NONE, also of error replies what they say */
    bool              sent;    /* it may have been carried out */
    nsec              begun, ended;

    /* Private to client.c. */
    struct ask *next;
};

struct client_spec {
    const struct url *url;      /* not copied */
    const char       *source;   /* address to come from, or NULL */
    nsec              timeout;  /* to connect and to log in */
    nsec              patience; /* between two attempts, at most; 0 = 250 ms */
};

int  pool_open(struct pool *p, uv_loop_t *loop) MUST_CHECK;
void pool_flush(struct pool *p); /* write what was asked, now: at the end of a callback */

/* Close everything. Unanswered requests are answered with TROUBLE_EOF. The pool may go
 * when the loop has run empty. */
void pool_close(struct pool *p);

/* Begins to connect at once. NULL when out of memory. */
struct client *client_open(struct pool *p, const struct client_spec *spec);

/* Queue a request; it leaves when the connection is ready, and fails when connecting
 * does. Never calls `answered` itself. */
void client_ask(struct client *c, struct ask *a);

bool        client_was_up(const struct client *c); /* now, or ever before */
const char *client_why(const struct client *c);    /* the last failure, for a person */

/* "*2\r\n$3\r\nGET..." of so many words, to be freed; NULL when out of memory. */
char *client_format(size_t *len, int words, const char *const *word);

#endif

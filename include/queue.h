/* queue.h -- bytes that wait, first in, first out, each with the time it is due.
 *
 * Bytes are pushed *borrowed*: the queue points into the caller's read buffer. What can
 * leave at once leaves without a copy; queue_settle() then copies the rest, before the
 * buffer is used again. Nothing overtakes: order needs no rule of its own.
 *
 * Memory is counted in a pool shared by all queues of a proxy, payload and bookkeeping
 * alike, so that one-byte pushes cannot pin memory unseen.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "clock.h"
#include "err.h"

/* What every queue of a proxy shares. Zero it, set limit, and it is ready. */
struct pool {
    uint64_t    limit;          /* bytes all queues together may hold */
    uint64_t    held, held_max; /* bytes they hold, now and at most ever */
    struct seg *spare;          /* private: segments for reuse */
    size_t      spares;
};

void pool_release(struct pool *pool); /* after the last queue of it is gone */

enum queue_end {
    END_NO,
    END_FIN,   /* shut this direction down: the peer may go on in the other */
    END_CLOSE, /* close the connection */
    END_RST,   /* reset it */
};

enum queue_do {
    QUEUE_WAIT, /* nothing may leave before queue_due() */
    QUEUE_SEND, /* iov[0..n) may leave now */
    QUEUE_FIN,
    QUEUE_CLOSE,
    QUEUE_RST,
};

struct queue {
    struct pool *pool;
    struct seg  *first, *last;
    struct seg  *loan;   /* the first that is borrowed */
    struct seg  *shut;   /* the first whose gate may be shut */
    uint64_t     held;   /* bytes of memory counted for this queue */
    uint64_t     frames; /* whose end waits here: see leave */
    bool         ended;  /* an end is queued: later pushes are discarded */
};

/* How a run of bytes is to leave. */
struct leave {
    nsec     due;    /* NSEC_NEVER = when queue_forgive() says so */
    uint64_t by;     /* serial of the rule that makes it wait; 0 = none; of those that
                     * hold it until NSEC_NEVER, a bit each */
    size_t   slice;  /* at most so many bytes a send; 0 = any */
    nsec     gap;    /* between two sends of it */
    uint64_t frames; /* that end in the run; they wait until all of it has left */
    uint64_t gate;   /* due is NSEC_NEVER until queue_open has passed this; 0 = none */
};

void queue_init(struct queue *q, struct pool *pool);
void queue_release(struct queue *q);

/* Answer 0 or -ENOMEM. p stays borrowed until queue_settle() or queue_sent(). */
int queue_push(struct queue *q, const struct leave *how, const uint8_t *p,
               size_t n) MUST_CHECK;
int queue_end(struct queue *q, nsec due, uint64_t by, enum queue_end end) MUST_CHECK;
int queue_settle(struct queue *q) MUST_CHECK;

/* Push bytes that are copied at once. What is borrowed is settled first. */
int queue_copy(struct queue *q, const struct leave *how, const void *p,
               size_t n) MUST_CHECK;

/* On QUEUE_SEND, iov[0..*n) is all that is due, up to the *n the caller has room for;
 * valid until queue_sent() says how much of it is gone. */
enum queue_do queue_next(const struct queue *q, nsec now, struct iovec *iov, size_t *n);
void          queue_sent(struct queue *q, nsec now, size_t bytes);

nsec queue_due(const struct queue *q); /* when queue_next may change its answer */

/* Bytes at its head that are due: they wait for the peer to read, and for no rule. */
uint64_t queue_ripe(const struct queue *q, nsec now);

/* Is it a rule's delay, and not a slow peer, that keeps the first bytes here? */
bool queue_delayed(const struct queue *q);

static inline bool queue_empty(const struct queue *q)
{
    return q->first == NULL;
}

/* Let go what waits for a gate up to `tide`, as far as the holder `bit` goes; and, when
 * more than `most` bytes of memory are held, and not because the peer does not read, the
 * oldest of what waits for any. Answers whether it came to that. */
bool queue_open(struct queue *q, nsec now, uint64_t tide, uint64_t bit, uint64_t most);

/* Let go at once what waits because of rules that are gone: gone(arg, serial) says, and
 * for those that hold, the bits of `holders`. */
void queue_forgive(struct queue *q, nsec now, uint64_t holders,
                   bool (*gone)(void *arg, uint64_t serial), void *arg);

#endif

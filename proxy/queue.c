/* queue.c -- see queue.h.
 *
 *   first -> [seg] -> [seg] -> ... -> [seg] <- last
 *               \        \________ points into a block (owned, counted)
 *                \________________ or into the caller's read buffer (borrowed)
 *
 * Borrowed segments are always a tail of the list: queue_settle() copies them into one
 * block, which lives until the last segment in it has left.
 */
#include "queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPARES_MAX 4096 /* segments kept for reuse, all queues together */

struct block {
    size_t size; /* bytes of memory, this struct included */
    size_t segs; /* segments that point into it */
    uint8_t bytes[];
};

struct seg {
    struct seg *next;
    const uint8_t *p;
    size_t len;
    struct leave how;
    struct block *block; /* NULL while borrowed */
    enum queue_end end;  /* not END_NO: len is 0 */
};

static void charge(struct queue *q, size_t bytes)
{
    q->held += bytes;
    q->pool->held += bytes;
    if (q->pool->held > q->pool->held_max)
        q->pool->held_max = q->pool->held;
}

static void credit(struct queue *q, size_t bytes)
{
    assert(q->held >= bytes && q->pool->held >= bytes);
    q->held -= bytes;
    q->pool->held -= bytes;
}

static struct seg *seg_new(struct queue *q)
{
    struct pool *pool = q->pool;
    struct seg *s = pool->spare;

    if (s) {
        pool->spare = s->next;
        pool->spares--;
    } else if ((s = malloc(sizeof *s)) == NULL) {
        return NULL;
    }
    charge(q, sizeof *s);
    return s;
}

static void seg_free(struct queue *q, struct seg *s)
{
    struct pool *pool = q->pool;

    if (s->block && --s->block->segs == 0) {
        credit(q, s->block->size);
        free(s->block);
    }
    credit(q, sizeof *s);
    if (pool->spares == SPARES_MAX) {
        free(s);
        return;
    }
    s->next = pool->spare;
    pool->spare = s;
    pool->spares++;
}

static int append(struct queue *q, const struct seg *what)
{
    struct seg *s = seg_new(q);

    if (s == NULL)
        return -ENOMEM;
    *s = *what;
    s->next = NULL;
    if (q->last)
        q->last->next = s;
    else
        q->first = s;
    q->last = s;
    if (q->loan == NULL && !s->end)
        q->loan = s;
    if (q->shut == NULL && s->how.gate)
        q->shut = s;
    return 0;
}

void queue_init(struct queue *q, struct pool *pool)
{
    *q = (struct queue){.pool = pool};
}

void queue_release(struct queue *q)
{
    struct seg *s;

    while ((s = q->first) != NULL) {
        q->first = s->next;
        seg_free(q, s);
    }
    q->last = q->loan = q->shut = NULL;
    q->frames = 0;
}

void pool_release(struct pool *pool)
{
    struct seg *s;

    assert(pool->held == 0);
    while ((s = pool->spare) != NULL) {
        pool->spare = s->next;
        free(s);
    }
    pool->spares = 0;
}

static bool leaves_alike(const struct leave *a, const struct leave *b)
{
    return a->due == b->due && a->by == b->by && a->gate == b->gate && a->slice == 0 &&
           b->slice == 0;
}

int queue_push(struct queue *q, const struct leave *how, const uint8_t *p, size_t n)
{
    struct seg *last = q->last;

    if (q->ended || n == 0)
        return 0;
    q->frames += how->frames;
    if (last && last->block == NULL && last->p + last->len == p &&
        leaves_alike(&last->how, how)) {
        last->len += n;
        last->how.frames += how->frames;
        return 0;
    }
    return append(q, &(struct seg){.p = p, .len = n, .how = *how});
}

int queue_end(struct queue *q, nsec due, uint64_t by, enum queue_end end)
{
    if (q->ended)
        return 0;
    q->ended = true;
    return append(q, &(struct seg){.how = {.due = due, .by = by}, .end = end});
}

int queue_settle(struct queue *q)
{
    struct block *b;
    uint8_t *to;
    size_t n = 0;

    for (const struct seg *s = q->loan; s; s = s->next)
        n += s->len;
    if (n == 0)
        return 0;
    if ((b = malloc(sizeof *b + n)) == NULL)
        return -ENOMEM;
    *b = (struct block){.size = sizeof *b + n};
    charge(q, b->size);
    to = b->bytes;
    for (struct seg *s = q->loan; s && !s->end; s = s->next) {
        memcpy(to, s->p, s->len);
        s->p = to;
        s->block = b;
        b->segs++;
        to += s->len;
    }
    q->loan = NULL;
    return 0;
}

int queue_copy(struct queue *q, const struct leave *how, const void *p, size_t n)
{
    int err = queue_settle(q);

    if (err == 0)
        err = queue_push(q, how, p, n);
    return err ? err : queue_settle(q);
}

enum queue_do queue_next(const struct queue *q, nsec now, struct iovec *iov, size_t *n)
{
    const struct seg *s = q->first;
    size_t max = *n;

    *n = 0;
    if (s == NULL || s->how.due > now)
        return QUEUE_WAIT;
    if (s->end)
        return s->end == END_FIN     ? QUEUE_FIN
               : s->end == END_CLOSE ? QUEUE_CLOSE
                                     : QUEUE_RST;
    for (; s && !s->end && s->how.due <= now && *n < max; s = s->next) {
        size_t slice = s->how.slice && s->how.slice < s->len ? s->how.slice : s->len;

        if (s->how.slice && *n > 0)
            break;
        iov[(*n)++] = (struct iovec){(void *)(uintptr_t)s->p, slice};
        if (s->how.slice)
            break;
    }
    return QUEUE_SEND;
}

/* The rest of a sliced run waits for its gap, from now on. */
static void after_slice(struct seg *s, nsec now)
{
    if (s->how.slice && s->how.gap)
        s->how.due = nsec_add(now, s->how.gap);
}

void queue_sent(struct queue *q, nsec now, size_t bytes)
{
    while (bytes > 0) {
        struct seg *s = q->first;
        size_t n = s->len < bytes ? s->len : bytes;

        s->p += n;
        s->len -= n;
        bytes -= n;
        if (s->len > 0) {
            after_slice(s, now);
            return;
        }
        q->first = s->next;
        q->frames -= s->how.frames;
        if (q->first == NULL)
            q->last = NULL;
        if (q->shut == s)
            q->shut = s->next;
        if (q->loan == s)
            q->loan = s->next && !s->next->end ? s->next : NULL;
        seg_free(q, s);
    }
}

nsec queue_due(const struct queue *q)
{
    return q->first ? q->first->how.due : NSEC_NEVER;
}

uint64_t queue_ripe(const struct queue *q, nsec now)
{
    uint64_t n = 0;

    for (const struct seg *s = q->first; s && s->how.due <= now; s = s->next)
        n += s->len;
    return n;
}

bool queue_delayed(const struct queue *q)
{
    return q->first && q->first->how.by && q->first->how.due != NSEC_NEVER;
}

bool queue_open(struct queue *q, nsec now, uint64_t tide, uint64_t bit, uint64_t most)
{
    struct seg *s = q->shut;
    bool stuck = s && s == q->first && s->how.due == NSEC_NEVER;
    uint64_t over = stuck && q->held > most ? q->held - most : 0;
    bool eased = false;

    for (; s && (s->how.gate <= tide || over > 0); s = s->next) {
        eased |= s->how.gate > tide;
        over -= s->len + sizeof *s < over ? s->len + sizeof *s : over;
        s->how.gate = 0;
        s->how.by &= ~bit;
        if (s->how.by == 0 && s->how.due == NSEC_NEVER)
            s->how.due = now;
    }
    q->shut = s;
    return eased;
}

void queue_forgive(struct queue *q, nsec now, uint64_t holders,
                   bool (*gone)(void *arg, uint64_t serial), void *arg)
{
    for (struct seg *s = q->first; s; s = s->next) {
        if (s->how.by == 0)
            continue;
        if (s->how.due == NSEC_NEVER)
            s->how.by &= ~holders;
        else if (gone(arg, s->how.by))
            s->how.by = 0;
        if (s->how.by == 0)
            s->how.due = now;
    }
}

/* check.c -- see check.h.
 *
 *   acknowledged    1  2  3        7  8  9        ring: what is needed for ages
 *   not                     4..6         10..     spans: refused or unknown
 *
 * All of it follows from two facts: nobody else writes the key, and a read begins only
 * after the write before it has ended.
 */
#include "check.h"

#include <assert.h>
#include <string.h>

void check_begin(struct check *c, uint64_t version)
{
    assert(version > c->begun && version != CHECK_CORRUPT);
    c->begun = version;
}

void check_acked(struct check *c, nsec at)
{
    c->ring[c->acks++ % CHECK_RING] = (struct check_ack){c->begun, at};
    c->acked = c->begun;
}

/* Make room for a span: the two oldest become one in which anything may be. */
static void join_oldest(struct check *c)
{
    c->spans[0].to = c->spans[1].to;
    c->spans[0].refused = false;
    c->nspans--;
    memmove(&c->spans[1], &c->spans[2], (c->nspans - 1) * sizeof c->spans[0]);
}

static void add_span(struct check *c, bool refused)
{
    struct check_span *last = c->nspans ? &c->spans[c->nspans - 1] : NULL;

    if (last && last->to + 1 == c->begun && last->refused == refused) {
        last->to = c->begun;
        return;
    }
    if (c->nspans == CHECK_SPANS)
        join_oldest(c);
    c->spans[c->nspans++] = (struct check_span){c->begun, c->begun, refused};
}

void check_refused(struct check *c)
{
    add_span(c, true);
}

void check_unknown(struct check *c)
{
    add_span(c, false);
}

static const struct check_span *span_of(const struct check *c, uint64_t version)
{
    for (size_t i = c->nspans; i-- > 0;)
        if (version >= c->spans[i].from)
            return version <= c->spans[i].to ? &c->spans[i] : NULL;
    return NULL;
}

/* When the first version after this one was acknowledged. The ring is in order. */
static nsec successor_at(struct check *c, uint64_t version)
{
    uint64_t low = c->acks > CHECK_RING ? c->acks - CHECK_RING : 0, high = c->acks;
    bool lost = low > 0 && c->ring[low % CHECK_RING].version > version;

    if (c->stuck_at && c->stuck == version)
        return c->stuck_at;
    while (!lost && low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (c->ring[middle % CHECK_RING].version > version)
            high = middle;
        else
            low = middle + 1;
    }
    c->stuck = version;
    c->stuck_at = c->ring[low % CHECK_RING].at;
    return c->stuck_at;
}

void check_seen(struct check *c, uint64_t version)
{
    if (version <= c->begun && version > c->seen)
        c->seen = version;
}

struct finding check_read(struct check *c, uint64_t version, nsec at)
{
    const struct check_span *span = span_of(c, version);
    struct finding f = {0};

    f.future = version > c->begun || (span && span->refused);
    if (f.future)
        return f;
    if (span == NULL) { /* an unknown version may have been written this moment */
        f.stale = version < c->acked;
        f.not_own = f.stale; /* the only writer is the reader's own session */
        f.not_monotonic = version < c->seen;
    }
    if (f.stale) {
        f.behind = c->acked - version;
        f.age = at - successor_at(c, version);
    }
    check_seen(c, version);
    return f;
}

/* Two things: a link that is sound is understood wholly, however its bytes are sliced;
 * and bytes that are no link at all are still all accounted for, and neither crash nor
 * make a lane hoard. */
#include <stdlib.h>
#include <string.h>

#include "master.h"
#include "repl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_of_it)
{
    if (!true_of_it)
        abort();
}

/* ---- any bytes ---- */

static size_t scan(const uint8_t *p, size_t n, size_t slice, uint64_t *end, size_t most)
{
    struct repl r;
    struct resp scan;
    size_t at = 0, held = 0, frames = 0;

    repl_init(&r);
    resp_init(&scan, RESP_REPLIES);
    while (at < n) {
        size_t have = n - at < slice ? n - at : slice;
        struct resp_part part = repl_next(&r, &scan, p + at, have);

        must(part.len > 0 && part.len <= have);
        must(part.opaque == r.lost);
        if (part.opaque) {
            repl_skip(&r, n - at);
            must(r.stream <= n);
            break;
        }
        at += part.len;
        held = part.head || part.last || scan.head_done ? 0 : held + part.len;
        must(held <= RESP_HEAD_MAX);
        if (part.last && frames < most)
            end[frames++] = at << 8 | (uint64_t)r.frame;
    }
    if (frames < most)
        end[frames++] = r.stream;
    return frames;
}

static void any_bytes(const uint8_t *p, size_t n, size_t slice)
{
    static uint64_t whole[4096], sliced[4096];
    size_t frames = scan(p, n, n, whole, 4096);

    must(frames == scan(p, n, slice, sliced, 4096));
    must(memcmp(whole, sliced, frames * sizeof *whole) == 0);
}

/* ---- a link ---- */

/* The requests, up to and with the next PSYNC or SYNC, or all that is left. */
static void ask(struct repl *r, const struct master *m, size_t from, size_t to,
                size_t slice)
{
    struct resp scan;

    resp_init(&scan, RESP_REQUESTS);
    while (from < to) {
        size_t have = to - from < slice ? to - from : slice;
        struct resp_part part = resp_next(&scan, (const uint8_t *)m->requests + from,
                                          have);

        must(!part.opaque);
        if (part.head)
            repl_request(r, &scan);
        from += part.len;
    }
}

static unsigned answer(struct repl *r, const struct master *m, unsigned which,
                       unsigned frame, size_t slice)
{
    size_t at = m->answer[which], to = m->answer[which + 1];
    struct resp scan;

    resp_init(&scan, RESP_REPLIES);
    while (at < to) {
        size_t have = to - at < slice ? to - at : slice;
        struct resp_part part = repl_next(r, &scan, (const uint8_t *)m->replies + at,
                                          have);

        must(!part.opaque);
        at += part.len;
        must(repl_idle(r, &scan) == part.last);
        if (!part.last)
            continue;
        must(frame < m->frames && m->frame[frame].end == at);
        must(r->frame == (m->frame[frame].part == MASTER_LINE  ? PHASE_HANDSHAKE
                          : m->frame[frame].part == MASTER_RDB ? PHASE_RDB
                                                               : PHASE_STREAM));
        if (r->frame == PHASE_STREAM)
            must(r->write == m->frame[frame].write);
        frame++;
    }
    return frame;
}

static void check(const struct repl *r, const struct master *m)
{
    must(!r->lost && repl_granted(r) && r->phase == PHASE_STREAM);
    must(r->anchored == m->anchored && r->base == m->base);
    must(repl_offset(r) == m->base + m->stream);
    must(r->commands == m->commands && r->writes == m->writes);
    must(r->getacks == m->getacks && r->rdb_bytes == m->rdb);
    must(r->full == m->full && r->partial == !m->full);
    must(!m->full || r->diskless == m->diskless);
    must(!m->anchored || strcmp(r->id, m->id) == 0);
    must(r->acked == m->acked && r->port == 6380);
    must(strcmp(r->capas, "eof,psync2") == 0);
}

static void a_link(const uint8_t *p, size_t n, size_t slice)
{
    static struct master m;
    struct repl r;
    size_t from = 0;
    unsigned frame = 0;

    master_make(&m, p, n);
    repl_init(&r);
    for (unsigned i = 0; i < m.asks; i++) {
        ask(&r, &m, from, m.asked[i], slice);
        from = m.asked[i];
        must(!repl_reads(&r));
        frame = answer(&r, &m, i, frame, slice);
    }
    must(frame == m.frames);
    ask(&r, &m, from, m.nrequests, slice);
    check(&r, &m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 65536)
        return 0;
    if (data[0] & 1)
        any_bytes(data + 2, size - 2, 1 + data[1] % 67);
    else
        a_link(data + 2, size - 2, 1u + data[1] * (data[1] > 60 ? 16u : 1u));
    return 0;
}

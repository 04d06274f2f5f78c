/* Slicing must not move frames, a head must be known in bounded space, who passes over
 * frames must find the same ones, and where hiredis can read a frame it must agree on
 * where it ends. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "resp.h"

#define MOST 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)p)[i]) * 0x100000001b3;
    return h;
}

/* What a rule may see of a frame: that must not hang on the slicing either. */
static uint64_t words(const struct resp *r)
{
    uint64_t h = mix(mix(r->words, &r->elements, sizeof r->elements), &r->type, 1);

    for (unsigned i = 0; i < r->words; i++)
        h = mix(mix(h, &r->word[i].len, sizeof r->word[i].len), r->word[i].text,
                r->word[i].kept);
    return h;
}

/* Offsets of frame ends, each with what was known of its frame; the scan ends where the
 * stream is opaque. */
static size_t scan(enum resp_dialect dialect, const uint8_t *p, size_t n, size_t slice,
                   uint64_t *end)
{
    struct resp r;
    size_t at = 0, found = 0, held = 0;

    resp_init(&r, dialect);
    while (at < n) {
        size_t have = n - at < slice ? n - at : slice;
        struct resp_part part = resp_next(&r, p + at, have);

        if (part.len == 0 || part.len > have)
            abort(); /* must always make progress */
        if (part.opaque)
            break;
        at += part.len;
        held += part.len;
        if (held > RESP_HEAD_MAX && !part.head && !r.head_done)
            abort(); /* would make a lane hoard */
        if (part.head || part.last)
            held = 0;
        if (part.last)
            end[found++] = at | words(&r) << 32;
    }
    return found;
}

static bool only_resp2(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strchr("_,#(=!~>%|", p[i]) && p[i])
            return false;
    return true;
}

/* 1: one whole reply and no more; 0: not yet; -1: hiredis refuses (depth, integers). */
static int oracle(const uint8_t *p, size_t n)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    int answer = -1;

    if (redisReaderFeed(reader, (const char *)p, n) == REDIS_OK &&
        redisReaderGetReply(reader, &reply) == REDIS_OK) {
        answer = reply != NULL;
        if (reply && reader->pos != reader->len && reader->len != 0)
            abort(); /* it ends earlier than we think */
    }
    if (reply)
        freeReplyObject(reply);
    redisReaderFree(reader);
    return answer;
}

static void ask_hiredis(const uint8_t *p, const uint64_t *end, size_t frames)
{
    for (size_t i = 0, from = 0; i < frames; from = (uint32_t)end[i++]) {
        size_t n = (uint32_t)end[i] - from;

        if (!only_resp2(p + from, n) || n > 4096)
            continue;
        if (oracle(p + from, n) == 0 || oracle(p + from, n - 1) > 0)
            abort();
    }
}

static bool never(void *arg, const char *command, size_t n)
{
    (void)arg;
    (void)command;
    return n > MOST;
}

/* Who passes over a frame passes over just that, and over none that is not there. */
static void ask_skim(enum resp_dialect dialect, const uint8_t *p, size_t n,
                     const uint64_t *end, size_t frames)
{
    struct resp_skim s = {.most = 1, .stop = never};
    size_t from = 0;
    struct resp r;

    resp_init(&r, dialect);
    for (size_t i = 0; i <= frames; i++) {
        size_t len = i < frames ? (uint32_t)end[i] - from : 0;
        size_t skimmed = from < n ? resp_skim(&r, p + from, n - from, &s) : 0;

        if (skimmed && (skimmed != len || s.frames != 1))
            abort();
        from += len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t whole[MOST], sliced[MOST];
    enum resp_dialect dialect;
    size_t n, slice;

    if (size < 2 || size > MOST)
        return 0;
    dialect = data[0] & 1 ? RESP_REPLIES : RESP_REQUESTS;
    slice = 1 + (data[0] >> 1) % 17;
    n = scan(dialect, data + 1, size - 1, size, whole);
    if (n != scan(dialect, data + 1, size - 1, slice, sliced) ||
        memcmp(whole, sliced, n * sizeof *whole) != 0)
        abort();
    ask_skim(dialect, data + 1, size - 1, whole, n);
    if (dialect == RESP_REPLIES)
        ask_hiredis(data + 1, whole, n);
    return 0;
}

/* repl.c -- see repl.h. States of lane replies:
 *
 *   ANSWER -- +FULLRESYNC --> HEADER -- $len, $EOF:mark --> RDB --> STREAM
 *     | \---- $len, $EOF: (SYNC) ------------------------/            ^
 *     |------ +CONTINUE, +RDBCHANNELSYNC -----------------------------/
 *     \------ -error, anything else: the replica asks again, or gives up
 *
 * Bare line feeds keep the link alive in ANSWER and HEADER and are no part of anything.
 */
#include "repl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ANSWER, HEADER, RDB, STREAM };

const char *const phase_names[] = {"none", "handshake", "rdb", "stream", "ack", NULL};

void repl_init(struct repl *r)
{
    *r = (struct repl){.phase = PHASE_HANDSHAKE, .grain = MSEC(1)};
}

bool repl_reads(const struct repl *r)
{
    return r->in_line || r->state != ANSWER;
}

bool repl_granted(const struct repl *r)
{
    return r->state != ANSWER;
}

bool repl_idle(const struct repl *r, const struct resp *scan)
{
    return r->state == STREAM ? resp_idle(scan) && !r->in_line
                              : !r->in_line && (r->state != RDB || r->rdb_bytes == 0);
}

/* ---- what the replica says ---- */

static void word_text(const struct resp *h, unsigned i, char *into, size_t size)
{
    size_t n = i < h->words ? h->word[i].kept : 0;

    n = n < size ? n : size - 1;
    memcpy(into, h->word[i < h->words ? i : 0].text, n);
    into[n] = '\0';
}

static uint64_t word_number(const struct resp *h, unsigned i)
{
    char text[24];

    word_text(h, i, text, sizeof text);
    return text[0] == '-' ? 0 : strtoull(text, NULL, 10);
}

/* Samples of what the replica has by now are of no more use. */
static void forget_samples(struct repl *r)
{
    uint64_t applied = r->acked > r->base ? r->acked - r->base : 0;
    unsigned n = 0;

    while (n < r->samples && r->sample[n].bytes <= applied)
        n++;
    r->samples -= n;
    memmove(r->sample, r->sample + n, r->samples * sizeof *r->sample);
}

/* Offsets only grow: an ACK that comes again says nothing new. */
static void heard_ack(struct repl *r, uint64_t offset)
{
    r->acking = true;
    if (offset > r->acked)
        r->acked = offset;
    forget_samples(r);
}

static void add_capa(struct repl *r, const struct resp *h, unsigned i)
{
    size_t n = strlen(r->capas);

    if (n > 0 && n + 1 < sizeof r->capas) {
        r->capas[n++] = ',';
        r->capas[n] = '\0';
    }
    word_text(h, i, r->capas + n, sizeof r->capas - n);
}

static void heard_option(struct repl *r, const struct resp *h, unsigned i)
{
    if (resp_word_is(h, i, "ACK"))
        heard_ack(r, word_number(h, i + 1));
    else if (resp_word_is(h, i, "FACK"))
        r->flushed = word_number(h, i + 1);
    else if (resp_word_is(h, i, "listening-port"))
        r->port = (uint32_t)word_number(h, i + 1);
    else if (resp_word_is(h, i, "ip-address"))
        word_text(h, i + 1, r->ip, sizeof r->ip);
    else if (resp_word_is(h, i, "capa"))
        add_capa(r, h, i + 1);
    else if (resp_word_is(h, i, "rdb-only"))
        r->rdb_only = word_number(h, i + 1) != 0;
    else if (resp_word_is(h, i, "rdb-channel"))
        r->rdb_channel = word_number(h, i + 1) != 0;
    else if (resp_word_is(h, i, "main-ch-client-id") ||
             resp_word_is(h, i, "set-rdb-client-id"))
        r->channel = word_number(h, i + 1);
}

void repl_request(struct repl *r, const struct resp *h)
{
    if (resp_word_is(h, 0, "REPLCONF")) {
        for (unsigned i = 1; i + 1 < h->words; i += 2)
            heard_option(r, h, i);
    } else if (resp_word_is(h, 0, "PSYNC")) {
        word_text(h, 1, r->asked_id, sizeof r->asked_id);
        r->asked = word_number(h, 2);
    } else if (resp_word_is(h, 0, "SYNC")) {
        r->asked_id[0] = '\0';
        r->asked = 0;
    }
}

/* ---- what the master says before the data ---- */

/* "id offset" or less of it. Answers whether both are there. */
static bool read_position(struct repl *r, const char *s)
{
    size_t n = strcspn(s, " ");
    char *end;

    if (n == 0 || n > REPL_ID)
        return false;
    memcpy(r->id, s, n);
    r->id[n] = '\0';
    if (s[n] == '\0')
        return false;
    r->base = strtoull(s + n + 1, &end, 10);
    r->anchored = end != s + n + 1;
    return r->anchored;
}

static void begin_stream(struct repl *r)
{
    r->state = STREAM;
    r->phase = PHASE_STREAM;
}

static void resume(struct repl *r, const char *id)
{
    memcpy(r->id, r->asked_id, sizeof r->id); /* an old master tells no new one */
    if (id[0] == ' ')
        (void)read_position(r, id + 1);
    r->partial++;
    r->anchored = r->asked > 0;
    r->base = r->asked > 0 ? r->asked - 1 : 0;
    begin_stream(r);
}

static void begin_rdb(struct repl *r)
{
    if (r->state == ANSWER)
        r->full++;
    r->state = RDB;
    r->phase = PHASE_RDB;
    r->rdb_bytes = 0;
    if (!r->diskless && r->rdb_size == 0)
        begin_stream(r);
}

/* How far the mark can move at least when that byte is found under its last one. */
static void learn_mark(struct repl *r, const char *mark)
{
    memcpy(r->mark, mark, REPL_ID);
    r->tails = 0;
    memset(r->leap, REPL_ID, sizeof r->leap);
    for (size_t i = 0; i + 1 < REPL_ID; i++)
        r->leap[r->mark[i]] = (uint8_t)(REPL_ID - 1 - i);
}

/* What follows '$': a length, EOF:mark, or ENDOFF:offset id db client. False: none. */
static bool heard_header(struct repl *r, const char *s)
{
    char *end;

    r->diskless = strncmp(s, "EOF:", 4) == 0;
    if (strncmp(s, "ENDOFF:", 7) == 0) {
        r->base = strtoull(s + 7, &end, 10);
        r->anchored = end != s + 7 && *end == ' ';
        if (r->anchored && strcspn(end + 1, " ") == REPL_ID)
            memcpy(r->id, end + 1, REPL_ID);
        if ((s = strrchr(s, ' ')) != NULL)
            r->channel = strtoull(s + 1, NULL, 10);
        r->full++;
        r->state = HEADER;
        return r->anchored;
    }
    if (r->diskless) {
        if (strlen(s) != 4 + REPL_ID)
            return false;
        learn_mark(r, s + 4);
        r->rdb_size = 0;
    } else {
        r->rdb_size = r->rdb_left = strtoull(s, &end, 10);
        if (end == s || *end != '\0' || s[0] == '-' || r->rdb_size > INT64_MAX)
            return false;
    }
    begin_rdb(r);
    return true;
}

static void heard_status(struct repl *r, const char *s)
{
    if (strncmp(s, "FULLRESYNC ", 11) == 0 && read_position(r, s + 11)) {
        r->full++;
        r->state = HEADER;
    } else if (strncmp(s, "CONTINUE", 8) == 0 && (s[8] == ' ' || s[8] == '\0')) {
        resume(r, s + 8);
    } else if (strncmp(s, "RDBCHANNELSYNC ", 15) == 0) {
        r->channel = strtoull(s + 15, NULL, 10);
        r->anchored = false;
        begin_stream(r);
    }
    /* +DUALCHANNELSYNC: PSYNC comes again when the RDB is there. Else: it gives up. */
}

/* Answers false when the line means nothing that a master would say. */
static bool heard_line(struct repl *r)
{
    const char *s = r->line;

    switch (s[0]) {
    case '\0': return true;
    case '+':
        if (r->state == ANSWER)
            heard_status(r, s + 1);
        return true;
    case '-':
        r->refused++;
        r->state = ANSWER;
        return true;
    default: return heard_header(r, s + 1);
    }
}

/* As resp.c shows a status or an error: one word, what follows the type. */
static void show_line(const struct repl *r, struct resp *scan)
{
    struct resp_word *w = &scan->word[0];
    size_t n = r->line_kept ? r->line_kept - 1 : 0;

    scan->type = r->line[0];
    scan->elements = 0;
    scan->words = r->line_kept > 0;
    w->len = r->line_len ? r->line_len - 1 : 0;
    w->kept = (uint8_t)(n < RESP_WORD_MAX ? n : RESP_WORD_MAX);
    if (r->line_kept)
        memcpy(w->text, r->line + 1, w->kept);
    scan->head_done = true;
}

static void keep_line(struct repl *r, const uint8_t *p, size_t n)
{
    size_t room = sizeof r->line - 1 - r->line_kept;

    n = n < room ? n : room;
    memcpy(r->line + r->line_kept, p, n);
    r->line_kept += n;
    r->line[r->line_kept] = '\0';
}

static struct resp_part lose(struct repl *r, size_t n)
{
    r->lost = true;
    r->in_line = false;
    return (struct resp_part){.len = n, .opaque = true};
}

static struct resp_part next_line(struct repl *r, struct resp *scan, const uint8_t *p,
                                  size_t n)
{
    const uint8_t *end = memchr(p, '\n', n);
    struct resp_part part = {.len = end ? (size_t)(end - p) + 1 : n};

    if (!r->in_line) {
        resp_init(scan, RESP_REPLIES);
        r->line_len = r->line_kept = 0;
        r->line[0] = '\0';
        r->frame = PHASE_HANDSHAKE;
        if (p[0] == '\0' || strchr("+-$\r\n", p[0]) == NULL)
            return lose(r, n);
    }
    if (r->line_len + part.len > REPL_LINE)
        return lose(r, n);
    r->in_line = true;
    r->line_len += part.len;
    keep_line(r, p, part.len - (end != NULL));
    if (end == NULL)
        return part;
    r->line_len--;
    if (r->line_kept == r->line_len && r->line_len && r->line[r->line_len - 1] == '\r')
        r->line[--r->line_len] = '\0', r->line_kept--;
    r->in_line = false;
    part.head = part.last = true;
    show_line(r, scan);
    return heard_line(r) ? part : lose(r, n);
}

/* ---- the data ---- */

/* The last bytes seen of the RDB, of which the mark may be the beginning. */
static void keep_tail(struct repl *r, const uint8_t *p, size_t n)
{
    size_t old = n < sizeof r->tail ? sizeof r->tail - n : 0;

    if (old < r->tails) {
        memmove(r->tail, r->tail + (r->tails - old), old);
        r->tails = old;
    }
    if (n > sizeof r->tail) {
        p += n - sizeof r->tail;
        n = sizeof r->tail;
    }
    memcpy(r->tail + r->tails, p, n);
    r->tails += n;
}

/* Where the mark is in p[0..n), or NULL. By Horspool: of most stretches of its length one
 * byte is looked at, where memmem looks at all and halves the speed of a sync. */
static const uint8_t *seek_mark(const struct repl *r, const uint8_t *p, size_t n)
{
    const uint8_t last = r->mark[REPL_ID - 1];
    size_t at = REPL_ID - 1;

    while (at < n) {
        const uint8_t *from = p + at - (REPL_ID - 1);

        if (p[at] == last && memcmp(from, r->mark, REPL_ID) == 0)
            return from;
        at += r->leap[p[at]];
    }
    return NULL;
}

/* Bytes up to and with the end of the mark; 0 = it is not there yet. */
static size_t find_mark(struct repl *r, const uint8_t *p, size_t n)
{
    uint8_t seam[2 * sizeof r->tail];
    size_t more = n < sizeof r->tail ? n : sizeof r->tail;
    const uint8_t *at;

    memcpy(seam, r->tail, r->tails);
    memcpy(seam + r->tails, p, more);
    at = seek_mark(r, seam, r->tails + more);
    if (at)
        return (size_t)(at - seam) + REPL_ID - r->tails;
    at = seek_mark(r, p, n);
    if (at)
        return (size_t)(at - p) + REPL_ID;
    keep_tail(r, p, n);
    return 0;
}

static struct resp_part next_rdb(struct repl *r, struct resp *scan, const uint8_t *p,
                                 size_t n)
{
    struct resp_part part = {.len = n, .head = r->rdb_bytes == 0};
    size_t end;

    if (r->diskless) {
        end = find_mark(r, p, n);
    } else {
        end = r->rdb_left <= n ? (size_t)r->rdb_left : 0;
        r->rdb_left -= end ? end : n;
    }
    if (part.head) {
        resp_init(scan, RESP_REPLIES);
        scan->head_done = true;
        r->frame = PHASE_RDB;
    }
    part.len = end ? end : n;
    part.last = end > 0;
    r->rdb_bytes += part.len;
    if (part.last) {
        r->rdb_size = r->rdb_bytes;
        begin_stream(r);
    }
    return part;
}

/* ---- the stream ---- */

/* Does the command change data? The others come by themselves, or frame it. */
static bool is_write(const struct resp *h)
{
    static const char *const no[] = {"PING", "SELECT", "REPLCONF", "MULTI", "EXEC"};

    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (resp_word_is(h, 0, no[i]))
            return false;
    return h->words > 0;
}

static void heard_command(struct repl *r, const struct resp *h)
{
    r->write = is_write(h);
    r->writes += r->write;
    r->getacks += resp_word_is(h, 0, "REPLCONF") && resp_word_is(h, 1, "GETACK");
}

static struct resp_part next_command(struct repl *r, struct resp *scan, const uint8_t *p,
                                     size_t n)
{
    struct resp_part part;

    if (resp_idle(scan)) {
        if (p[0] != '*' && p[0] != '\n') /* a stream that was taken up inside a frame */
            return lose(r, n);
        resp_init(scan, RESP_REQUESTS);
        r->frame = PHASE_STREAM;
        r->frame_at = r->stream;
    }
    part = resp_next(scan, p, n);
    if (part.opaque)
        return lose(r, n);
    r->stream += part.len;
    if (part.head)
        heard_command(r, scan);
    r->commands += part.last && scan->words > 0;
    return part;
}

struct resp_part repl_next(struct repl *r, struct resp *scan, const uint8_t *p, size_t n)
{
    if (r->lost)
        return lose(r, n);
    if (r->state == RDB)
        return next_rdb(r, scan, p, n);
    if (r->state == STREAM && !r->in_line &&
        (r->stream > 0 || r->channel == 0 || p[0] != '\n'))
        return next_command(r, scan, p, n);
    return next_line(r, scan, p, n);
}

void repl_skip(struct repl *r, size_t n)
{
    if (r->state == STREAM)
        r->stream += n;
}

/* ---- how far the replica is behind ---- */

/* Keep every second sample: ages are then less exact, and never too short. */
static void thin_out(struct repl *r)
{
    for (unsigned i = 0; i < REPL_SAMPLES / 2; i++) {
        r->sample[i].first = r->sample[2 * i].first;
        r->sample[i].bytes = r->sample[2 * i + 1].bytes;
    }
    r->samples = REPL_SAMPLES / 2;
    r->grain *= 2;
}

void repl_forwarded(struct repl *r, uint64_t bytes, nsec now)
{
    struct repl_sample *last = r->samples ? &r->sample[r->samples - 1] : NULL;

    if (bytes <= r->forwarded)
        return;
    r->forwarded = bytes;
    if (last && now - last->first < r->grain) {
        last->bytes = bytes;
        return;
    }
    if (last == NULL)
        r->grain = MSEC(1);
    if (r->samples == REPL_SAMPLES)
        thin_out(r);
    r->sample[r->samples++] = (struct repl_sample){bytes, now};
}

void repl_anchor(struct repl *r, const struct repl *rdb)
{
    memcpy(r->id, rdb->id, sizeof r->id);
    r->base = rdb->base;
    r->anchored = true;
}

uint64_t repl_offset(const struct repl *r)
{
    return r->base + r->stream;
}

uint64_t repl_forwarded_offset(const struct repl *r)
{
    return r->base + r->forwarded;
}

uint64_t repl_flight(const struct repl *r)
{
    uint64_t there = repl_forwarded_offset(r);

    return r->anchored && there > r->acked ? there - (r->acking ? r->acked : r->base) : 0;
}

nsec repl_unacked_since(const struct repl *r)
{
    return r->samples ? r->sample[0].first : 0;
}

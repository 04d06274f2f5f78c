/* resp.c -- see resp.h. States:
 *
 *   START -> NUMBER -> (LF) -> PAYLOAD -> (CR LF) -> START | end of frame
 *        \-> TEXT   -> (LF) ------------------------^
 *        \-> INLINE -> (LF) -----------------------------> end of frame
 *
 * An attribute ('|') belongs to the value after it: the two are one frame.
 */
#include "resp.h"

#include <string.h>
#include <strings.h>

enum { START, NUMBER, NUMBER_LF, TEXT, TEXT_LF, INLINE, PAYLOAD, PAYLOAD_CR, PAYLOAD_LF };

/* What a type byte starts. Bulks have a length and a payload, aggregates a count. */
enum { NONE, LINE, BULK, AGGREGATE };

static const uint8_t shape[256] = {
    ['+'] = LINE,      ['-'] = LINE,      [':'] = LINE,      [','] = LINE,
    ['#'] = LINE,      ['_'] = LINE,      ['('] = LINE,      ['$'] = BULK,
    ['='] = BULK,      ['!'] = BULK,      ['*'] = AGGREGATE, ['~'] = AGGREGATE,
    ['>'] = AGGREGATE, ['%'] = AGGREGATE, ['|'] = AGGREGATE,
};

#define DIGITS_MAX 18 /* of a length or count: it fits an int64_t, doubled or not */
#define HEAD_EDGE  (RESP_HEAD_MAX - DIGITS_MAX - 4) /* one more number still fits */

void resp_init(struct resp *r, enum resp_dialect dialect)
{
    r->dialect = (uint8_t)dialect;
    r->state = START;
    r->depth = 0;
    r->words = 0;
    r->head_done = false;
    r->taken = 0;
}

bool resp_idle(const struct resp *r)
{
    return r->state == START && r->depth == 0;
}

bool resp_word_is(const struct resp *r, unsigned i, const char *text)
{
    size_t n = strlen(text);

    return i < r->words && r->word[i].len == n && r->word[i].kept == n &&
           strncasecmp(r->word[i].text, text, n) == 0;
}

static void frame_begin(struct resp *r)
{
    r->words = 0;
    r->closed = 0;
    r->taken = 0;
    r->elements = 0;
    r->head_done = false;
    r->type = 0;
}

/* Keep what fits of the word being scanned. */
static void keep(struct resp *r, const uint8_t *p, size_t n)
{
    struct resp_word *w;

    if (r->head_done || r->words == 0)
        return;
    w = &r->word[r->words - 1];
    if (n > (size_t)RESP_WORD_MAX - w->kept)
        n = (size_t)RESP_WORD_MAX - w->kept;
    memcpy(w->text + w->kept, p, n);
    w->kept = (uint8_t)(w->kept + n);
}

static void open_word(struct resp *r, uint64_t len)
{
    struct resp_word *w = &r->word[r->words];

    if (r->head_done || r->words == RESP_WORDS)
        return;
    w->len = len;
    w->kept = 0;
    r->words++;
}

/* An element is complete: is the frame? */
static bool close_element(struct resp *r)
{
    r->state = START;
    r->closed++;
    while (r->depth > 0) {
        if (--r->left[r->depth - 1] > 0)
            return false;
        r->depth--;
    }
    return true;
}

static uint64_t children(const struct resp *r)
{
    switch (r->elem) {
    case '%': return r->num * 2;
    case '|': return r->num * 2 + 1; /* and the value it belongs to */
    default: return r->num;
    }
}

/* A count or length line is complete. False when it makes no sense. */
static bool close_number(struct resp *r, bool *last)
{
    uint64_t n = children(r);

    if (r->negative && (r->num != 1 || r->elem == '|'))
        return false;
    if (r->negative && r->dialect == RESP_REQUESTS && r->elem == '$')
        return false; /* no argument is null */
    if (shape[(uint8_t)r->elem] == BULK && !r->negative) {
        open_word(r, r->num);
        r->skip = r->num;
        r->state = r->skip ? PAYLOAD : PAYLOAD_CR;
        return true;
    }
    if (r->depth == 0)
        r->elements = r->negative ? -1 : (int64_t)r->num;
    if (r->negative || n == 0) { /* null, or an empty aggregate */
        open_word(r, 0);
        *last = close_element(r);
        return true;
    }
    if (r->depth == RESP_DEPTH)
        return false;
    r->left[r->depth++] = n;
    r->state = START;
    return true;
}

static bool start_request(struct resp *r, uint8_t c)
{
    bool first = r->depth == 0;

    r->elem = (char)c;
    if ((first && c == '*') || (!first && c == '$')) {
        r->state = NUMBER;
    } else if (first && ((c >= ' ' && c < 0x7f) || (c >= '\t' && c <= '\r'))) {
        r->elem = 0;
        r->state = INLINE;
        open_word(r, 0);
    } else {
        return false;
    }
    return true;
}

static bool start_element(struct resp *r, uint8_t c)
{
    r->num = 0;
    r->digits = 0;
    r->negative = false;
    if (r->dialect == RESP_REQUESTS) {
        if (!start_request(r, c))
            return false;
    } else if (shape[c] == NONE) {
        return false;
    } else {
        r->elem = (char)c;
        r->state = shape[c] == LINE ? TEXT : NUMBER;
        if (shape[c] == LINE)
            open_word(r, 0);
    }
    if (r->depth == 0)
        r->type = r->elem;
    return true;
}

/* Scan digits up to the CR. Answers the bytes taken, 0 when it is no number. */
static size_t scan_number(struct resp *r, const uint8_t *p, size_t n)
{
    size_t i = 0;

    if (p[0] == '-' && r->digits == 0 && !r->negative) {
        r->negative = true;
        return 1;
    }
    for (; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
        if (++r->digits > DIGITS_MAX)
            return 0;
        r->num = r->num * 10 + (uint64_t)(p[i] - '0');
    }
    if (i < n) {
        if (p[i] != '\r' || r->digits == 0)
            return 0;
        r->state = NUMBER_LF;
        i++;
    }
    return i;
}

/* No further than to the byte at which the head becomes known. */
static size_t head_room(const struct resp *r, size_t n)
{
    size_t room = RESP_WORD_MAX;

    if (r->head_done)
        return n;
    if (r->words > 0)
        room -= r->word[r->words - 1].kept;
    return n < room ? n : room;
}

static void scan_text(struct resp *r, const uint8_t **p, size_t n)
{
    const uint8_t *end;

    n = head_room(r, n);
    end = memchr(*p, r->state == INLINE ? '\n' : '\r', n);
    keep(r, *p, end ? (size_t)(end - *p) : n);
    if (!r->head_done && r->words > 0)
        r->word[r->words - 1].len += end ? (size_t)(end - *p) : n;
    *p += end ? (size_t)(end - *p) + 1 : n;
    if (end)
        r->state = r->state == INLINE ? PAYLOAD_LF : TEXT_LF;
}

static void scan_payload(struct resp *r, const uint8_t **p, size_t n)
{
    if (n > r->skip)
        n = (size_t)r->skip;
    if (!r->head_done) {
        n = head_room(r, n);
        if (r->taken < HEAD_EDGE && n > HEAD_EDGE - r->taken)
            n = (size_t)(HEAD_EDGE - r->taken);
    }
    keep(r, *p, n);
    r->skip -= n;
    *p += n;
    if (r->skip == 0)
        r->state = PAYLOAD_CR;
}

/* Take one step of at least one byte. False when the stream is not RESP. */
static bool step(struct resp *r, const uint8_t **p, size_t n, bool *last)
{
    size_t took = 1;

    switch (r->state) {
    case START: return start_element(r, **p) && (*p += r->state != INLINE, true);
    case NUMBER:
        took = scan_number(r, *p, n);
        *p += took;
        return took > 0;
    case NUMBER_LF: return *(*p)++ == '\n' && close_number(r, last);
    case TEXT: scan_text(r, p, n); return true;
    case INLINE:
        scan_text(r, p, n);
        if (r->state == PAYLOAD_LF)
            *last = close_element(r);
        return true;
    case PAYLOAD: scan_payload(r, p, n); return true;
    case PAYLOAD_CR: r->state = PAYLOAD_LF; return *(*p)++ == '\r';
    case TEXT_LF:
    case PAYLOAD_LF: *last = *(*p)++ == '\n' && close_element(r); return (*p)[-1] == '\n';
    }
    return false;
}

/* The head is known when the frame is over, when all its words have been seen, or when
 * one of them is too long to keep: a caller that holds bytes back until the head is
 * known must never be made to hold a payload. */
static bool head_known(const struct resp *r, bool last)
{
    return last || r->closed >= RESP_WORDS || r->taken >= HEAD_EDGE ||
           (r->words > 0 && r->word[r->words - 1].kept == RESP_WORD_MAX);
}

/* One word of an inline line, quotes taken off. Answers where the next may start. */
static const char *inline_word(struct resp *r, const char *s, const char *end)
{
    char quote = *s == '"' || *s == '\'' ? *s++ : 0;
    const char *from = s;
    struct resp_word *w = &r->word[r->words++];

    while (s < end && (quote ? *s != quote : !strchr(" \t\r\v\f", *s)))
        s++;
    w->len = (size_t)(s - from);
    w->kept = (uint8_t)w->len;
    memcpy(w->text, from, w->kept);
    return quote && s < end ? s + 1 : s;
}

/* The line was kept as one word; a rule wants to see its command and its key. */
static void split_inline(struct resp *r)
{
    char line[RESP_WORD_MAX];
    size_t n = r->word[0].kept;
    const char *s = line, *end = line + n;

    memcpy(line, r->word[0].text, n);
    r->words = 0;
    while (r->words < RESP_WORDS) {
        while (s < end && (*s == '\0' || strchr(" \t\r\v\f", *s)))
            s++;
        if (s == end)
            break;
        s = inline_word(r, s, end);
    }
    r->elements = r->words;
}

/* ---- the same for a small frame whose bytes are all here: most frames are ---- */

/* A short count or length and its CRLF. Answers what follows, or NULL. Most have one
 * digit, so that one is tried first. */
static inline const uint8_t *whole_number(const uint8_t *p, const uint8_t *end,
                                          uint64_t *out)
{
    const uint8_t *stop = end - p > 9 ? p + 9 : end;
    uint64_t num = 0, digit;

    if (end - p >= 3 && p[1] == '\r' && p[2] == '\n' &&
        (digit = (uint64_t)*p - '0') <= 9) {
        *out = digit;
        return p + 3;
    }
    for (; p < stop && (digit = (uint64_t)*p - '0') <= 9; p++)
        num = num * 10 + digit;
    if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
        return NULL;
    *out = num;
    return p + 2;
}

/* Copying a fixed few bytes too many is cheaper than calling for the right number. */
static inline void keep_short(char *to, const uint8_t *p, const uint8_t *end, size_t len)
{
    if (len <= 16 && end - p >= 16)
        memcpy(to, p, 16);
    else
        memcpy(to, p, len);
}

/* A bulk that is all here: answers where its bytes start, or NULL. */
static inline const uint8_t *bulk_bytes(const uint8_t *p, const uint8_t *end,
                                        uint64_t *len)
{
    if (end - p < 4 || p[0] != '$' || p[1] == '\r' ||
        (p = whole_number(p + 1, end, len)) == NULL)
        return NULL;
    if ((uint64_t)(end - p) < *len + 2 || p[*len] != '\r' || p[*len + 1] != '\n')
        return NULL;
    return p;
}

static inline const uint8_t *whole_bulk(struct resp_word *w, const uint8_t *p,
                                        const uint8_t *end)
{
    uint64_t len;

    if ((p = bulk_bytes(p, end, &len)) == NULL || len >= RESP_WORD_MAX)
        return NULL;
    w->len = len;
    w->kept = (uint8_t)len;
    keep_short(w->text, p, end, (size_t)len);
    return p + len + 2;
}

/* The count of an array, up to what follows it. */
static inline const uint8_t *whole_count(const uint8_t *p, const uint8_t *end,
                                         uint64_t *count)
{
    if (end - p < 4 || p[0] != '*' || p[1] == '\r')
        return NULL;
    return whole_number(p + 1, end, count);
}

static const uint8_t *whole_request(struct resp *r, const uint8_t *p, const uint8_t *end)
{
    uint64_t count;

    if (end - p > HEAD_EDGE)
        end = p + HEAD_EDGE;
    if ((p = whole_count(p, end, &count)) == NULL || count == 0 || count >= RESP_WORDS)
        return NULL;
    for (uint64_t i = 0; i < count; i++)
        if ((p = whole_bulk(&r->word[i], p, end)) == NULL)
            return NULL;
    r->words = (uint8_t)count;
    r->elements = (int64_t)count;
    return p;
}

static const uint8_t *whole_reply(struct resp *r, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *cr;

    r->words = 1;
    if (*p == '$')
        return whole_bulk(&r->word[0], p, end);
    if (shape[*p++] != LINE)
        return NULL;
    cr = memchr(p, '\r',
                (size_t)(end - p) < RESP_WORD_MAX ? (size_t)(end - p) : RESP_WORD_MAX);
    if (cr == NULL || end - cr < 2 || cr[1] != '\n')
        return NULL;
    r->word[0].len = (uint64_t)(cr - p);
    r->word[0].kept = (uint8_t)(cr - p);
    keep_short(r->word[0].text, p, end, r->word[0].kept);
    return cr + 2;
}

/* Bytes of the frame, all of it; 0 = let the states have it. */
static size_t whole_frame(struct resp *r, const uint8_t *p, size_t n)
{
    const uint8_t *at = r->dialect == RESP_REQUESTS ? whole_request(r, p, p + n)
                                                    : whole_reply(r, p, p + n);

    if (at == NULL) {
        r->words = 0;
        r->elements = 0;
        return 0;
    }
    r->type = (char)*p;
    r->head_done = true;
    return (size_t)(at - p);
}

struct resp_part resp_next(struct resp *r, const uint8_t *p, size_t n)
{
    struct resp_part part = {0};
    const uint8_t *at = p, *end = p + n;

    if (r->state == START && r->depth == 0) {
        frame_begin(r);
        part.len = whole_frame(r, p, n);
        part.head = part.last = part.len > 0;
    }
    if (part.last)
        return part;
    while (at < end && !part.last && !part.head) {
        const uint8_t *before = at;

        if (!step(r, &at, (size_t)(end - at), &part.last)) {
            part.opaque = true;
            part.len = n;
            return part;
        }
        r->taken += (size_t)(at - before);
        if (!r->head_done && head_known(r, part.last))
            part.head = r->head_done = true;
    }
    if (part.head && r->type == 0)
        split_inline(r);
    part.len = (size_t)(at - p);
    return part;
}

/* ---- and where nothing of the frames is asked for but their number ---- */

static const uint8_t *skim_bulks(const uint8_t *p, const uint8_t *end, uint64_t count)
{
    uint64_t len;

    for (; count > 0; count--) {
        if ((p = bulk_bytes(p, end, &len)) == NULL)
            return NULL;
        p += len + 2;
    }
    return p;
}

static const uint8_t *skim_request(const uint8_t *p, const uint8_t *end,
                                   const struct resp_skim *s)
{
    uint64_t count, len;
    const uint8_t *command;

    if ((p = whole_count(p, end, &count)) == NULL || count == 0 ||
        (command = bulk_bytes(p, end, &len)) == NULL ||
        s->stop(s->arg, (const char *)command, (size_t)len))
        return NULL;
    return skim_bulks(command + len + 2, end, count - 1);
}

static const uint8_t *skim_reply(const uint8_t *p, const uint8_t *end)
{
    uint64_t count;
    const uint8_t *cr;

    if (*p == '*')
        return (p = whole_count(p, end, &count)) ? skim_bulks(p, end, count) : NULL;
    if (end - p >= 5 && memcmp(p, "$-1\r\n", 5) == 0)
        return p + 5;
    if (*p == '$')
        return skim_bulks(p, end, 1);
    if (shape[*p] != LINE)
        return NULL;
    cr = memchr(p, '\r', (size_t)(end - p));
    return cr && end - cr >= 2 && cr[1] == '\n' ? cr + 2 : NULL;
}

size_t resp_skim(const struct resp *r, const uint8_t *p, size_t n, struct resp_skim *s)
{
    const uint8_t *at = p, *end = p + n;

    s->frames = 0;
    if (!resp_idle(r))
        return 0;
    while (at < end && s->frames < s->most) {
        const uint8_t *next = r->dialect == RESP_REQUESTS ? skim_request(at, end, s)
                                                          : skim_reply(at, end);

        if (next == NULL)
            break;
        s->frames++;
        at = next;
    }
    return (size_t)(at - p);
}

char resp_one_reply(const void *p, size_t n)
{
    struct resp r;
    struct resp_part part = {0};
    size_t at = 0;

    resp_init(&r, RESP_REPLIES);
    while (at < n && !part.opaque && !part.last) {
        part = resp_next(&r, (const uint8_t *)p + at, n - at);
        at += part.len;
    }
    return part.last && !part.opaque && at == n ? r.type : 0;
}

/* resp.h -- find the frames in a RESP byte stream without copying the stream.
 *
 * The scanner is fed bytes in whatever slices the kernel delivers and says, for each
 * run of bytes, where it stands in its frame. It never stores a payload, rewrites a
 * byte or refuses one: when the bytes stop being RESP it answers opaque, for good, and
 * the caller goes on forwarding what it cannot read.
 *
 * Memory is sizeof(struct resp), whatever the peer sends. Of each frame only a prefix
 * of its first words is kept, because that is all a rule can match on. Between two
 * frames a scanner carries no state at all: it may be taken away and another, fresh
 * from resp_init, put in its place. That is what lets an idle session be small.
 *
 * RESP2 and RESP3 as in redis.io/docs/reference/protocol-spec; inline commands as in
 * Redis' processInlineBuffer (a line, ended by LF, an optional CR before it).
 */
#ifndef RESP_H
#define RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESP_WORDS    8    /* HELLO 3 AUTH user pass SETNAME name, and one more */
#define RESP_WORD_MAX 128  /* bytes kept of each */
#define RESP_DEPTH    32   /* deeper nesting is opaque */
#define RESP_HEAD_MAX 1024 /* a head is known within this many bytes */

enum resp_dialect {
    RESP_REQUESTS, /* arrays of bulk strings, and inline commands */
    RESP_REPLIES,  /* all types; a line without one is opaque */
};

struct resp_word {
    uint64_t len;  /* length on the wire */
    uint8_t  kept; /* bytes of it in text[] */
    char     text[RESP_WORD_MAX];
};

struct resp {
    /* The frame being scanned. Valid from the part with .head set up to the part with
     * .last set, both included. A word is a scalar element, at any depth, in order. */
    char             type;     /* '*', '$', '+', ... or 0 for an inline command */
    uint8_t          words;    /* entries of word[] in use */
    int64_t          elements; /* of the outermost aggregate or inline line; -1 = null */
    struct resp_word word[RESP_WORDS];

    /* Private to resp.c. */
    uint8_t  dialect, state, depth, digits;
    bool     head_done, negative;
    char     elem; /* type of the element being scanned */
    uint64_t num;
    uint64_t closed; /* elements complete in this frame */
    uint64_t taken;  /* bytes of this frame so far */
    uint64_t skip;   /* payload bytes still to pass */
    uint64_t left[RESP_DEPTH];
};

struct resp_part {
    size_t len;    /* bytes taken from the input, > 0 */
    bool   head;   /* the frame's words are known from here on */
    bool   last;   /* the frame ends with these bytes */
    bool   opaque; /* not RESP: never feed this scanner again */
};

void resp_init(struct resp *r, enum resp_dialect dialect);

/* Take the next run of bytes from p[0..n), n > 0. A run never crosses a frame boundary,
 * nor the byte at which the head becomes known. */
struct resp_part resp_next(struct resp *r, const uint8_t *p, size_t n);

/* Pass over frames of which nothing is asked but their number: lines, bulks and arrays of
 * bulks that lie whole in p[0..n). Answers how many bytes they take; the next frame, if
 * there is one, is for resp_next. Does nothing in the middle of a frame. */
struct resp_skim {
    uint64_t most;   /* frames to pass over */
    uint64_t frames; /* out: passed over */

    /* RESP_REQUESTS: is a request of this command to be left for resp_next? The bytes
     * are the stream's own. */
    bool (*stop)(void *arg, const char *command, size_t n);
    void *arg;
};

size_t resp_skim(const struct resp *r, const uint8_t *p, size_t n, struct resp_skim *s);

/* Is the scanner between two frames? */
bool resp_idle(const struct resp *r);

/* Are the bytes exactly one reply? Answers its type, or 0. */
char resp_one_reply(const void *p, size_t n);

/* Is word i exactly this text, letter case aside? text is upper or lower case ASCII. */
bool resp_word_is(const struct resp *r, unsigned i, const char *text);

#endif

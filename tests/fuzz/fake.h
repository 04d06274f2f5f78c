/* fake.h -- a Redis that does not exist: what a server answers, frame by frame.
 *
 * Written from what redis-server 7.0 was seen to do (tests/redis/test_pairing.py asks a
 * real one), and apart from track.c, so that the two can be held against each other.
 */
#ifndef FAKE_H
#define FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verb {
    V_PLAIN, /* fake_names[] */
    V_EMPTY, /* a blank line or an empty array: no request at all */
    V_MULTI,
    V_EXEC,
    V_DISCARD,
    V_HELLO, /* arg: the version */
    V_RESET,
    V_SUBSCRIBE, /* arg: which channels, a bit each */
    V_UNSUBSCRIBE,
    V_PSUBSCRIBE,
    V_PUNSUBSCRIBE,
    V_MONITOR,
    V_REPLY_OFF,
    V_REPLY_ON,
    V_REPLY_SKIP,
};

struct request {
    enum verb verb;
    uint8_t arg;
    uint16_t id; /* unlike any other's; the answer repeats it */
};

/* The session, as the server has it. */
struct fake {
    uint8_t resp;
    bool multi, monitor, off, skip, skip_next;
    uint8_t channels, patterns;
    unsigned queued;
    uint16_t queue[32];
};

/* Takes one frame of the answer. */
typedef void fake_emit(void *arg, const char *p, size_t n);

#define FAKE_TEXT 2048 /* the longest request or frame */

extern const char *const fake_names[8];
const char *fake_name(const struct request *q); /* in capitals; "" for V_EMPTY */

void fake_init(struct fake *f);
void fake_serve(struct fake *f, const struct request *q, fake_emit *emit, void *arg);

/* A frame that nobody asked for and that may come now; 0 = there is none of that kind. */
size_t fake_unasked(const struct fake *f, unsigned kind, char *out);

/* The request as a client sends it. Answers its length. */
size_t fake_request(const struct request *q, char *out);

#endif

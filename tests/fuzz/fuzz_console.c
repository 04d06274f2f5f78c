/* fuzz_console.c -- any bytes from a client of the console.
 *
 * Each request is answered in sound RESP of the version that was asked for, or the
 * connection ends; nothing is read or written beyond the request.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "console_talk.h"
#include "resp.h"
#include "standing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Whole replies, one or more, and nothing else. */
static void check_answer(const struct answer *a)
{
    struct resp r;
    size_t at = 0;
    bool last = true;

    assert(!a->failed);
    resp_init(&r, RESP_REPLIES);
    while (at < a->n) {
        struct resp_part part = resp_next(&r, (const uint8_t *)a->p + at, a->n - at);

        assert(!part.opaque);
        at += part.len;
        last = part.last;
    }
    assert(last);
}

/* Answers how many bytes of it have been understood, all of which are gone. */
static size_t talk(struct console_talk *t, char *p, size_t n)
{
    size_t at = 0;

    while (at < n && !t->quit) {
        struct answer a = {.resp = t->resp};
        long used = console_take(t, p + at, n - at, &a);

        check_answer(&a);
        answer_release(&a);
        if (used <= 0)
            break;
        assert((size_t)used <= n - at);
        at += (size_t)used;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct console_talk t = {.proxy = standing_proxy(), .resp = 2};
    char *exact; /* so that a byte too far is seen */

    if (n == 0 || n > CONSOLE_REQUEST || (exact = malloc(n)) == NULL)
        return 0;
    memcpy(exact, data, n);
    (void)talk(&t, exact, n);
    standing_turn();
    free(exact);
    return 0;
}

/* silent_loss.c -- let a replica miss writes without a trace.
 *
 * Each is replaced by a PING, or a TOUCH, of the same length. Offsets agree, WAIT counts
 * the replica, partial resyncs work, no log has a line: the replica is wrong for good, or
 * until a full resync. Only a comparison of the data shows it (DEBUG DIGEST). Writes of
 * 1 MiB and more, and those too short to be replaced, pass.
 */
#include <stdio.h>
#include <string.h>

#include "fault.h"

/* The length of the argument that makes the whole as long as n; -1 = none does. */
static int argument(const char *head, size_t n)
{
    for (int digits = 1; digits <= 7; digits++) {
        size_t rest = strlen(head) + (size_t)digits +
                      4; /* the count's CRLF, and its own */
        char text[24];

        if (n >= rest && snprintf(text, sizeof text, "%zu", n - rest) == digits)
            return (int)(n - rest);
    }
    return -1;
}

static size_t replace(const void *conf, uint8_t *p, size_t n)
{
    static const char *const heads[] = {"*2\r\n$4\r\nPING\r\n$",
                                        "*2\r\n$5\r\nTOUCH\r\n$"};

    (void)conf;
    for (size_t i = 0; i < 2; i++) {
        int length = argument(heads[i], n), at;

        if (length < 0)
            continue;
        memset(p, '.', n);
        at = snprintf((char *)p, n, "%s%d\r\n", heads[i], length);
        p[at] = '.';
        memcpy(p + n - 2, "\r\n", 2);
        return n;
    }
    return 0;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    (void)state;
    if (u->phase == PHASE_STREAM && u->write)
        verdict_edit(v, replace, conf);
}

const struct fault fault_silent_loss = {
    .name = "silent-loss",
    .help = "let a replica miss writes without a trace",
    .example = "silent-loss",
    .lane = LANE_REPLIES,
    .replicas = true,
    .poison = true,
    .on_frame = on_frame,
};

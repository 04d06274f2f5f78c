/* flip.c -- change one bit of a value on its way to a replica.
 *
 * The lowest bit of the first byte of the second argument: in SET, of the value. The
 * stream has no checksum, so the replica takes it, offsets agree, and it is wrong for
 * good, or until a full resync.
 */
#include <stdlib.h>
#include <string.h>

#include "fault.h"

/* Where the i-th argument's bytes begin; NULL when it is empty or not there. */
static uint8_t *argument(uint8_t *p, size_t n, int i)
{
    uint8_t *end = p + n;

    for (p = memchr(p, '\n', n); p && i >= 0; i--) {
        unsigned long length = strtoul((char *)p + 2, (char **)&p, 10);

        p += 2;
        if ((size_t)(end - p) < length + 2)
            return NULL;
        if (i == 0)
            return length ? p : NULL;
        p += length + 1;
        if (end - p < 6)
            return NULL;
    }
    return NULL;
}

static size_t flip(const void *conf, uint8_t *p, size_t n)
{
    uint8_t *value = argument(p, n, 2);

    (void)conf;
    if (value == NULL)
        return 0;
    *value ^= 1;
    return n;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    (void)state;
    if (u->phase == PHASE_STREAM && u->write && u->frame && u->frame->elements > 2)
        verdict_edit(v, flip, conf);
}

const struct fault fault_flip = {
    .name = "flip",
    .help = "change one bit of a value on its way to a replica",
    .example = "flip",
    .lane = LANE_REPLIES,
    .replicas = true,
    .poison = true,
    .on_frame = on_frame,
};

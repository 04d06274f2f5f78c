/* full_resync.c -- have a replica that would go on where it was begin from nothing.
 *
 * Its PSYNC asks for all (`? -1`), as if its backlog were gone: the master forks, sends
 * the whole data set, and the replica is of no use until it has loaded it. Acts when the
 * replica dials; to make it dial, reset its link.
 */
#include <string.h>

#include "fault.h"

#define ALL "*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n"

static bool is_word(const struct resp *f, unsigned i, const char *text)
{
    size_t n = strlen(text);

    return i < f->words && f->word[i].len == n && memcmp(f->word[i].text, text, n) == 0;
}

static size_t ask_for_all(const void *conf, uint8_t *p, size_t n)
{
    (void)conf;
    if (n < sizeof ALL - 1)
        return 0;
    memcpy(p, ALL, sizeof ALL - 1);
    return sizeof ALL - 1;
}

/* A replica that is to take over in a FAILOVER says so in a third argument. */
static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct resp *f = u->frame;

    (void)state;
    if (u->phase == PHASE_HANDSHAKE && f && f->words == 3 && is_word(f, 0, "PSYNC") &&
        !is_word(f, 1, "?"))
        verdict_edit(v, ask_for_all, conf);
}

const struct fault fault_full_resync = {
    .name = "full-resync",
    .help = "turn a replica's request to go on into one for everything",
    .example = "full-resync",
    .lane = LANE_REQUESTS,
    .replicas = true,
    .on_frame = on_frame,
};

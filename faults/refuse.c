/* refuse.c -- reset new sessions at once; live ones go on.
 *
 * The listener is shared by all dialers, so a refused one is accepted and reset, not met
 * with ECONNREFUSED: clients see a connection reset on their first read or write.
 */
#include "fault.h"

static void on_open(const void *conf, void *state, const struct unit *u,
                    struct verdict *v)
{
    (void)conf, (void)state;
    if (!u->live)
        verdict_close(v, CLOSE_RST);
}

const struct fault fault_refuse = {
    .name = "refuse",
    .help = "reset new sessions at once; live ones go on",
    .example = "refuse",
    .lane = LANE_BOTH,
    .on_open = on_open,
};

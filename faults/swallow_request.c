/* swallow_request.c -- keep a command from the server; nobody answers it.
 *
 * The connection stays: a client without a timeout waits for ever, and one that goes on
 * after its timeout may take the next answer for this one's.
 */
#include "fault.h"

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    (void)conf, (void)state;
    if (u->frame)
        verdict_drop(v);
}

const struct fault fault_swallow_request = {
    .name = "swallow-request",
    .help = "keep the command from the server; nobody answers it",
    .example = "swallow-request",
    .lane = LANE_REQUESTS,
    .on_frame = on_frame,
};

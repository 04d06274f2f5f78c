/* swallow.c -- take what matches and throw it away.
 *
 * The sender sees its bytes acknowledged; the receiver sees nothing. A stream with a
 * hole in it makes no sense, so the connection closes when the rule goes. To hold the
 * bytes back and deliver them later, use hang; to lose packets, which TCP repairs, use
 * blackhole or loss.
 */
#include "fault.h"

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    (void)conf, (void)state, (void)u;
    verdict_drop(v);
    v->owe = true;
}

const struct fault fault_swallow = {
    .name = "swallow",
    .help = "take what matches and throw it away; close when the rule goes",
    .example = "swallow",
    .lane = LANE_REPLIES,
    .on_frame = on_frame,
};

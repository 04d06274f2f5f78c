/* hang.c -- hold what matches until the rule is gone, then deliver it.
 *
 * Nothing is lost and nothing is closed: the peers see silence, as when a route is
 * gone. Our kernel still acknowledges what the sender sends, until the lane is full.
 */
#include "fault.h"

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    (void)conf;
    (void)state;
    (void)u;
    verdict_hold(v);
}

const struct fault fault_hang = {
    .name = "hang",
    .help = "hold what matches until the rule is gone",
    .example = "hang",
    .lane = LANE_BOTH,
    .on_frame = on_frame,
};

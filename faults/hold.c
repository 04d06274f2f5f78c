/* hold.c -- hold from what matches on, until the rule is gone or another one fires.
 *
 * Where hang is a silent link, hold is a moment: "at the third EXEC, stop the lane". It
 * goes on when the rule is removed, expires (for), or ends (until NAME fired).
 */
#include "fault.h"

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    (void)conf, (void)state, (void)u;
    verdict_stick(v);
}

const struct fault fault_hold = {
    .name = "hold",
    .help = "hold what matches and all behind it, until released",
    .example = "hold",
    .lane = LANE_REPLIES,
    .on_frame = on_frame,
};

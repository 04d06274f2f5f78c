/* freeze.c -- stop reading, as a process that is stuck does.
 *
 * Our receive buffer fills, then the sender's send buffer, then its application: this is
 * what overruns a Redis client output buffer. While nothing is read, neither a FIN nor
 * an RST of that peer is noticed: the frozen are deaf too.
 */
#include "fault.h"

static void on_open(const void *conf, void *state, const struct unit *u,
                    struct verdict *v)
{
    (void)conf, (void)state, (void)u;
    v->freeze = true;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    on_open(conf, state, u, v);
}

const struct fault fault_freeze = {
    .name = "freeze",
    .help = "read no more from the source, so that its buffers fill",
    .example = "freeze",
    .lane = LANE_REPLIES,
    .on_open = on_open,
    .on_frame = on_frame,
};

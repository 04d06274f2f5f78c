/* rate.c -- let the kernel send the packets of a lane at so many bytes a second.
 *
 * A token bucket below TCP: queues build up in the kernel, where TCP sees them, and not
 * in our memory as with bandwidth. Headers count, as on a line. All sessions of a link
 * share the rate. Linux with sch_htb, and CAP_NET_ADMIN.
 */
#include "fault.h"

static const struct param params[] = {
    {"rate", PARAM_RATE, offsetof(struct egress, rate), 1000, UINT64_C(4) << 30, NULL,
     NULL, "bytes a second, or bits: 10mbit"},
    {"burst", PARAM_BYTES, offsetof(struct egress, burst), 1600, 1 << 26, "32kb", NULL,
     "bytes that may leave at once after a pause"},
    {0},
};

static void egress(const void *conf, struct egress *x)
{
    egress_add(x, conf);
}

const struct fault fault_rate = {
    .name = "rate",
    .help = "let the kernel send so many bytes a second",
    .example = "rate 125k/s burst=64kb",
    .lane = LANE_REPLIES,
    .packets = true,
    .params = params,
    .conf_size = sizeof(struct egress),
    .egress = egress,
};

/* loss.c -- lose some packets, each on its own, and let TCP repair it.
 *
 * No byte is lost to the peers: they see pauses of a retransmission timeout, 200 ms and
 * more. Each packet coming in to us is lost with this chance; a packet of loopback can
 * be 64 KB long. The kernel draws, so the seed has no say. Linux only.
 */
#include "fault.h"

struct loss {
    double fraction;
};

static const struct param params[] = {
    {"fraction", PARAM_FRACTION, offsetof(struct loss, fraction), 0, 0, NULL, NULL,
     "of the packets"},
    {0},
};

static void wire(const void *conf, struct wire *w)
{
    const struct loss *c = conf;

    w->loss = 1 - (1 - w->loss) * (1 - c->fraction);
}

const struct fault fault_loss = {
    .name = "loss",
    .help = "lose some packets; TCP sends them again",
    .example = "loss 3%",
    .lane = LANE_BOTH,
    .packets = true,
    .params = params,
    .conf_size = sizeof(struct loss),
    .wire = wire,
};

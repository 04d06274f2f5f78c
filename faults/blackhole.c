/* blackhole.c -- lose every packet of a link, as with the cable pulled.
 *
 * Acts below TCP: nothing is acknowledged, keepalives and TCP_USER_TIMEOUT of the peers
 * fire, and new connections of the dialer hang in connect(). The kernel's retransmission
 * delivers what was in flight when the rule goes, some time after: up to the peer's
 * current retransmission timeout. Packets coming in to us are what is lost; on lane
 * requests those of the dialer, on lane replies those of the dialed. Linux only.
 */
#include "fault.h"

static void wire(const void *conf, struct wire *w)
{
    (void)conf;
    w->blackhole = true;
}

const struct fault fault_blackhole = {
    .name = "blackhole",
    .help = "lose every packet, SYNs too, as with the cable pulled",
    .example = "blackhole",
    .lane = LANE_BOTH,
    .packets = true,
    .wire = wire,
};

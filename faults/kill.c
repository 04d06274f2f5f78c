/* kill.c -- have the kernel destroy the sockets of a session, as `ss -K` does.
 *
 * Where a peer is on this machine its own socket goes too: it reads ECONNABORTED, an
 * error no network produces and few clients expect. Peers elsewhere are sent a reset.
 * Live sessions go at once, new ones as they begin: `for 10ms` spares those to come.
 * Linux with CONFIG_INET_DIAG_DESTROY, and CAP_NET_ADMIN.
 */
#include "fault.h"

static void on_open(const void *conf, void *state, const struct unit *u,
                    struct verdict *v)
{
    (void)conf;
    (void)state;
    (void)u;
    verdict_close(v, CLOSE_KILL);
}

const struct fault fault_kill = {
    .name = "kill",
    .help = "have the kernel destroy both sockets, and local peers' too",
    .example = "kill",
    .lane = LANE_REQUESTS,
    .on_open = on_open,
    .kills = true,
};

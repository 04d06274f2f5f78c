/* drop_acks.c -- keep what the replica has applied from its master, or tell it late.
 *
 * Safe: an ACK says how far the replica is, and the next one says it again. The replica
 * has the data; the master does not know: WAIT times out, min-replicas-to-write refuses
 * writes, and after repl-timeout the master gives the replica up, which then resyncs.
 * ACKs pass until the stream begins: after a diskless sync a master waits for one, and
 * does not always take the first.
 */
#include "fault.h"

struct drop_acks {
    nsec late;
};

static const struct param params[] = {
    {"late", PARAM_TIME, offsetof(struct drop_acks, late), 0, SEC(86400), "0", NULL,
     "do not drop them, but delay them so long"},
    {0},
};

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct drop_acks *c = conf;

    (void)state;
    if (u->phase != PHASE_ACK || u->first)
        return;
    if (c->late)
        verdict_delay(v, c->late);
    else
        verdict_drop(v);
}

const struct fault fault_drop_acks = {
    .name = "drop-acks",
    .help = "keep a replica's acknowledgements from its master",
    .example = "drop-acks",
    .lane = LANE_REQUESTS,
    .replicas = true,
    .params = params,
    .conf_size = sizeof(struct drop_acks),
    .on_frame = on_frame,
};

/* rdb_cut.c -- end the connection in the middle of a full resync.
 *
 * The replica throws away what it has, and with diskless loading perhaps the data that it
 * had before; then it dials again, and the master forks again. The size of an RDB without
 * a disk is not told: that of the link's last one is taken, or else `bytes`, and if it
 * turns out to be shorter, all but its end arrives. An RDB of which more has passed when
 * the rule is added is cut at once.
 */
#include "fault.h"

struct rdb_cut {
    double at;
    uint64_t bytes;
    int then;
};

static const char *const ways[] = {"reset", "close", NULL};

static const struct param params[] = {
    {"at", PARAM_FRACTION, offsetof(struct rdb_cut, at), 0, 0, "50%", NULL,
     "how much of it arrives"},
    {"bytes", PARAM_BYTES, offsetof(struct rdb_cut, bytes), 0, SIZE_MAX / 2, "64kb", NULL,
     "or so much when nobody knows how long it is"},
    {"then", PARAM_WORD, offsetof(struct rdb_cut, then), 0, 0, "reset", ways,
     "how the connection ends"},
    {0},
};

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct rdb_cut *c = conf;
    uint64_t *left = state;
    uint64_t all = u->rdb_size ? (uint64_t)((double)u->rdb_size * c->at) : c->bytes;

    (void)v;
    *left = all > u->rdb_past ? all - u->rdb_past : 0;
}

static void on_bytes(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct rdb_cut *c = conf;
    uint64_t *left = state;
    size_t most = u->len - (u->ends && c->at < 1), keep = *left < most ? *left : most;

    if (u->phase != PHASE_RDB)
        return;
    *left -= keep;
    if (keep == u->len && !u->ends)
        return;
    verdict_cut(v, keep);
    verdict_close(v, c->then == 0 ? CLOSE_RST : CLOSE_FIN);
}

const struct fault fault_rdb_cut = {
    .name = "rdb-cut",
    .help = "end the connection in the middle of a full resync",
    .example = "rdb-cut at=30%",
    .lane = LANE_REPLIES,
    .replicas = true,
    .params = params,
    .conf_size = sizeof(struct rdb_cut),
    .state_size = sizeof(uint64_t),
    .on_frame = on_frame,
    .on_bytes = on_bytes,
};

/* rdb_cut.c -- end the connection in the middle of a full resync.
 *
 * The replica throws away what it has, and with diskless loading perhaps the data that it
 * had before; then it dials again, and the master forks again. The size of an RDB without
 * a disk is not told: that of the link's last one is taken, or else `bytes`.
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

    (void)v;
    *left = u->rdb_size ? (uint64_t)((double)u->rdb_size * c->at) : c->bytes;
}

static void on_bytes(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct rdb_cut *c = conf;
    uint64_t *left = state;

    if (u->phase != PHASE_RDB)
        return;
    if (u->len <= *left) {
        *left -= u->len;
        return;
    }
    verdict_cut(v, (size_t)*left);
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

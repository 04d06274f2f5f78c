/* limit.c -- let so many bytes of what matches through, then end the connection.
 *
 * Counted per lane of a session, from when the rule was added, exact to the byte: the
 * end may fall inside a frame. A limit of 0 ends the connection at the first byte.
 */
#include "fault.h"

struct limit {
    uint64_t bytes;
    int then;
};

struct count {
    uint64_t passed;
};

static const char *const ways[] = {"close", "reset", NULL};

static const struct param params[] = {
    {"bytes", PARAM_BYTES, offsetof(struct limit, bytes), 0, SIZE_MAX / 2, NULL, NULL,
     "how many pass"},
    {"then", PARAM_WORD, offsetof(struct limit, then), 0, 0, "close", ways,
     "how the connection ends"},
    {0},
};

static void on_bytes(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct limit *c = conf;
    struct count *n = state;
    uint64_t left = c->bytes - n->passed;

    if (u->len < left) {
        n->passed += u->len;
        return;
    }
    n->passed = c->bytes;
    verdict_cut(v, (size_t)left);
    verdict_close(v, c->then == 0 ? CLOSE_FIN : CLOSE_RST);
}

const struct fault fault_limit = {
    .name = "limit",
    .help = "end the connection after so many bytes",
    .example = "limit 64kb then=reset",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct limit),
    .state_size = sizeof(struct count),
    .on_bytes = on_bytes,
};

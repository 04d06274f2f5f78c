/* close.c -- end the connection in order (FIN) at what matches.
 *
 * Both peers read what was sent before, then end of file. With keep, the last they read
 * is the beginning of a frame.
 * A rule without conditions on frames ends live sessions at once.
 */
#include "fault.h"

struct close {
    uint64_t keep;
};

static const struct param params[] = {
    {"keep", PARAM_BYTES, offsetof(struct close, keep), 0, SIZE_MAX / 2, "0", NULL,
     "bytes of the frame to forward first"},
    {0},
};

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct close *c = conf;

    (void)state;
    (void)u;
    verdict_cut(v, (size_t)c->keep);
    verdict_close(v, CLOSE_FIN);
}

/* A session that is idle shows no frame: it ends when the rule is added. */
static void on_open(const void *conf, void *state, const struct unit *u,
                    struct verdict *v)
{
    (void)conf;
    (void)state;
    if (u->live)
        verdict_close(v, CLOSE_FIN);
}

const struct fault fault_close = {
    .name = "close",
    .help = "close the connection at what matches",
    .example = "close",
    .lane = LANE_REQUESTS,
    .params = params,
    .conf_size = sizeof(struct close),
    .on_open = on_open,
    .on_frame = on_frame,
};

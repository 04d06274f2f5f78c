/* reset.c -- end the connection with a reset (RST) at what matches.
 *
 * Both peers get ECONNRESET, as when a host has crashed and come back. With keep, the
 * last they read is the beginning of a frame.
 * A rule without conditions on frames ends live sessions at once.
 */
#include "fault.h"

struct reset {
    uint64_t keep;
    nsec after;
    int idle;
};

static const char *const ways[] = {"reset", "wait", NULL};

static const struct param params[] = {
    {"keep", PARAM_BYTES, offsetof(struct reset, keep), 0, SIZE_MAX / 2, "0", NULL,
     "bytes of the frame to forward first"},
    {"after", PARAM_TIME, offsetof(struct reset, after), 0, SEC(3600), "0", NULL,
     "how long to wait first, in silence"},
    {"idle", PARAM_WORD, offsetof(struct reset, idle), 0, 0, "reset", ways,
     "reset sessions that are idle too, or wait for a frame or an end"},
    {0},
};

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct reset *c = conf;

    (void)state, (void)u;
    verdict_delay(v, c->after);
    verdict_cut(v, (size_t)c->keep);
    verdict_close(v, CLOSE_RST);
}

/* A session that is idle shows no frame: it ends when the rule is added. */
static void on_open(const void *conf, void *state, const struct unit *u,
                    struct verdict *v)
{
    const struct reset *c = conf;

    (void)state;
    if (u->live && c->idle == 0)
        verdict_close(v, CLOSE_RST);
}

static void on_end(const void *conf, void *state, const struct unit *u, struct verdict *v)
{
    const struct reset *c = conf;

    (void)state, (void)u;
    if (c->idle == 0)
        return;
    verdict_delay(v, c->after);
    verdict_close(v, CLOSE_RST);
}

const struct fault fault_reset = {
    .name = "reset",
    .help = "reset the connection at what matches",
    .example = "reset keep=7",
    .lane = LANE_REQUESTS,
    .params = params,
    .conf_size = sizeof(struct reset),
    .on_open = on_open,
    .on_frame = on_frame,
    .on_end = on_end,
};

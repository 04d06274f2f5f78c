/* lag.c -- keep a replica so many bytes, writes or milliseconds behind its master.
 *
 * Not a delay: what has come waits until enough has come behind it, however long that
 * takes. The link stays up and acknowledges what it has: it is alive, and behind.
 *
 * Of bytes, a command more may be held; of commands, only writes count. A lane holds no
 * more than its memory: a bound that is reached first lets the oldest go.
 */
#include <errno.h>

#include "fault.h"

struct lag {
    uint64_t bytes, commands;
    nsec time;
};

struct seen {
    uint64_t writes;
};

static const struct param params[] = {
    {"bytes", PARAM_BYTES, offsetof(struct lag, bytes), 0, UINT64_C(1) << 40, "0", NULL,
     "so many bytes of the stream behind"},
    {"commands", PARAM_COUNT, offsetof(struct lag, commands), 0, 100000000, "0", NULL,
     "or so many writes"},
    {"time", PARAM_TIME, offsetof(struct lag, time), 0, SEC(86400), "0", NULL,
     "or so long"},
    {0},
};

static int prepare(void *conf, struct err *e)
{
    const struct lag *c = conf;

    if ((c->bytes > 0) + (c->commands > 0) + (c->time > 0) == 1)
        return 0;
    err_set(e, -EINVAL, "lag needs bytes=, commands= or time=, one of them");
    err_hint(e, "such as: lag bytes=64kb   lag commands=100   lag time=2s");
    return -EINVAL;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct lag *c = conf;
    struct seen *s = state;

    if (u->phase != PHASE_STREAM)
        return;
    s->writes += u->write;
    if (c->commands)
        verdict_gate(v, s->writes + c->commands, s->writes);
    verdict_delay(v, c->time);
}

static void on_bytes(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct lag *c = conf;
    (void)state;
    if (u->phase == PHASE_STREAM && c->bytes)
        verdict_gate(v, u->offset + u->len + c->bytes, TIDE_OFFSET);
}

const struct fault fault_lag = {
    .name = "lag",
    .help = "keep a replica so many bytes, writes or milliseconds behind",
    .example = "lag bytes=64kb",
    .lane = LANE_REPLIES,
    .replicas = true,
    .params = params,
    .conf_size = sizeof(struct lag),
    .state_size = sizeof(struct seen),
    .prepare = prepare,
    .on_frame = on_frame,
    .on_bytes = on_bytes,
};

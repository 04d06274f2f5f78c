/* hold_at.c -- let a replica have all up to an offset, or all before its n-th write, and
 * hold the rest until the rule is gone.
 * A replica that comes back gets as far again; an RDB from behind the mark is held, too.
 */
#include <errno.h>

#include "fault.h"

struct hold_at {
    uint64_t offset, nth;
};

struct mark {
    uint64_t writes, at;
}; /* shared by the link */

#define AT(field) PARAM_COUNT, offsetof(struct hold_at, field), 0, INT64_MAX, "0", NULL
static const struct param params[] = {
    {"offset", AT(offset), "the master's offset that the replica may reach"},
    {"nth", AT(nth), "or the first write that it is not to have, from now on"},
    {0},
};

static int prepare(void *conf, struct err *e)
{
    const struct hold_at *c = conf;

    if (!c->offset != !c->nth)
        return 0;
    return err_set(e, -EINVAL, "hold-at needs offset= or nth=, one of them");
}

static size_t grain(const void *conf, const void *state)
{
    (void)conf;
    return *(const size_t *)state ? *(const size_t *)state : SIZE_MAX;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct hold_at *c = conf;
    struct mark *m = u->shared;
    size_t *room = state; /* bytes that may still pass */

    m->at = c->offset ? c->offset : m->at;
    if (u->phase == PHASE_STREAM && u->write && ++m->writes == c->nth)
        m->at = u->offset;
    *room = m->at > u->offset ? (size_t)(m->at - u->offset) : 0;
    if (u->phase == PHASE_RDB && m->at && u->offset > m->at)
        verdict_hold(v);
}

static void on_bytes(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct mark *m = u->shared;
    size_t *room = state;

    (void)conf;
    *room -= u->len < *room ? u->len : *room;
    if (u->phase == PHASE_STREAM && m->at && u->offset >= m->at)
        verdict_stick(v);
}

const struct fault fault_hold_at = {
    .name = "hold-at",
    .help = "let a replica reach an offset or a write, and hold the rest",
    .example = "hold-at nth=100",
    .lane = LANE_REPLIES,
    .replicas = true,
    .params = params,
    .conf_size = sizeof(struct hold_at),
    .state_size = sizeof(size_t),
    .shared_size = sizeof(struct mark),
    .prepare = prepare,
    .grain = grain,
    .on_frame = on_frame,
    .on_bytes = on_bytes,
};

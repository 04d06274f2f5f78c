/* cut.c -- end the connection before, inside or after what matches, exact to the byte.
 *
 * inside needs bytes: how many of the frame get through. A frame that is shorter than
 * that gets through whole, and the connection ends after it.
 */
#include <errno.h>

#include "fault.h"

enum where { BEFORE, INSIDE, AFTER };

struct cut {
    int where, then;
    uint64_t bytes;
};

static const char *const places[] = {"before", "inside", "after", NULL};
static const char *const ways[] = {"reset", "close", NULL};

static const struct param params[] = {
    {"where", PARAM_WORD, offsetof(struct cut, where), 0, 0, NULL, places,
     "before, inside or after the frame"},
    {"bytes", PARAM_BYTES, offsetof(struct cut, bytes), 0, SIZE_MAX / 2, "0", NULL,
     "inside: how many bytes of it get through"},
    {"then", PARAM_WORD, offsetof(struct cut, then), 0, 0, "reset", ways,
     "how the connection ends"},
    {0},
};

static int prepare(void *conf, struct err *e)
{
    const struct cut *c = conf;

    if ((c->where == INSIDE) == (c->bytes > 0))
        return 0;
    err_set(e, -EINVAL,
            c->where == INSIDE ? "cut inside needs its bytes"
                               : "bytes are only for cut inside");
    err_hint(e, "such as: cut inside bytes=7   cut after");
    return -EINVAL;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct cut *c = conf;

    (void)state, (void)u;
    if (c->where != AFTER)
        verdict_cut(v, (size_t)c->bytes);
    verdict_close(v, c->then == 0 ? CLOSE_RST : CLOSE_FIN);
}

const struct fault fault_cut = {
    .name = "cut",
    .help = "end the connection before, inside or after what matches",
    .example = "cut inside bytes=7 then=close",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct cut),
    .prepare = prepare,
    .on_frame = on_frame,
};

/* slice.c -- deliver what matches in small pieces, with a pause between them.
 *
 * For readers that take one read for one message. The bytes and their order stay the
 * same. The size is drawn once a frame, from size - variation .. size + variation.
 */
#include "fault.h"

#include <errno.h>

#define MOST (UINT64_C(1) << 30)

struct slice {
    uint64_t size, variation;
    nsec gap;
};

static const struct param params[] = {
    {"size", PARAM_BYTES, offsetof(struct slice, size), 1, MOST, NULL, NULL,
     "bytes of a piece"},
    {"variation", PARAM_BYTES, offsetof(struct slice, variation), 0, MOST, "0", NULL,
     "give or take; less than size"},
    {"gap", PARAM_TIME, offsetof(struct slice, gap), 0, SEC(3600), "0", NULL,
     "pause between two pieces"},
    {0},
};

static int prepare(void *conf, struct err *e)
{
    const struct slice *c = conf;

    if (c->variation < c->size)
        return 0;
    err_set(e, -EINVAL, "variation must be less than size");
    err_hint(e, "such as slice 16 variation=8");
    return -EINVAL;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct slice *c = conf;
    uint64_t size = c->size;

    (void)state;
    if (c->variation)
        size = size - c->variation + rng_below(u->rng, 2 * c->variation + 1);
    verdict_slice(v, (size_t)size, c->gap);
}

const struct fault fault_slice = {
    .name = "slice",
    .help = "deliver what matches in small pieces",
    .example = "slice 16 gap=1ms",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct slice),
    .prepare = prepare,
    .on_frame = on_frame,
};

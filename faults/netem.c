/* netem.c -- hand the packets of a lane to the kernel's network emulator.
 *
 * Acts on real packets as they leave this machine: TCP itself sees them late, lost,
 * twice, out of order or damaged, and repairs what it can, so no byte is lost to the
 * peers. All sessions of a link share one emulator; connecting is not delayed, and what
 * waits in the emulator when the rule goes is lost and sent again. The kernel draws, so
 * the seed has no say. Linux with sch_netem and sch_htb, and CAP_NET_ADMIN.
 */
#include <errno.h>

#include "fault.h"

static const char *const dists[] = {"uniform", "normal", "pareto", NULL};

#define FIELD(f) offsetof(struct egress, f)

static const struct param params[] = {
    {"delay", PARAM_TIME, FIELD(delay), 0, SEC(3600), "0", NULL, "how long"},
    {"jitter", PARAM_TIME, FIELD(jitter), 0, SEC(3600), "0", NULL, "give or take"},
    {"dist", PARAM_WORD, FIELD(dist), 0, 0, "uniform", dists, "how jitter is spread"},
    {"correlation", PARAM_FRACTION, FIELD(correlation), 0, 0, "0%", NULL,
     "how far a delay follows the one before"},
    {"loss", PARAM_FRACTION, FIELD(loss), 0, 0, "0%", NULL, "of the packets"},
    {"duplicate", PARAM_FRACTION, FIELD(duplicate), 0, 0, "0%", NULL, "sent twice"},
    {"reorder", PARAM_FRACTION, FIELD(reorder), 0, 0, "0%", NULL,
     "not delayed, so before the others"},
    {"corrupt", PARAM_FRACTION, FIELD(corrupt), 0, 0, "0%", NULL, "with a bit wrong"},
    {"rate", PARAM_RATE, FIELD(rate), 0, UINT64_C(4) << 30, "0", NULL,
     "bytes a second, or bits: 10mbit; 0 as they come"},
    {"limit", PARAM_COUNT, FIELD(limit), 1, 10000000, "1000", NULL,
     "packets that may wait; what is more is lost"},
    {0},
};

static int prepare(void *conf, struct err *e)
{
    const struct egress *c = conf;

    if (!egress_any(c)) {
        err_set(e, -EINVAL, "netem is told to do nothing");
        err_hint(e, "say what, such as delay=50ms or loss=1%%");
        return -EINVAL;
    }
    if ((c->reorder > 0 && !c->delay) || (c->correlation > 0 && !c->jitter)) {
        err_set(e, -EINVAL, "%s",
                c->reorder > 0 && !c->delay ? "netem: nothing to reorder without a delay"
                                            : "netem: no jitter to correlate");
        err_hint(e, "add %s", c->reorder > 0 && !c->delay ? "delay=10ms" : "jitter=10ms");
        return -EINVAL;
    }
    return 0;
}

static void egress(const void *conf, struct egress *x)
{
    egress_add(x, conf);
}

const struct fault fault_netem = {
    .name = "netem",
    .help = "let the kernel delay, lose, double, reorder or damage packets",
    .example = "netem delay=50ms jitter=10ms loss=1%",
    .note = "When the rule goes, what waits in the emulator is lost; TCP sends it again "
            "after a\nretransmission timeout, 200 ms and more. Where another netem is on "
            "the lane by then\nnothing is lost.",
    .lane = LANE_REPLIES,
    .packets = true,
    .params = params,
    .conf_size = sizeof(struct egress),
    .prepare = prepare,
    .egress = egress,
};

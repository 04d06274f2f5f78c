/* A whole session with random rules, traffic, time and plan changes. What must hold:
 * bytes leave in order and none is invented; with no rule that may cut, none is lost;
 * memory stays within the lane's bound; and nothing is left behind. */
#include <stdlib.h>
#include <string.h>

#include "dialog.h"

#define LANE_LIMIT 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const sentences[] = {
    "on * -> * requests when command=GET do latency 5ms jitter=2ms",
    "on * -> * replies chance=30% do latency 1ms dist=normal jitter=1ms",
    "on * -> * both do latency 0",
    "on * -> * replies when command=SET,INCR key=a* do latency 3ms",
    "on * -> * replies do bandwidth 50kb",
    "on * -> * both do slice 3 gap=1ms",
    "on * -> * both do slice 7 variation=3",
    "on * -> * do hang",
    "on * -> * requests when command=NOSUCH do reset",
    "on * -> * when role=monitor do hang",
    /* from here on bytes may be lost */
    "on * -> * replies do limit 1000",
    "on * -> * requests nth=5 do close keep=3",
    "on * -> * requests when command=GET every=3 do reset keep=4",
};

#define SENTENCES (sizeof sentences / sizeof *sentences)
#define HARMLESS  10

struct world {
    struct core core;
    struct party from, to;
    struct plan *plan;
    struct dialog dialog;
    nsec now;
    bool lossy;
    uint8_t *in[2];
    size_t fed[2], sent[2];
};

/* What leaves must be what came, in order: a rule may only end it early. */
static void drain(struct world *w, enum lane_id lane)
{
    struct iovec iov[4];
    size_t n = 4;

    while (dialog_next(&w->dialog, lane, w->now, iov, &n) == QUEUE_SEND) {
        size_t took = 0;

        for (size_t i = 0; i < n; i++) {
            if (memcmp(iov[i].iov_base, w->in[lane] + w->sent[lane] + took,
                       iov[i].iov_len) != 0)
                abort();
            took += iov[i].iov_len;
        }
        if (took == 0)
            abort();
        dialog_sent(&w->dialog, lane, w->now, took);
        w->sent[lane] += took;
        n = 4;
    }
}

static void feed(struct world *w, enum lane_id lane, const uint8_t *p, size_t n)
{
    uint8_t copy[256];

    if (dialog_room(&w->dialog, lane) < n)
        return;
    memcpy(w->in[lane] + w->fed[lane], p, n);
    memcpy(copy, p, n);
    w->fed[lane] += n;
    if (dialog_feed(&w->dialog, lane, w->now, copy, n) < 0)
        abort();
    drain(w, lane);
    if (dialog_settle(&w->dialog, lane) < 0)
        abort();
    memset(copy, 0xee, sizeof copy); /* the read buffer is used again */
}

static void change_plan(struct world *w, uint8_t choice)
{
    struct plan *plan = NULL;
    struct rule *rule = NULL;
    size_t which = choice % (SENTENCES + 1);

    if (which == SENTENCES) {
        if (plan_without(w->plan, "*", &plan, NULL) < 0)
            return;
    } else {
        if (rule_parse(sentences[which], &rule, NULL) < 0)
            abort();
        if (w->plan->n > 8 || plan_with(w->plan, rule, w->now, &plan, NULL) < 0) {
            rule_unref(&rule);
            return;
        }
        w->lossy |= which >= HARMLESS;
    }
    if (dialog_replan(&w->dialog, plan, w->now) < 0)
        abort();
    plan_unref(&w->plan);
    w->plan = plan;
}

static void step(struct world *w, uint8_t op, const uint8_t *p, size_t n)
{
    switch (op & 3) {
    case 0: feed(w, LANE_REQUESTS, p, n); break;
    case 1: feed(w, LANE_REPLIES, p, n); break;
    case 2: change_plan(w, op >> 2); break;
    case 3: w->now += USEC(50) << (op >> 4); break;
    }
    for (int i = 0; i < 2; i++) {
        drain(w, (enum lane_id)i);
        /* one read beyond the bound, with its bookkeeping, and no more */
        if (w->dialog.lane[i].queue.held > LANE_LIMIT + 256 * 80)
            abort();
    }
}

static void heal_and_check(struct world *w)
{
    change_plan(w, SENTENCES);
    for (int i = 0; i < 2; i++) {
        if (dialog_end(&w->dialog, (enum lane_id)i, w->now, END_FIN) < 0)
            abort();
        for (int slices = 0; slices < 100000 && w->sent[i] < w->fed[i]; slices++) {
            w->now += SEC(1);
            drain(w, (enum lane_id)i);
        }
        if (!w->lossy && w->sent[i] != w->fed[i])
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.now = SEC(1)};

    if (size > 4096)
        return 0;
    w.core.seed = 1;
    w.core.lane_limit = LANE_LIMIT;
    w.core.pool.limit = 1 << 20;
    w.from = (struct party){"app", PARTY_CLIENT, false};
    w.to = (struct party){"r1", PARTY_REDIS, false};
    w.plan = plan_empty();
    for (int i = 0; i < 2; i++)
        w.in[i] = malloc(size + 1);
    dialog_init(&w.dialog, &w.core, &w.from, &w.to, 1, w.plan);
    while (size >= 2) {
        size_t n = data[1] < size - 2 ? data[1] : size - 2;
        uint8_t op = data[0];

        n = op & 2 ? 0 : n;
        data += 1 + !(op & 2);
        size -= 1 + !(op & 2);
        step(&w, op, data, n);
        data += n;
        size -= n;
    }
    heal_and_check(&w);
    dialog_release(&w.dialog);
    plan_unref(&w.plan);
    core_release(&w.core);
    for (int i = 0; i < 2; i++)
        free(w.in[i]);
    return 0;
}

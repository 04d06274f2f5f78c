/* rig.h -- a dialog, a clock that is a variable, and what has come out of each lane. */
#ifndef RIG_H
#define RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dialog.h"

#define RIG_OUT 65536

struct rig {
    struct core core;
    struct party from, to;
    struct plan *plan;
    struct dialog dialog;
    nsec now;
    char out[2][RIG_OUT]; /* what has left each lane, as a string */
    size_t n[2];
    enum queue_do next[2]; /* what each lane asks for after that */
};

/* A rule that does not parse or fit is a mistake in the test. */
static inline void rig_rule(struct rig *r, const char *sentence)
{
    struct rule *rule = NULL;
    struct plan *plan = NULL;
    struct err e;

    if (rule_parse(sentence, &rule, &e) < 0 ||
        plan_with(r->plan, rule, r->now, &plan, &e) < 0)
        fail_msg("%s: %s", sentence, e.text);
    plan_unref(&r->plan);
    r->plan = plan;
    assert_int_equal(0, dialog_replan(&r->dialog, plan, r->now));
}

static inline void rig_open_as(struct rig *r, uint64_t seed, uint64_t ordinal)
{
    memset(r, 0, sizeof *r);
    r->core.seed = seed;
    r->core.lane_limit = 1 << 20;
    r->core.pool.limit = 1 << 24;
    r->from = (struct party){"app", PARTY_CLIENT, false};
    r->to = (struct party){"r1", PARTY_REDIS, false};
    r->now = SEC(1);
    r->plan = plan_empty();
    dialog_init(&r->dialog, &r->core, &r->from, &r->to, ordinal, r->plan);
}

static inline void rig_open(struct rig *r)
{
    rig_open_as(r, 42, 1);
}

static inline void rig_close(struct rig *r)
{
    dialog_release(&r->dialog);
    plan_unref(&r->plan);
    assert_int_equal(0, r->core.pool.held);
    core_release(&r->core);
}

/* Take all that may leave now. */
static inline void rig_settle(struct rig *r)
{
    for (int lane = 0; lane < 2; lane++) {
        struct iovec iov;
        size_t one = 1;

        while ((r->next[lane] = dialog_next(&r->dialog, (enum lane_id)lane, r->now, &iov,
                                            &one)) == QUEUE_SEND) {
            assert_true(r->n[lane] + iov.iov_len < RIG_OUT);
            memcpy(r->out[lane] + r->n[lane], iov.iov_base, iov.iov_len);
            r->n[lane] += iov.iov_len;
            dialog_sent(&r->dialog, (enum lane_id)lane, r->now, iov.iov_len);
            one = 1;
        }
        r->out[lane][r->n[lane]] = '\0';
    }
}

static inline void rig_feed(struct rig *r, enum lane_id lane, const void *p, size_t n)
{
    if (n > 0)
        assert_int_equal(0, dialog_feed(&r->dialog, lane, r->now, p, n));
    rig_settle(r);
    assert_int_equal(0, dialog_settle(&r->dialog, lane));
}

static inline void rig_ask(struct rig *r, const char *s)
{
    rig_feed(r, LANE_REQUESTS, s, strlen(s));
}

static inline void rig_answer(struct rig *r, const char *s)
{
    rig_feed(r, LANE_REPLIES, s, strlen(s));
}

static inline void rig_at(struct rig *r, nsec t)
{
    r->now = t;
    rig_settle(r);
}

static inline void rig_after(struct rig *r, nsec span)
{
    rig_at(r, r->now + span);
}

/* Forget what has come out so far. */
static inline void rig_clear(struct rig *r)
{
    r->n[0] = r->n[1] = 0;
    r->out[0][0] = r->out[1][0] = '\0';
}

#define expect_out(r, lane, want) assert_string_equal(want, (r)->out[lane])

#endif

/* Rules come, change and go ten thousand times while traffic flows: nothing leaks, sticks
 * or goes missing. Only faults that promise to lose nothing are churned here; what the
 * others lose is accounted for in test_journal.c and by fuzz_dialog.c. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rig.h"

#define TIMES    10000
#define SESSIONS 1000

#define GET   "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
#define VALUE "$5\r\nhello\r\n"

static void take_out(struct rig *r)
{
    struct plan *plan;

    assert_int_equal(0, plan_without(r->plan, "churn", &plan, NULL));
    plan_unref(&r->plan);
    r->plan = plan;
    assert_int_equal(0, dialog_replan(&r->dialog, plan, r->now));
    rig_settle(r);
}

/* Until nothing waits for a time any more. */
static void drain(struct rig *r)
{
    for (int lane = 0; lane < 2; lane++)
        while (dialog_due(&r->dialog, (enum lane_id)lane) != NSEC_NEVER)
            rig_at(r, dialog_due(&r->dialog, (enum lane_id)lane));
}

/* One request and its answer, put in wherever the rule happens to be in its life. */
static void each_fault_survives_ten_thousand_changes(void **state)
{
    static const char *const faults_that_lose_nothing[] = {
        "latency 2ms jitter=1ms",
        "latency 1ms dist=pareto jitter=1ms",
        "bandwidth 100kb",
        "bandwidth 100kb scope=link",
        "throttle 1ms",
        "slice 3 gap=10us",
        "hang",
        "hold",
        "freeze",
        "slow-close 1ms",
        "slow-connect 1ms",
        "refuse",
    };

    (void)state;
    for (size_t f = 0; f < sizeof faults_that_lose_nothing / sizeof(char *); f++) {
        char rule[128];
        struct rig r;
        size_t want = 0;

        rig_open(&r);
        snprintf(rule, sizeof rule, "churn: on * -> * both do %s",
                 faults_that_lose_nothing[f]);
        for (int i = 0; i < TIMES; i++) {
            rig_rule(&r, rule);
            rig_ask(&r, GET);
            rig_answer(&r, VALUE);
            want += strlen(VALUE);
            if (i % 3 == 0)
                rig_after(&r, USEC(500));
            take_out(&r);
            if (i % 1000 == 999) {
                drain(&r);
                assert_int_equal(want, r.n[LANE_REPLIES]);
                assert_int_equal(want / strlen(VALUE) * strlen(GET), r.n[LANE_REQUESTS]);
                rig_clear(&r);
                want = 0;
            }
        }
        assert_false(r.dialog.track.lost);
        assert_int_equal(CLOSE_NO, r.dialog.doom);
        rig_close(&r);
    }
}

/* What a change of plan costs with many sessions is printed, not judged. */
static void a_change_reaches_a_thousand_sessions(void **state)
{
    struct dialog *d = calloc(SESSIONS, sizeof *d);
    struct timespec from, to;
    struct rig r;

    (void)state;
    assert_non_null(d);
    rig_open(&r);
    for (size_t i = 0; i < SESSIONS; i++)
        dialog_init(&d[i], &r.core, &r.from, &r.to, i + 2, r.plan);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < 100; i++) {
        if (i % 2 == 0)
            rig_rule(&r, "churn: on * -> * do latency 1ms");
        else
            take_out(&r);
        for (size_t s = 0; s < SESSIONS; s++)
            assert_int_equal(0, dialog_replan(&d[s], r.plan, r.now));
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    print_message("# a change with %d sessions took %.0f us\n", SESSIONS,
                  ((double)(to.tv_sec - from.tv_sec) * 1e6 +
                   (double)(to.tv_nsec - from.tv_nsec) / 1e3) /
                      100);
    for (size_t i = 0; i < SESSIONS; i++)
        dialog_release(&d[i]);
    free(d);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_survives_ten_thousand_changes),
        cmocka_unit_test(a_change_reaches_a_thousand_sessions),
    };

    return cmocka_run_group_tests_name("churn", tests, NULL, NULL);
}

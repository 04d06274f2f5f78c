/* What a rule does to a session that says nothing, or to some sessions only. */
#include "rig.h"

#define OK  "+OK\r\n"
#define ONE ":1\r\n"

static void del(struct rig *r, const char *name)
{
    struct plan *plan;

    assert_int_equal(0, plan_without(r->plan, name, &plan, NULL));
    plan_unref(&r->plan);
    r->plan = plan;
    assert_int_equal(0, dialog_replan(&r->dialog, plan, r->now));
    rig_settle(r);
}

static void a_silence_closes_what_swallows_and_a_word_puts_that_off(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * replies do swallow idle=300ms");
    rig_after(&r, MSEC(299));
    assert_int_equal(QUEUE_WAIT, r.next[LANE_REPLIES]);
    rig_answer(&r, OK);
    rig_after(&r, MSEC(299));
    assert_int_equal(QUEUE_WAIT, r.next[LANE_REPLIES]);
    assert_int_equal(r.now + MSEC(1), dialog_due(&r.dialog, LANE_REPLIES));
    rig_after(&r, MSEC(1));
    assert_int_equal(QUEUE_CLOSE, r.next[LANE_REPLIES]);
    expect_out(&r, LANE_REPLIES, "");
    rig_close(&r);
}

static void a_silence_closes_nothing_once_its_rule_is_gone(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "a: on * -> * replies do swallow idle=300ms");
    del(&r, "a");
    rig_after(&r, SEC(10));
    assert_int_equal(QUEUE_WAIT, r.next[LANE_REPLIES]);
    assert_true(dialog_due(&r.dialog, LANE_REPLIES) == NSEC_NEVER);
    rig_close(&r);
}

static void a_part_of_the_replies_is_swallowed_in_bursts_if_so_asked(void **state)
{
    static const char *const rules[] = {
        "on * -> * replies do swallow part=20%",
        "on * -> * replies do swallow part=20% correlation=70%"};
    size_t lost[2], after_lost[2] = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct rig r;
        bool before = false;

        rig_open(&r);
        rig_rule(&r, rules[i]);
        lost[i] = 0;
        for (int n = 0; n < 1000; n++) {
            size_t out = r.n[LANE_REPLIES];

            rig_answer(&r, ONE);
            lost[i] += r.n[LANE_REPLIES] == out;
            after_lost[i] += before && r.n[LANE_REPLIES] == out;
            before = r.n[LANE_REPLIES] == out;
        }
        rig_close(&r);
    }
    assert_in_range(lost[0], 150, 250);
    assert_in_range(after_lost[0] * 100 / lost[0], 10, 30);
    assert_in_range(after_lost[1] * 100 / lost[1], 85, 95);
}

static void a_reset_can_wait_for_data_and_for_a_while(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * replies do reset after=100ms idle=wait");
    assert_int_equal(CLOSE_NO, r.dialog.doom);
    rig_answer(&r, OK);
    rig_after(&r, MSEC(99));
    assert_int_equal(QUEUE_WAIT, r.next[LANE_REPLIES]);
    rig_after(&r, MSEC(1));
    assert_int_equal(QUEUE_RST, r.next[LANE_REPLIES]);
    expect_out(&r, LANE_REPLIES, "");
    rig_close(&r);
}

static void a_reset_that_waits_takes_an_end_for_data(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * replies do reset after=100ms idle=wait");
    assert_int_equal(0, dialog_end(&r.dialog, LANE_REPLIES, r.now, END_FIN));
    rig_after(&r, MSEC(99));
    assert_int_equal(QUEUE_WAIT, r.next[LANE_REPLIES]);
    rig_after(&r, MSEC(1));
    assert_int_equal(QUEUE_RST, r.next[LANE_REPLIES]);
    rig_close(&r);
}

/* The same sessions each time, and other rules change nothing. */
static void a_share_of_the_sessions_is_drawn_once(void **state)
{
    unsigned hit[2] = {0}, same = 0;

    (void)state;
    for (uint64_t n = 1; n <= 500; n++) {
        bool was[2];

        for (int again = 0; again < 2; again++) {
            struct rig r;

            rig_open_as(&r, 42, n);
            if (again)
                rig_rule(&r, "on * -> * do latency 1h");
            rig_rule(&r, "a: on * -> * both sessions=30% do latency 1s");
            was[again] = r.dialog.lane[0].seats > 0;
            assert_int_equal(was[again], r.dialog.lane[1].seats > (unsigned)again);
            hit[again] += was[again];
            rig_close(&r);
        }
        same += was[0] == was[1];
    }
    assert_int_equal(500, same);
    assert_in_range(hit[0], 120, 180);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silence_closes_what_swallows_and_a_word_puts_that_off),
        cmocka_unit_test(a_silence_closes_nothing_once_its_rule_is_gone),
        cmocka_unit_test(a_part_of_the_replies_is_swallowed_in_bursts_if_so_asked),
        cmocka_unit_test(a_reset_can_wait_for_data_and_for_a_while),
        cmocka_unit_test(a_reset_that_waits_takes_an_end_for_data),
        cmocka_unit_test(a_share_of_the_sessions_is_drawn_once),
    };

    return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}

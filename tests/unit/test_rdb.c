/* The data set on its way to a replica: where it ends, and what rules can do to it. */
#include <stdio.h>

#include "rig.h"

#define PING  "*1\r\n$4\r\nPING\r\n"
#define SET_A "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
#define ID    "0123456789012345678901234567890123456789"
#define MARK  "abcdefghijabcdefghijabcdefghijabcdefghij"
#define FULL  "+FULLRESYNC " ID " 100\r\n"

/* A link that is to get the data set that this begins. */
static void sync_begins(struct rig *r, const char *data)
{
    rig_open(r);
    rig_ask(r, PING);
    rig_answer(r, "+PONG\r\n");
    rig_ask(r, "REPLCONF capa eof capa psync2\r\n");
    rig_answer(r, "+OK\r\n");
    rig_ask(r, "PSYNC ? -1\r\n");
    assert_int_equal(0, dialog_replan(&r->dialog, r->plan, r->now)); /* as session.c */
    rig_answer(r, FULL);
    rig_clear(r);
    rig_answer(r, data);
}

static void remove_rule(struct rig *r, const char *name)
{
    struct plan *less;
    struct err e;

    assert_int_equal(0, plan_without(r->plan, name, &less, &e));
    assert_int_equal(0, dialog_replan(&r->dialog, less, r->now));
    plan_unref(&r->plan);
    r->plan = less;
    rig_settle(r);
}

static void a_rule_that_comes_while_the_data_passes_is_for_the_rest_of_it(void **state)
{
    struct rig r;

    (void)state;
    sync_begins(&r, "$16\r\nabcd");
    rig_rule(&r, "hang: on app -> r1 replies do hang");
    rig_answer(&r, "efgh");
    expect_out(&r, LANE_REPLIES, "$16\r\nabcd");
    remove_rule(&r, "hang");
    expect_out(&r, LANE_REPLIES, "$16\r\nabcdefgh");
    rig_clear(&r);
    rig_rule(&r, "late: on app -> r1 replies when phase=rdb do latency 1s");
    rig_answer(&r, "ijkl");
    expect_out(&r, LANE_REPLIES, "");
    rig_after(&r, SEC(1));
    expect_out(&r, LANE_REPLIES, "ijkl");
    rig_answer(&r, "mnop" SET_A);
    rig_after(&r, SEC(1));
    expect_out(&r, LANE_REPLIES, "ijklmnop" SET_A);
    assert_int_equal(127, repl_offset(r.dialog.repl));
    rig_close(&r);
}

static void and_it_meters_what_is_left(void **state)
{
    struct rig r;

    (void)state;
    sync_begins(&r, "$1000\r\n");
    rig_answer(&r, "abcd");
    rig_rule(&r, "slow: on app -> r1 replies do bandwidth 4");
    rig_answer(&r, "efgh");
    rig_answer(&r, "ijkl");
    rig_after(&r, SEC(1));
    expect_out(&r, LANE_REPLIES, "$1000\r\nabcdefgh");
    rig_rule(&r, "no: on app -> r1 replies when phase=stream do bandwidth 1");
    remove_rule(&r, "slow");
    rig_answer(&r, "mnop");
    expect_out(&r, LANE_REPLIES, "$1000\r\nabcdefghijklmnop");
    rig_close(&r);
}

static void it_ends_the_connection_at_what_comes_next(void **state)
{
    static const char *const ends[] = {"cut before then=close", "close", "limit 0"};
    struct rig r;
    char text[100];

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        sync_begins(&r, "$16\r\nabcd");
        snprintf(text, sizeof text, "on app -> r1 replies when phase=rdb do %s", ends[i]);
        rig_rule(&r, text);
        assert_int_equal(QUEUE_WAIT, r.next[LANE_REPLIES]);
        rig_answer(&r, "efgh");
        expect_out(&r, LANE_REPLIES, "$16\r\nabcd");
        assert_int_equal(QUEUE_CLOSE, r.next[LANE_REPLIES]);
        rig_close(&r);
    }
}

static void a_rule_that_goes_while_the_data_passes_takes_its_orders_along(void **state)
{
    struct rig r;

    (void)state;
    sync_begins(&r, "");
    rig_rule(&r, "end: on app -> r1 replies when phase=rdb do cut inside bytes=8");
    rig_rule(&r, "small: on app -> r1 replies when phase=rdb do slice 1 gap=1s");
    rig_answer(&r, "$16\r\nab");
    expect_out(&r, LANE_REPLIES, "$16\r\na");
    rig_after(&r, SEC(1));
    remove_rule(&r, "small");
    rig_answer(&r, "cdef");
    expect_out(&r, LANE_REPLIES, "$16\r\nabcdef");
    remove_rule(&r, "end");
    rig_answer(&r, "ghijklmnop");
    expect_out(&r, LANE_REPLIES, "$16\r\nabcdefghijklmnop");
    rig_close(&r);
}

static void a_cut_counts_on_when_other_rules_come(void **state)
{
    struct rig r;

    (void)state;
    sync_begins(&r, "");
    rig_rule(&r, "end: on app -> r1 replies when phase=rdb do cut inside bytes=8");
    rig_answer(&r, "$16\r\nabcdef");
    rig_rule(&r, "on app -> r1 replies when phase=stream do latency 1s");
    rig_answer(&r, "ghijkl");
    expect_out(&r, LANE_REPLIES, "$16\r\nabcdefgh");
    assert_int_equal(1, r.plan->entry[0].rule->fired);
    rig_close(&r);
}

static void a_turn_that_is_over_does_not_come_again(void **state)
{
    struct rig r;

    (void)state;
    sync_begins(&r, "");
    rig_rule(&r, "on app -> r1 replies when phase=rdb nth=2 do hang");
    rig_answer(&r, "$16\r\nabcd");
    rig_rule(&r, "on app -> r1 replies when phase=stream do latency 1s");
    rig_answer(&r, "efgh");
    expect_out(&r, LANE_REPLIES, "$16\r\nabcdefgh");
    rig_close(&r);
}

static void rdb_cut_knows_what_is_past(void **state)
{
    struct rig r;

    (void)state;
    sync_begins(&r, "$16\r\nabcd");
    rig_rule(&r, "on app -> r1 do rdb-cut at=50% then=close");
    rig_answer(&r, "efghijkl");
    expect_out(&r, LANE_REPLIES, "$16\r\nabcdefgh");
    rig_close(&r);
    sync_begins(&r, "$16\r\nabcdefghij"); /* more than half of it */
    rig_rule(&r, "on app -> r1 do rdb-cut at=50% then=close");
    rig_answer(&r, "kl");
    expect_out(&r, LANE_REPLIES, "$16\r\nabcdefghij");
    assert_int_equal(QUEUE_CLOSE, r.next[LANE_REPLIES]);
    rig_close(&r);
}

static void rdb_cut_lets_no_rdb_end_that_is_shorter_than_was_thought(void **state)
{
    struct rig r;

    (void)state;
    sync_begins(&r, "$EOF:" MARK "\r\n");
    r.dialog.rdb_hint = 1000;
    rig_rule(&r, "on app -> r1 do rdb-cut at=50% then=close");
    rig_clear(&r);
    rig_answer(&r, "xyz" MARK);
    assert_int_equal(3 + REPL_ID - 1, r.n[LANE_REPLIES]);
    assert_int_equal(QUEUE_CLOSE, r.next[LANE_REPLIES]);
    rig_close(&r);
    sync_begins(&r, "");
    rig_rule(&r, "on app -> r1 do rdb-cut at=100% then=close");
    rig_answer(&r, "$4\r\nabcd" SET_A);
    expect_out(&r, LANE_REPLIES, "$4\r\nabcd");
    rig_close(&r);
}

/* Marks and data of two letters: much of the data is nearly the mark. */
static void the_end_of_a_diskless_rdb_is_where_its_mark_is_first(void **state)
{
    struct rng rng = {.s = 5};
    char mark[REPL_ID + 1] = "", data[2000], text[100];

    (void)state;
    for (int round = 0; round < 300; round++) {
        size_t n = rng_below(&rng, 1000), odds = 2 + rng_below(&rng, 30), at = 0;
        struct resp scan;
        struct repl r;

        for (size_t i = 0; i < REPL_ID; i++)
            mark[i] = rng_below(&rng, odds) ? 'a' : 'b';
        for (size_t i = 0; i < n; i++)
            data[i] = rng_below(&rng, odds) ? 'a' : 'b';
        memcpy(data + n, mark, sizeof mark);
        n = (size_t)(strstr(data, mark) - data) + REPL_ID;
        repl_init(&r);
        snprintf(text, sizeof text, "$EOF:%s\r\n", mark);
        (void)repl_next(&r, &scan, (uint8_t *)text, strlen(text));
        while (r.phase == PHASE_RDB && at < n) {
            size_t slice = 1 + rng_below(&rng, 90);

            slice = slice < n - at ? slice : n - at;
            at += repl_next(&r, &scan, (uint8_t *)data + at, slice).len;
        }
        assert_int_equal(n, at);
        assert_int_equal(PHASE_STREAM, r.phase);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_that_comes_while_the_data_passes_is_for_the_rest_of_it),
        cmocka_unit_test(and_it_meters_what_is_left),
        cmocka_unit_test(it_ends_the_connection_at_what_comes_next),
        cmocka_unit_test(a_rule_that_goes_while_the_data_passes_takes_its_orders_along),
        cmocka_unit_test(a_cut_counts_on_when_other_rules_come),
        cmocka_unit_test(a_turn_that_is_over_does_not_come_again),
        cmocka_unit_test(rdb_cut_knows_what_is_past),
        cmocka_unit_test(rdb_cut_lets_no_rdb_end_that_is_shorter_than_was_thought),
        cmocka_unit_test(the_end_of_a_diskless_rdb_is_where_its_mark_is_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

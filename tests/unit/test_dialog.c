#include <stdio.h>

#include "rig.h"

#define GET   "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
#define PING  "*1\r\n$4\r\nPING\r\n"
#define INCR  "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
#define VALUE "$5\r\nhello\r\n"

static void without_rules_bytes_pass_untouched(void **state)
{
    static const char *const traffic[] = {GET PING, "GET k\r\n", "\x16\x03\x01 not RESP",
                                          "*1\r\n$4"};
    struct rig r;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (size_t slice = 1; slice <= strlen(traffic[i]); slice++) {
            rig_open(&r);
            for (size_t at = 0; at < strlen(traffic[i]); at += slice) {
                size_t left = strlen(traffic[i]) - at;

                rig_feed(&r, LANE_REQUESTS, traffic[i] + at, left < slice ? left : slice);
            }
            expect_out(&r, LANE_REQUESTS, traffic[i]); /* nothing is held back */
            rig_close(&r);
        }
}

static void a_delayed_frame_waits_exactly_and_nothing_overtakes(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on app -> r1 requests when command=GET do latency 5ms");
    rig_ask(&r, PING);
    expect_out(&r, LANE_REQUESTS, PING);
    rig_ask(&r, GET PING);
    expect_out(&r, LANE_REQUESTS, PING);
    assert_int_equal(r.now + MSEC(5), dialog_due(&r.dialog, LANE_REQUESTS));
    rig_after(&r, MSEC(5) - 1);
    expect_out(&r, LANE_REQUESTS, PING);
    rig_after(&r, 1);
    expect_out(&r, LANE_REQUESTS, PING GET PING);
    rig_close(&r);
}

static void a_reply_is_known_by_the_request_it_answers(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on app -> r1 replies when command=GET do latency 5ms");
    rig_ask(&r, PING GET PING);
    expect_out(&r, LANE_REQUESTS, PING GET PING);
    rig_answer(&r, "+PONG\r\n");
    expect_out(&r, LANE_REPLIES, "+PONG\r\n");
    rig_answer(&r, VALUE);
    rig_answer(&r, "+PONG\r\n");
    expect_out(&r, LANE_REPLIES, "+PONG\r\n");
    rig_after(&r, MSEC(5));
    expect_out(&r, LANE_REPLIES, "+PONG\r\n" VALUE "+PONG\r\n");
    rig_close(&r);
}

static void a_rule_sees_requests_sent_after_it_was_added(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_ask(&r, GET);
    rig_rule(&r, "on app -> r1 replies when command=GET do hang");
    rig_answer(&r, VALUE);
    expect_out(&r, LANE_REPLIES, VALUE);
    rig_ask(&r, GET);
    rig_answer(&r, VALUE);
    expect_out(&r, LANE_REPLIES, VALUE);
    rig_close(&r);
}

static void a_hang_holds_all_and_heals_in_order(void **state)
{
    struct plan *empty;
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "cut: on app -> r1 do hang");
    rig_ask(&r, GET);
    rig_ask(&r, PING);
    rig_after(&r, SEC(3600));
    expect_out(&r, LANE_REQUESTS, "");
    assert_true(dialog_due(&r.dialog, LANE_REQUESTS) == NSEC_NEVER);
    assert_int_equal(0, plan_without(r.plan, "cut", &empty, NULL));
    assert_int_equal(0, dialog_replan(&r.dialog, empty, r.now));
    plan_unref(&empty);
    rig_settle(&r);
    expect_out(&r, LANE_REQUESTS, GET PING);
    rig_close(&r);
}

static void a_rule_in_mid_frame_waits_for_the_next(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_ask(&r, "*2\r\n$3\r\nGE");
    rig_rule(&r, "on app -> r1 requests do reset");
    rig_ask(&r, "T\r\n$1\r\nk\r\n");
    expect_out(&r, LANE_REQUESTS, GET);
    rig_ask(&r, PING);
    expect_out(&r, LANE_REQUESTS, GET);
    assert_int_equal(QUEUE_RST, r.next[LANE_REQUESTS]);
    rig_close(&r);
}

static void a_reset_keeps_so_many_bytes_of_the_frame(void **state)
{
    static const char asked[] = GET INCR PING;

    for (size_t slice = 1; slice <= strlen(GET INCR); slice++) {
        struct rig r;

        (void)state;
        rig_open(&r);
        rig_rule(&r, "on app -> r1 requests when command=INCR do reset keep=7");
        for (size_t at = 0; at < strlen(asked); at += slice) {
            size_t left = strlen(asked) - at;

            rig_feed(&r, LANE_REQUESTS, asked + at, left < slice ? left : slice);
        }
        expect_out(&r, LANE_REQUESTS, GET "*2\r\n$4\r");
        assert_int_equal(QUEUE_RST, r.next[LANE_REQUESTS]);
        rig_close(&r);
    }
}

static void a_limit_is_exact_to_the_byte(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on app -> r1 replies do limit 9 then=reset");
    rig_answer(&r, "$5\r\nhe");
    rig_answer(&r, "llo\r\n+OK\r\n");
    expect_out(&r, LANE_REPLIES, "$5\r\nhello");
    assert_int_equal(QUEUE_RST, r.next[LANE_REPLIES]);
    rig_close(&r);
}

static void slices_leave_one_at_a_time(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on app -> r1 replies do slice 4 gap=1ms");
    rig_answer(&r, VALUE);
    expect_out(&r, LANE_REPLIES, "$5\r\n");
    rig_after(&r, MSEC(1));
    expect_out(&r, LANE_REPLIES, "$5\r\nhell");
    rig_after(&r, MSEC(1));
    expect_out(&r, LANE_REPLIES, VALUE);
    rig_close(&r);
}

static void bandwidth_keeps_its_rate(void **state)
{
    char bulk[10008] = "$10000\r\n";
    struct rig r;

    (void)state;
    memset(bulk + 8, 'x', sizeof bulk - 8);
    rig_open(&r);
    rig_rule(&r, "on app -> r1 replies do bandwidth 10000b");
    rig_feed(&r, LANE_REPLIES, bulk, sizeof bulk);
    rig_after(&r, MSEC(500));
    assert_in_range(r.n[LANE_REPLIES], 3500, 5000);
    rig_after(&r, MSEC(501));
    assert_int_equal(sizeof bulk, r.n[LANE_REPLIES]);
    rig_close(&r);
}

/* nth, every, first, after count the frames that meet the conditions, and no others. */
static void often_words_count_matches_of_the_session(void **state)
{
    static const struct {
        const char *often, *want;
    } cases[] = {
        {"nth=3", "..x......."},           {"every=4", "...x...x.."},
        {"first=2", "xx........"},         {"after=8", "........xx"},
        {"after=2 first=2", "..xx......"}, {"after=1 every=3", "...x..x..x"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char rule[128], got[11] = "";
        struct rig r;

        (void)state;
        rig_open(&r);
        snprintf(rule, sizeof rule,
                 "on app -> r1 requests when command=INCR %s do latency 1s",
                 cases[i].often);
        rig_rule(&r, rule);
        for (int n = 0; n < 10; n++) {
            rig_ask(&r, GET INCR);
            got[n] = strcmp(r.out[LANE_REQUESTS], GET) == 0 ? 'x' : '.';
            rig_after(&r, SEC(1));
            rig_clear(&r);
        }
        assert_string_equal(cases[i].want, got);
        rig_close(&r);
    }
}

/* Which of 200 requests a 20 % rule picks, as a string. */
static void picks(uint64_t seed, uint64_t ordinal, const char *other, char *got)
{
    struct rig r;

    rig_open_as(&r, seed, ordinal);
    if (other)
        rig_rule(&r, other);
    rig_rule(&r, "dice: on app -> r1 requests chance=20% do latency 1s");
    for (int n = 0; n < 200; n++) {
        rig_ask(&r, GET);
        got[n] = r.n[LANE_REQUESTS] ? '.' : 'x';
        rig_after(&r, SEC(2));
        rig_clear(&r);
    }
    got[200] = '\0';
    rig_close(&r);
}

static void a_draw_depends_on_seed_rule_session_and_frame_alone(void **state)
{
    char a[201], b[201];
    int n = 0;

    (void)state;
    picks(42, 1, NULL, a);
    for (int i = 0; i < 200; i++)
        n += a[i] == 'x';
    assert_in_range(n, 20, 60);
    picks(42, 1, NULL, b);
    assert_string_equal(a, b);
    picks(42, 1, "on app -> r1 requests chance=50% do slice 3", b);
    assert_string_equal(a, b); /* a rule added elsewhere does not re-roll this one */
    picks(43, 1, NULL, b);
    assert_string_not_equal(a, b);
    picks(42, 2, NULL, b);
    assert_string_not_equal(a, b);
}

static void a_lane_that_is_full_stops_reading(void **state)
{
    char junk[4096];
    size_t fed = 0;
    struct rig r;

    (void)state;
    memset(junk, 'x', sizeof junk);
    memcpy(junk, "\x16\x03", 2);
    rig_open(&r);
    rig_rule(&r, "on app -> r1 do hang");
    while (dialog_room(&r.dialog, LANE_REQUESTS) >= sizeof junk) {
        rig_feed(&r, LANE_REQUESTS, junk, sizeof junk);
        fed += sizeof junk;
    }
    assert_in_range(fed, (1 << 20) * 3 / 4, 1 << 20);
    assert_true(r.dialog.lane[LANE_REQUESTS].queue.held <= 1 << 20);
    assert_true(dialog_room(&r.dialog, LANE_REPLIES) > 0);
    assert_int_equal(ROLE_OPAQUE, r.dialog.track.role);
    rig_close(&r);
}

static void ends_keep_their_place_in_the_stream(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on app -> r1 requests do latency 5ms");
    rig_ask(&r, GET);
    rig_ask(&r, "*1\r\n$4\r\nPI"); /* and then the peer is gone */
    assert_int_equal(0, dialog_end(&r.dialog, LANE_REQUESTS, r.now, END_FIN));
    rig_settle(&r);
    assert_int_equal(QUEUE_WAIT, r.next[LANE_REQUESTS]);
    rig_after(&r, MSEC(5));
    expect_out(&r, LANE_REQUESTS, GET "*1\r\n$4\r\nPI");
    assert_int_equal(QUEUE_FIN, r.next[LANE_REQUESTS]);
    rig_close(&r);
}

static void rules_for_a_role_start_when_the_role_is_known(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on app -> r1 replies when role=replication do hang");
    rig_ask(&r, PING);
    rig_answer(&r, "+PONG\r\n");
    rig_ask(&r, "PSYNC ? -1\r\n");
    assert_int_equal(0, dialog_replan(&r.dialog, r.plan, r.now)); /* as session.c does */
    rig_answer(&r, "\n+FULLRESYNC x 0\r\n$5\r\nREDIS");
    expect_out(&r, LANE_REPLIES, "+PONG\r\n");
    assert_int_equal(PHASE_STREAM, r.dialog.repl->phase);
    assert_int_equal(ROLE_REPLICATION, r.dialog.track.role);
    rig_close(&r);
}

static int decisions;

static void on_decided(void *arg, const struct decision *d)
{
    (void)arg;
    assert_string_equal("INCR", d->command);
    assert_int_equal(3, d->frame);
    assert_int_equal(MSEC(1), d->orders->delay);
    decisions++;
}

static void every_decision_is_told(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    r.core.decided = on_decided;
    decisions = 0;
    rig_rule(&r, "on app -> r1 replies when command=INCR do latency 1ms");
    rig_ask(&r, GET GET INCR GET);
    rig_answer(&r, VALUE VALUE ":1\r\n" VALUE);
    assert_int_equal(1, decisions);
    rig_after(&r, MSEC(1));
    expect_out(&r, LANE_REPLIES, VALUE VALUE ":1\r\n" VALUE);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules_bytes_pass_untouched),
        cmocka_unit_test(a_delayed_frame_waits_exactly_and_nothing_overtakes),
        cmocka_unit_test(a_reply_is_known_by_the_request_it_answers),
        cmocka_unit_test(a_rule_sees_requests_sent_after_it_was_added),
        cmocka_unit_test(a_hang_holds_all_and_heals_in_order),
        cmocka_unit_test(a_rule_in_mid_frame_waits_for_the_next),
        cmocka_unit_test(a_reset_keeps_so_many_bytes_of_the_frame),
        cmocka_unit_test(a_limit_is_exact_to_the_byte),
        cmocka_unit_test(slices_leave_one_at_a_time),
        cmocka_unit_test(bandwidth_keeps_its_rate),
        cmocka_unit_test(often_words_count_matches_of_the_session),
        cmocka_unit_test(a_draw_depends_on_seed_rule_session_and_frame_alone),
        cmocka_unit_test(a_lane_that_is_full_stops_reading),
        cmocka_unit_test(ends_keep_their_place_in_the_stream),
        cmocka_unit_test(rules_for_a_role_start_when_the_role_is_known),
        cmocka_unit_test(every_decision_is_told),
    };

    return cmocka_run_group_tests_name("dialog", tests, NULL, NULL);
}

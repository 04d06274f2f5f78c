/* Every fault in its place: a whole dialog, real sentences, a clock that can be set. */
#include <stdio.h>

#include "rig.h"

#define SET   "SET k v\r\n"
#define GET   "GET k\r\n"
#define INCR  "INCR n\r\n"
#define OK    "+OK\r\n"
#define VALUE "$1\r\nv\r\n"
#define ONE   ":1\r\n"

/* A pipeline of three commands; the server answers what it was asked. */
static void pipeline(struct rig *r)
{
    rig_ask(r, SET INCR GET);
}

static void del(struct rig *r, const char *name)
{
    struct plan *plan;

    assert_int_equal(0, plan_without(r->plan, name, &plan, NULL));
    plan_unref(&r->plan);
    r->plan = plan;
    assert_int_equal(0, dialog_replan(&r->dialog, plan, r->now));
    rig_settle(r);
}

static void an_error_comes_in_its_place_and_the_command_does_not_run(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * when command=INCR do error LOADING");
    pipeline(&r);
    expect_out(&r, LANE_REQUESTS, SET GET);
    expect_out(&r, LANE_REPLIES, ""); /* its turn has not come */
    rig_answer(&r, OK VALUE);
    expect_out(&r, LANE_REPLIES,
               OK "-LOADING Redis is loading the dataset in memory\r\n" VALUE);
    rig_ask(&r, INCR); /* nobody is before it now */
    rig_clear(&r);
    rig_ask(&r, INCR);
    expect_out(&r, LANE_REPLIES, "-LOADING Redis is loading the dataset in memory\r\n");
    assert_false(r.dialog.track.lost);
    rig_close(&r);
}

/* The 3rd of 10, with a push message and a reply cut in two around it, any slicing. */
static void the_third_of_ten_errors_is_answered_third(void **state)
{
    static const char answers[] =
        ":1\r\n:2\r\n>2\r\n+invalidate\r\n_\r\n:4\r\n:5\r\n:6\r\n:7\r\n"
        ":8\r\n:9\r\n:10\r\n";

    (void)state;
    for (size_t slice = 1; slice < sizeof answers; slice++) {
        struct rig r;

        rig_open(&r);
        rig_rule(&r, "on * -> * when command=INCR nth=3 do error OOM text=full");
        for (int i = 0; i < 10; i++)
            rig_ask(&r, INCR);
        for (size_t at = 0; at < sizeof answers - 1; at += slice) {
            size_t left = sizeof answers - 1 - at;

            rig_feed(&r, LANE_REPLIES, answers + at, left < slice ? left : slice);
        }
        expect_out(&r, LANE_REPLIES,
                   ":1\r\n:2\r\n-OOM full\r\n>2\r\n+invalidate\r\n_\r\n:4\r\n"
                   ":5\r\n:6\r\n:7\r\n:8\r\n:9\r\n:10\r\n");
        assert_false(r.dialog.track.lost);
        rig_close(&r);
    }
}

static void an_error_on_replies_takes_the_place_of_the_answer(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * replies when command=INCR do error BUSY text=no");
    pipeline(&r);
    expect_out(&r, LANE_REQUESTS, SET INCR GET); /* it ran */
    rig_answer(&r, OK ONE VALUE);
    expect_out(&r, LANE_REPLIES, OK "-BUSY no\r\n" VALUE);
    rig_close(&r);
}

static void an_error_inside_multi_keeps_its_place(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * when in=multi command=INCR do error ERR");
    rig_ask(&r, INCR "MULTI\r\n" SET INCR "EXEC\r\n" INCR);
    expect_out(&r, LANE_REQUESTS, INCR "MULTI\r\n" SET "EXEC\r\n" INCR);
    rig_answer(&r, ONE OK "+QUEUED\r\n*1\r\n" OK ":2\r\n");
    expect_out(&r, LANE_REPLIES,
               ONE OK "+QUEUED\r\n-ERR fault injected\r\n*1\r\n" OK ":2\r\n");
    rig_close(&r);
}

static void a_reply_of_ones_own_passes_through_the_other_rules(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * requests when command=INCR do reply \"a b\"");
    rig_rule(&r, "on * -> * replies do latency 5ms");
    rig_ask(&r, INCR);
    expect_out(&r, LANE_REQUESTS, "");
    expect_out(&r, LANE_REPLIES, "");
    rig_after(&r, MSEC(5));
    expect_out(&r, LANE_REPLIES, "$3\r\na b\r\n");
    rig_close(&r);
}

static void nil_is_written_as_the_session_speaks(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * when command=GET do reply as=nil");
    rig_ask(&r, GET);
    rig_answer(&r, VALUE);
    expect_out(&r, LANE_REPLIES, "$-1\r\n");
    rig_ask(&r, "HELLO 3\r\n");
    rig_answer(&r, "%0\r\n");
    rig_clear(&r);
    rig_ask(&r, GET);
    rig_answer(&r, VALUE);
    expect_out(&r, LANE_REPLIES, "_\r\n");
    rig_close(&r);
}

static void a_lost_reply_ends_the_connection_where_it_would_have_been(void **state)
{
    static const struct {
        const char *then, *out;
        enum queue_do next;
    } cases[] = {
        {"reset", OK, QUEUE_RST},
        {"close", OK, QUEUE_CLOSE},
        {"hang", OK, QUEUE_WAIT},
        {"skip", OK VALUE, QUEUE_WAIT},
    };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char rule[128];
        struct rig r;

        rig_open(&r);
        snprintf(rule, sizeof rule,
                 "boom: on * -> * when command=INCR do lose-reply then=%s",
                 cases[i].then);
        rig_rule(&r, rule);
        pipeline(&r);
        expect_out(&r, LANE_REQUESTS, SET INCR GET); /* it ran */
        rig_answer(&r, OK ONE VALUE);
        expect_out(&r, LANE_REPLIES, cases[i].out);
        assert_int_equal(cases[i].next, r.next[LANE_REPLIES]);
        if (strcmp(cases[i].then, "hang") == 0) {
            del(&r, "boom");
            expect_out(&r, LANE_REPLIES, OK VALUE);
        }
        rig_close(&r);
    }
}

static void a_swallowed_request_is_never_asked(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * when command=INCR do swallow-request");
    pipeline(&r);
    expect_out(&r, LANE_REQUESTS, SET GET);
    rig_answer(&r, OK VALUE);
    expect_out(&r, LANE_REPLIES, OK VALUE);
    assert_false(r.dialog.track.lost);
    rig_close(&r);
}

static void a_duplicated_request_runs_twice_and_is_answered_once(void **state)
{
    static const char answers[] = OK ":1\r\n:2\r\n" VALUE;
    static const char asked[] = SET INCR GET;

    (void)state;
    for (size_t slice = 1; slice < sizeof answers; slice++) {
        struct rig r;

        rig_open(&r);
        rig_rule(&r, "on * -> * when command=INCR do duplicate-request");
        for (size_t at = 0; at < strlen(asked); at += slice) {
            size_t left = strlen(asked) - at;

            rig_feed(&r, LANE_REQUESTS, asked + at, left < slice ? left : slice);
        }
        expect_out(&r, LANE_REQUESTS, SET INCR INCR GET);
        for (size_t at = 0; at < sizeof answers - 1; at += slice) {
            size_t left = sizeof answers - 1 - at;

            rig_feed(&r, LANE_REPLIES, answers + at, left < slice ? left : slice);
        }
        expect_out(&r, LANE_REPLIES, OK ":1\r\n" VALUE);
        rig_close(&r);
    }
}

static void a_duplicated_reply_comes_twice(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * when command=INCR do duplicate-reply");
    pipeline(&r);
    rig_answer(&r, OK ONE VALUE);
    expect_out(&r, LANE_REPLIES, OK ONE ONE VALUE);
    rig_close(&r);
}

static void a_cut_is_exact(void **state)
{
    static const struct {
        const char *how, *out;
        enum queue_do next;
    } cases[] = {
        {"before", OK, QUEUE_RST},
        {"inside bytes=2", OK ":1", QUEUE_RST},
        {"after then=close", OK ONE, QUEUE_CLOSE},
        {"inside bytes=100", OK ONE, QUEUE_RST},
    };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char rule[128];
        struct rig r;

        rig_open(&r);
        snprintf(rule, sizeof rule, "on * -> * when command=INCR do cut %s",
                 cases[i].how);
        rig_rule(&r, rule);
        pipeline(&r);
        rig_answer(&r, OK ONE VALUE);
        expect_out(&r, LANE_REPLIES, cases[i].out);
        assert_int_equal(cases[i].next, r.next[LANE_REPLIES]);
        rig_close(&r);
    }
}

static void a_hold_ends_when_another_rule_fires(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "bell: on * -> * requests when command=PING do latency 1us");
    rig_rule(&r, "on * -> * replies when command=INCR do hold until bell fired");
    pipeline(&r);
    rig_answer(&r, OK ONE VALUE);
    expect_out(&r, LANE_REPLIES, OK);
    rig_ask(&r, "PING\r\n");
    del(&r, "rule-*"); /* as plan_expire does; the next lines show that it would */
    expect_out(&r, LANE_REPLIES, OK ONE VALUE);
    rig_close(&r);
}

static void a_trigger_starts_and_ends_rules(void **state)
{
    struct plan *plan;
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "bell: on * -> * requests when command=PING do latency 1us once");
    rig_rule(&r, "on * -> * when command=INCR after bell fired do error ERR");
    rig_rule(&r, "on * -> * when command=GET do error ERR until rule bell fired");
    rig_ask(&r, INCR GET);
    expect_out(&r, LANE_REQUESTS, INCR);
    assert_null(plan_expire(r.plan, r.now));
    rig_ask(&r, "PING\r\n");
    plan = plan_expire(r.plan, r.now);
    assert_non_null(plan);
    assert_int_equal(1, plan->n); /* bell was for once, and the third ended with it */
    assert_string_equal("rule-1", plan->entry[0].rule->name);
    plan_unref(&plan);
    rig_after(&r, MSEC(1));
    rig_clear(&r);
    rig_ask(&r, INCR GET);
    expect_out(&r, LANE_REQUESTS, GET);
    rig_close(&r);
}

static void a_push_goes_in_front_of_an_answer_of_resp3(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * when command=GET do push MIGRATED seq=7");
    rig_ask(&r, GET);
    rig_answer(&r, VALUE);
    expect_out(&r, LANE_REPLIES, VALUE); /* RESP2: it would be taken for an answer */
    rig_ask(&r, "HELLO 3\r\n");
    rig_answer(&r, "%0\r\n");
    rig_clear(&r);
    rig_ask(&r, GET);
    rig_answer(&r, VALUE);
    expect_out(&r, LANE_REPLIES, ">3\r\n$8\r\nMIGRATED\r\n:7\r\n*1\r\n$1\r\n1\r\n" VALUE);
    rig_close(&r);
}

static void what_is_swallowed_is_gone_and_closes_on_heal(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "hole: on * -> * replies do swallow");
    pipeline(&r);
    rig_answer(&r, OK ONE);
    expect_out(&r, LANE_REPLIES, "");
    assert_int_equal(QUEUE_WAIT, r.next[LANE_REPLIES]);
    del(&r, "hole");
    expect_out(&r, LANE_REPLIES, "");
    assert_int_equal(QUEUE_CLOSE, r.next[LANE_REPLIES]);
    rig_close(&r);
}

static void what_is_frozen_is_not_read(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "ice: on * -> * replies do freeze");
    assert_int_equal(0, dialog_room(&r.dialog, LANE_REPLIES));
    assert_true(dialog_room(&r.dialog, LANE_REQUESTS) > 0);
    del(&r, "ice");
    assert_true(dialog_room(&r.dialog, LANE_REPLIES) > 0);
    rig_close(&r);
}

static void a_throttle_lets_go_at_the_end_of_its_period(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * replies do throttle 10ms");
    rig_answer(&r, OK);
    rig_after(&r, MSEC(9));
    rig_answer(&r, ONE);
    expect_out(&r, LANE_REPLIES, "");
    rig_after(&r, MSEC(1));
    expect_out(&r, LANE_REPLIES, OK ONE);
    rig_after(&r, MSEC(5));
    rig_answer(&r, VALUE);
    rig_after(&r, MSEC(4));
    expect_out(&r, LANE_REPLIES, OK ONE);
    rig_after(&r, MSEC(1));
    expect_out(&r, LANE_REPLIES, OK ONE VALUE);
    rig_close(&r);
}

static void a_close_is_passed_on_late(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * replies do slow-close 1s");
    rig_answer(&r, OK);
    expect_out(&r, LANE_REPLIES, OK);
    assert_int_equal(0, dialog_end(&r.dialog, LANE_REPLIES, r.now, END_FIN));
    rig_after(&r, SEC(1) - 1);
    assert_int_equal(QUEUE_WAIT, r.next[LANE_REPLIES]);
    rig_after(&r, 1);
    assert_int_equal(QUEUE_FIN, r.next[LANE_REPLIES]);
    rig_close(&r);
}

/* New sessions and live ones are told apart. */
static void sessions_are_refused_delayed_or_reset_as_a_whole(void **state)
{
    static const struct {
        const char *fault;
        enum close_how fresh, live;
        nsec wait;
    } cases[] = {
        {"refuse", CLOSE_RST, CLOSE_NO, 0},
        {"slow-connect 2s", CLOSE_NO, CLOSE_NO, SEC(2)},
        {"reset", CLOSE_NO, CLOSE_RST, 0},
        {"close", CLOSE_NO, CLOSE_FIN, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char rule[128];
        struct dialog fresh;
        struct rig r;

        rig_open(&r);
        snprintf(rule, sizeof rule, "on * -> * do %s", cases[i].fault);
        rig_rule(&r, rule);
        assert_int_equal(cases[i].live, r.dialog.doom);
        dialog_init(&fresh, &r.core, &r.from, &r.to, 2, r.plan);
        assert_int_equal(0, dialog_open(&fresh, r.now));
        assert_int_equal(cases[i].fresh, fresh.doom);
        assert_int_equal(cases[i].wait, fresh.wait);
        dialog_release(&fresh);
        rig_close(&r);
    }
}

static void sessions_of_a_link_share_a_rate(void **state)
{
    char bulk[1008] = "$1000\r\n";
    struct dialog other;
    struct rig r;

    (void)state;
    memset(bulk + 7, 'x', sizeof bulk - 9);
    memcpy(bulk + sizeof bulk - 2, "\r\n", 2);
    rig_open(&r);
    rig_rule(&r, "on * -> * replies do bandwidth 1008b scope=link");
    dialog_init(&other, &r.core, &r.from, &r.to, 2, r.plan);
    assert_int_equal(0, dialog_open(&other, r.now));
    rig_answer(&r, "+OK\r\n"); /* and then the link is busy for 5/1008 s */
    assert_int_equal(
        0, dialog_feed(&other, LANE_REPLIES, r.now, (uint8_t *)bulk, sizeof bulk - 1));
    /* its first run is what is kept of the head: 7 + 128 bytes */
    assert_int_equal(r.now + (5 + 135) * SEC(1) / 1008, dialog_due(&other, LANE_REPLIES));
    dialog_release(&other);
    rig_close(&r);
}

static void a_silent_link_does_not_hide_a_reset(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * do hang");
    rig_ask(&r, GET);
    assert_int_equal(0, dialog_end(&r.dialog, LANE_REQUESTS, r.now, END_RST));
    assert_int_equal(CLOSE_RST, r.dialog.doom);
    rig_close(&r);
}

static void conditions_look_at_the_session_and_the_reply(void **state)
{
    static const struct {
        const char *rule, *before, *ask, *answers, *out;
    } cases[] = {
        {"when client-name=web* do reply X as=status", "CLIENT SETNAME web1\r\n", GET,
         OK VALUE, OK "+X\r\n"},
        {"when client-name=web* do reply X as=status", "CLIENT SETNAME app\r\n", GET,
         OK VALUE, OK VALUE},
        {"when user=joe do reply X as=status", "AUTH joe pw\r\n", GET, OK VALUE,
         OK "+X\r\n"},
        {"when user=default do reply X as=status", "PING\r\n", GET, OK VALUE,
         "+X\r\n+X\r\n"},
        {"when db=3 do reply X as=status", "SELECT 3\r\n", GET, OK VALUE, OK "+X\r\n"},
        {"when arg=*x* do reply X as=status", "PING\r\n", "SET k axa\r\n", OK OK,
         OK "+X\r\n"},
        {"replies when reply=nil do reply X as=status", "PING\r\n", GET, OK "$-1\r\n",
         OK "+X\r\n"},
        {"replies when reply=nil do reply X as=status", "PING\r\n", GET, OK "$0\r\n\r\n",
         OK "$0\r\n\r\n"},
        {"replies when reply=moved do reply X as=status", "PING\r\n", GET,
         OK "-MOVED 1 a:1\r\n", OK "+X\r\n"},
        {"replies when reply=error do reply X as=status", "PING\r\n", GET,
         OK "-MOVED 1 a:1\r\n", OK "+X\r\n"},
        {"replies when session=2 do reply X as=status", "PING\r\n", GET, OK VALUE,
         OK VALUE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char rule[128];
        struct rig r;

        rig_open(&r);
        snprintf(rule, sizeof rule, "on * -> * %s", cases[i].rule);
        rig_rule(&r, rule);
        rig_ask(&r, cases[i].before);
        rig_ask(&r, cases[i].ask);
        rig_answer(&r, cases[i].answers);
        expect_out(&r, LANE_REPLIES, cases[i].out);
        rig_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_comes_in_its_place_and_the_command_does_not_run),
        cmocka_unit_test(the_third_of_ten_errors_is_answered_third),
        cmocka_unit_test(an_error_on_replies_takes_the_place_of_the_answer),
        cmocka_unit_test(an_error_inside_multi_keeps_its_place),
        cmocka_unit_test(a_reply_of_ones_own_passes_through_the_other_rules),
        cmocka_unit_test(nil_is_written_as_the_session_speaks),
        cmocka_unit_test(a_lost_reply_ends_the_connection_where_it_would_have_been),
        cmocka_unit_test(a_swallowed_request_is_never_asked),
        cmocka_unit_test(a_duplicated_request_runs_twice_and_is_answered_once),
        cmocka_unit_test(a_duplicated_reply_comes_twice),
        cmocka_unit_test(a_cut_is_exact),
        cmocka_unit_test(a_hold_ends_when_another_rule_fires),
        cmocka_unit_test(a_trigger_starts_and_ends_rules),
        cmocka_unit_test(a_push_goes_in_front_of_an_answer_of_resp3),
        cmocka_unit_test(what_is_swallowed_is_gone_and_closes_on_heal),
        cmocka_unit_test(what_is_frozen_is_not_read),
        cmocka_unit_test(a_throttle_lets_go_at_the_end_of_its_period),
        cmocka_unit_test(a_close_is_passed_on_late),
        cmocka_unit_test(sessions_are_refused_delayed_or_reset_as_a_whole),
        cmocka_unit_test(sessions_of_a_link_share_a_rate),
        cmocka_unit_test(a_silent_link_does_not_hide_a_reset),
        cmocka_unit_test(conditions_look_at_the_session_and_the_reply),
    };

    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}

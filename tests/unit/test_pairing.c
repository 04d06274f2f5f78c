/* Which answer belongs to which request, when rules come between the two; and what rules
 * hold, end or begin while a frame is under way. Each of these once went wrong. */
#include <stdio.h>
#include <stdlib.h>

#include "rig.h"

#define GET   "GET k\r\n"
#define INCR  "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
#define OK    "+OK\r\n"
#define VALUE "$1\r\nv\r\n"
#define PUSH  ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"

static void del(struct rig *r, const char *name)
{
    struct plan *plan;

    assert_int_equal(0, plan_without(r->plan, name, &plan, NULL));
    plan_unref(&r->plan);
    r->plan = plan;
    assert_int_equal(0, dialog_replan(&r->dialog, plan, r->now));
    rig_settle(r);
}

static void expire(struct rig *r)
{
    struct plan *plan = plan_expire(r->plan, r->now);

    if (plan) {
        plan_unref(&r->plan);
        r->plan = plan;
    }
    assert_int_equal(0, dialog_replan(&r->dialog, r->plan, r->now));
    rig_settle(r);
}

/* The server's frame has begun when ours becomes due: it is not ours for that. */
static void a_frame_under_way_does_not_take_the_place_of_our_answer(void **state)
{
    for (size_t at = 1; at < strlen(PUSH); at++) {
        struct rig r;

        (void)state;
        rig_open(&r);
        rig_rule(&r, "on * -> * when command=INCR do error OOM text=full");
        rig_feed(&r, LANE_REPLIES, PUSH, at);
        rig_ask(&r, INCR);
        rig_answer(&r, &PUSH[at]);
        expect_out(&r, LANE_REPLIES, PUSH "-OOM full\r\n");
        rig_ask(&r, GET);
        rig_answer(&r, VALUE);
        expect_out(&r, LANE_REPLIES, PUSH "-OOM full\r\n" VALUE);
        assert_false(r.dialog.track.lost);
        rig_close(&r);
    }
}

static void a_rule_that_goes_in_mid_frame_has_decided_on_all_of_it(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "echo: on * -> * when command=INCR do duplicate-request");
    rig_ask(&r,
            "*9\r\n$4\r\nINCR\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n"
            "$1\r\n6\r\n$1\r\n7\r\n$1\r\n"); /* its head is known */
    del(&r, "echo");
    rig_clear(&r);
    rig_ask(&r, "8\r\n" GET);
    assert_non_null(strstr(r.out[LANE_REQUESTS], "8\r\n*9\r\n$4\r\nINCR"));
    rig_answer(&r, ":1\r\n:2\r\n" VALUE);
    expect_out(&r, LANE_REPLIES, ":1\r\n" VALUE);
    rig_close(&r);
}

static void a_command_too_long_to_be_kept_runs_once_and_is_answered(void **state)
{
    static char bulk[1 << 16];
    struct rig r;

    (void)state;
    memset(bulk, 'x', sizeof bulk);
    rig_open(&r);
    r.core.lane_limit = 1 << 24;
    rig_rule(&r, "on * -> * when command=SET do duplicate-request");
    rig_ask(&r, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2097152\r\n");
    for (int i = 0; i < 32; i++) {
        rig_clear(&r);
        assert_int_equal(0, dialog_feed(&r.dialog, LANE_REQUESTS, r.now,
                                        (const uint8_t *)bulk, sizeof bulk));
        for (struct iovec iov;;) {
            size_t one = 1;

            if (dialog_next(&r.dialog, LANE_REQUESTS, r.now, &iov, &one) != QUEUE_SEND)
                break;
            dialog_sent(&r.dialog, LANE_REQUESTS, r.now, iov.iov_len);
        }
    }
    rig_clear(&r);
    rig_ask(&r, "\r\n" GET);
    expect_out(&r, LANE_REQUESTS, "\r\n" GET); /* once, and the next as it was */
    rig_answer(&r, OK VALUE);
    expect_out(&r, LANE_REPLIES, OK VALUE);
    rig_close(&r);
}

static void nobody_answers_a_blank_line(void **state)
{
    static const char *const blank[] = {"\r\n", "*0\r\n", "*-1\r\n", "  \r\n"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct rig r;

        rig_open(&r);
        rig_rule(&r, "on * -> * do error ERR text=no");
        rig_ask(&r, blank[i]);
        expect_out(&r, LANE_REQUESTS, blank[i]);
        expect_out(&r, LANE_REPLIES, "");
        rig_ask(&r, GET);
        expect_out(&r, LANE_REPLIES, "-ERR no\r\n");
        rig_close(&r);
    }
}

static void what_turns_out_to_be_no_frame_is_not_sent_again(void **state)
{
#define BROKEN                                                                           \
    "*9\r\n$3\r\nSET\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n"         \
    "$1\r\n6\r\n$1\r\n7\r\n!oops"
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * when command=SET do duplicate-request");
    rig_ask(&r, BROKEN);
    rig_ask(&r, "more");
    expect_out(&r, LANE_REQUESTS, BROKEN "more");
    rig_close(&r);
}

/* Only answers are replaced, lost or counted; a rule may name the others. */
static void faults_of_answers_leave_alone_what_nobody_asked_for(void **state)
{
    static const struct {
        const char *rule, *out;
    } cases[] = {
        {"on * -> * replies do reply X as=status", "+X\r\n" PUSH "+X\r\n" PUSH "+X\r\n"},
        {"on * -> * replies nth=2 do error OOM text=a",
         ":1\r\n" PUSH "-OOM a\r\n" PUSH ":3\r\n"},
        {"on * -> * replies nth=2 do lose-reply then=skip", ":1\r\n" PUSH PUSH ":3\r\n"},
        {"on * -> * replies every=3 do duplicate-reply",
         ":1\r\n" PUSH ":2\r\n" PUSH ":3\r\n:3\r\n"},
        {"on * -> * replies when reply=push do lose-reply then=skip",
         ":1\r\n:2\r\n:3\r\n"},
        {"on * -> * replies when reply=push nth=2 do reply \">1\\r\\n+hi\\r\\n\" as=raw",
         ":1\r\n" PUSH ":2\r\n>1\r\n+hi\r\n:3\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;

        rig_open(&r);
        rig_ask(&r, "HELLO 3\r\n");
        rig_answer(&r, "%0\r\n");
        rig_rule(&r, cases[i].rule);
        rig_clear(&r);
        rig_ask(&r, INCR INCR INCR);
        rig_answer(&r, ":1\r\n" PUSH ":2\r\n" PUSH ":3\r\n");
        expect_out(&r, LANE_REPLIES, cases[i].out);
        assert_false(r.dialog.track.lost);
        rig_close(&r);
    }
}

/* CLIENT REPLY SKIP is about the next command that the server sees. */
static void an_answer_of_our_own_does_not_use_up_a_skip(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * when command=INCR do error ERR text=no");
    rig_ask(&r, "CLIENT REPLY SKIP\r\n" INCR GET GET INCR);
    expect_out(&r, LANE_REPLIES, "");
    rig_answer(&r, VALUE); /* to the second GET */
    expect_out(&r, LANE_REPLIES, VALUE "-ERR no\r\n");
    rig_close(&r);
}

static void what_two_rules_hold_waits_for_both(void **state)
{
    static const char *const holds[] = {"hang", "hold", "lose-reply then=hang"};

    (void)state;
    for (size_t a = 0; a < 3; a++)
        for (size_t b = 0; b < 3; b++) {
            char rule[80];
            struct rig r;

            rig_open(&r);
            snprintf(rule, sizeof rule, "a: on * -> * replies do %s", holds[a]);
            rig_rule(&r, rule);
            snprintf(rule, sizeof rule, "b: on * -> * replies do %s", holds[b]);
            rig_rule(&r, rule);
            rig_ask(&r, GET GET);
            rig_answer(&r, VALUE);
            rig_answer(&r, VALUE);
            assert_int_equal(0, dialog_end(&r.dialog, LANE_REPLIES, r.now, END_FIN));
            del(&r, "a");
            expect_out(&r, LANE_REPLIES, "");
            if (a != 2 || b != 0) /* a hang holds what comes, and nothing is left of it */
                assert_int_equal(QUEUE_WAIT, r.next[LANE_REPLIES]);
            del(&r, "b");
            expect_out(&r, LANE_REPLIES, a == 2 || b == 2 ? "" : VALUE VALUE);
            assert_int_equal(QUEUE_FIN, r.next[LANE_REPLIES]);
            rig_close(&r);
        }
}

static void what_two_rules_freeze_thaws_with_the_last(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "a: on * -> * both do freeze");
    rig_rule(&r, "b: on * -> * requests do freeze");
    assert_int_equal(0, dialog_room(&r.dialog, LANE_REQUESTS));
    assert_int_equal(0, dialog_room(&r.dialog, LANE_REPLIES));
    del(&r, "a");
    assert_int_equal(0, dialog_room(&r.dialog, LANE_REQUESTS));
    assert_true(dialog_room(&r.dialog, LANE_REPLIES) > 0);
    del(&r, "b");
    assert_true(dialog_room(&r.dialog, LANE_REQUESTS) > 0);
    rig_close(&r);
}

/* The last byte that may pass is not followed by a wait for the one that may not. */
static void an_exact_end_comes_with_the_last_byte_that_passes(void **state)
{
    static const struct {
        const char *fault, *answer;
        enum queue_do next;
    } cases[] = {
        {"limit 5", OK, QUEUE_CLOSE},
        {"limit 5 then=reset", OK, QUEUE_RST},
        {"limit 10", OK OK, QUEUE_CLOSE},
        {"limit 0", "", QUEUE_WAIT}, /* nothing has come yet */
        {"reset keep=4", "$1\r\n", QUEUE_RST},
        {"cut inside bytes=4 then=close", "$1\r\n", QUEUE_CLOSE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char rule[80];
        struct rig r;

        rig_open(&r);
        snprintf(rule, sizeof rule, "on * -> * replies do %s", cases[i].fault);
        rig_rule(&r, rule);
        rig_answer(&r, cases[i].answer);
        if (cases[i].answer[0] == '$') /* whose head is not known before its payload */
            rig_answer(&r, "v");
        else
            assert_int_equal(cases[i].next, r.next[LANE_REPLIES]);
        rig_answer(&r, "\r\n");
        expect_out(&r, LANE_REPLIES, cases[i].answer);
        rig_close(&r);
    }
}

static int changes;

static void on_changed(void *arg)
{
    (void)arg;
    changes++;
}

/* It counts from the start; it has acted when the connection ends. */
static void a_limit_has_acted_when_it_ends_the_connection(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    r.core.changed = on_changed;
    changes = 0;
    rig_rule(&r, "full: on * -> * replies do limit 12 once");
    rig_rule(&r, "on * -> * requests after full fired do hang");
    rig_answer(&r, OK OK);
    assert_int_equal(0, changes);
    assert_null(plan_expire(r.plan, r.now));
    rig_answer(&r, OK);
    assert_int_equal(1, changes);
    assert_int_equal(QUEUE_CLOSE, r.next[LANE_REPLIES]);
    expire(&r);
    assert_int_equal(1, r.plan->n);
    rig_close(&r);
}

/* A session that shows no frame is told when a rule begins, as when one is added. */
static void a_rule_that_begins_acts_on_idle_sessions(void **state)
{
    struct dialog idle;
    struct rig r;

    (void)state;
    rig_open(&r);
    r.core.changed = on_changed;
    changes = 0;
    rig_rule(&r, "bell: on * -> * requests when command=PING do latency 1us");
    rig_rule(&r, "on * -> * after bell fired do reset");
    dialog_init(&idle, &r.core, &r.from, &r.to, 2, r.plan);
    assert_int_equal(0, dialog_open(&idle, r.now));
    assert_int_equal(0, dialog_replan(&idle, r.plan, r.now)); /* for another reason */
    assert_int_equal(CLOSE_NO, idle.doom);
    rig_ask(&r, "PING\r\n");
    assert_int_equal(1, changes);
    assert_int_equal(0, dialog_replan(&idle, r.plan, r.now));
    assert_int_equal(CLOSE_RST, idle.doom);
    rig_ask(&r, "PING\r\n");
    assert_int_equal(1, changes); /* it has begun once and for all */
    dialog_release(&idle);
    rig_close(&r);
}

static void a_wait_to_dial_ends_with_its_rule_and_no_other(void **state)
{
    struct dialog fresh;
    struct plan *plan;
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "slow: on * -> * do slow-connect 1h");
    dialog_init(&fresh, &r.core, &r.from, &r.to, 2, r.plan);
    assert_int_equal(0, dialog_open(&fresh, r.now));
    assert_int_equal(SEC(3600), fresh.wait);
    rig_rule(&r, "on * -> * do latency 1ms");
    assert_int_equal(0, dialog_replan(&fresh, r.plan, r.now));
    assert_int_equal(SEC(3600), fresh.wait);
    assert_int_equal(0, plan_without(r.plan, "slow", &plan, NULL));
    assert_int_equal(0, dialog_replan(&fresh, plan, r.now));
    assert_int_equal(0, fresh.wait);
    plan_unref(&plan);
    dialog_release(&fresh);
    rig_close(&r);
}

static void chance_is_for_ends_too(void **state)
{
    int late = 0;

    (void)state;
    for (uint64_t session = 1; session <= 100; session++) {
        struct rig r;

        rig_open_as(&r, 42, session);
        rig_rule(&r, "on * -> * replies chance=50% do slow-close 1s");
        assert_int_equal(0, dialog_end(&r.dialog, LANE_REPLIES, r.now, END_FIN));
        rig_settle(&r);
        late += r.next[LANE_REPLIES] == QUEUE_WAIT;
        rig_close(&r);
    }
    assert_in_range(late, 30, 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_under_way_does_not_take_the_place_of_our_answer),
        cmocka_unit_test(a_rule_that_goes_in_mid_frame_has_decided_on_all_of_it),
        cmocka_unit_test(a_command_too_long_to_be_kept_runs_once_and_is_answered),
        cmocka_unit_test(nobody_answers_a_blank_line),
        cmocka_unit_test(what_turns_out_to_be_no_frame_is_not_sent_again),
        cmocka_unit_test(faults_of_answers_leave_alone_what_nobody_asked_for),
        cmocka_unit_test(an_answer_of_our_own_does_not_use_up_a_skip),
        cmocka_unit_test(what_two_rules_hold_waits_for_both),
        cmocka_unit_test(what_two_rules_freeze_thaws_with_the_last),
        cmocka_unit_test(an_exact_end_comes_with_the_last_byte_that_passes),
        cmocka_unit_test(a_limit_has_acted_when_it_ends_the_connection),
        cmocka_unit_test(a_rule_that_begins_acts_on_idle_sessions),
        cmocka_unit_test(a_wait_to_dial_ends_with_its_rule_and_no_other),
        cmocka_unit_test(chance_is_for_ends_too),
    };

    return cmocka_run_group_tests_name("pairing", tests, NULL, NULL);
}

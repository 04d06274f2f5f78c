#include <stdio.h>

#include "rig.h"

/* Show a request or a reply to the tracker; the text is one frame. */
static void ask(struct track *t, const char *s)
{
    struct resp r;

    resp_init(&r, RESP_REQUESTS);
    assert_true(resp_next(&r, (const uint8_t *)s, strlen(s)).head);
    track_request(t, &r, &(struct track_mark){0});
}

/* The same, leaving a mark that its reply will show. */
static void ask_marked(struct track *t, const char *s, uint64_t mask)
{
    struct track_mark m = {.mask = mask, .serial = 1};
    struct resp r;

    resp_init(&r, RESP_REQUESTS);
    assert_true(resp_next(&r, (const uint8_t *)s, strlen(s)).head);
    snprintf(m.command, sizeof m.command, "%.15s", r.word[0].text);
    track_request(t, &r, &m);
}

static enum track_answer answer(struct track *t, const char *s, uint64_t *mask)
{
    struct track_mark m = {0};
    struct resp r;
    enum track_answer a;

    resp_init(&r, RESP_REPLIES);
    assert_true(resp_next(&r, (const uint8_t *)s, strlen(s)).head);
    a = track_reply(t, &r, &m);
    if (mask)
        *mask = m.mask;
    return a;
}

#define EXPECT_ANSWER(t, s, want)                                                        \
    do {                                                                                 \
        uint64_t mask_;                                                                  \
        assert_int_equal(ANSWERS, answer(t, s, &mask_));                                 \
        assert_int_equal(want, mask_);                                                   \
    } while (0)

static void replies_answer_a_pipeline_in_order(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    for (int i = 0; i < 1000; i++)
        ask(&t, "GET k\r\n");
    ask_marked(&t, "INCR n\r\n", 4);
    ask(&t, "GET k\r\n");
    assert_in_range(t.n, 1, 3); /* a run is one entry */
    for (int i = 0; i < 1000; i++)
        EXPECT_ANSWER(&t, "$1\r\nx\r\n", 0);
    EXPECT_ANSWER(&t, ":1\r\n", 4);
    EXPECT_ANSWER(&t, "$-1\r\n", 0);
    assert_false(t.lost);
    track_release(&t);
}

static void push_messages_answer_nobody(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask(&t, "HELLO 3\r\n");
    EXPECT_ANSWER(&t, "%1\r\n+proto\r\n:3\r\n", 0);
    assert_int_equal(3, t.resp);
    ask_marked(&t, "GET k\r\n", 1);
    assert_int_equal(UNASKED, answer(&t, ">2\r\n+invalidate\r\n*1\r\n+k\r\n", NULL));
    EXPECT_ANSWER(&t, "$1\r\nx\r\n", 1);
    track_release(&t);
}

static void subscribe_is_confirmed_a_channel_at_a_time(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask_marked(&t, "SUBSCRIBE a b\r\n", 1);
    assert_int_equal(ROLE_PUBSUB, t.role);
    EXPECT_ANSWER(&t, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", 1);
    assert_int_equal(UNASKED,
                     answer(&t, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n", NULL));
    EXPECT_ANSWER(&t, "*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n", 1);
    ask_marked(&t, "UNSUBSCRIBE\r\n", 2);
    ask_marked(&t, "PING\r\n", 4);
    EXPECT_ANSWER(&t, "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n", 2);
    EXPECT_ANSWER(&t, "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n", 2);
    EXPECT_ANSWER(&t, "+PONG\r\n", 4);
    ask_marked(&t, "UNSUBSCRIBE\r\n", 8);
    EXPECT_ANSWER(&t, "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", 8);
    assert_false(t.lost);
    track_release(&t);
}

static void resp3_confirmations_are_pushes_that_answer(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask_marked(&t, "SUBSCRIBE a\r\n", 1);
    ask_marked(&t, "GET k\r\n", 2);
    assert_int_equal(UNASKED, answer(&t, ">2\r\n+invalidate\r\n*1\r\n+k\r\n", NULL));
    EXPECT_ANSWER(&t, ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", 1);
    EXPECT_ANSWER(&t, "$1\r\nx\r\n", 2);
    ask_marked(&t, "SUBSCRIBE forbidden\r\n", 4);
    EXPECT_ANSWER(&t, "-NOPERM no\r\n", 4);
    assert_false(t.lost);
    track_release(&t);
}

static void a_list_that_says_message_is_a_reply_when_nobody_subscribed(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask_marked(&t, "LRANGE l 0 -1\r\n", 1);
    EXPECT_ANSWER(&t, "*1\r\n$7\r\nmessage\r\n", 1);
    track_release(&t);
}

static void silenced_commands_leave_no_gap(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask(&t, "CLIENT REPLY SKIP\r\n");
    ask(&t, "SET a 1\r\n");
    ask_marked(&t, "GET a\r\n", 1);
    EXPECT_ANSWER(&t, "$1\r\n1\r\n", 1);
    ask(&t, "CLIENT REPLY OFF\r\n");
    ask(&t, "SET a 2\r\n");
    ask(&t, "CLIENT ID\r\n");
    ask_marked(&t, "CLIENT REPLY ON\r\n", 2);
    ask_marked(&t, "GET a\r\n", 4);
    EXPECT_ANSWER(&t, "+OK\r\n", 2);
    EXPECT_ANSWER(&t, "$1\r\n2\r\n", 4);
    assert_false(t.lost);
    track_release(&t);
}

static void multi_answers_each_queued_command(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask(&t, "MULTI\r\n");
    assert_true(t.in_multi);
    ask(&t, "SUBSCRIBE a b\r\n"); /* queued: one +QUEUED or one error */
    ask(&t, "GET k\r\n");
    ask_marked(&t, "EXEC\r\n", 1);
    assert_false(t.in_multi);
    EXPECT_ANSWER(&t, "+OK\r\n", 0);
    EXPECT_ANSWER(&t, "-ERR no\r\n", 0);
    EXPECT_ANSWER(&t, "+QUEUED\r\n", 0);
    EXPECT_ANSWER(&t, "-EXECABORT no\r\n", 1);
    track_release(&t);
}

static void monitor_lines_answer_nobody(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask(&t, "MONITOR\r\n");
    EXPECT_ANSWER(&t, "+OK\r\n", 0);
    assert_int_equal(ROLE_MONITOR, t.role);
    ask_marked(&t, "RESET\r\n", 1);
    assert_int_equal(UNASKED,
                     answer(&t, "+1700000000.1 [0 127.0.0.1:1] \"PING\"\r\n", NULL));
    EXPECT_ANSWER(&t, "+RESET\r\n", 1);
    assert_int_equal(ROLE_CLIENT, t.role);
    track_release(&t);
}

static void empty_requests_and_acks_are_never_answered(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask(&t, "\r\n");
    ask(&t, "*0\r\n");
    ask(&t, "REPLCONF ACK 5\r\n");
    ask_marked(&t, "REPLCONF listening-port 1\r\n", 1);
    EXPECT_ANSWER(&t, "+OK\r\n", 1);
    track_release(&t);
}

static void an_answer_nobody_asked_for_loses_the_pairing_once(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    assert_int_equal(UNASKED, answer(&t, "-DENIED go away\r\n", NULL));
    assert_false(t.lost);
    assert_int_equal(UNKNOWN, answer(&t, "+OK\r\n", NULL));
    assert_true(t.lost);
    ask(&t, "GET k\r\n");
    assert_int_equal(UNKNOWN, answer(&t, "$1\r\nx\r\n", NULL));
    track_release(&t);
}

static void the_list_is_bounded(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    for (int i = 0; i < 2 * TRACK_ENTRIES && !t.lost; i++)
        ask_marked(&t, "GET k\r\n", (uint64_t)(1 + i % 2));
    assert_true(t.lost);
    assert_null(t.ring);
    track_release(&t);
}

/* As redis-server 7.0 does; what follows a SKIP is silenced, whatever it is. */
static void a_skip_is_for_the_very_next_command(void **state)
{
    static const struct {
        const char *ask[3];
        const char *first; /* what is answered first */
    } cases[] = {
        {{"CLIENT REPLY SKIP\r\n", "CLIENT REPLY SKIP\r\n", "GET skipped\r\n"}, "last"},
        {{"CLIENT REPLY SKIP\r\n", "CLIENT REPLY ON\r\n", ""}, "ON"},
        {{"CLIENT REPLY SKIP\r\n", "\r\n", ""}, "last"},
        {{"CLIENT REPLY SKIP\r\n", "*0\r\n", ""}, "last"},
        {{"CLIENT REPLY SKIP\r\n", "RESET\r\n", ""}, "last"},
        {{"CLIENT REPLY SKIP\r\n", "MULTI\r\n", ""}, "last"},
        {{"CLIENT REPLY SKIP\r\n", "CLIENT REPLY OFF\r\n", "RESET\r\n"}, "RESET"},
        {{"CLIENT REPLY OFF\r\n", "GET silenced\r\n", "RESET\r\n"}, "RESET"},
        {{"CLIENT REPLY OFF now\r\n", "", ""}, "OFF"}, /* an error, and no effect */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct track t;

        track_init(&t);
        for (int n = 0; n < 3; n++)
            if (cases[i].ask[n][0])
                ask_marked(&t, cases[i].ask[n],
                           strstr(cases[i].ask[n], cases[i].first) ? 1 : 2);
        ask_marked(&t, "GET last\r\n", strcmp(cases[i].first, "last") == 0 ? 1 : 4);
        EXPECT_ANSWER(&t, "+OK\r\n", 1);
        if (strcmp(cases[i].first, "last") != 0)
            EXPECT_ANSWER(&t, "+OK\r\n", 4);
        assert_int_equal(0, t.n);
        track_release(&t);
    }
}

static void subscriptions_are_confirmed_while_replies_are_off(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask(&t, "CLIENT REPLY SKIP\r\n");
    ask(&t, "SUBSCRIBE a\r\n");
    ask_marked(&t, "PING\r\n", 1);
    assert_int_equal(UNASKED,
                     answer(&t, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", NULL));
    EXPECT_ANSWER(&t, "*2\r\n$4\r\npong\r\n$0\r\n\r\n", 1);
    assert_int_equal(UNASKED,
                     answer(&t, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", NULL));
    assert_false(t.lost);
    track_release(&t);
}

/* To subscribe again, or unsubscribe from what one has not: the server's count says. */
static void the_server_counts_the_subscriptions(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask(&t, "SUBSCRIBE a a\r\n");
    EXPECT_ANSWER(&t, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", 0);
    EXPECT_ANSWER(&t, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", 0);
    ask(&t, "PSUBSCRIBE p\r\n");
    EXPECT_ANSWER(&t, "*3\r\n$10\r\npsubscribe\r\n$1\r\np\r\n:2\r\n", 0);
    ask(&t, "UNSUBSCRIBE x y\r\n");
    EXPECT_ANSWER(&t, "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:2\r\n", 0);
    EXPECT_ANSWER(&t, "*3\r\n$11\r\nunsubscribe\r\n$1\r\ny\r\n:2\r\n", 0);
    assert_int_equal(UNASKED,
                     answer(&t, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", NULL));
    ask_marked(&t, "UNSUBSCRIBE\r\n", 1);
    ask_marked(&t, "PING\r\n", 2);
    EXPECT_ANSWER(&t, "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n", 1);
    EXPECT_ANSWER(&t, "*2\r\n$4\r\npong\r\n$0\r\n\r\n", 2); /* of one, not of two */
    assert_false(t.lost);
    track_release(&t);
}

static void in_resp3_a_list_is_never_a_message(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask(&t, "HELLO 3\r\n");
    EXPECT_ANSWER(&t, "%0\r\n", 0);
    ask(&t, "SUBSCRIBE a\r\n");
    EXPECT_ANSWER(&t, ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", 0);
    ask_marked(&t, "LRANGE l 0 -1\r\n", 1);
    EXPECT_ANSWER(&t, "*2\r\n$7\r\nmessage\r\n$1\r\nx\r\n", 1);
    track_release(&t);
}

static void a_second_monitor_is_not_answered(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask_marked(&t, "MONITOR\r\n", 1);
    ask_marked(&t, "MONITOR\r\n", 2);
    ask_marked(&t, "GET k\r\n", 4);
    EXPECT_ANSWER(&t, "+OK\r\n", 1);
    EXPECT_ANSWER(&t, "$1\r\nx\r\n", 4);
    ask_marked(&t, "RESET\r\n", 8);
    ask_marked(&t, "MONITOR\r\n", 16);
    EXPECT_ANSWER(&t, "+RESET\r\n", 8);
    EXPECT_ANSWER(&t, "+OK\r\n", 16);
    track_release(&t);
}

static void reset_and_a_bare_auth_forget_who_one_was(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask(&t, "AUTH joe pw\r\n");
    assert_string_equal("joe", t.user);
    ask(&t, "AUTH pw\r\n");
    assert_null(t.user);
    ask(&t, "HELLO 3 AUTH joe pw SETNAME web\r\n");
    ask(&t, "SELECT 3\r\n");
    assert_string_equal("joe", t.user);
    assert_string_equal("web", t.name);
    ask(&t, "RESET\r\n");
    assert_null(t.user);
    assert_null(t.name);
    assert_int_equal(0, t.database);
    track_release(&t);
}

static void psync_makes_a_replication_link(void **state)
{
    struct track t;

    (void)state;
    track_init(&t);
    ask(&t, "REPLCONF listening-port 1\r\n");
    ask(&t, "PSYNC ? -1\r\n");
    assert_int_equal(ROLE_REPLICATION, t.role);
    assert_true(t.replicating);
    track_release(&t);
    track_init(&t);
    ask(&t, "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$21\r\nsentinel-0123abcd-cmd\r\n");
    assert_int_equal(ROLE_SENTINEL, t.role);
    track_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_answer_a_pipeline_in_order),
        cmocka_unit_test(push_messages_answer_nobody),
        cmocka_unit_test(subscribe_is_confirmed_a_channel_at_a_time),
        cmocka_unit_test(resp3_confirmations_are_pushes_that_answer),
        cmocka_unit_test(a_list_that_says_message_is_a_reply_when_nobody_subscribed),
        cmocka_unit_test(silenced_commands_leave_no_gap),
        cmocka_unit_test(multi_answers_each_queued_command),
        cmocka_unit_test(monitor_lines_answer_nobody),
        cmocka_unit_test(empty_requests_and_acks_are_never_answered),
        cmocka_unit_test(an_answer_nobody_asked_for_loses_the_pairing_once),
        cmocka_unit_test(the_list_is_bounded),
        cmocka_unit_test(a_skip_is_for_the_very_next_command),
        cmocka_unit_test(subscriptions_are_confirmed_while_replies_are_off),
        cmocka_unit_test(the_server_counts_the_subscriptions),
        cmocka_unit_test(in_resp3_a_list_is_never_a_message),
        cmocka_unit_test(a_second_monitor_is_not_answered),
        cmocka_unit_test(reset_and_a_bare_auth_forget_who_one_was),
        cmocka_unit_test(psync_makes_a_replication_link),
    };

    return cmocka_run_group_tests_name("track", tests, NULL, NULL);
}

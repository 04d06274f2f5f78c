/* A replication link in a dialog: what is known of it, and what rules can do to it. */
#include <stdio.h>
#include <stdlib.h>

#include "../fuzz/master.h"
#include "rig.h"

#define SELECT "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
#define SET_A  "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
#define SET_B  "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n"
#define PING   "*1\r\n$4\r\nPING\r\n"
#define ACK    "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$3\r\n154\r\n"
#define ID     "0123456789012345678901234567890123456789"
#define MARK   "abcdefghijabcdefghijabcdefghijabcdefghij"
#define FULL   "+FULLRESYNC " ID " 100\r\n"

static void hello(struct rig *r, const char *sync)
{
    rig_ask(r, PING);
    rig_answer(r, "+PONG\r\n");
    rig_ask(r, "REPLCONF listening-port 6380\r\nREPLCONF capa eof capa psync2\r\n");
    rig_answer(r, "+OK\r\n+OK\r\n");
    rig_ask(r, sync);
    assert_int_equal(0, dialog_replan(&r->dialog, r->plan, r->now)); /* as session.c */
}

/* A link in its stream, at offset 100. */
static void stream(struct rig *r)
{
    rig_open(r);
    hello(r, "PSYNC " ID " 101\r\n");
    rig_answer(r, "+CONTINUE\r\n");
    rig_clear(r);
}

static void rule(struct rig *r, const char *sentence)
{
    rig_rule(r, sentence);
}

static void drip(struct rig *r, enum lane_id lane, const char *p, size_t n, size_t slice)
{
    for (size_t at = 0; at < n; at += slice)
        rig_feed(r, lane, p + at, n - at < slice ? n - at : slice);
}

/* The proxy has understood the link, and has not touched it. */
static void check_link(struct rig *r, const struct master *m)
{
    const struct repl *repl = r->dialog.repl;

    assert_int_equal(m->nreplies, r->n[LANE_REPLIES]);
    assert_memory_equal(m->replies, r->out[LANE_REPLIES], m->nreplies);
    assert_int_equal(m->nrequests, r->n[LANE_REQUESTS]);
    assert_non_null(repl);
    assert_false(repl->lost);
    assert_int_equal(m->base + m->stream, repl_offset(repl));
    assert_int_equal(m->base + m->stream, repl_forwarded_offset(repl));
    assert_int_equal(m->writes, repl->writes);
    assert_int_equal(m->stream_at, r->dialog.stream_out);
    assert_int_equal(m->acked, repl->acked);
}

static void run_link(const struct master *m, uint64_t seed, const char *sentence)
{
    struct rng rng = {.s = seed};
    struct rig r;
    size_t asked = 0;

    rig_open(&r);
    if (sentence)
        rig_rule(&r, sentence);
    for (unsigned i = 0; i <= m->asks; i++) {
        size_t to = i < m->asks ? m->asked[i] : m->nrequests;
        size_t from = i ? m->answer[i - 1] : 0, end = m->answer[i];
        size_t slice = 1 + rng_below(&rng, 400);

        if (i > 0) /* what was asked is answered before the next is */
            drip(&r, LANE_REPLIES, m->replies + from, end - from, slice);
        drip(&r, LANE_REQUESTS, m->requests + asked, to - asked, slice);
        if (i == 0)
            drip(&r, LANE_REPLIES, m->replies, m->answer[0], slice);
        asked = to;
    }
    rig_after(&r, SEC(60));
    check_link(&r, m);
    rig_close(&r);
}

static void links(const char *sentence, int n)
{
    struct master *m = malloc(sizeof *m);
    uint8_t script[600];

    assert_non_null(m);
    for (int seed = 1; seed <= n; seed++) {
        struct rng rng = {.s = (uint64_t)seed};

        for (size_t i = 0; i < sizeof script; i++)
            script[i] = (uint8_t)rng_next(&rng);
        run_link(master_make(m, script, sizeof script), rng_next(&rng), sentence);
    }
    free(m);
}

static void any_link_is_understood_to_the_byte_however_it_is_sliced(void **state)
{
    (void)state;
    links(NULL, 400);
}

static void and_so_it_is_under_rules_that_take_their_time(void **state)
{
    (void)state;
    links("on * -> * both do latency 3ms", 100);
    links("on * -> * replies do slice 7", 100);
    links("on * -> * replies when command=SET do latency 1ms", 100);
}

static void a_handshake_that_is_sent_all_at_once_is_understood(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_ask(&r, PING "REPLCONF capa eof\r\nGET k\r\nPSYNC ? -1\r\n");
    rig_answer(&r, "+PONG\r\n+OK\r\n$3\r\n+a\n\r\n\n" FULL "\n$4\r\nRDB!" SET_A);
    assert_int_equal(100 + strlen(SET_A), repl_offset(r.dialog.repl));
    assert_int_equal(1, r.dialog.repl->full);
    rig_close(&r);
}

static void a_refused_replica_may_go_on_as_a_client(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on app -> r1 replies when command=GET do latency 5ms");
    rig_ask(&r, "PSYNC ? -1\r\nGET k\r\n");
    rig_answer(&r, "-NOPERM no\r\n$1\r\nv\r\n");
    expect_out(&r, LANE_REPLIES, "-NOPERM no\r\n");
    rig_after(&r, MSEC(5));
    expect_out(&r, LANE_REPLIES, "-NOPERM no\r\n$1\r\nv\r\n");
    assert_int_equal(1, r.dialog.repl->refused);
    rig_close(&r);
}

static void a_stream_taken_up_inside_a_command_is_lost_but_passes(void **state)
{
    struct rig r;

    (void)state;
    stream(&r);
    rig_rule(&r, "on app -> r1 replies when command=SET do hold");
    rig_answer(&r, "ET\r\n$1\r\nd" SET_A);
    expect_out(&r, LANE_REPLIES, "ET\r\n$1\r\nd" SET_A);
    assert_true(r.dialog.repl->lost);
    assert_int_equal(100 + 9 + strlen(SET_A), repl_offset(r.dialog.repl));
    rig_close(&r);
}

static void rules_see_the_commands_of_the_stream(void **state)
{
    struct rig r;

    (void)state;
    stream(&r);
    rule(&r, "on app -> r1 replies when command=SET key=b do hold");
    rig_answer(&r, SELECT SET_A SET_B SET_A);
    expect_out(&r, LANE_REPLIES, SELECT SET_A);
    assert_int_equal(100 + strlen(SELECT SET_A), repl_forwarded_offset(r.dialog.repl));
    assert_int_equal(100 + strlen(SELECT SET_A SET_B SET_A), repl_offset(r.dialog.repl));
    rig_close(&r);
}

static void a_hole_in_the_stream_swallows_all_behind_it(void **state)
{
    struct rig r;
    struct plan *none;
    struct err e;

    (void)state;
    stream(&r);
    rig_rule(&r, "hole: on app -> r1 replies when command=SET nth=2 do swallow");
    rig_answer(&r, SET_A SET_B SET_A PING);
    rig_answer(&r, SET_A);
    expect_out(&r, LANE_REPLIES, SET_A);
    assert_int_equal(0, plan_without(r.plan, "hole", &none, &e));
    assert_int_equal(0, dialog_replan(&r.dialog, none, r.now));
    plan_unref(&none);
    rig_settle(&r);
    assert_int_equal(QUEUE_CLOSE, r.next[LANE_REPLIES]);
    rig_close(&r);
}

static void a_handshake_line_passes_whole_or_not_at_all(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on app -> r1 replies do slice 3 gap=1s");
    hello(&r, "PSYNC " ID " 101\r\n");
    for (int i = 0; i < 3; i++)
        rig_after(&r, SEC(1)); /* +PONG came before it was known to be a replica */
    rig_clear(&r);
    rig_answer(&r, "+CONT");
    rig_answer(&r, "INUE\r\n");
    expect_out(&r, LANE_REPLIES, "+CONTINUE\r\n");
    rig_close(&r);

    rig_open(&r);
    hello(&r, "PSYNC " ID " 101\r\n");
    rig_clear(&r);
    rig_rule(&r, "on app -> r1 replies do limit 4 then=reset");
    rig_answer(&r, "+CONTINUE\r\n");
    expect_out(&r, LANE_REPLIES, "");
    assert_int_equal(QUEUE_RST, r.next[LANE_REPLIES]);
    rig_close(&r);
}

static void no_answer_is_invented_on_a_link_that_replicates(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    hello(&r, "PSYNC " ID " 101\r\n");
    rig_clear(&r);
    rig_rule(&r, "on app -> r1 both do error LOADING");
    rig_rule(&r, "on app -> r1 both do duplicate-reply");
    rig_answer(&r, "+CONTINUE\r\n" SET_A);
    rig_ask(&r, ACK);
    expect_out(&r, LANE_REPLIES, "+CONTINUE\r\n" SET_A);
    expect_out(&r, LANE_REQUESTS, ACK);
    rig_close(&r);
}

static void what_the_replica_lacks_is_known_with_its_age(void **state)
{
    struct rig r;
    const struct repl *repl;

    (void)state;
    stream(&r);
    repl = r.dialog.repl;
    assert_int_equal(0, repl_unacked_since(repl));
    rig_answer(&r, SET_A SET_B);
    rig_after(&r, SEC(2));
    rig_answer(&r, SET_A);
    assert_int_equal(81, repl_flight(repl));
    assert_int_equal(SEC(1), repl_unacked_since(repl));
    rig_ask(&r, ACK); /* the first two */
    assert_int_equal(27, repl_flight(repl));
    assert_int_equal(SEC(3), repl_unacked_since(repl));
    rig_close(&r);
}

static void remove_rules(struct rig *r)
{
    struct plan *none;
    struct err e;

    assert_int_equal(0, plan_without(r->plan, "*", &none, &e));
    assert_int_equal(0, dialog_replan(&r->dialog, none, r->now));
    plan_unref(&r->plan);
    r->plan = none;
    rig_settle(r);
}

static void a_lag_in_bytes_lets_a_command_go_when_enough_is_behind_it(void **state)
{
    struct rig r;

    (void)state;
    stream(&r);
    rule(&r, "on app -> r1 do lag bytes=54"); /* two of them */
    rig_answer(&r, SET_A SET_B);
    rig_answer(&r, "*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$1\r\n3");
    expect_out(&r, LANE_REPLIES, "");
    rig_answer(&r, "\r\n");
    expect_out(&r, LANE_REPLIES, SET_A);
    rig_after(&r, SEC(3600));
    expect_out(&r, LANE_REPLIES, SET_A);
    assert_int_equal(2, r.dialog.lane[LANE_REPLIES].queue.frames);
    assert_int_equal(54, dialog_stream_held(&r.dialog));
    remove_rules(&r);
    expect_out(&r, LANE_REPLIES, SET_A SET_B "*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$1\r\n3\r\n");
    rig_close(&r);
}

static void a_lag_in_commands_counts_writes_and_takes_the_rest_along(void **state)
{
    struct rig r;

    (void)state;
    stream(&r);
    rule(&r, "on app -> r1 do lag commands=1");
    rig_answer(&r, SELECT SET_A PING);
    expect_out(&r, LANE_REPLIES, SELECT);
    rig_answer(&r, SET_B);
    expect_out(&r, LANE_REPLIES, SELECT SET_A PING);
    remove_rules(&r);
    expect_out(&r, LANE_REPLIES, SELECT SET_A PING SET_B);
    rig_close(&r);
}

static void a_lag_leaves_handshake_rdb_and_acks_alone(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rule(&r, "on app -> r1 both do lag bytes=1mb");
    hello(&r, "PSYNC ? -1\r\n");
    rig_clear(&r);
    rig_answer(&r, FULL "\n$4\r\nRDB!" SET_A);
    expect_out(&r, LANE_REPLIES, FULL "\n$4\r\nRDB!");
    rig_ask(&r, ACK);
    expect_out(&r, LANE_REQUESTS, ACK);
    rig_close(&r);
}

static void a_lag_that_the_lane_cannot_hold_lets_the_oldest_go(void **state)
{
    static char many[1000 * sizeof SET_A];
    struct rig r;

    (void)state;
    stream(&r);
    r.core.lane_limit = 65536;
    rule(&r, "on app -> r1 do lag bytes=1gb");
    for (int i = 0; i < 1000; i++)
        strcat(many, SET_A);
    for (int i = 0; i < 40; i++) {
        assert_true(dialog_room(&r.dialog, LANE_REPLIES) > 0);
        rig_answer(&r, many);
        rig_settle(&r);
        rig_clear(&r);
    }
    assert_true(r.dialog.lane[LANE_REPLIES].lasting->eased);
    assert_true(dialog_stream_held(&r.dialog) > 0);
    rig_close(&r);
}

/* Memory that is full of what the replica does not read is no reason to let more go. */
static void a_replica_that_does_not_read_does_not_shorten_the_lag(void **state)
{
    static char many[1000 * sizeof SET_A];
    struct dialog *d;
    struct rig r;

    (void)state;
    stream(&r);
    d = &r.dialog;
    r.core.lane_limit = 65536;
    rule(&r, "on app -> r1 do lag bytes=54");
    strcpy(many, SET_A);
    for (int i = 1; i < 1000; i++)
        strcat(many, SET_A);
    while (dialog_room(d, LANE_REPLIES) > 0) {
        assert_int_equal(0,
                         dialog_feed(d, LANE_REPLIES, r.now, (void *)many, strlen(many)));
        assert_int_equal(0, dialog_settle(d, LANE_REPLIES));
    }
    assert_int_equal(54, dialog_stream_held(d) - dialog_stream_unread(d, r.now));
    assert_false(d->lane[LANE_REPLIES].lasting->eased);
    rig_settle(&r); /* now it reads */
    assert_int_equal(54, dialog_stream_held(d));
    assert_int_equal(0, dialog_stream_unread(d, r.now));
    rig_close(&r);
}

static void one_of_two_lags_is_in_force_until_its_rule_goes(void **state)
{
    struct plan *one;
    struct err e;
    struct rig r;

    (void)state;
    stream(&r);
    rule(&r, "bytes: on app -> r1 do lag bytes=1mb");
    rule(&r, "more: on app -> r1 do lag bytes=27");
    rig_answer(&r, SET_A SET_B SET_A);
    expect_out(&r, LANE_REPLIES, "");
    assert_int_equal(0, plan_without(r.plan, "bytes", &one, &e));
    assert_int_equal(0, dialog_replan(&r.dialog, one, r.now));
    plan_unref(&one);
    rig_settle(&r);
    expect_out(&r, LANE_REPLIES, SET_A SET_B SET_A);
    rig_answer(&r, SET_B SET_A);
    expect_out(&r, LANE_REPLIES, SET_A SET_B SET_A SET_B);
    rig_close(&r);
}

static void hold_at_stops_at_the_byte_and_at_the_write(void **state)
{
    struct rig r;

    (void)state;
    stream(&r);
    rule(&r, "on app -> r1 do hold-at offset=130"); /* three into the second */
    rig_answer(&r, SET_A SET_B SET_A);
    expect_out(&r, LANE_REPLIES, SET_A "*3\r");
    remove_rules(&r);
    expect_out(&r, LANE_REPLIES, SET_A SET_B SET_A);
    rig_clear(&r);
    rule(&r, "on app -> r1 do hold-at nth=2");
    rig_answer(&r, SET_A PING SELECT SET_B PING);
    expect_out(&r, LANE_REPLIES, SET_A PING SELECT);
    rig_close(&r);
}

static void hold_at_keeps_an_rdb_from_behind_its_mark(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rule(&r, "on app -> r1 do hold-at offset=99");
    hello(&r, "PSYNC ? -1\r\n");
    rig_clear(&r);
    rig_answer(&r, FULL "$4\r\nRDB!");
    expect_out(&r, LANE_REPLIES, FULL "$4\r\n");
    rig_close(&r);
}

static void conditions_on_phase_and_offset_pick_their_frames(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rule(&r, "on app -> r1 both when phase=ack do swallow-request");
    rule(&r, "on app -> r1 replies when phase=rdb do latency 1s");
    rule(&r, "on app -> r1 replies when phase=stream offset>=127 do latency 9s");
    hello(&r, "PSYNC ? -1\r\n");
    rig_clear(&r);
    rig_answer(&r, FULL "$4\r\nRDB!" SET_A SET_B);
    rig_ask(&r, ACK PING);
    expect_out(&r, LANE_REPLIES, FULL "$4\r\n");
    expect_out(&r, LANE_REQUESTS, PING);
    rig_after(&r, SEC(1));
    expect_out(&r, LANE_REPLIES, FULL "$4\r\nRDB!" SET_A);
    rig_after(&r, SEC(8));
    expect_out(&r, LANE_REPLIES, FULL "$4\r\nRDB!" SET_A SET_B);
    rig_close(&r);
}

static void a_write_that_is_lost_in_silence_has_its_length(void **state)
{
    static const char *const values[] = {"1", "12", "1234567", "12345678", "123456789"};
    struct rig r;

    (void)state;
    for (size_t n = 0; n < 200; n++) {
        char text[300];

        stream(&r);
        rule(&r, "on app -> r1 when poison do silent-loss");
        if (n < 5) /* about the lengths that no PING has */
            snprintf(text, sizeof text, "*2\r\n$3\r\nDEL\r\n$%zu\r\n%s\r\n",
                     strlen(values[n]), values[n]);
        else
            snprintf(text, sizeof text, "*2\r\n$3\r\nDEL\r\n$%zu\r\n%0*d\r\n", n, (int)n,
                     0);
        rig_answer(&r, text);
        assert_int_equal(strlen(text), r.n[LANE_REPLIES]);
        assert_null(strstr(r.out[LANE_REPLIES], "DEL"));
        assert_int_equal(0, dialog_stream_skew(&r.dialog));
        rig_clear(&r);
        rig_answer(&r, PING); /* and the stream goes on */
        expect_out(&r, LANE_REPLIES, PING);
        rig_close(&r);
    }
}

/* Bytes that leave now, when they are too many for the rig; none has been changed. */
static size_t drain(struct rig *r)
{
    struct iovec iov;
    size_t one = 1, all = 0;

    while (dialog_next(&r->dialog, LANE_REPLIES, r->now, &iov, &one) == QUEUE_SEND) {
        assert_null(memchr(iov.iov_base, 'w', iov.iov_len));
        all += iov.iov_len;
        dialog_sent(&r->dialog, LANE_REPLIES, r->now, iov.iov_len);
        one = 1;
    }
    return all;
}

static void what_is_too_long_to_be_changed_or_never_ends_goes_as_it_is(void **state)
{
    static char big[60000];
    struct rig r;
    size_t sent = 0;

    (void)state;
    stream(&r);
    rule(&r, "on app -> r1 when poison do flip");
    rig_answer(&r, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1200000\r\n");
    memset(big, 'v', sizeof big);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(
            0, dialog_feed(&r.dialog, LANE_REPLIES, r.now, (uint8_t *)big, sizeof big));
        sent += drain(&r);
    }
    assert_int_equal(
        0, dialog_feed(&r.dialog, LANE_REPLIES, r.now, (const uint8_t *)"\r\n", 2));
    assert_int_equal(32 + sizeof big * 20, sent + drain(&r));
    rig_answer(&r, SET_A "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9\r\n");
    expect_out(&r, LANE_REPLIES, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n0\r\n");
    rig_clear(&r);
    assert_int_equal(0, dialog_end(&r.dialog, LANE_REPLIES, r.now, END_FIN));
    rig_settle(&r);
    expect_out(&r, LANE_REPLIES, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9\r\n");
    rig_close(&r);
}

static void the_rdb_channel_says_where_the_stream_begins(void **state)
{
    struct rig main, rdb;

    (void)state;
    rig_open(&main);
    hello(&main, "PSYNC ? -1\r\n");
    rig_answer(&main, "+RDBCHANNELSYNC 17\r\n\n" SET_A);
    assert_false(main.dialog.repl->anchored);
    rig_open(&rdb);
    rig_ask(&rdb,
            "REPLCONF capa eof rdb-channel 1 main-ch-client-id 17\r\nPSYNC ? -1\r\n");
    rig_answer(&rdb, "+OK\r\n" FULL "$EOF:" MARK "\r\nxyz" MARK);
    assert_int_equal(17, rdb.dialog.repl->channel);
    assert_true(rdb.dialog.repl->rdb_channel);
    repl_anchor(main.dialog.repl, rdb.dialog.repl);
    assert_int_equal(100 + strlen(SET_A), repl_offset(main.dialog.repl));
    rig_close(&main);
    rig_close(&rdb);
}

static void valkeys_two_channels_are_understood(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    hello(&r, "PSYNC ? -1\r\n");
    rig_answer(&r, "+DUALCHANNELSYNC\r\n");
    rig_ask(&r, "REPLCONF set-rdb-client-id 9\r\nPSYNC " ID " 101\r\n");
    rig_answer(&r, "+OK\r\n+CONTINUE " ID "\r\n" SET_A);
    assert_int_equal(100 + strlen(SET_A), repl_offset(r.dialog.repl));
    assert_int_equal(9, r.dialog.repl->channel);
    rig_close(&r);

    rig_open(&r);
    rig_ask(&r, "REPLCONF capa eof rdb-only 1 rdb-channel 1\r\nSYNC\r\n");
    rig_answer(&r, "+OK\r\n$ENDOFF:100 " ID " 0 9\r\n$EOF:" MARK "\r\nxyz" MARK);
    assert_int_equal(100, repl_offset(r.dialog.repl));
    assert_string_equal(ID, r.dialog.repl->id);
    assert_int_equal(9, r.dialog.repl->channel);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_link_is_understood_to_the_byte_however_it_is_sliced),
        cmocka_unit_test(and_so_it_is_under_rules_that_take_their_time),
        cmocka_unit_test(a_handshake_that_is_sent_all_at_once_is_understood),
        cmocka_unit_test(a_refused_replica_may_go_on_as_a_client),
        cmocka_unit_test(a_stream_taken_up_inside_a_command_is_lost_but_passes),
        cmocka_unit_test(rules_see_the_commands_of_the_stream),
        cmocka_unit_test(a_hole_in_the_stream_swallows_all_behind_it),
        cmocka_unit_test(a_handshake_line_passes_whole_or_not_at_all),
        cmocka_unit_test(no_answer_is_invented_on_a_link_that_replicates),
        cmocka_unit_test(what_the_replica_lacks_is_known_with_its_age),
        cmocka_unit_test(a_lag_in_bytes_lets_a_command_go_when_enough_is_behind_it),
        cmocka_unit_test(a_lag_in_commands_counts_writes_and_takes_the_rest_along),
        cmocka_unit_test(a_lag_leaves_handshake_rdb_and_acks_alone),
        cmocka_unit_test(a_lag_that_the_lane_cannot_hold_lets_the_oldest_go),
        cmocka_unit_test(a_replica_that_does_not_read_does_not_shorten_the_lag),
        cmocka_unit_test(one_of_two_lags_is_in_force_until_its_rule_goes),
        cmocka_unit_test(hold_at_stops_at_the_byte_and_at_the_write),
        cmocka_unit_test(hold_at_keeps_an_rdb_from_behind_its_mark),
        cmocka_unit_test(conditions_on_phase_and_offset_pick_their_frames),
        cmocka_unit_test(a_write_that_is_lost_in_silence_has_its_length),
        cmocka_unit_test(what_is_too_long_to_be_changed_or_never_ends_goes_as_it_is),
        cmocka_unit_test(the_rdb_channel_says_where_the_stream_begins),
        cmocka_unit_test(valkeys_two_channels_are_understood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Plans that change all the time: each fault is added, changed and removed 10 000 times
 * while bytes pass, also in the middle of a frame. Nothing may be stuck afterwards, left
 * behind, or lost but by a decision that was accounted for. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rig.h"

#define TIMES    10000
#define SESSIONS 1000

#define INCR "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
#define GET  "GET k\r\n"

struct churn {
    struct core core;
    struct party from, to;
    struct plan *plan;
    struct dialog dialog;
    nsec now;
    uint64_t ordinal;
    uint64_t fed[2], sent[2], dropped[2], added[2]; /* bytes of this session */
    char answer[4096];                              /* what the server has yet to send */
    size_t answers;
};

static void on_accounted(void *arg, const struct account *a)
{
    struct churn *c = arg;

    c->dropped[a->lane] += a->dropped;
    c->added[a->lane] += a->added;
}

static void open_session(struct churn *c)
{
    memset(c->fed, 0, sizeof c->fed);
    memset(c->sent, 0, sizeof c->sent);
    memset(c->dropped, 0, sizeof c->dropped);
    memset(c->added, 0, sizeof c->added);
    c->answers = 0;
    dialog_init(&c->dialog, &c->core, &c->from, &c->to, ++c->ordinal, c->plan);
    assert_int_equal(0, dialog_open(&c->dialog, c->now));
}

static void churn_open(struct churn *c)
{
    *c = (struct churn){.now = SEC(1)};
    c->core.seed = 42;
    c->core.lane_limit = 1 << 20;
    c->core.pool.limit = 1 << 24;
    c->core.accounted = on_accounted;
    c->core.arg = c;
    c->from = (struct party){"app", PARTY_CLIENT, false};
    c->to = (struct party){"r1", PARTY_REDIS, false};
    c->plan = plan_empty();
    open_session(c);
}

static void churn_close(struct churn *c)
{
    dialog_release(&c->dialog);
    plan_unref(&c->plan);
    assert_int_equal(0, c->core.pool.held);
    core_release(&c->core);
}

/* What has arrived at the server is answered: each INCR has one n, each GET one k. */
static void serve(struct churn *c, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *answer = p[i] == 'n' ? ":1\r\n" : p[i] == 'k' ? "$1\r\nv\r\n" : "";

        assert_true(c->answers + 8 < sizeof c->answer);
        strcpy(c->answer + c->answers, answer);
        c->answers += strlen(answer);
    }
}

/* Takes what may leave now. Answers whether the session has ended. */
static bool drain(struct churn *c)
{
    bool over = c->dialog.doom != CLOSE_NO;

    for (int lane = 0; lane < 2 && !over; lane++) {
        struct iovec iov;
        enum queue_do what;
        size_t one = 1;

        while ((what = dialog_next(&c->dialog, (enum lane_id)lane, c->now, &iov, &one)) ==
               QUEUE_SEND) {
            if (lane == LANE_REQUESTS)
                serve(c, iov.iov_base, iov.iov_len);
            c->sent[lane] += iov.iov_len;
            dialog_sent(&c->dialog, (enum lane_id)lane, c->now, iov.iov_len);
            one = 1;
        }
        over |= what != QUEUE_WAIT;
    }
    return over;
}

static void feed(struct churn *c, enum lane_id lane, const char *p, size_t n)
{
    if (n == 0 || dialog_room(&c->dialog, lane) < n)
        return;
    assert_int_equal(0, dialog_feed(&c->dialog, lane, c->now, (const uint8_t *)p, n));
    c->fed[lane] += n;
    (void)drain(c);
    assert_int_equal(0, dialog_settle(&c->dialog, lane));
}

/* So many bytes of what the server has to say. */
static void answer(struct churn *c, size_t n)
{
    char text[sizeof c->answer];

    n = n < c->answers ? n : c->answers;
    memcpy(text, c->answer, n);
    c->answers -= n;
    memmove(c->answer, c->answer + n, c->answers);
    feed(c, LANE_REPLIES, text, n);
}

static void adopt(struct churn *c, struct plan *plan)
{
    plan_unref(&c->plan);
    c->plan = plan;
    assert_int_equal(0, dialog_replan(&c->dialog, plan, c->now));
}

static void add(struct churn *c, const char *sentence)
{
    struct rule *rule;
    struct plan *plan;

    assert_int_equal(0, rule_parse(sentence, &rule, NULL));
    assert_int_equal(0, plan_with(c->plan, rule, c->now, &plan, NULL));
    adopt(c, plan);
}

static void del(struct churn *c, const char *name)
{
    struct plan *plan;

    assert_int_equal(0, plan_without(c->plan, name, &plan, NULL));
    adopt(c, plan);
}

/* Without rules, and some time later, all that was fed has left. */
static void check_rest(struct churn *c, const char *fault)
{
    c->now += SEC(60);
    if (drain(c)) { /* the fault has ended it */
        dialog_release(&c->dialog);
        open_session(c);
        return;
    }
    if (c->dialog.track.lost)
        fail_msg("%s: the pairing is lost", fault);
    for (int i = 0; i < 2; i++) {
        const struct lane *l = &c->dialog.lane[i];

        if (!queue_empty(&l->queue) || l->lasting->frozen_by || l->lasting->stuck_by ||
            l->lasting->owed_by || l->seats ||
            dialog_room(&c->dialog, (enum lane_id)i) == 0)
            fail_msg("%s: lane %d is stuck", fault, i);
        if (c->sent[i] != c->fed[i] + c->added[i] - c->dropped[i])
            fail_msg("%s: of %d bytes of lane %d %d have left", fault, (int)c->fed[i], i,
                     (int)c->sent[i]);
    }
}

/* One life of a rule, which is changed in between: the new one comes before the old one
 * goes. Changes fall on every place of a frame in turn. */
static void once_more(struct churn *c, const struct fault *f, const char *a,
                      const char *b, size_t i)
{
    size_t cut = i % strlen(INCR);

    feed(c, LANE_REQUESTS, INCR, cut);
    add(c, a);
    feed(c, LANE_REQUESTS, &INCR[cut], strlen(INCR) - cut);
    answer(c, i % 4);
    add(c, b);
    del(c, "a");
    answer(c, 4);
    c->now += MSEC(1);
    feed(c, LANE_REQUESTS, GET, strlen(GET));
    answer(c, 5);
    del(c, "b");
    (void)drain(c);
    answer(c, SIZE_MAX);
    check_rest(c, f->name);
}

static void no_fault_leaves_a_trace_when_it_comes_and_goes_ten_thousand_times(
    void **state)
{
    (void)state;
    for (const struct fault *const *f = faults; *f; f++) {
        char a[128], b[128];
        size_t before, after;
        struct churn c;

        snprintf(a, sizeof a, "a: on * -> * %sdo %s", fault_when(*f), (*f)->example);
        snprintf(b, sizeof b, "b: on * -> * %sdo %s", fault_when(*f), (*f)->example);
        churn_open(&c);
        for (size_t i = 0; i < 100; i++) /* what is kept for reuse is there then */
            once_more(&c, *f, a, b, i);
        before = mallinfo2().uordblks;
        for (size_t i = 0; i < TIMES; i++)
            once_more(&c, *f, a, b, i);
        after = mallinfo2().uordblks;
        if (after > before + 4096)
            fail_msg("%s: %zu bytes more than before", (*f)->name, after - before);
        churn_close(&c);
    }
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Nobody reads, and all that is held stays held: a change waits for none of it. What it
 * costs is printed, not judged. */
static void a_change_reaches_a_thousand_sessions_that_nobody_reads(void **state)
{
    static struct dialog dialog[SESSIONS];
    char junk[4096];
    double start;
    struct churn c;

    (void)state;
    memset(junk, 'x', sizeof junk);
    churn_open(&c);
    add(&c, "cut: on * -> * do hang");
    for (size_t i = 0; i < SESSIONS; i++) {
        dialog_init(&dialog[i], &c.core, &c.from, &c.to, ++c.ordinal, c.plan);
        assert_int_equal(0, dialog_open(&dialog[i], c.now));
        assert_int_equal(0, dialog_feed(&dialog[i], LANE_REPLIES, c.now, (uint8_t *)junk,
                                        sizeof junk));
        assert_int_equal(0, dialog_settle(&dialog[i], LANE_REPLIES));
    }
    start = seconds();
    for (int n = 0; n < 20; n++) {
        add(&c, "on * -> * when command=GET do latency 1ms");
        for (size_t i = 0; i < SESSIONS; i++)
            assert_int_equal(0, dialog_replan(&dialog[i], c.plan, c.now));
    }
    print_message("# a change with %d sessions took %.2f ms\n", SESSIONS,
                  (seconds() - start) / 20 * 1e3);
    assert_true(c.core.pool.held >= SESSIONS * sizeof junk); /* all is still there */
    for (size_t i = 0; i < SESSIONS; i++)
        dialog_release(&dialog[i]);
    churn_close(&c);
}

static double time_of(struct churn *c, const char *p, size_t n)
{
    double best = 1e9;

    for (int round = 0; round < 7; round++) {
        double start = seconds(), took;

        for (int i = 0; i < 200; i++)
            feed(c, LANE_REQUESTS, p, n);
        took = seconds() - start;
        best = took < best ? took : best;
        c->answers = 0;
    }
    return best / 200;
}

/* Rules for others are not even looked at: no seat is taken for them here. */
static void a_plan_for_another_link_costs_nothing(void **state)
{
    char pipeline[64 * 7 + 1] = "";
    double without, with;
    struct churn c;

    (void)state;
    for (int i = 0; i < 64; i++)
        strcat(pipeline, "PING i\n");
    churn_open(&c);
    without = time_of(&c, pipeline, strlen(pipeline));
    for (int i = 0; i < 20; i++)
        add(&c, "on b* -> r2 both when command=PING do latency 1ms");
    assert_int_equal(0, c.dialog.lane[LANE_REQUESTS].seats);
    assert_int_equal(0, c.dialog.lane[LANE_REPLIES].seats);
    with = time_of(&c, pipeline, strlen(pipeline));
    print_message(
        "# a pipeline of 64: %.2f us without rules, %.2f us with 20 elsewhere\n",
        without * 1e6, with * 1e6);
    churn_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            no_fault_leaves_a_trace_when_it_comes_and_goes_ten_thousand_times),
        cmocka_unit_test(a_change_reaches_a_thousand_sessions_that_nobody_reads),
        cmocka_unit_test(a_plan_for_another_link_costs_nothing),
    };

    return cmocka_run_group_tests_name("churn", tests, NULL, NULL);
}

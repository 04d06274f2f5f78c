/* What a journal says was decided is decided again, whatever the seed. */
#include <errno.h>

#include "chatter.h"
#include "replay.h"

#define SESSIONS 3

static const char *const rules[] = {
    "late: on app -> r1 replies chance=40% do latency 2ms jitter=2ms",
    "slow: on app -> r1 requests chance=30% do latency 1ms jitter=1ms dist=pareto",
    "busy: on app -> r1 when command=INCR chance=20% do error BUSY",
    "twice: on app -> r1 when command=SET chance=15% do duplicate-request",
    "lost: on app -> r1 when command=GET chance=10% do lose-reply then=skip",
    "bits: on app -> r1 replies chance=30% do slice 4 variation=3 gap=100us",
    "nth: on app -> r1 when command=GET nth=5 do latency 7ms",
    "boom: on app -> r1 when command=INCR chance=1% do cut inside bytes=2 then=close",
};

/* Play all sessions under a seed; their logs, joined, are to be freed. */
static char *play(uint64_t seed, const char *path, const struct replay *replay)
{
    struct journal *j = NULL;
    char *all = calloc(1, SESSIONS * CHATTER_LOG);
    struct chatter c;

    if (path)
        assert_int_equal(0, journal_open(&j, path, seed, NULL));
    for (uint64_t s = 1; s <= SESSIONS; s++) {
        chatter_open(&c, seed, s, j);
        c.r.core.replay = replay;
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
            rig_rule(&c.r, rules[i]);
        if (j)
            journal_plan(j, c.r.plan, c.r.now);
        chatter_run(&c, 200);
        strcat(all, c.log);
        chatter_close(&c);
    }
    if (j)
        journal_close(&j);
    return all;
}

/* The decisions of a journal, one a line; to be freed. */
static char *decisions(const char *path)
{
    char *text = chatter_slurp(path), *out = calloc(1, strlen(text) + 1), *line, *rest;

    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, "ev=decision ", 12) == 0) {
            strcat(out, line);
            strcat(out, "\n");
        }
    free(text);
    return out;
}

static void a_replay_decides_the_same_at_the_same_times_under_another_seed(void **state)
{
    char first[64], again[64], *was, *is, *other;
    struct replay *replay;
    struct err e;

    (void)state;
    was = play(42, chatter_path(first), NULL);
    if (replay_open(&replay, first, &e) < 0)
        fail_msg("%s", e.text);
    is = play(99, chatter_path(again), replay);
    other = play(99, NULL, NULL);
    assert_string_equal(was, is);
    assert_string_not_equal(was, other);
    free(was), free(is), free(other);
    was = decisions(first);
    is = decisions(again);
    assert_true(strlen(was) > 10000);
    assert_string_equal(was, is);
    free(was), free(is);
    replay_close(&replay);
    unlink(first), unlink(again);
}

static void a_rule_that_the_journal_does_not_know_draws_as_ever(void **state)
{
    char path[64];
    struct replay *replay;
    struct chatter with, without;

    (void)state;
    free(play(42, chatter_path(path), NULL));
    assert_int_equal(0, replay_open(&replay, path, NULL));
    chatter_open(&with, 7, 1, NULL);
    chatter_open(&without, 7, 1, NULL);
    with.r.core.replay = replay;
    rig_rule(&with.r, "mine: on app -> r1 replies chance=50% do latency 5ms jitter=4ms");
    rig_rule(&without.r,
             "mine: on app -> r1 replies chance=50% do latency 5ms jitter=4ms");
    chatter_run(&with, 100);
    chatter_run(&without, 100);
    assert_string_equal(without.log, with.log);
    assert_true(without.r.core.decisions > 10);
    chatter_close(&with);
    chatter_close(&without);
    replay_close(&replay);
    unlink(path);
}

/* Decisions as they were made, to be looked up. */
struct made {
    struct replay_key key[4096];
    struct verdict orders[4096];
    char what[4096][64];
    size_t n;
    struct journal *j;
};

static void on_made(void *arg, const struct decision *d)
{
    struct made *m = arg;

    journal_decision(m->j, d);
    assert_true(m->n < 4096);
    m->key[m->n] = (struct replay_key){rng_hash(d->rule->name, strlen(d->rule->name)),
                                       d->dialog->link,
                                       d->dialog->ordinal,
                                       d->frame,
                                       d->lane,
                                       d->at};
    snprintf(m->what[m->n], 64, "%s frame %d", d->rule->fault->name, (int)d->frame);
    m->orders[m->n++] = *d->orders;
}

static void assert_same_orders(const char *what, const struct verdict *a,
                               const struct verdict *b)
{
    if (b == NULL)
        fail_msg("%s is not in the journal", what);
    if (a->delay != b->delay || a->drop != b->drop || a->owe != b->owe ||
        a->stick != b->stick || a->twice != b->twice || a->freeze != b->freeze ||
        a->cut != b->cut || a->slice != b->slice || a->gap != b->gap ||
        a->close != b->close || (a->before.p != NULL) != (b->before.n > 0) ||
        (a->instead.p != NULL) != (b->instead.n > 0))
        fail_msg("%s has other orders in the journal", what);
}

/* Each fault by its own example, alone, with a session that is there and one that
 * comes. */
static void every_order_of_every_fault_is_in_the_journal(void **state)
{
    static struct made m;

    (void)state;
    for (size_t i = 0; faults[i]; i++) {
        char rule[256], path[64];
        struct replay *replay;
        struct chatter c;
        struct err e;

        m.n = 0;
        assert_int_equal(0, journal_open(&m.j, chatter_path(path), 42, NULL));
        chatter_open(&c, 42, 1, m.j);
        c.r.core.decided = on_made;
        c.r.core.arg = &m;
        c.r.core.accounted = NULL;
        c.r.core.ended = NULL;
        snprintf(rule, sizeof rule, "x: on app -> r1 %sdo %s", fault_when(faults[i]),
                 faults[i]->example);
        rig_ask(&c.r, "HELLO 3\r\n");
        rig_answer(&c.r, "%0\r\n");
        rig_rule(&c.r, rule);
        journal_plan(m.j, c.r.plan, c.r.now);
        assert_int_equal(0, dialog_open(&c.r.dialog, c.r.now));
        chatter_run(&c, 20);
        assert_int_equal(0, dialog_end(&c.r.dialog, LANE_REPLIES, c.r.now, END_FIN));
        journal_close(&m.j);
        if (replay_open(&replay, path, &e) < 0)
            fail_msg("%s: %s", faults[i]->name, e.text);
        for (size_t k = 0; k < m.n; k++)
            assert_same_orders(m.what[k], &m.orders[k], replay_find(replay, &m.key[k]));
        assert_true(m.n > 0 || faults[i]->packets || faults[i]->on_open ||
                    faults[i]->replicas);
        replay_close(&replay);
        chatter_close(&c);
        unlink(path);
    }
}

static struct replay *read_text(const char *text, struct err *e)
{
    struct replay *r;
    char path[64];
    FILE *f = fopen(chatter_path(path), "w");

    fputs(text, f);
    fclose(f);
    (void)!replay_open(&r, path, e);
    unlink(path);
    return r;
}

static void conditions_and_counts_have_no_say_in_a_replay(void **state)
{
    struct err e = {0};
    struct replay *replay = read_text(
        "ev=start seed=1\n"
        "ev=rule t=0.0 name=x text=\"x: on app -> r1 do latency 1ms\"\n"
        "ev=decision rule=x link=app->r1 session=1 lane=requests frame=2 delay=7000000\n",
        &e);
    struct rig r;

    (void)state;
    assert_non_null(replay);
    rig_open(&r);
    r.core.replay = replay;
    rig_rule(&r, "x: on app -> r1 requests when command=SET nth=9 do latency 5ms");
    rig_ask(&r, "GET a\r\nGET b\r\nSET c d\r\n");
    expect_out(&r, LANE_REQUESTS, "GET a\r\n");
    rig_after(&r, MSEC(7) - 1);
    expect_out(&r, LANE_REQUESTS, "GET a\r\n");
    rig_after(&r, 1);
    expect_out(&r, LANE_REQUESTS, "GET a\r\nGET b\r\nSET c d\r\n");
    rig_close(&r);
    replay_close(&replay);
}

static void rules_come_and_go_counted_from_the_first_session(void **state)
{
    const struct replay_step *step;
    struct replay_facts facts;
    struct err e = {0};
    struct replay *r = read_text(
        "ev=start version=9 seed=5\n"
        "ev=node name=r1 kind=redis listen=127.0.0.1:1 upstream=127.0.0.1:2\n"
        "ev=client name=app sources=127.0.0.1/32\n"
        "ev=rule t=0.000000 name=a serial=1 text=\"a: on * -> r1 do hang for 9s\"\n"
        "ev=rule t=0.000000 name=b serial=2 text=\"b: on * -> r1 do hang\"\n"
        "ev=unrule t=1.000000 name=b serial=2\n"
        "ev=novelty anything=goes\n"
        "ev=first t=2.000000 link=app->r1\n"
        "ev=rule t=2.500000 name=b serial=3 text=\"b: on * -> r1 do latency 1ms\"\n"
        "ev=unrule t=9.000001 name=a serial=1\n"
        "ev=unrule t=9.0",
        &e);

    (void)state;
    if (r == NULL)
        fail_msg("%s", e.text);
    assert_int_equal(3, replay_steps(r, &step));
    assert_true(step[0].add && step[1].add && !step[2].add);
    assert_string_equal("a: on * -> r1 do hang", step[0].text);
    assert_int_equal(0, step[0].at);
    assert_string_equal("b: on * -> r1 do latency 1ms", step[1].text);
    assert_int_equal(MSEC(500), step[1].at);
    assert_string_equal("a", step[2].text);
    assert_int_equal(SEC(7) + USEC(1), step[2].at);
    replay_facts(r, &facts);
    assert_int_equal(5, facts.seed);
    assert_int_equal(2, facts.parties);
    assert_string_equal("127.0.0.1:2", facts.party[0].upstream);
    assert_string_equal("127.0.0.1/32", facts.party[1].sources);
    assert_true(replay_has(r, rng_hash("a", 1)));
    assert_false(replay_has(r, rng_hash("c", 1)));
    replay_close(&r);
}

static void a_line_without_an_end_is_refused_before_it_fills_the_memory(void **state)
{
    static char text[200000] = "ev=start seed=1\n";
    struct err e = {0};

    (void)state;
    memset(text + strlen(text), 'x', sizeof text - strlen(text) - 2);
    strcpy(text + sizeof text - 2, "\n");
    assert_null(read_text(text, &e));
    assert_string_equal("a line is too long, or no text", strstr(e.text, "a line"));
    assert_int_equal(2, e.line);
    if (access("/dev/zero", R_OK) == 0) {
        struct replay *r;

        assert_true(replay_open(&r, "/dev/zero", &e) < 0);
        assert_non_null(strstr(e.text, "too long, or no text"));
    }
}

static void what_is_no_journal_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *why;
        size_t line;
    } cases[] = {
        {"", "it is empty", 0},
        {"hello\n", "a line is not key=value", 1},
        {"ev=decision\n", "it does not begin with ev=start", 1},
        {"ev=start seed=x\n", "seed=x is no number", 1},
        {"ev=start seed=1\nev=decision rule=a\n", "a line has no link=", 2},
        {"ev=start seed=1\nev=decision rule=a link=b->c lane=up\n",
         "lane=up is not known", 2},
        {"ev=start seed=1\n\n", "a line has no ev=", 2},
        {"ev=start seed=1\nev=rule t=0.0 name=a text=\"a: on * -> * do hnag\"\n",
         "unknown fault 'hnag'", 2},
        {"ev=start seed=1\nev=rule t=0.0 name=a text=\"a: on\n",
         "a line is not key=value", 2},
        {"ev=start seed=1\nev=unrule t=soon name=a\n", "t=soon is no time", 2},
        {"ev=start seed=1\nev=decision rule=a link=b->c lane=replies close=maybe\n",
         "close=maybe is not known", 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {0};
        struct replay *r = read_text(cases[i].text, &e);

        assert_null(r);
        if (strstr(e.text, cases[i].why) == NULL)
            fail_msg("'%s' is answered with: %s", cases[i].text, e.text);
        assert_int_equal(cases[i].line, e.line);
    }
}

/* Cut off anywhere, or with any byte of it changed: an answer, and never a leak. */
static void no_broken_journal_does_harm(void **state)
{
    static const char text[] =
        "ev=start version=9 seed=5\n"
        "ev=node name=r1 kind=redis listen=127.0.0.1:1 upstream=127.0.0.1:2\n"
        "ev=rule t=0.0 name=a serial=1 text=\"a: on * -> r1 do reply \\\"x\\x20\\\"\"\n"
        "ev=first t=2.000000 link=app->r1\n"
        "ev=decision t=2.1 rule=a link=app->r1 session=1 lane=replies frame=3 instead=7\n"
        "ev=unrule t=9.000001 name=a serial=1\n";
    char copy[sizeof text];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        struct err e = {0};
        struct replay *r;

        memcpy(copy, text, sizeof text);
        copy[i] = '\0';
        r = read_text(copy, &e);
        replay_close(&r);
        for (const char *c = " =\"\\\n\xff"; *c; c++) {
            memcpy(copy, text, sizeof text);
            if (i < sizeof text - 1)
                copy[i] = *c;
            e = (struct err){0};
            r = read_text(copy, &e);
            assert_true((r == NULL) == (e.text[0] != '\0'));
            replay_close(&r);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replay_decides_the_same_at_the_same_times_under_another_seed),
        cmocka_unit_test(a_rule_that_the_journal_does_not_know_draws_as_ever),
        cmocka_unit_test(every_order_of_every_fault_is_in_the_journal),
        cmocka_unit_test(conditions_and_counts_have_no_say_in_a_replay),
        cmocka_unit_test(rules_come_and_go_counted_from_the_first_session),
        cmocka_unit_test(no_broken_journal_does_harm),
        cmocka_unit_test(a_line_without_an_end_is_refused_before_it_fills_the_memory),
        cmocka_unit_test(what_is_no_journal_is_refused_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which links and lanes a partition cuts, exactly; every sentence is a rule. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "shape.h"

/* r1 is the master. */
static const struct party three[] = {
    {"r1", PARTY_REDIS, false},
    {"r2", PARTY_REDIS, true},
    {"r3", PARTY_REDIS, true},
    {"client", PARTY_CLIENT, false},
};
static const struct party full[] = {
    {"r1", PARTY_REDIS, false},    {"r2", PARTY_REDIS, true},
    {"r3", PARTY_REDIS, true},     {"s1", PARTY_SENTINEL, false},
    {"s2", PARTY_SENTINEL, false}, {"s3", PARTY_SENTINEL, false},
    {"app", PARTY_CLIENT, false},  {"client", PARTY_CLIENT, false},
};

#define N(a) (sizeof(a) / sizeof *(a))

static char text[1 << 18];

/* Parse them all; what do they do to the links? "r1>r2:qp" is both lanes of that link,
 * q its requests. */
static const char *links(const struct shape_rules *rules, const char *fault,
                         const struct party *party, size_t n)
{
    struct rule *rule[SHAPE_RULES];
    size_t at = 0;

    for (size_t i = 0; i < rules->n; i++) {
        struct err e;

        if (rule_parse(rules->sentence[i], &rule[i], &e) < 0)
            fail_msg("%s: %s", rules->sentence[i], e.text);
    }
    text[0] = '\0';
    for (size_t from = 0; from < n; from++)
        for (size_t to = 0; to < n; to++) {
            bool cut[2] = {false, false};

            if (from == to || party[to].kind == PARTY_CLIENT)
                continue; /* no such link */
            for (size_t i = 0; i < rules->n; i++)
                for (int lane = 0; lane < 2; lane++)
                    cut[lane] |= strcmp(rule[i]->fault->name, fault) == 0 &&
                                 match_link(rule[i], &party[from], &party[to]) &&
                                 match_lane(rule[i], (enum lane_id)lane);
            if (cut[0] || cut[1])
                at += (size_t)snprintf(text + at, sizeof text - at, "%s%s>%s:%s%s",
                                       at ? " " : "", party[from].name, party[to].name,
                                       cut[0] ? "q" : "", cut[1] ? "p" : "");
        }
    for (size_t i = 0; i < rules->n; i++)
        rule_unref(&rule[i]);
    return text;
}

static const char *cuts(const struct shape *s, const struct party *party, size_t n)
{
    struct shape shape = *s;
    struct shape_rules rules;
    struct err e;

    shape.name = "x";
    if (shape_rules(&shape, party, n, &rules, &e) < 0)
        fail_msg("%s: %s", s->of, e.text);
    links(&rules, shape_hows[s->how], party, n);
    shape_release(&rules);
    return text;
}

/* SHAPE(kind, "of", .how = ...) */
#define SHAPE(k, ...) (&(struct shape){.kind = k, .life = NSEC_NEVER, .of = __VA_ARGS__})

static void refused(const struct shape *s, const struct party *party, size_t n,
                    const char *why)
{
    struct shape shape = *s;
    struct shape_rules rules;
    struct err e = {0};

    if (shape.name == NULL)
        shape.name = "x";
    assert_true(shape_rules(&shape, party, n, &rules, &e) < 0);
    assert_string_equal(why, e.text);
    assert_int_equal(0, rules.n);
}

static void a_cut_is_both_lanes_of_both_links(void **state)
{
    (void)state;
    assert_string_equal("r1>r2:qp r2>r1:qp",
                        cuts(SHAPE(SHAPE_CUT, "r1 r2"), three, N(three)));
    assert_string_equal("r1>r2:qp r1>r3:qp r2>r1:qp r3>r1:qp",
                        cuts(SHAPE(SHAPE_CUT, "master / replica"), three, N(three)));
    assert_string_equal("r2>r3:qp r3>r2:qp",
                        cuts(SHAPE(SHAPE_CUT, "r2  r[23]"), three, N(three)));
}

static void one_way_is_the_bytes_of_one_towards_the_other(void **state)
{
    static const enum shape_how silent[] = {SHAPE_HANG, SHAPE_BLACKHOLE};

    (void)state;
    for (size_t i = 0; i < N(silent); i++) {
        const struct shape s = {.kind = SHAPE_CUT,
                                .of = "r1 r2",
                                .life = NSEC_NEVER,
                                .how = silent[i],
                                .one_way = true};

        assert_string_equal("r1>r2:q r2>r1:p", cuts(&s, three, N(three)));
    }
}

static void nobody_dials_a_client(void **state)
{
    (void)state;
    assert_string_equal("client>r1:qp",
                        cuts(SHAPE(SHAPE_CUT, "client r1"), three, N(three)));
    assert_string_equal("client>r1:q",
                        cuts(SHAPE(SHAPE_CUT, "client r1", .one_way = true), three, 4));
    assert_string_equal("client>r1:p",
                        cuts(SHAPE(SHAPE_CUT, "r1 client", .one_way = true), three, 4));
}

static void with_reset_and_refuse_one_way_is_who_dials(void **state)
{
    (void)state;
    assert_string_equal(
        "r1>r2:qp",
        cuts(SHAPE(SHAPE_CUT, "r1 r2", .how = SHAPE_RESET, .one_way = true), three, 4));
    assert_string_equal(
        "r1>r2:qp",
        cuts(SHAPE(SHAPE_CUT, "r1 r2", .how = SHAPE_REFUSE, .one_way = true), three, 4));
    assert_string_equal(
        "", cuts(SHAPE(SHAPE_CUT, "r1 client", .how = SHAPE_REFUSE, .one_way = true),
                 three, 4));
}

static void a_cut_by_reset_also_refuses_what_comes_after(void **state)
{
    struct shape_rules rules;
    struct err e;

    (void)state;
    assert_int_equal(
        0, shape_rules(SHAPE(SHAPE_CUT, "r1 r2", .how = SHAPE_RESET, .name = "x"), three,
                       4, &rules, &e));
    assert_string_equal("r1>r2:qp r2>r1:qp", links(&rules, "reset", three, 4));
    assert_string_equal("r1>r2:qp r2>r1:qp", links(&rules, "refuse", three, 4));
    shape_release(&rules);
    assert_string_equal("r1>r2:qp r2>r1:qp",
                        cuts(SHAPE(SHAPE_CUT, "r1 r2", .how = SHAPE_REFUSE), three, 4));
}

static void isolate_is_from_everybody_clients_included(void **state)
{
    (void)state;
    assert_string_equal("r1>r2:qp r1>r3:qp r2>r1:qp r3>r1:qp client>r1:qp",
                        cuts(SHAPE(SHAPE_ISOLATE, "r1"), three, 4));
    assert_string_equal("client>r1:qp client>r2:qp client>r3:qp",
                        cuts(SHAPE(SHAPE_ISOLATE, "client"), three, 4));
    assert_string_equal("r1>r2:q r1>r3:q r2>r1:p r3>r1:p client>r1:p",
                        cuts(SHAPE(SHAPE_ISOLATE, "master", .one_way = true), three, 4));
    assert_string_equal("r1>r2:qp r1>r3:qp r2>r1:qp r2>r3:qp r3>r1:qp r3>r2:qp "
                        "client>r1:qp client>r2:qp",
                        cuts(SHAPE(SHAPE_ISOLATE, "r1,r2"), three, 4));
}

static void nodes_that_a_split_does_not_name_are_a_group_of_their_own(void **state)
{
    (void)state;
    assert_string_equal("r1>r2:qp r1>r3:qp r2>r1:qp r3>r1:qp",
                        cuts(SHAPE(SHAPE_SPLIT, "r1"), three, 4));
    assert_string_equal("r1>r2:qp r1>r3:qp r2>r1:qp r2>r3:qp r3>r1:qp r3>r2:qp",
                        cuts(SHAPE(SHAPE_SPLIT, "r1 / r2"), three, 4));
    assert_string_equal("r1>r2:qp r1>r3:qp r2>r1:qp r3>r1:qp client>r2:qp client>r3:qp",
                        cuts(SHAPE(SHAPE_SPLIT, "r1, client / r2, r3"), three, 4));
}

static void who_is_named_outright_is_not_where_a_glob_would_have_him(void **state)
{
    (void)state;
    assert_string_equal("r1>r2:qp r1>r3:qp r2>r1:qp r3>r1:qp",
                        cuts(SHAPE(SHAPE_SPLIT, "r* / r1"), three, 4));
    assert_string_equal(
        "r1>r2:qp r1>r3:qp r1>s1:qp r1>s2:qp r1>s3:qp r2>r1:qp r3>r1:qp s1>r1:qp "
        "s2>r1:qp s3>r1:qp app>r2:qp app>r3:qp app>s1:qp app>s2:qp app>s3:qp "
        "client>r1:qp",
        cuts(SHAPE(SHAPE_SPLIT, "r1,app / r*,sentinel,client"), full, N(full)));
}

static void one_way_splits_silence_the_earlier_group(void **state)
{
    (void)state;
    assert_string_equal(
        "r1>r2:q r1>r3:q r2>r1:p r3>r1:p",
        cuts(SHAPE(SHAPE_SPLIT, "r1 / r2,r3", .one_way = true), three, 4));
}

static void a_bridge_stands_between_two_halves(void **state)
{
    (void)state;
    assert_string_equal("r1>r3:qp r3>r1:qp", cuts(SHAPE(SHAPE_BRIDGE, "r2"), three, 4));
    assert_string_equal("r1>r3:qp r1>s2:qp r1>s3:qp r3>r1:qp r3>s1:qp s1>r3:qp s1>s2:qp "
                        "s1>s3:qp s2>r1:qp s2>s1:qp s3>r1:qp s3>s1:qp",
                        cuts(SHAPE(SHAPE_BRIDGE, "r2"), full, N(full)));
    assert_string_equal("r1>r2:qp r2>r1:qp app>r2:qp",
                        cuts(SHAPE(SHAPE_BRIDGE, "r1,app / r3 / r2"), full, N(full)));
}

static void a_ring_of_three_four_and_five(void **state)
{
    struct party five[5];
    char name[5][4];

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        snprintf(name[i], sizeof name[i], "n%zu", i + 1);
        five[i] = (struct party){name[i], PARTY_REDIS, false};
    }
    assert_string_equal("r2>r3:qp r3>r2:qp", cuts(SHAPE(SHAPE_RING, ""), three, 4));
    assert_string_equal("n1>n3:qp n2>n4:qp n3>n1:qp n4>n2:qp",
                        cuts(SHAPE(SHAPE_RING, ""), five, 4));
    assert_string_equal("n1>n3:qp n1>n4:qp n2>n4:qp n2>n5:qp n3>n1:qp n3>n5:qp n4>n1:qp "
                        "n4>n2:qp n5>n2:qp n5>n3:qp",
                        cuts(SHAPE(SHAPE_RING, "n*"), five, 5));
}

static void a_ring_may_be_of_groups(void **state)
{
    (void)state;
    assert_string_equal("r2>r3:qp r2>s3:qp r3>r2:qp r3>s2:qp s2>r3:qp s2>s3:qp s3>r2:qp "
                        "s3>s2:qp",
                        cuts(SHAPE(SHAPE_RING, "r1,s1 / r2,s2 / r3,s3"), full, N(full)));
}

/* Whom does each see, itself included? */
static void see(size_t n, uint32_t *seen)
{
    struct party party[20];
    char name[20][4], link[16];

    for (size_t i = 0; i < n; i++) {
        name[i][0] = 'n', name[i][1] = (char)('a' + i), name[i][2] = '\0';
        party[i] = (struct party){name[i], PARTY_REDIS, false};
    }
    cuts(SHAPE(SHAPE_RING, ""), party, n);
    for (size_t i = 0; i < n; i++) {
        seen[i] = 0;
        for (size_t j = 0; j < n; j++) {
            snprintf(link, sizeof link, "n%c>n%c:qp", name[i][1], name[j][1]);
            seen[i] |= (uint32_t)(strstr(text, link) == NULL) << j;
        }
    }
}

static void in_a_ring_each_sees_a_majority_and_no_two_the_same(void **state)
{
    (void)state;
    for (size_t n = 3; n <= 20; n++) {
        size_t more = 0;
        uint32_t seen[20];

        see(n, seen);
        for (size_t i = 0; i < n; i++) {
            size_t count = (size_t)__builtin_popcount(seen[i]);

            assert_in_range(count, n / 2 + 1, n / 2 + 2);
            more += count > n / 2 + 1;
            for (size_t j = 0; j < i; j++)
                assert_int_not_equal(seen[i], seen[j]);
        }
        assert_int_equal(n % 4 == 3, more); /* one more than needed: parity wants it */
    }
}

static void names_and_lives_are_on_every_sentence(void **state)
{
    const struct shape s = {.kind = SHAPE_CUT,
                            .of = "r1 r2",
                            .name = "brain",
                            .life = SEC(10),
                            .one_way = true};
    struct shape_rules rules;
    struct err e;

    (void)state;
    assert_int_equal(0, shape_rules(&s, three, 4, &rules, &e));
    assert_int_equal(2, rules.n);
    assert_string_equal("brain.1: on r1 -> r2 requests do hang for 10s",
                        rules.sentence[0]);
    assert_string_equal("brain.2: on r2 -> r1 replies do hang for 10s",
                        rules.sentence[1]);
    shape_release(&rules);
}

/* As many as there may be, with names as long as they may be. */
static void long_lists_are_several_sentences_that_cut_the_same(void **state)
{
    static char name[100][RULE_NAME_MAX];
    struct party party[100];
    char of[32], *want;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        snprintf(name[i], sizeof name[i], "%c%061zu", i < 20 ? 'a' : 'b', i);
        party[i] = (struct party){name[i], PARTY_REDIS, false};
    }
    snprintf(of, sizeof of, "a* / b*");
    refused(SHAPE(SHAPE_SPLIT, of), party, 100, "too many names for one cut");
    cuts(SHAPE(SHAPE_SPLIT, of), party, 40);
    want = strdup(text);
    for (const char *p = want; (p = strchr(p, '>')) != NULL; p++)
        n++;
    assert_int_equal(2 * 20 * 20, n);
    free(want);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    refused(SHAPE(SHAPE_CUT, "r1"), three, 4,
            "a cut is between two lists of names, not 'r1'");
    refused(SHAPE(SHAPE_CUT, "r1 r2 r3"), three, 4,
            "a cut is between two lists of names, not 'r1 r2 r3'");
    refused(SHAPE(SHAPE_CUT, "r1 r1"), three, 4, "'r1' is on two sides");
    refused(SHAPE(SHAPE_CUT, "r1 r4"), three, 4, "there is no node or client named 'r4'");
    refused(SHAPE(SHAPE_CUT, "r1 ,"), three, 4, "an empty name in 'r1 ,'");
    refused(SHAPE(SHAPE_CUT, "r1 s*"), three, 4,
            "nobody is left for one side of 'r1 s*'");
    refused(SHAPE(SHAPE_CUT, "r1,r2,r3 r*"), three, 4,
            "nobody is left for one side of 'r1,r2,r3 r*'");
    refused(SHAPE(SHAPE_ISOLATE, " "), three, 4, "isolate whom?");
    refused(SHAPE(SHAPE_SPLIT, ""), three, 4, "split whom from whom?");
    refused(SHAPE(SHAPE_SPLIT, "r*"), three, 4,
            "'r*' is everyone: from whom is it to be split?");
    refused(SHAPE(SHAPE_RING, "r1,r2"), three, 4, "a ring takes three or more");
    refused(SHAPE(SHAPE_RING, "", .one_way = true), three, 4,
            "a ring has no direction: it cannot be one way");
    refused(SHAPE(SHAPE_BRIDGE, "r1 r2"), three, 4,
            "a bridge is one list, or left / bridge / right, not 'r1 r2'");
    refused(SHAPE(SHAPE_BRIDGE, "r1,r2"), three, 4, "a bridge needs a node on each side");
    refused(SHAPE(SHAPE_CUT, "r1 r2", .name = "a b"), three, 4,
            "'a b' cannot name a cut");
    refused(SHAPE(SHAPE_CUT, "r1 r2", .name = ""), three, 4, "'' cannot name a cut");
}

static struct plan *with(struct plan *old, const char *sentence)
{
    struct plan *plan = NULL;
    struct rule *rule = NULL;

    assert_int_equal(0, rule_parse(sentence, &rule, NULL));
    assert_int_equal(0, plan_with(old, rule, 0, &plan, NULL));
    plan_unref(&old);
    return plan;
}

static void names_are_free_and_heal_finds_them(void **state)
{
    struct plan *plan = plan_empty(), *healed;
    char name[RULE_NAME_MAX], glob[RULE_NAME_MAX];

    (void)state;
    assert_string_equal("cut-1", shape_name(SHAPE_CUT, plan, name, sizeof name));
    plan = with(plan, "cut-1.2: on r1 <-> r2 do hang");
    plan = with(plan, "cut-12.1: on r1 <-> r3 do hang");
    plan = with(plan, "slow: on r1 -> r3 do latency 5ms");
    assert_string_equal("cut-2", shape_name(SHAPE_CUT, plan, name, sizeof name));
    assert_string_equal("ring-1", shape_name(SHAPE_RING, plan, name, sizeof name));
    assert_int_equal(
        0, plan_without(plan, shape_glob("cut-1", glob, sizeof glob), &healed, NULL));
    assert_int_equal(2, healed->n);
    plan_unref(&healed);
    assert_int_equal(
        0, plan_without(plan, shape_glob(NULL, glob, sizeof glob), &healed, NULL));
    assert_int_equal(1, healed->n);
    assert_string_equal("slow", healed->entry[0].rule->name);
    plan_unref(&healed);
    plan_unref(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_is_both_lanes_of_both_links),
        cmocka_unit_test(one_way_is_the_bytes_of_one_towards_the_other),
        cmocka_unit_test(nobody_dials_a_client),
        cmocka_unit_test(with_reset_and_refuse_one_way_is_who_dials),
        cmocka_unit_test(a_cut_by_reset_also_refuses_what_comes_after),
        cmocka_unit_test(isolate_is_from_everybody_clients_included),
        cmocka_unit_test(nodes_that_a_split_does_not_name_are_a_group_of_their_own),
        cmocka_unit_test(who_is_named_outright_is_not_where_a_glob_would_have_him),
        cmocka_unit_test(one_way_splits_silence_the_earlier_group),
        cmocka_unit_test(a_bridge_stands_between_two_halves),
        cmocka_unit_test(a_ring_of_three_four_and_five),
        cmocka_unit_test(a_ring_may_be_of_groups),
        cmocka_unit_test(in_a_ring_each_sees_a_majority_and_no_two_the_same),
        cmocka_unit_test(names_and_lives_are_on_every_sentence),
        cmocka_unit_test(long_lists_are_several_sentences_that_cut_the_same),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(names_are_free_and_heal_finds_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

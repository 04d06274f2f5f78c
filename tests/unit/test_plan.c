/* test_plan.c -- plans: order, names, serials, slots, and when a rule ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan.h"

static struct rule *rule_of(const char *sentence)
{
    struct rule *r;
    struct err e;

    if (rule_parse(sentence, &r, &e) < 0)
        fail_msg("%s: %s", sentence, e.text);
    return r;
}

/* Put a rule at the end of *p at a time. */
static void add_at(struct plan **p, const char *sentence, nsec now)
{
    struct plan *more = NULL;
    struct err e;

    if (plan_with(*p, rule_of(sentence), now, &more, &e) < 0)
        fail_msg("%s: %s", sentence, e.text);
    plan_unref(p);
    *p = more;
}

static void add(struct plan **p, const char *sentence)
{
    add_at(p, sentence, SEC(1));
}

static void take_out(struct plan **p, const char *glob)
{
    struct plan *less = NULL;
    struct err e;

    if (plan_without(*p, glob, &less, &e) < 0)
        fail_msg("%s: %s", glob, e.text);
    plan_unref(p);
    *p = less;
}

static const char *names(const struct plan *p)
{
    static char text[4096];

    text[0] = '\0';
    for (size_t i = 0; i < p->n; i++)
        strcat(strcat(text, i ? " " : ""), p->entry[i].rule->name);
    return text;
}

static void an_empty_plan_has_nothing_and_is_never_due(void **s)
{
    struct plan *p = plan_empty(), *none = NULL;

    (void)s;
    assert_int_equal(0, p->n);
    assert_int_equal(0, p->serial);
    assert_true(plan_due(p) == NSEC_NEVER);
    assert_null(plan_expire(p, NSEC_NEVER));
    plan_unref(&p);
    assert_null(p);
    plan_unref(&none);
}

static void rules_stay_in_the_order_they_came(void **s)
{
    struct plan *p = plan_empty();

    (void)s;
    add(&p, "b: on * -> * do hang");
    add(&p, "a: on * -> * do hang");
    add(&p, "on * -> * do hang");
    assert_string_equal("b a rule-1", names(p));
    assert_int_equal(1, p->entry[0].serial);
    assert_int_equal(2, p->entry[1].serial);
    assert_int_equal(3, p->entry[2].serial);
    assert_int_equal(3, p->serial);
    plan_unref(&p);
}

static void a_change_leaves_the_old_plan_as_it_was(void **s)
{
    struct plan *p = plan_empty(), *old, *older;

    (void)s;
    older = plan_ref(p);
    add(&p, "a: on * -> * do hang");
    old = plan_ref(p);
    add(&p, "b: on * -> * do hang");
    take_out(&p, "a");
    assert_string_equal("b", names(p));
    assert_string_equal("a", names(old));
    assert_int_equal(0, older->n);
    plan_unref(&p);
    plan_unref(&older);
    assert_string_equal("a", old->entry[0].rule->name);
    plan_unref(&old);
}

static void a_serial_is_never_used_again(void **s)
{
    struct plan *p = plan_empty();

    (void)s;
    add(&p, "a: on * -> * do hang");
    add(&p, "b: on * -> * do hang");
    take_out(&p, "b");
    assert_int_equal(2, p->serial);
    add(&p, "b: on * -> * do hang");
    assert_int_equal(1, p->entry[0].serial);
    assert_int_equal(3, p->entry[1].serial);
    plan_unref(&p);
}

static void rules_without_a_name_get_a_free_one(void **s)
{
    struct plan *p = plan_empty();

    (void)s;
    add(&p, "on * -> * do hang");
    add(&p, "rule-2: on * -> * do hang");
    add(&p, "on * -> * do hang");
    assert_string_equal("rule-1 rule-2 rule-3", names(p));
    take_out(&p, "rule-1");
    add(&p, "on * -> * do hang");
    assert_string_equal("rule-2 rule-3 rule-1", names(p));
    plan_unref(&p);
}

static void a_name_that_is_taken_is_refused(void **s)
{
    struct plan *p = plan_empty(), *more = NULL;
    struct rule *r = rule_of("a: on * -> * do close");
    struct err e;

    (void)s;
    add(&p, "a: on * -> * do hang");
    assert_int_equal(-EEXIST, plan_with(p, r, 0, &more, &e));
    assert_string_equal("there is a rule named 'a'", e.text);
    assert_null(more);
    assert_int_equal(1, r->refs);
    rule_unref(&r);
    plan_unref(&p);
}

static void a_rule_keeps_its_slot_while_others_come_and_go(void **s)
{
    struct plan *p = plan_empty();

    (void)s;
    add(&p, "a: on * -> * when command=GET do hang");
    add(&p, "b: on * -> * do hang");
    add(&p, "c: on * -> * when key=x do hang");
    add(&p, "d: on * -> * when command=SET do hang");
    assert_int_equal(0, p->entry[0].slot);
    assert_int_equal(-1, p->entry[1].slot);
    assert_int_equal(1, p->entry[2].slot);
    assert_int_equal(2, p->entry[3].slot);
    take_out(&p, "c");
    assert_int_equal(2, p->entry[2].slot);
    add(&p, "e: on * -> * when command=DEL do hang");
    assert_int_equal(1, p->entry[3].slot);
    plan_unref(&p);
}

static void the_sixty_fifth_rule_on_requests_is_refused(void **s)
{
    struct plan *p = plan_empty(), *more = NULL;
    struct rule *r = rule_of("on * -> * when command=GET do hang");
    uint64_t used = 0;
    struct err e;

    (void)s;
    for (int i = 0; i < PLAN_SLOTS; i++)
        add(&p, "on * -> * when command=GET do hang");
    for (size_t i = 0; i < p->n; i++)
        used |= UINT64_C(1) << p->entry[i].slot;
    assert_true(used == UINT64_MAX);
    assert_int_equal(-ENOSPC, plan_with(p, r, 0, &more, &e));
    assert_true(e.text[0] && e.hint[0]);
    assert_int_equal(1, r->refs);
    add(&p, "on * -> * do hang");
    take_out(&p, "rule-7");
    assert_int_equal(0, plan_with(p, r, 0, &more, &e));
    assert_int_equal(6, more->entry[more->n - 1].slot);
    plan_unref(&more);
    plan_unref(&p);
}

static void a_glob_takes_out_all_that_match(void **s)
{
    struct plan *p = plan_empty();

    (void)s;
    add(&p, "cut-1: on * -> * do hang");
    add(&p, "slow: on * -> * do hang");
    add(&p, "cut-2: on * -> * do hang");
    take_out(&p, "cut-*");
    assert_string_equal("slow", names(p));
    take_out(&p, "*");
    assert_int_equal(0, p->n);
    assert_int_equal(3, p->serial);
    plan_unref(&p);
}

static void a_glob_that_matches_none_says_what_there_is(void **s)
{
    struct plan *p = plan_empty(), *less = NULL;
    struct err e;

    (void)s;
    assert_int_equal(-ENOENT, plan_without(p, "*", &less, &e));
    assert_string_equal("there are no rules", e.hint);
    add(&p, "a: on * -> * do hang");
    add(&p, "b: on * -> * do hang");
    assert_int_equal(-ENOENT, plan_without(p, "c", &less, &e));
    assert_string_equal("no rule is named 'c'", e.text);
    assert_string_equal("there is a b", e.hint);
    assert_null(less);
    plan_unref(&p);
}

static void a_rule_ends_when_its_time_is_over_and_not_before(void **s)
{
    struct plan *p = plan_empty(), *less;

    (void)s;
    add_at(&p, "a: on * -> * do hang for 5s", SEC(1));
    add_at(&p, "b: on * -> * do hang", SEC(1));
    add_at(&p, "c: on * -> * do hang for 2s", SEC(2));
    assert_int_equal(SEC(4), plan_due(p));
    assert_null(plan_expire(p, SEC(4) - 1));
    less = plan_expire(p, SEC(4));
    assert_string_equal("a b", names(less));
    assert_int_equal(SEC(6), plan_due(less));
    plan_unref(&p);
    p = plan_expire(less, SEC(100));
    assert_string_equal("b", names(p));
    assert_true(plan_due(p) == NSEC_NEVER);
    assert_null(plan_expire(p, NSEC_NEVER));
    plan_unref(&p);
    plan_unref(&less);
}

static void the_longest_life_does_not_wrap(void **s)
{
    struct plan *p = plan_empty();

    (void)s;
    add_at(&p, "on * -> * do hang for 5124095h", SEC(100000));
    assert_true(plan_due(p) == NSEC_NEVER);
    plan_unref(&p);
}

/* Let the plan be these: -EEXIST and so on when that is refused, and *bad says which. */
static int set(struct plan **p, const char *const *sentences, size_t n, size_t *bad)
{
    struct rule *rules[8];
    struct plan *next = NULL;
    struct err e;
    int err;

    assert_true(n <= 8);
    for (size_t i = 0; i < n; i++)
        rules[i] = rule_of(sentences[i]);
    err = plan_set(*p, rules, n, SEC(9), &next, bad, &e);
    for (size_t i = 0; err && i < n; i++)
        rule_unref(&rules[i]);
    if (err)
        return err;
    plan_unref(p);
    *p = next;
    return 0;
}

static void what_is_set_again_word_for_word_is_the_same_rule(void **state)
{
    static const char *const next[] = {"new: on * -> * do hang",
                                       "b: on * -> * do latency 2ms",
                                       "on * -> * do latency 1ms"};
    struct plan *p = plan_empty();
    struct plan_entry one, two;

    (void)state;
    add(&p, "on * -> * do latency 1ms");
    add(&p, "b: on * -> * do latency 2ms for 60s");
    add(&p, "b2: on * -> * do latency 2ms");
    take_out(&p, "b2");
    one = p->entry[0];
    two = p->entry[1];
    assert_int_equal(set(&p, next, 3, NULL), 0);
    assert_string_equal(names(p), "new b rule-1");
    assert_ptr_equal(p->entry[2].rule, one.rule);
    assert_int_equal(p->entry[2].serial, one.serial);
    assert_ptr_not_equal(p->entry[1].rule, two.rule); /* it lives longer now */
    assert_int_equal(p->entry[0].serial, 4);
    assert_int_equal(p->entry[1].serial, 5);
    plan_unref(&p);
}

static void a_rule_that_is_set_again_keeps_its_slot_and_others_get_none_that_is_taken(
    void **state)
{
    static const char *const next[] = {"x: on * -> * when command=SET do lose-reply",
                                       "b: on * -> * when command=GET do lose-reply"};
    struct plan *p = plan_empty();

    (void)state;
    add(&p, "a: on * -> * when command=DEL do lose-reply");
    add(&p, "b: on * -> * when command=GET do lose-reply");
    assert_int_equal(p->entry[1].slot, 1);
    assert_int_equal(set(&p, next, 2, NULL), 0);
    assert_int_equal(p->entry[0].slot, 0);
    assert_int_equal(p->entry[1].slot, 1);
    plan_unref(&p);
}

static void a_set_that_is_refused_changes_nothing_and_says_which_rule_it_was(void **state)
{
    static const char *const next[] = {"a: on * -> * do hang", "b: on * -> * do hang",
                                       "b: on * -> * do refuse"};
    struct plan *p = plan_empty();
    size_t bad = 9;

    (void)state;
    add(&p, "a: on * -> * do hang");
    assert_int_equal(set(&p, next, 3, &bad), -EEXIST);
    assert_int_equal(bad, 2);
    assert_string_equal(names(p), "a");
    assert_int_equal(set(&p, NULL, 0, NULL), 0);
    assert_int_equal(p->n, 0);
    plan_unref(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_plan_has_nothing_and_is_never_due),
        cmocka_unit_test(rules_stay_in_the_order_they_came),
        cmocka_unit_test(a_change_leaves_the_old_plan_as_it_was),
        cmocka_unit_test(a_serial_is_never_used_again),
        cmocka_unit_test(rules_without_a_name_get_a_free_one),
        cmocka_unit_test(a_name_that_is_taken_is_refused),
        cmocka_unit_test(a_rule_keeps_its_slot_while_others_come_and_go),
        cmocka_unit_test(the_sixty_fifth_rule_on_requests_is_refused),
        cmocka_unit_test(a_glob_takes_out_all_that_match),
        cmocka_unit_test(a_glob_that_matches_none_says_what_there_is),
        cmocka_unit_test(a_rule_ends_when_its_time_is_over_and_not_before),
        cmocka_unit_test(what_is_set_again_word_for_word_is_the_same_rule),
        cmocka_unit_test(
            a_rule_that_is_set_again_keeps_its_slot_and_others_get_none_that_is_taken),
        cmocka_unit_test(
            a_set_that_is_refused_changes_nothing_and_says_which_rule_it_was),
        cmocka_unit_test(the_longest_life_does_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_rng.c -- draws repeat, depend on what they are about, and are evenly spread. */
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#define DRAWS 200000

static const struct rng_about base = {
    .seed = 42, .rule = 1, .link = 2, .session = 3, .frame = 4, .lane = 1};

static uint64_t first_draw(struct rng_about about)
{
    struct rng r = rng_for(&about);

    return rng_next(&r);
}

static void the_same_question_has_the_same_answer(void **s)
{
    (void)s;
    assert_true(first_draw(base) == first_draw(base));
}

/* A replay depends on these: if they change, old seeds and journals lose their worth. */
static void a_seed_means_the_same_on_every_machine(void **s)
{
    struct rng r = rng_for(&base);

    (void)s;
    assert_true(rng_hash("r2->r1", 6) == UINT64_C(0xffa52ea533caaf20));
    assert_true(rng_next(&r) == UINT64_C(0xd9788cc5f8163ce5));
    assert_true(rng_normal(&r) == 0x1.9b946a4p-6);
}

static void every_part_of_the_question_counts(void **s)
{
    struct rng_about about[6];

    (void)s;
    for (int i = 0; i < 6; i++)
        about[i] = base;
    about[0].seed++;
    about[1].rule++;
    about[2].link++;
    about[3].session++;
    about[4].frame++;
    about[5].lane++;
    for (int i = 0; i < 6; i++) {
        assert_true(first_draw(base) != first_draw(about[i]));
        for (int j = 0; j < i; j++)
            assert_true(first_draw(about[j]) != first_draw(about[i]));
    }
}

static void parts_do_not_cancel_each_other(void **s)
{
    struct rng_about swapped = base;

    (void)s;
    swapped.rule = base.link;
    swapped.link = base.rule;
    assert_true(first_draw(base) != first_draw(swapped));
}

/* Frames are numbered 1, 2, 3: the first draws of neighbours must look independent. */
static void neighbouring_frames_draw_evenly(void **s)
{
    struct rng_about about = base;
    int hits = 0;

    (void)s;
    for (about.frame = 1; about.frame <= DRAWS; about.frame++) {
        struct rng r = rng_for(&about);

        hits += rng_unit(&r) < 0.05;
    }
    assert_in_range(hits, DRAWS * 48 / 1000, DRAWS * 52 / 1000);
}

static void below_stays_below_and_reaches_all(void **s)
{
    struct rng r = rng_for(&base);
    int count[7] = {0};

    (void)s;
    for (int i = 0; i < 70000; i++)
        count[rng_below(&r, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(count[i], 9500, 10500);
    assert_int_equal(0, rng_below(&r, 1));
    for (int i = 0; i < 1000; i++)
        assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

/* Two thirds of 2^64 is where a plain remainder fails: it would give the lower half of
 * the range twice as often as the upper. */
static void below_is_even_where_a_remainder_is_not(void **s)
{
    uint64_t bound = UINT64_MAX / 3 * 2;
    struct rng r = rng_for(&base);
    int low = 0;

    (void)s;
    for (int i = 0; i < DRAWS; i++)
        low += rng_below(&r, bound) < bound / 2;
    assert_in_range(low, DRAWS * 49 / 100, DRAWS * 51 / 100);
}

static void unit_is_in_zero_to_one(void **s)
{
    struct rng r = rng_for(&base);
    double sum = 0;

    (void)s;
    for (int i = 0; i < DRAWS; i++) {
        double x = rng_unit(&r);

        assert_true(x >= 0 && x < 1);
        sum += x;
    }
    assert_true(fabs(sum / DRAWS - 0.5) < 0.005);
}

static void normal_has_its_mean_deviation_and_tails(void **s)
{
    struct rng r = rng_for(&base);
    double sum = 0, squares = 0;
    int within[4] = {0};

    (void)s;
    for (int i = 0; i < DRAWS; i++) {
        double x = rng_normal(&r);

        sum += x;
        squares += x * x;
        for (int d = 1; d <= 3; d++)
            within[d] += fabs(x) < d;
    }
    assert_true(fabs(sum / DRAWS) < 0.01);
    assert_true(fabs(sqrt(squares / DRAWS) - 1) < 0.01);
    assert_in_range(within[1], DRAWS * 67 / 100, DRAWS * 69 / 100);
    assert_in_range(within[2], DRAWS * 95 / 100, DRAWS * 96 / 100);
    assert_in_range(within[3], DRAWS * 997 / 1000, DRAWS * 999 / 1000);
}

static void hashes_of_like_names_differ(void **s)
{
    (void)s;
    assert_true(rng_hash("r1", 2) != rng_hash("r2", 2));
    assert_true(rng_hash("", 0) != rng_hash("\0", 1));
    assert_true(rng_hash("r1->r2", 6) != rng_hash("r2->r1", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_question_has_the_same_answer),
        cmocka_unit_test(a_seed_means_the_same_on_every_machine),
        cmocka_unit_test(every_part_of_the_question_counts),
        cmocka_unit_test(parts_do_not_cancel_each_other),
        cmocka_unit_test(neighbouring_frames_draw_evenly),
        cmocka_unit_test(below_stays_below_and_reaches_all),
        cmocka_unit_test(below_is_even_where_a_remainder_is_not),
        cmocka_unit_test(unit_is_in_zero_to_one),
        cmocka_unit_test(normal_has_its_mean_deviation_and_tails),
        cmocka_unit_test(hashes_of_like_names_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_hist.c -- what is read back is within 1 % of what was counted. */
#include "hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

static struct hist *fresh(void)
{
    struct hist *h = calloc(1, sizeof *h);

    assert_non_null(h);
    return h;
}

static double error_of(uint64_t value, uint64_t read_back)
{
    return fabs((double)read_back - (double)value) / (value ? (double)value : 1);
}

static void of_nothing_every_quantile_is_zero(void **state)
{
    struct hist *h = fresh();

    (void)state;
    assert_int_equal(hist_at(h, 0.5), 0);
    assert_int_equal(hist_at(h, 1), 0);
    free(h);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < 256; v++) {
        struct hist *h = fresh();

        hist_add(h, v);
        hist_add(h, 1000000);
        assert_int_equal(hist_at(h, 0.5), v);
        free(h);
    }
}

static void any_value_is_read_back_within_half_a_percent(void **state)
{
    struct rng r = {42};
    struct hist *h = fresh();

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t v = rng_next(&r) >> rng_below(&r, 64);

        memset(h, 0, sizeof *h);
        hist_add(h, v);
        hist_add(h, UINT64_MAX); /* so that it is not the maximum, which is exact */
        assert_true(error_of(v, hist_at(h, 0.5)) < 0.005);
    }
    free(h);
}

static void the_edges_of_buckets_do_not_overlap(void **state)
{
    (void)state;
    for (unsigned bit = 8; bit < 64; bit++) {
        uint64_t edge = (uint64_t)1 << bit;
        struct hist *h = fresh();

        hist_add(h, edge - 1);
        hist_add(h, edge);
        assert_true(hist_at(h, 0.5) < edge);
        assert_true(hist_at(h, 0.51) >= edge);
        free(h);
    }
}

static void quantiles_are_those_of_the_sorted_list(void **state)
{
    static const double q[] = {0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999};
    struct hist *h = fresh();

    (void)state;
    for (uint64_t v = 1; v <= 100000; v++)
        hist_add(h, v * 1000);
    for (size_t i = 0; i < sizeof q / sizeof *q; i++)
        assert_true(error_of((uint64_t)(q[i] * 1e8), hist_at(h, q[i])) < 0.01);
    assert_int_equal(hist_at(h, 1), 100000000);
    assert_true(error_of(1000, hist_at(h, 0)) < 0.01);
    free(h);
}

static void no_quantile_is_above_the_maximum(void **state)
{
    struct hist *h = fresh();

    (void)state;
    hist_add(h, 1025); /* the middle of its bucket is 1027 */
    hist_add(h, 1025);
    assert_true(hist_at(h, 0.5) <= 1025);
    assert_int_equal(h->max, 1025);
    free(h);
}

static void merged_is_as_if_counted_in_one(void **state)
{
    struct hist *a = fresh(), *b = fresh(), *all = fresh();

    (void)state;
    for (uint64_t v = 0; v < 5000; v++) {
        hist_add(v % 3 ? a : b, v * v);
        hist_add(all, v * v);
    }
    hist_merge(a, b);
    assert_memory_equal(a, all, sizeof *a);
    free(a);
    free(b);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_nothing_every_quantile_is_zero),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(any_value_is_read_back_within_half_a_percent),
        cmocka_unit_test(the_edges_of_buckets_do_not_overlap),
        cmocka_unit_test(quantiles_are_those_of_the_sorted_list),
        cmocka_unit_test(no_quantile_is_above_the_maximum),
        cmocka_unit_test(merged_is_as_if_counted_in_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

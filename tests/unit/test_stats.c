/* test_stats.c -- intervals, crossings, and numbers as short as they can be; the schedule
 * of a load; the names of troubles. */
#include "stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "load.h"
#include "trouble.h"

static void near(double got, double want, double off)
{
    if (got < want - off || got > want + off)
        fail_msg("%.9g is not %.9g", got, want);
}

/* Values from the textbook formula, worked out apart. */
static void an_interval_holds_for_few_and_for_none(void **state)
{
    struct rate r = stats_rate(3, 1000);

    (void)state;
    near(r.at, 0.003, 1e-15);
    near(r.low, 0.001020784, 1e-8);
    near(r.high, 0.008783014, 1e-8);
    r = stats_rate(0, 1000);
    assert_true(r.at == 0 && r.low == 0);
    near(r.high, 0.003826758, 1e-8);
    r = stats_rate(1000, 1000);
    assert_true(r.at == 1 && r.high == 1);
    near(r.low, 1 - 0.003826758, 1e-8);
    r = stats_rate(50, 100);
    near(r.low, 0.403831530, 1e-8);
    near(r.high, 0.596168470, 1e-8);
}

static void of_nothing_nothing_is_known(void **state)
{
    struct rate r = stats_rate(0, 0);

    (void)state;
    assert_true(r.at == 0 && r.low == 0 && r.high == 1);
}

static void a_sharp_step_is_crossed_where_it_stands(void **state)
{
    struct age_bucket b[100];

    (void)state;
    for (int i = 0; i < 100; i++)
        b[i] = (struct age_bucket){50, i < 37 ? 50 : 0};
    assert_true(stats_crossing(b, 100, 0.5) == 37);
    assert_true(stats_crossing(b, 100, 0.001) == 37);
}

static void one_stray_fresh_read_is_no_crossing(void **state)
{
    struct age_bucket b[10] = {{10, 10}, {10, 10}, {1, 0},  {10, 10}, {10, 10},
                               {10, 5},  {10, 1},  {10, 0}, {10, 0},  {10, 0}};

    (void)state;
    assert_true(stats_crossing(b, 10, 0.5) == 5);
    assert_true(stats_crossing(b, 10, 0.01) == 7);
}

static void what_stays_stale_is_never_crossed(void **state)
{
    struct age_bucket b[3] = {{5, 5}, {5, 5}, {5, 5}}, none[3] = {{0, 0}};

    (void)state;
    assert_true(stats_crossing(b, 3, 0.5) == STATS_NEVER);
    assert_true(stats_crossing(none, 3, 0.5) == STATS_NEVER);
    assert_true(stats_crossing(b, 0, 0.5) == STATS_NEVER);
}

static void what_is_fresh_at_once_is_crossed_at_zero(void **state)
{
    struct age_bucket b[3] = {{5, 0}, {0, 0}, {5, 0}};

    (void)state;
    assert_true(stats_crossing(b, 3, 0.001) == 0);
}

static void a_rate_is_printed_as_short_as_it_can_be(void **state)
{
    static const struct {
        double x;
        const char *text;
    } both[] = {{0.003, "0.003"},
                {0, "0.0"},
                {1, "1.0"},
                {0.5, "0.5"},
                {0.1, "0.1"},
                {12, "12.0"},
                {1.0 / 3, "0.3333333333333333"}};
    char buf[40];

    (void)state;
    for (size_t i = 0; i < sizeof both / sizeof *both; i++)
        assert_string_equal(stats_print_shortest(both[i].x, buf, sizeof buf),
                            both[i].text);
}

static void a_schedule_is_even_and_keeps_its_rate(void **state)
{
    struct load l = {.pairs = 4, .rate = 1000};

    (void)state;
    assert_int_equal(load_due(&l, 0, 1), 0);
    assert_int_equal(load_due(&l, 1, 1), MSEC(1));
    assert_int_equal(load_due(&l, 3, 1), MSEC(3));
    assert_int_equal(load_due(&l, 0, 2), MSEC(4));
    assert_int_equal(load_due(&l, 0, 250001), SEC(1000));
}

static void a_schedule_does_not_drift_or_overflow(void **state)
{
    struct load l = {.pairs = 3, .rate = 7};

    (void)state;
    assert_int_equal(load_due(&l, 0, 7 * 1000000 + 1), SEC(3000000));
    l.rate = 1000000000;
    assert_int_equal(load_due(&l, 2, 1), 2);
}

static void a_closed_loop_has_no_schedule(void **state)
{
    struct load l = {.pairs = 4};

    (void)state;
    assert_int_equal(load_due(&l, 3, 1000), 0);
}

static void the_sample_is_the_same_for_the_same_seed(void **state)
{
    struct load a = {.seed = 1, .pairs = 10, .settle = 0.1}, b = a;
    int hits = 0, same = 0;

    (void)state;
    b.seed = 2;
    for (uint64_t op = 1; op <= 10000; op++) {
        assert_int_equal(load_settles(&a, 3, op), load_settles(&a, 3, op));
        hits += load_settles(&a, 3, op);
        same += load_settles(&a, 3, op) == load_settles(&b, 3, op);
    }
    assert_in_range(hits, 900, 1100);
    assert_in_range(same, 7800, 8600); /* 0.1^2 + 0.9^2 */
}

static void all_or_none_can_be_settled(void **state)
{
    struct load l = {.seed = 5, .settle = 1};

    (void)state;
    for (uint64_t op = 1; op < 1000; op++) {
        l.settle = 1;
        assert_true(load_settles(&l, 0, op));
        l.settle = 0;
        assert_false(load_settles(&l, 0, op));
    }
}

static void ages_fill_their_range(void **state)
{
    struct load l = {.seed = 9, .ages = MSEC(100)};
    unsigned tenth[10] = {0};

    (void)state;
    for (uint64_t op = 1; op <= 10000; op++) {
        nsec age = load_age(&l, 1, op);

        assert_true(age < MSEC(100));
        tenth[age / MSEC(10)]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(tenth[i], 850, 1150);
    l.ages = 0;
    assert_int_equal(load_age(&l, 1, 1), 0);
}

static void an_error_reply_is_known_by_its_first_word(void **state)
{
    (void)state;
    assert_int_equal(trouble_of_reply("READONLY You can't write"), TROUBLE_READONLY);
    assert_int_equal(trouble_of_reply("LOADING Redis is loading"), TROUBLE_LOADING);
    assert_int_equal(trouble_of_reply("OOM command not allowed"), TROUBLE_OOM);
    assert_int_equal(trouble_of_reply("ERR unknown command"), TROUBLE_OTHER);
    assert_int_equal(trouble_of_reply("READONLYISH x"), TROUBLE_OTHER);
    assert_int_equal(trouble_of_reply("timeout"), TROUBLE_OTHER);
    assert_int_equal(trouble_of_reply(""), TROUBLE_OTHER);
}

static void a_system_error_is_known_by_its_text(void **state)
{
    (void)state;
    assert_int_equal(trouble_of_system("Connection refused"), TROUBLE_REFUSED);
    assert_int_equal(trouble_of_system("read: Connection reset by peer"), TROUBLE_RESET);
    assert_int_equal(trouble_of_system("Broken pipe"), TROUBLE_RESET);
    assert_int_equal(
        trouble_of_system("Can't bind socket: Cannot assign requested address"),
        TROUBLE_BIND);
    assert_int_equal(trouble_of_system("whatever"), TROUBLE_OTHER);
}

static void every_trouble_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < TROUBLE_KINDS; i++) {
        assert_non_null(trouble_name((enum trouble)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(trouble_name((enum trouble)i),
                                    trouble_name((enum trouble)k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interval_holds_for_few_and_for_none),
        cmocka_unit_test(of_nothing_nothing_is_known),
        cmocka_unit_test(a_sharp_step_is_crossed_where_it_stands),
        cmocka_unit_test(one_stray_fresh_read_is_no_crossing),
        cmocka_unit_test(what_stays_stale_is_never_crossed),
        cmocka_unit_test(what_is_fresh_at_once_is_crossed_at_zero),
        cmocka_unit_test(a_rate_is_printed_as_short_as_it_can_be),
        cmocka_unit_test(a_schedule_is_even_and_keeps_its_rate),
        cmocka_unit_test(a_schedule_does_not_drift_or_overflow),
        cmocka_unit_test(a_closed_loop_has_no_schedule),
        cmocka_unit_test(the_sample_is_the_same_for_the_same_seed),
        cmocka_unit_test(all_or_none_can_be_settled),
        cmocka_unit_test(ages_fill_their_range),
        cmocka_unit_test(an_error_reply_is_known_by_its_first_word),
        cmocka_unit_test(a_system_error_is_known_by_its_text),
        cmocka_unit_test(every_trouble_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

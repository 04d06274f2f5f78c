/* test_bandwidth.c -- when metered bytes leave. */
#include "drive.h"

/* When the bytes would leave if they came now. */
static nsec leaves(struct drive *d, size_t n)
{
    struct verdict v = drive_bytes(d, n);

    drive_same((struct verdict){.delay = v.delay, .cut = SIZE_MAX}, v);
    return d->now + v.delay;
}

static void bytes_take_the_time_they_need(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "bandwidth 1k");
    drive_same(VERDICT_PASS, drive_frame(&d));
    assert_int_equal(SEC(1) + MSEC(500), leaves(&d, 500));
    assert_int_equal(SEC(1) + MSEC(1000), leaves(&d, 500));
    drive_close(&d);
}

static void a_pause_is_not_saved_up(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "bandwidth 1k");
    assert_int_equal(d.now + SEC(1), leaves(&d, 1000));
    d.now += SEC(3600);
    assert_int_equal(d.now + SEC(1), leaves(&d, 1000));
    assert_int_equal(d.now + SEC(2), leaves(&d, 1000));
    drive_close(&d);
}

static void what_comes_while_the_link_is_busy_waits_its_turn(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "bandwidth 1k");
    (void)leaves(&d, 1000);
    d.now += MSEC(400);
    assert_int_equal(SEC(2) + MSEC(1), leaves(&d, 1));
    drive_close(&d);
}

/* 7 bytes a second: a byte takes 142857142.857 ns. */
static void the_rate_is_exact_in_the_long_run_however_it_is_sliced(void **s)
{
    static const size_t slices[] = {1, 2, 3, 7, 11, 1448};
    struct drive d;

    (void)s;
    for (size_t i = 0; i < sizeof slices / sizeof *slices; i++) {
        nsec last = 0;

        drive_open(&d, "bandwidth 7");
        for (size_t sent = 0; sent < 7 * slices[i] * 100; sent += slices[i])
            last = leaves(&d, slices[i]);
        assert_int_equal(d.now + SEC(1) * slices[i] * 100, last);
        drive_close(&d);
    }
}

static void bits_are_an_eighth(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "bandwidth 10mbit");
    assert_int_equal(d.now + SEC(1), leaves(&d, 1250000));
    drive_close(&d);
}

static void a_grain_is_a_segment_or_half_a_millisecond(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "bandwidth 1");
    assert_int_equal(1448, drive_grain(&d));
    drive_close(&d);
    drive_open(&d, "bandwidth 100m");
    assert_int_equal(50000, drive_grain(&d));
    drive_close(&d);
}

static void the_fastest_and_the_slowest_do_not_overflow(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "bandwidth 10gb");
    assert_in_range(leaves(&d, drive_grain(&d)), d.now + USEC(499), d.now + USEC(500));
    drive_close(&d);
    drive_open(&d, "bandwidth 1b/s");
    assert_int_equal(d.now + SEC(1448), leaves(&d, drive_grain(&d)));
    drive_close(&d);
}

static void what_is_no_rate_is_refused_with_the_range(void **s)
{
    struct err e;

    (void)s;
    drive_refused("bandwidth 0", &e);
    assert_string_equal("rate=0 is out of range", e.text);
    assert_string_equal("1/s to 10gb/s", e.hint);
    drive_refused("bandwidth 11gb", &e);
    drive_refused("bandwidth", &e);
    drive_refused("bandwidth nan", &e);
    drive_refused("bandwidth 1e9999", &e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_take_the_time_they_need),
        cmocka_unit_test(a_pause_is_not_saved_up),
        cmocka_unit_test(what_comes_while_the_link_is_busy_waits_its_turn),
        cmocka_unit_test(the_rate_is_exact_in_the_long_run_however_it_is_sliced),
        cmocka_unit_test(bits_are_an_eighth),
        cmocka_unit_test(a_grain_is_a_segment_or_half_a_millisecond),
        cmocka_unit_test(the_fastest_and_the_slowest_do_not_overflow),
        cmocka_unit_test(what_is_no_rate_is_refused_with_the_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

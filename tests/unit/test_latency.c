/* test_latency.c -- what waits, and for how long. */
#include "drive.h"

static void a_frame_waits_exactly_its_time(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "latency 50ms");
    drive_same((struct verdict){.delay = MSEC(50), .cut = SIZE_MAX}, drive_frame(&d));
    drive_close(&d);
    drive_open(&d, "latency 1us");
    drive_same((struct verdict){.delay = USEC(1), .cut = SIZE_MAX}, drive_frame(&d));
    drive_close(&d);
    drive_open(&d, "latency 0");
    drive_same(VERDICT_PASS, drive_frame(&d));
    drive_close(&d);
}

static void two_latencies_add_up(void **s)
{
    struct verdict v = VERDICT_PASS;
    struct drive d;

    (void)s;
    drive_open(&d, "latency 50ms");
    v.delay = MSEC(1);
    d.rule->fault->on_frame(d.rule->conf, d.state, &(struct unit){0}, &v);
    assert_int_equal(MSEC(51), v.delay);
    verdict_hold(&v);
    d.rule->fault->on_frame(d.rule->conf, d.state, &(struct unit){0}, &v);
    assert_true(v.delay == NSEC_NEVER);
    drive_close(&d);
}

static void uniform_jitter_fills_its_range_and_keeps_the_mean(void **s)
{
    nsec least = NSEC_NEVER, most = 0, sum = 0;
    struct drive d;

    (void)s;
    drive_open(&d, "latency 50ms jitter=10ms");
    for (int i = 0; i < 20000; i++) {
        nsec delay = drive_frame(&d).delay;

        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
        sum += delay;
    }
    assert_in_range(least, MSEC(40), MSEC(40) + USEC(50));
    assert_in_range(most, MSEC(60) - USEC(50), MSEC(60));
    assert_in_range(sum / 20000, MSEC(50) - USEC(200), MSEC(50) + USEC(200));
    drive_close(&d);
}

static void normal_jitter_has_its_deviation(void **s)
{
    nsec sum = 0;
    int within = 0;
    struct drive d;

    (void)s;
    drive_open(&d, "latency 50ms jitter=10ms dist=normal");
    for (int i = 0; i < 20000; i++) {
        nsec delay = drive_frame(&d).delay;

        within += delay >= MSEC(40) && delay <= MSEC(60);
        sum += delay;
    }
    assert_in_range(within, 20000 * 66 / 100, 20000 * 70 / 100);
    assert_in_range(sum / 20000, MSEC(50) - USEC(300), MSEC(50) + USEC(300));
    drive_close(&d);
}

/* Shape 3: the mean is half a jitter above the time, one in eight comes more than one
 * jitter late, one in a thousand more than nine. */
static void pareto_jitter_has_a_long_tail_and_nothing_below_the_time(void **s)
{
    int late = 0, very_late = 0;
    nsec sum = 0;
    struct drive d;

    (void)s;
    drive_open(&d, "latency 50ms jitter=10ms dist=pareto");
    for (int i = 0; i < 50000; i++) {
        nsec delay = drive_frame(&d).delay;

        assert_true(delay >= MSEC(50));
        late += delay > MSEC(60);
        very_late += delay > MSEC(140);
        sum += delay;
    }
    assert_in_range(sum / 50000, MSEC(55) - USEC(300), MSEC(55) + USEC(300));
    assert_in_range(late, 50000 * 120 / 1000, 50000 * 130 / 1000);
    assert_in_range(very_late, 25, 80);
    drive_close(&d);
}

/* Of the deviations from the mean of so many delays: how far does each follow the one
 * before? */
static double correlation_of(const char *fault)
{
    enum { N = 20000 };
    static double off[N];
    double mean = 0, with_itself = 0, with_next = 0;
    struct drive d;

    drive_open(&d, fault);
    for (int i = 0; i < N; i++) {
        off[i] = (double)drive_frame(&d).delay;
        mean += off[i] / N;
    }
    for (int i = 0; i < N; i++)
        off[i] -= mean;
    for (int i = 0; i + 1 < N; i++) {
        with_itself += off[i] * off[i];
        with_next += off[i] * off[i + 1];
    }
    drive_close(&d);
    assert_in_range((nsec)mean, MSEC(49), MSEC(51));
    return with_next / with_itself;
}

static void a_draw_follows_the_one_before_as_far_as_was_asked(void **s)
{
    static const struct {
        const char *fault;
        double want;
    } cases[] = {
        {"latency 50ms jitter=10ms", 0},
        {"latency 50ms jitter=10ms correlation=50%", 0.5},
        {"latency 50ms jitter=10ms correlation=90%", 0.9},
        {"latency 50ms jitter=10ms dist=normal correlation=75%", 0.75},
    };

    (void)s;
    for (size_t i = 0; i < 4; i++) {
        double got = correlation_of(cases[i].fault);

        if (got < cases[i].want - 0.03 || got > cases[i].want + 0.03)
            fail_msg("%s: %.3f", cases[i].fault, got);
    }
}

static void a_draw_below_zero_is_zero(void **s)
{
    static const char *const wide[] = {"latency 1ms jitter=1h",
                                       "latency 0 jitter=10ms dist=normal"};
    struct drive d;

    (void)s;
    for (int i = 0; i < 2; i++) {
        int zero = 0;

        drive_open(&d, wide[i]);
        for (int k = 0; k < 1000; k++) {
            nsec delay = drive_frame(&d).delay;

            zero += delay == 0;
            assert_true(delay <= 2 * SEC(3600));
        }
        assert_in_range(zero, 400, 600);
        drive_close(&d);
    }
}

static void the_same_frame_draws_the_same(void **s)
{
    struct drive a, b;

    (void)s;
    drive_open(&a, "latency 50ms jitter=10ms");
    drive_open(&b, "latency 50ms jitter=10ms");
    assert_int_equal(drive_frame(&a).delay, drive_frame(&b).delay);
    assert_true(drive_frame(&a).delay != drive_frame(&a).delay);
    drive_close(&a);
    drive_close(&b);
}

static void what_is_no_delay_is_refused_with_the_range(void **s)
{
    struct err e;

    (void)s;
    drive_refused("latency", &e);
    assert_string_equal("latency needs its time", e.text);
    drive_refused("latency 61m", &e);
    assert_string_equal("time=61m is out of range", e.text);
    assert_string_equal("0 to 1h", e.hint);
    drive_refused("latency 1ms jitter=2h", &e);
    drive_refused("latency -1ms", &e);
    drive_refused("latency 1ms dist=zipf", &e);
    assert_string_equal("uniform, normal or pareto", e.hint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_waits_exactly_its_time),
        cmocka_unit_test(two_latencies_add_up),
        cmocka_unit_test(uniform_jitter_fills_its_range_and_keeps_the_mean),
        cmocka_unit_test(normal_jitter_has_its_deviation),
        cmocka_unit_test(pareto_jitter_has_a_long_tail_and_nothing_below_the_time),
        cmocka_unit_test(a_draw_follows_the_one_before_as_far_as_was_asked),
        cmocka_unit_test(a_draw_below_zero_is_zero),
        cmocka_unit_test(the_same_frame_draws_the_same),
        cmocka_unit_test(what_is_no_delay_is_refused_with_the_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

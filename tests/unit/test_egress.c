/* What several rules come to, and what the kernel is told of a distribution. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "drive.h"
#include "egress.h"
#include "rule.h"

static struct egress of(const char *fault)
{
    char text[200];
    struct egress x = {0};
    struct err e = {0};
    struct rule *r;

    snprintf(text, sizeof text, "on a -> b do %s", fault);
    if (rule_parse(text, &r, &e) < 0)
        fail_msg("%s: %s", fault, e.text);
    r->fault->egress(r->conf, &x);
    rule_unref(&r);
    return x;
}

static struct egress both(const char *one, const char *two)
{
    struct egress x = of(one), y = of(two);

    egress_add(&x, &y);
    return x;
}

static void every_parameter_arrives(void **state)
{
    struct egress x = of(
        "netem delay=50ms jitter=10ms dist=normal correlation=25% loss=1% "
        "duplicate=0.1% reorder=5% corrupt=0.01% rate=10mbit limit=7");

    (void)state;
    assert_int_equal(MSEC(50), x.delay);
    assert_int_equal(MSEC(10), x.jitter);
    assert_int_equal(EGRESS_NORMAL, x.dist);
    assert_true(fabs(x.correlation - 0.25) < 1e-9 && fabs(x.loss - 0.01) < 1e-9 &&
                fabs(x.duplicate - 0.001) < 1e-9 && fabs(x.reorder - 0.05) < 1e-9 &&
                fabs(x.corrupt - 0.0001) < 1e-9);
    assert_int_equal(1250000, x.rate);
    assert_int_equal(7, x.limit);
    x = of("rate 1mbit burst=64kb");
    assert_int_equal(125000, x.rate);
    assert_int_equal(65536, x.burst);
    assert_false(egress_netem(&x));
    assert_int_equal(MSEC(30), of("netem 30ms").delay);
}

static void delays_add_up_chances_combine_the_slower_rate_wins(void **state)
{
    struct egress x = both("netem delay=50ms loss=50%", "netem delay=10ms loss=50%");

    (void)state;
    assert_int_equal(MSEC(60), x.delay);
    assert_true(fabs(x.loss - 0.75) < 1e-9);
    x = both("rate 2mbit burst=64kb", "rate 1mbit burst=32kb");
    assert_int_equal(125000, x.rate);
    assert_int_equal(32768, x.burst);
    x = both("rate 1mbit", "netem delay=5ms");
    assert_true(x.rate == 125000 && x.delay == MSEC(5));
    x = both("netem 5ms jitter=1ms dist=pareto", "netem 5ms");
    assert_int_equal(EGRESS_PARETO, x.dist);
}

static void descriptions_are_the_same_in_every_part_or_not(void **state)
{
    static const char *const all[] = {
        "netem 1ms",
        "netem 2ms",
        "netem 1ms jitter=1ms",
        "netem 1ms jitter=1ms dist=normal",
        "netem loss=1%",
        "netem duplicate=1%",
        "netem corrupt=1%",
        "netem 1ms reorder=1%",
        "netem rate=1mbit",
        "netem 1ms limit=2",
        "rate 1mbit",
        "netem 1ms jitter=1ms correlation=1%",
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t j = 0; j < sizeof all / sizeof *all; j++) {
            struct egress a = of(all[i]), b = of(all[j]);

            assert_int_equal(i == j, egress_same(&a, &b));
        }
}

static void what_netem_could_not_do_is_refused_with_a_way_out(void **state)
{
    static const char *const cases[][3] = {
        {"netem", "netem is told to do nothing",
         "say what, such as delay=50ms or loss=1%"},
        {"netem reorder=5%", "netem: nothing to reorder without a delay",
         "add delay=10ms"},
        {"netem 5ms correlation=5%", "netem: no jitter to correlate", "add jitter=10ms"},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char text[200];
        struct err e;
        struct rule *r;

        snprintf(text, sizeof text, "on a -> b do %s", cases[i][0]);
        assert_int_equal(-EINVAL, rule_parse(text, &r, &e));
        assert_string_equal(cases[i][1], e.text);
        assert_string_equal(cases[i][2], e.hint);
    }
}

static void a_role_may_be_a_condition_and_a_frame_may_not(void **state)
{
    struct rule *r;
    struct err e;

    (void)state;
    assert_int_equal(0,
                     rule_parse("on * -> * when role=replication do netem 5ms", &r, &e));
    rule_unref(&r);
    assert_int_equal(-EINVAL,
                     rule_parse("on * -> * when command=GET do netem 5ms", &r, &e));
    assert_string_equal("netem acts on packets, not on what is in them", e.text);
    assert_int_equal(-EINVAL, rule_parse("on * -> * chance=5% do rate 1mbit", &r, &e));
}

static void the_nearest_fault_needs_no_kernel(void **state)
{
    static const char *const cases[][2] = {
        {"netem delay=30ms loss=1%", "latency 30ms"},
        {"netem loss=1%", "loss 1%"},
        {"rate 8mbit", "bandwidth 1m/s"},
        {"netem duplicate=1%", "latency 50ms jitter=10ms"},
    };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct egress x = of(cases[i][0]);
        char text[96], rule[128];
        struct rule *r;

        assert_string_equal(cases[i][1], egress_near(&x, text, sizeof text));
        snprintf(rule, sizeof rule, "on a -> b do %s", text);
        assert_int_equal(0, rule_parse(rule, &r, NULL)); /* it can be pasted */
        rule_unref(&r);
    }
}

/* Mean and deviation, in jitters. */
static void moments(int dist, double *mean, double *deviation)
{
    int16_t table[EGRESS_TABLE];
    double sum = 0, squares = 0;

    egress_table(dist, table);
    for (size_t i = 0; i < EGRESS_TABLE; i++) {
        sum += table[i] / 8192.0;
        squares += table[i] / 8192.0 * table[i] / 8192.0;
        assert_true(i == 0 || table[i] >= table[i - 1]);
    }
    *mean = sum / EGRESS_TABLE;
    *deviation = sqrt(squares / EGRESS_TABLE - *mean * *mean);
}

static void distributions_have_their_mean_and_deviation(void **state)
{
    double mean, deviation;
    int16_t table[EGRESS_TABLE];

    (void)state;
    moments(EGRESS_UNIFORM, &mean, &deviation);
    assert_true(fabs(mean) < 0.001 && fabs(deviation - 1 / sqrt(3)) < 0.001);
    moments(EGRESS_NORMAL, &mean, &deviation);
    assert_true(fabs(mean) < 0.001 && fabs(deviation - 1) < 0.01);
    moments(EGRESS_PARETO, &mean, &deviation); /* its tail is cut off at 4 */
    assert_true(fabs(mean) < 0.05 && deviation > 0.7 && deviation < 1);
    egress_table(EGRESS_NORMAL, table); /* 68 % within one deviation */
    assert_true(table[EGRESS_TABLE * 16 / 100] / 8192.0 < -0.98 &&
                table[EGRESS_TABLE * 84 / 100] / 8192.0 > 0.98);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parameter_arrives),
        cmocka_unit_test(delays_add_up_chances_combine_the_slower_rate_wins),
        cmocka_unit_test(descriptions_are_the_same_in_every_part_or_not),
        cmocka_unit_test(what_netem_could_not_do_is_refused_with_a_way_out),
        cmocka_unit_test(a_role_may_be_a_condition_and_a_frame_may_not),
        cmocka_unit_test(the_nearest_fault_needs_no_kernel),
        cmocka_unit_test(distributions_have_their_mean_and_deviation),
    };

    return cmocka_run_group_tests_name("egress", tests, NULL, NULL);
}

/* test_value.c -- quantities read exactly, and nonsense is refused with a way out. */
#include "value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

static const char *const hostile[] = {
    "",    " ",        "-1",    "+1",   "-5ms",  "nan",   "NaN",  "inf",
    "1e3", "1e9999",   "0x10",  "1..2", "1.2.3", ".5",    "5.",   ".",
    " 5",  "5 ",       "5ms ",  "1,5",  "5msms", "five",  "%",    "5%%",
    "--",  "\xff\xfe", "1_000", "s",    "kb",    "1e3ms", "5 ms", NULL};

static nsec time_of(const char *s)
{
    nsec t = 12345;
    struct err e;

    if (value_time(s, &t, &e) < 0)
        fail_msg("%s", e.text);
    return t;
}

static uint64_t bytes_of(const char *s)
{
    uint64_t n = 12345;
    struct err e;

    if (value_bytes(s, &n, &e) < 0)
        fail_msg("%s", e.text);
    return n;
}

static uint64_t rate_of(const char *s)
{
    uint64_t n = 12345;
    struct err e;

    if (value_rate(s, &n, &e) < 0)
        fail_msg("%s", e.text);
    return n;
}

static double fraction_of(const char *s)
{
    double x = 12345;
    struct err e;

    if (value_fraction(s, &x, &e) < 0)
        fail_msg("%s", e.text);
    return x;
}

static void times_are_exact_to_the_nanosecond(void **s)
{
    (void)s;
    assert_int_equal(MSEC(50), time_of("50ms"));
    assert_int_equal(USEC(250), time_of("0.25ms"));
    assert_int_equal(USEC(250), time_of("250us"));
    assert_int_equal(1, time_of("0.000000001s"));
    assert_int_equal(7, time_of("7ns"));
    assert_int_equal(SEC(90), time_of("1.5m"));
    assert_int_equal(SEC(3600) * 24, time_of("24h"));
    assert_int_equal(333333333, time_of("0.33333333333333333333s"));
    assert_int_equal(MSEC(1) + 1, time_of("1.000001ms"));
}

static void zero_is_the_only_time_without_a_unit(void **s)
{
    struct err e;
    nsec t;

    (void)s;
    assert_int_equal(0, time_of("0"));
    assert_int_equal(0, time_of("0.0"));
    assert_int_equal(0, time_of("0h"));
    assert_int_equal(-EINVAL, value_time("50", &t, &e));
    assert_string_equal("'50' has no unit", e.text);
    assert_string_equal("a time such as 50ms (h m s ms us ns)", e.hint);
    assert_int_equal(-EINVAL, value_time("0.5", &t, &e));
}

static void the_nearest_unit_is_suggested(void **s)
{
    struct err e;
    nsec t;
    uint64_t n;

    (void)s;
    assert_int_equal(-EINVAL, value_time("5mss", &t, &e));
    assert_string_equal("unknown unit 'mss' in '5mss'", e.text);
    assert_string_equal("did you mean 'ms'?", e.hint);
    assert_int_equal(-EINVAL, value_rate("10mbits", &n, &e));
    assert_string_equal("did you mean 'mbit'?", e.hint);
}

static void sizes_are_those_of_redis_conf(void **s)
{
    (void)s;
    assert_int_equal(100, bytes_of("100"));
    assert_int_equal(100, bytes_of("100b"));
    assert_int_equal(1000, bytes_of("1k"));
    assert_int_equal(1024, bytes_of("1kb"));
    assert_int_equal(1000000, bytes_of("1m"));
    assert_int_equal(8388608, bytes_of("8MB"));
    assert_int_equal(1000000000, bytes_of("1g"));
    assert_int_equal(1073741824, bytes_of("1Gb"));
    assert_int_equal(1536, bytes_of("1.5kb"));
    assert_int_equal(0, bytes_of("0"));
}

static void rates_are_bytes_or_bits_a_second(void **s)
{
    (void)s;
    assert_int_equal(100, rate_of("100"));
    assert_int_equal(102400, rate_of("100kb"));
    assert_int_equal(102400, rate_of("100kb/s"));
    assert_int_equal(125, rate_of("1kbit"));
    assert_int_equal(1250000, rate_of("10mbit"));
    assert_int_equal(1250000, rate_of("10mbit/s"));
    assert_int_equal(125000000, rate_of("1gbit"));
    assert_int_equal(187500, rate_of("1.5mbit"));
    assert_int_equal(50, rate_of("50/s"));
}

static void fractions_are_percent_or_parts_of_one(void **s)
{
    (void)s;
    assert_true(fraction_of("5%") == 0.05);
    assert_true(fraction_of("0.05") == 0.05);
    assert_true(fraction_of("100%") == 1.0);
    assert_true(fraction_of("1") == 1.0);
    assert_true(fraction_of("0%") == 0.0);
    assert_true(fraction_of("0.1%") == 0.001);
    assert_true(fraction_of("33.3%") == 0.333);
}

static void more_than_all_is_refused(void **s)
{
    struct err e;
    double x;

    (void)s;
    assert_int_equal(-EINVAL, value_fraction("101%", &x, &e));
    assert_int_equal(-EINVAL, value_fraction("100.0001%", &x, &e));
    assert_int_equal(-EINVAL, value_fraction("1.1", &x, &e));
    assert_int_equal(-EINVAL, value_fraction("50", &x, &e));
    assert_int_equal(-EINVAL, value_fraction("99999999999999999999999%", &x, &e));
}

static void overflow_is_refused_and_never_wraps(void **s)
{
    struct err e;
    uint64_t n;

    (void)s;
    assert_int_equal(UINT64_MAX - 1, bytes_of("18446744073709551614"));
    assert_int_equal(-EINVAL, value_bytes("18446744073709551615", &n, &e));
    assert_int_equal(-EINVAL, value_bytes("18446744073709551616", &n, &e));
    assert_int_equal(-EINVAL, value_bytes("99999999999gb", &n, &e));
    assert_string_equal("'99999999999gb' is too large", e.text);
    assert_int_equal(-EINVAL, value_time("9999999h", &n, &e));
    assert_int_equal(-EINVAL, value_count("18446744073709551616", &n, &e));
    assert_int_equal(-EINVAL, value_rate("18446744073709551g", &n, &e));
}

static void counts_are_whole(void **s)
{
    uint64_t n;
    struct err e;

    (void)s;
    assert_int_equal(0, value_count("0", &n, &e));
    assert_int_equal(0, n);
    assert_int_equal(0, value_count("0020", &n, &e));
    assert_int_equal(20, n);
    assert_int_equal(-EINVAL, value_count("1.5", &n, &e));
    assert_string_equal("'1.5' is not a whole number", e.text);
    assert_int_equal(-EINVAL, value_count("1k", &n, &e));
}

static void nonsense_is_refused_by_every_parser(void **s)
{
    struct err e;
    uint64_t n = 7;
    double x = 7;

    (void)s;
    for (size_t i = 0; hostile[i]; i++) {
        assert_int_equal(-EINVAL, value_time(hostile[i], &n, &e));
        assert_true(e.text[0] != '\0');
        assert_int_equal(-EINVAL, value_bytes(hostile[i], &n, NULL));
        assert_int_equal(-EINVAL, value_rate(hostile[i], &n, NULL));
        assert_int_equal(-EINVAL, value_count(hostile[i], &n, NULL));
        assert_int_equal(-EINVAL, value_fraction(hostile[i], &x, NULL));
    }
    assert_int_equal(7, n);
    assert_true(x == 7);
}

static void ten_kilobytes_are_refused_in_one_line(void **s)
{
    static char huge[10241];
    struct err e;
    uint64_t n;

    (void)s;
    memset(huge, '9', sizeof huge - 1);
    assert_int_equal(-EINVAL, value_time(huge, &n, &e));
    assert_true(strlen(e.text) < 100);
    assert_int_equal(-EINVAL, value_count(huge, &n, &e));
    memset(huge, '0', sizeof huge - 1);
    assert_int_equal(0, value_count(huge, &n, &e));
    memset(huge, 'x', sizeof huge - 1);
    assert_int_equal(-EINVAL, value_rate(huge, &n, &e));
    assert_true(strlen(e.text) < 100);
}

static const char *time_text(nsec t)
{
    static char buf[64];

    return value_print_time(t, buf, sizeof buf);
}

static const char *bytes_text(uint64_t n)
{
    static char buf[64];

    return value_print_bytes(n, buf, sizeof buf);
}

static void times_print_as_people_write_them(void **s)
{
    (void)s;
    assert_string_equal("0", time_text(0));
    assert_string_equal("50ms", time_text(MSEC(50)));
    assert_string_equal("100ms", time_text(MSEC(100)));
    assert_string_equal("250us", time_text(USEC(250)));
    assert_string_equal("1.5ms", time_text(USEC(1500)));
    assert_string_equal("1001ms", time_text(MSEC(1001)));
    assert_string_equal("90s", time_text(SEC(90)));
    assert_string_equal("1h", time_text(SEC(3600)));
    assert_string_equal("1000000001ns", time_text(SEC(1) + 1));
    assert_string_equal("never", time_text(NSEC_NEVER));
}

static void sizes_print_as_people_write_them(void **s)
{
    (void)s;
    assert_string_equal("0", bytes_text(0));
    assert_string_equal("100", bytes_text(100));
    assert_string_equal("64kb", bytes_text(65536));
    assert_string_equal("1k", bytes_text(1000));
    assert_string_equal("1448", bytes_text(1448));
    assert_string_equal("1500", bytes_text(1500));
    assert_string_equal("1.5gb", bytes_text(3ull << 29));
}

static uint64_t any_number(void)
{
    uint64_t n = (uint64_t)rand() * 2654435761u ^ (uint64_t)rand() << 32;

    if (rand() % 2)
        return n % 100 * (uint64_t[]){1, 1000, 1024, 1000000, 1 << 20}[rand() % 5];
    return n >> rand() % 64;
}

static void what_is_printed_reads_back_the_same(void **s)
{
    char buf[64];

    (void)s;
    srand(1);
    for (int i = 0; i < 20000; i++) {
        uint64_t n = any_number();
        double x = fraction_of(value_print_fraction((double)(n % 10001) / 1e4, buf, 64));

        if (n < UINT64_MAX) {
            assert_int_equal(n, time_of(value_print_time(n, buf, sizeof buf)));
            assert_int_equal(n, bytes_of(value_print_bytes(n, buf, sizeof buf)));
        }
        assert_true(x == fraction_of(value_print_fraction(x, buf, sizeof buf)));
    }
    assert_string_equal("7%", value_print_fraction(0.07, buf, sizeof buf));
    assert_string_equal("0.1%", value_print_fraction(0.001, buf, sizeof buf));
    assert_string_equal("100%", value_print_fraction(1, buf, sizeof buf));
    assert_string_equal("0%", value_print_fraction(0, buf, sizeof buf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_exact_to_the_nanosecond),
        cmocka_unit_test(zero_is_the_only_time_without_a_unit),
        cmocka_unit_test(the_nearest_unit_is_suggested),
        cmocka_unit_test(sizes_are_those_of_redis_conf),
        cmocka_unit_test(rates_are_bytes_or_bits_a_second),
        cmocka_unit_test(fractions_are_percent_or_parts_of_one),
        cmocka_unit_test(more_than_all_is_refused),
        cmocka_unit_test(overflow_is_refused_and_never_wraps),
        cmocka_unit_test(counts_are_whole),
        cmocka_unit_test(nonsense_is_refused_by_every_parser),
        cmocka_unit_test(ten_kilobytes_are_refused_in_one_line),
        cmocka_unit_test(times_print_as_people_write_them),
        cmocka_unit_test(sizes_print_as_people_write_them),
        cmocka_unit_test(what_is_printed_reads_back_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_ranges.c -- sets of numbers, there and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ranges.h"

static const struct {
    const char *bits, *text;
} sets[] = {
    {"", ""},           {"0000", ""},   {"1", "1"},      {"0001", "4"},
    {"1111", "1-4"},    {"110", "1-2"}, {"0110", "2-3"}, {"1011011", "1,3-4,6-7"},
    {"10101", "1,3,5"},
};

static void read_bits(const char *bits, bool *in)
{
    for (size_t i = 0; bits[i] != '\0'; i++)
        in[i] = bits[i] == '1';
}

static void a_set_is_written_as_people_do_and_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        size_t n = strlen(sets[i].bits);
        bool in[16], back[16];
        char buf[64];

        read_bits(sets[i].bits, in);
        assert_string_equal(sets[i].text, ranges_print(in, n, buf, sizeof buf));
        assert_int_equal(0, ranges_parse(buf, back, n));
        assert_memory_equal(in, back, n * sizeof *in);
    }
}

static void what_does_not_fit_is_not_cut(void **state)
{
    bool in[5] = {true, false, true, false, true};
    char buf[6];

    (void)state;
    assert_string_equal("1,3,5", ranges_print(in, 5, buf, 6));
    assert_null(ranges_print(in, 5, buf, 5));
    assert_null(ranges_print(in, 5, buf, 2));
}

static void what_is_no_set_is_refused(void **state)
{
    static const char *const wrong[] = {"0",   "6",   "x",    "1-",
                                        "-3",  "3-1", "1,,2", "1,",
                                        ",1",  "1-9", "1 2",  "18446744073709551617",
                                        "1--2"};
    bool in[5];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(-EINVAL, ranges_parse(wrong[i], in, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_is_written_as_people_do_and_read_back),
        cmocka_unit_test(what_does_not_fit_is_not_cut),
        cmocka_unit_test(what_is_no_set_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

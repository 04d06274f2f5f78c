/* test_err.c -- messages stay one line, and the nearest word is the one meant. */
#include "err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

static const char *const words[] = {"latency", "bandwidth", "hang",  "close",
                                    "reset",   "limit",     "slice", NULL};

static void setting_an_error_answers_its_code(void **s)
{
    struct err e;

    (void)s;
    assert_int_equal(-EINVAL, err_set(&e, -EINVAL, "no node '%s'", "r9"));
    assert_int_equal(-EINVAL, e.code);
    assert_string_equal("no node 'r9'", e.text);
    assert_int_equal(-ENOENT, err_set(NULL, -ENOENT, "%s", "only the code is wanted"));
    err_hint(NULL, "nobody listens");
    err_place(NULL, 1, 2);
}

static void the_printed_line_has_text_place_and_hint(void **s)
{
    struct err e;
    char buf[600];

    (void)s;
    err_set(&e, -EINVAL, "unknown fault 'latancy'");
    assert_string_equal("unknown fault 'latancy'", err_print(&e, buf, sizeof buf));
    err_place(&e, 0, 31);
    assert_string_equal("unknown fault 'latancy' (column 31)",
                        err_print(&e, buf, sizeof buf));
    err_place(&e, 3, 14);
    err_hint(&e, "did you mean '%s'?", "latency");
    assert_string_equal("unknown fault 'latancy' (line 3, column 14); hint: did you mean "
                        "'latency'?",
                        err_print(&e, buf, sizeof buf));
    err_place(&e, 3, 0);
    err_set(&e, -EINVAL, "another");
    assert_string_equal("another", err_print(&e, buf, sizeof buf));
}

static void a_small_buffer_gets_a_terminated_beginning(void **s)
{
    struct err e;
    char buf[8];

    (void)s;
    err_set(&e, -EINVAL, "a long story");
    assert_string_equal("a long ", err_print(&e, buf, sizeof buf));
}

static void whatever_was_typed_the_message_is_one_bounded_line(void **s)
{
    static char huge[10001];
    struct err e;

    (void)s;
    memset(huge, 'x', sizeof huge - 1);
    err_set(&e, -EINVAL, "unknown '%s'", huge);
    assert_int_equal(ERR_MAX - 1, strlen(e.text));
    err_hint(&e, "%s", huge);
    assert_int_equal(ERR_MAX - 1, strlen(e.hint));
    err_set(&e, -EINVAL, "unknown '%s'", "a\nb\t\x1b[31m\x7f");
    assert_string_equal("unknown 'a?b??[31m?'", e.text);
}

static void the_nearest_word_is_found_through_common_slips(void **s)
{
    (void)s;
    assert_string_equal("latency", err_nearest("latancy", words));
    assert_string_equal("latency", err_nearest("latnecy", words));
    assert_string_equal("latency", err_nearest("LATENCY", words));
    assert_string_equal("latency", err_nearest("latenc", words));
    assert_string_equal("bandwidth", err_nearest("bandwith", words));
    assert_string_equal("reset", err_nearest("rset", words));
    assert_string_equal("hang", err_nearest("hnag", words));
}

static void nothing_near_is_no_suggestion(void **s)
{
    static char huge[10001];

    (void)s;
    memset(huge, 'x', sizeof huge - 1);
    assert_null(err_nearest("blackhole", words));
    assert_null(err_nearest("", words));
    assert_null(err_nearest("x", words));
    assert_null(err_nearest("lomot", words));
    assert_null(err_nearest(huge, words));
    assert_null(err_nearest("latency", (const char *const[]){NULL}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_answers_its_code),
        cmocka_unit_test(the_printed_line_has_text_place_and_hint),
        cmocka_unit_test(a_small_buffer_gets_a_terminated_beginning),
        cmocka_unit_test(whatever_was_typed_the_message_is_one_bounded_line),
        cmocka_unit_test(the_nearest_word_is_found_through_common_slips),
        cmocka_unit_test(nothing_near_is_no_suggestion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

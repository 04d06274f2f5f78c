/* test_sheet.c -- a sheet says the same to people, to programs and to claims. */
#include "sheet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct sheet filled(void)
{
    struct sheet s = {.n = 0};

    sheet_text(&s, "probe", "%s", "retry");
    sheet_number(&s, "sent_again", 11, "too often");
    sheet_number(&s, "slowest_ms", 12.5, "");
    sheet_number(&s, "silence_ms", (double)NAN, "");
    return s;
}

static char *printed(const struct sheet *s)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    sheet_print(s, f);
    fclose(f);
    return text;
}

static void the_text_names_each_fact_and_its_remark(void **state)
{
    struct sheet s = filled();
    char *text = printed(&s);

    (void)state;
    assert_non_null(strstr(text, "  probe             retry\n"));
    assert_non_null(strstr(text, "  sent again               11   too often\n"));
    assert_non_null(strstr(text, "  slowest                12.5 ms\n"));
    assert_non_null(strstr(text, "  silence                   -"));
    free(text);
}

static void the_object_has_the_names_with_null_for_what_was_not_measured(void **state)
{
    struct sheet s = filled();
    json_t *all = sheet_json(&s);
    char *text = json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(4));

    (void)state;
    assert_string_equal(text, "{\"probe\":\"retry\",\"sent_again\":11,"
                              "\"slowest_ms\":12.5,\"silence_ms\":null}");
    free(text);
    json_decref(all);
}

static void errors_are_told_by_name_and_only_those_that_occurred(void **state)
{
    struct troubles t = {.n = {0}};
    struct sheet s = {.n = 0, .errors = &t};
    json_t *all;
    char *text = printed(&s);

    (void)state;
    assert_string_equal(text, "");
    free(text);
    t.n[TROUBLE_RESET] = 2;
    t.n[TROUBLE_LOADING] = 1;
    text = printed(&s);
    assert_string_equal(text, "  errors            reset 2, LOADING 1\n");
    all = sheet_json(&s);
    assert_int_equal(json_object_size(json_object_get(all, "errors")), 2);
    json_decref(all);
    free(text);
}

static bool met(const char *claim)
{
    struct sheet s = filled();
    struct err e;
    bool yes = false;

    if (sheet_claim(&s, claim, &yes, &e) < 0)
        fail_msg("%s: %s", claim, e.text);
    return yes;
}

static void claims_compare_with_a_number_of_the_sheet(void **state)
{
    (void)state;
    assert_true(met("sent_again==11"));
    assert_false(met("sent_again==12"));
    assert_true(met("sent_again<=11"));
    assert_false(met("sent_again<11"));
    assert_true(met("sent_again>=11"));
    assert_false(met("sent_again>11"));
    assert_true(met("sent_again > 10.5"));
}

static void a_time_is_compared_with_a_time_or_with_milliseconds(void **state)
{
    (void)state;
    assert_true(met("slowest_ms<13ms"));
    assert_false(met("slowest_ms<0.01s"));
    assert_true(met("slowest_ms==12.5"));
}

static void a_claim_about_what_was_not_measured_is_not_met(void **state)
{
    (void)state;
    assert_false(met("silence_ms<1h"));
    assert_false(met("silence_ms>=0"));
}

static void a_wrong_claim_is_refused_with_a_way_out(void **state)
{
    static const struct {
        const char *claim, *text, *hint;
    } wrong[] = {
        {"sent_agin==0", "'sent_agin'", "did you mean 'sent_again'"},
        {"elephants==0", "'elephants'", "-o json"},
        {"", "''", "-o json"},
        {"probe==retry", "'probe'", ""},
        {"sent_again", "no comparison", "sent_again==0"},
        {"sent_again=!0", "'!0'", "number"},
        {"sent_again!=0", "no comparison", "sent_again==0"},
        {"sent_again==", "''", "a number"},
        {"sent_again==many", "'many'", "a number"},
        {"sent_again==-1", "'-1'", "a number"},
        {"sent_again==5ms", "'5ms'", "a number"},
        {"slowest_ms<fast", "'fast'", "50ms"},
        {"slowest_ms<nan", "'nan'", "50ms"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct sheet s = filled();
        struct err e = {.code = 0};
        bool yes = true;

        assert_int_equal(sheet_claim(&s, wrong[i].claim, &yes, &e), -EINVAL);
        if (!strstr(e.text, wrong[i].text) || !strstr(e.hint, wrong[i].hint))
            fail_msg("%s: '%s' '%s'", wrong[i].claim, e.text, e.hint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_names_each_fact_and_its_remark),
        cmocka_unit_test(the_object_has_the_names_with_null_for_what_was_not_measured),
        cmocka_unit_test(errors_are_told_by_name_and_only_those_that_occurred),
        cmocka_unit_test(claims_compare_with_a_number_of_the_sheet),
        cmocka_unit_test(a_time_is_compared_with_a_time_or_with_milliseconds),
        cmocka_unit_test(a_claim_about_what_was_not_measured_is_not_met),
        cmocka_unit_test(a_wrong_claim_is_refused_with_a_way_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_limit.c -- how many bytes pass before the end. */
#include "drive.h"

static void bytes_pass_until_the_limit_falls_inside_a_run(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "limit 10");
    drive_same(VERDICT_PASS, drive_frame(&d));
    drive_same(VERDICT_PASS, drive_bytes(&d, 4));
    drive_same(VERDICT_PASS, drive_bytes(&d, 5));
    drive_same((struct verdict){.cut = 1, .close = CLOSE_FIN}, drive_bytes(&d, 4));
    drive_close(&d);
}

static void the_last_byte_of_the_limit_passes_and_ends_it(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "limit 10 then=reset");
    drive_same(VERDICT_PASS, drive_bytes(&d, 9));
    drive_same((struct verdict){.cut = 1, .close = CLOSE_RST}, drive_bytes(&d, 1));
    drive_same((struct verdict){.cut = 0, .close = CLOSE_RST}, drive_bytes(&d, 1));
    drive_close(&d);
}

static void a_limit_of_zero_ends_it_at_the_first_byte(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "limit 0");
    drive_same((struct verdict){.cut = 0, .close = CLOSE_FIN}, drive_bytes(&d, 1));
    drive_close(&d);
}

static void exactly_the_limit_passes_however_it_is_sliced(void **s)
{
    struct drive d;

    (void)s;
    for (size_t slice = 1; slice <= 300; slice++) {
        size_t passed = 0;
        struct verdict v;

        drive_open(&d, "limit 250");
        do {
            v = drive_bytes(&d, slice);
            passed += v.cut < slice ? v.cut : slice;
        } while (v.close == CLOSE_NO);
        assert_int_equal(250, passed);
        drive_close(&d);
    }
}

static void what_is_no_limit_is_refused(void **s)
{
    struct err e;

    (void)s;
    drive_refused("limit", &e);
    assert_string_equal("such as: do limit 64kb then=reset", e.hint);
    drive_refused("limit -1", &e);
    drive_refused("limit 1 then=hang", &e);
    assert_string_equal("close or reset", e.hint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_until_the_limit_falls_inside_a_run),
        cmocka_unit_test(the_last_byte_of_the_limit_passes_and_ends_it),
        cmocka_unit_test(a_limit_of_zero_ends_it_at_the_first_byte),
        cmocka_unit_test(exactly_the_limit_passes_however_it_is_sliced),
        cmocka_unit_test(what_is_no_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

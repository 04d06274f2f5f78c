/* test_hang.c -- what is held. */
#include "drive.h"

static void what_matches_is_held_for_good_and_nothing_else_is_ordered(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "hang");
    drive_same((struct verdict){.delay = NSEC_NEVER, .cut = SIZE_MAX}, drive_frame(&d));
    drive_same(VERDICT_PASS, drive_bytes(&d, 1));
    assert_int_equal(LANE_BOTH, d.rule->lane);
    drive_close(&d);
}

static void it_takes_no_parameter(void **s)
{
    struct err e;

    (void)s;
    drive_refused("hang 5s", &e);
    assert_string_equal("unexpected '5s'", e.text);
    drive_refused("hang time=5s", &e);
    assert_string_equal("it takes none", e.hint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_matches_is_held_for_good_and_nothing_else_is_ordered),
        cmocka_unit_test(it_takes_no_parameter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

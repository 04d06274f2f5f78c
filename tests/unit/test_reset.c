/* test_reset.c -- how the connection ends, and after how much of a frame. */
#include "drive.h"

static void the_connection_ends_before_the_frame(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "reset");
    drive_same((struct verdict){.cut = 0, .close = CLOSE_RST}, drive_frame(&d));
    assert_int_equal(LANE_REQUESTS, d.rule->lane);
    drive_close(&d);
}

static void some_of_the_frame_may_go_first(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "reset keep=7");
    drive_same((struct verdict){.cut = 7, .close = CLOSE_RST}, drive_frame(&d));
    drive_close(&d);
    drive_open(&d, "reset 1kb");
    drive_same((struct verdict){.cut = 1024, .close = CLOSE_RST}, drive_frame(&d));
    drive_close(&d);
}

static void a_weaker_order_does_not_undo_a_stronger_one(void **s)
{
    struct verdict v = {.cut = 3, .close = CLOSE_RST};
    struct drive d;

    (void)s;
    drive_open(&d, "reset keep=7");
    d.rule->fault->on_frame(d.rule->conf, d.state, &(struct unit){0}, &v);
    drive_same((struct verdict){.cut = 3, .close = CLOSE_RST}, v);
    drive_close(&d);
}

static void what_is_no_size_is_refused(void **s)
{
    struct err e;

    (void)s;
    drive_refused("reset keep=-1", &e);
    drive_refused("reset keep=", &e);
    drive_refused("reset keep=18446744073709551614", &e);
    assert_string_equal("0 or more", e.hint);
    drive_refused("reset kep=1", &e);
    assert_string_equal("did you mean 'keep'? it takes keep after idle", e.hint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_connection_ends_before_the_frame),
        cmocka_unit_test(some_of_the_frame_may_go_first),
        cmocka_unit_test(a_weaker_order_does_not_undo_a_stronger_one),
        cmocka_unit_test(what_is_no_size_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

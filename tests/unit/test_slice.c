/* test_slice.c -- how large the pieces of a frame are. */
#include "drive.h"

static void a_frame_goes_in_pieces_of_one_size(void **s)
{
    struct drive d;

    (void)s;
    drive_open(&d, "slice 16");
    drive_same((struct verdict){.cut = SIZE_MAX, .slice = 16}, drive_frame(&d));
    drive_close(&d);
    drive_open(&d, "slice 1 gap=1ms");
    drive_same((struct verdict){.cut = SIZE_MAX, .slice = 1, .gap = MSEC(1)},
               drive_frame(&d));
    drive_close(&d);
}

static void the_size_varies_over_its_whole_range(void **s)
{
    int count[40] = {0};
    struct drive d;

    (void)s;
    drive_open(&d, "slice 16 variation=15");
    for (int i = 0; i < 31000; i++) {
        size_t size = drive_frame(&d).slice;

        assert_in_range(size, 1, 31);
        count[size]++;
    }
    for (int size = 1; size <= 31; size++)
        assert_in_range(count[size], 850, 1150);
    drive_close(&d);
}

static void of_two_slices_the_smaller_counts(void **s)
{
    struct verdict v = {.slice = 8, .gap = MSEC(2)};
    struct drive d;

    (void)s;
    drive_open(&d, "slice 16 gap=1ms");
    d.rule->fault->on_frame(d.rule->conf, d.state, &(struct unit){0}, &v);
    assert_int_equal(8, v.slice);
    assert_int_equal(MSEC(2), v.gap);
    drive_close(&d);
}

static void what_cannot_be_sliced_is_refused(void **s)
{
    struct err e;

    (void)s;
    drive_refused("slice 0", &e);
    assert_string_equal("1 to 1gb", e.hint);
    drive_refused("slice", &e);
    drive_refused("slice 2gb", &e);
    drive_refused("slice 8 variation=8", &e);
    assert_string_equal("variation must be less than size", e.text);
    assert_int_equal(14, e.column);
    drive_refused("slice 8 gap=1", &e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_goes_in_pieces_of_one_size),
        cmocka_unit_test(the_size_varies_over_its_whole_range),
        cmocka_unit_test(of_two_slices_the_smaller_counts),
        cmocka_unit_test(what_cannot_be_sliced_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_tally.c -- what clients were told, against what servers have done. */
#include "tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void what_ran_without_an_answer_is_told_apart_from_what_did_not(void **state)
{
    struct tally t = {0};

    (void)state;
    tally_command(&t, TOLD_DONE, 1);
    tally_command(&t, TOLD_NOTHING, 1);
    tally_command(&t, TOLD_NOTHING, 0);
    tally_command(&t, TOLD_NOTHING, 0);
    tally_batch_end(&t);
    assert_int_equal(t.meant, 4);
    assert_int_equal(t.answered, 1);
    assert_int_equal(t.unknown, 3);
    assert_int_equal(t.unknown_ran, 1);
    assert_int_equal(t.ran, 2);
    assert_int_equal(t.gone, 0);
    assert_int_equal(t.half_done, 1);
}

static void a_command_that_ran_three_times_is_one_that_ran_more_than_once(void **state)
{
    struct tally t = {0};

    (void)state;
    tally_command(&t, TOLD_DONE, 3);
    tally_command(&t, TOLD_DONE, 1);
    assert_int_equal(t.twice, 1);
    assert_int_equal(t.ran, 4);
}

static void an_answered_command_that_never_ran_is_gone(void **state)
{
    struct tally t = {0};

    (void)state;
    tally_command(&t, TOLD_DONE, 0);
    assert_int_equal(t.gone, 1);
    assert_int_equal(t.answered, 1);
}

static void a_command_that_was_refused_is_neither_answered_nor_unknown(void **state)
{
    struct tally t = {0};

    (void)state;
    tally_command(&t, TOLD_REFUSED, 0);
    tally_command(&t, TOLD_DONE, 1);
    tally_batch_end(&t);
    assert_int_equal(t.meant, 2);
    assert_int_equal(t.answered, 1);
    assert_int_equal(t.unknown, 0);
    assert_int_equal(t.gone, 0);
    assert_int_equal(t.half_done, 1);
}

static void a_batch_is_half_done_only_if_some_ran_and_some_did_not(void **state)
{
    struct tally t = {0};

    (void)state;
    for (int ran = 0; ran < 2; ran++) { /* none, then all */
        tally_command(&t, TOLD_NOTHING, (uint64_t)ran);
        tally_command(&t, TOLD_NOTHING, (uint64_t)ran);
        tally_batch_end(&t);
        assert_int_equal(t.half_done, 0);
    }
    tally_command(&t, TOLD_NOTHING, 0);
    tally_command(&t, TOLD_DONE, 2);
    tally_batch_end(&t);
    assert_int_equal(t.half_done, 1);
    tally_batch_end(&t);
    assert_int_equal(t.half_done, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ran_without_an_answer_is_told_apart_from_what_did_not),
        cmocka_unit_test(a_command_that_ran_three_times_is_one_that_ran_more_than_once),
        cmocka_unit_test(an_answered_command_that_never_ran_is_gone),
        cmocka_unit_test(a_command_that_was_refused_is_neither_answered_nor_unknown),
        cmocka_unit_test(a_batch_is_half_done_only_if_some_ran_and_some_did_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

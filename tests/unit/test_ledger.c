/* Writes, what was answered, and what of it is found in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ledger.h"

static uint64_t write_to(struct ledger *l, uint8_t node, enum fate fate, nsec at)
{
    uint64_t value = ledger_begin(l, 1, node, at);

    if (fate != FATE_OPEN)
        ledger_end(l, value, fate, at);
    return value;
}

static void every_write_adds_another_value(void **state)
{
    struct ledger l = {.entry = NULL};

    (void)state;
    for (uint64_t i = 1; i <= 10000; i++)
        assert_int_equal(i, write_to(&l, 0, FATE_ACKED, i));
    ledger_release(&l);
}

static void what_was_acknowledged_and_is_not_found_is_lost(void **state)
{
    struct ledger l = {.entry = NULL};
    struct ledger_sum s;

    (void)state;
    ledger_found(&l, write_to(&l, 0, FATE_ACKED, 1));
    write_to(&l, 0, FATE_ACKED, 2);
    ledger_found(&l, write_to(&l, 0, FATE_UNKNOWN, 3));
    write_to(&l, 0, FATE_UNKNOWN, 4);
    write_to(&l, 0, FATE_OPEN, 5);
    write_to(&l, 0, FATE_REFUSED, 6);
    ledger_sum(&l, NSEC_NEVER, 9, &s);
    assert_int_equal(6, s.begun);
    assert_int_equal(2, s.acked);
    assert_int_equal(1, s.lost);
    assert_int_equal(3, s.unknown);
    assert_int_equal(1, s.unknown_found);
    assert_int_equal(1, s.refused);
    assert_int_equal(0, s.refused_found);
    assert_int_equal(0, s.by_new + s.by_old);
    ledger_release(&l);
}

static void what_was_refused_and_is_found_is_told(void **state)
{
    struct ledger l = {.entry = NULL};
    struct ledger_sum s;

    (void)state;
    ledger_found(&l, write_to(&l, 0, FATE_REFUSED, 1));
    ledger_found(&l, 77);
    ledger_found(&l, 0);
    ledger_sum(&l, NSEC_NEVER, 9, &s);
    assert_int_equal(1, s.refused_found);
    ledger_release(&l);
}

static void after_a_promotion_the_sides_are_told_apart(void **state)
{
    struct ledger l = {.entry = NULL};
    struct ledger_sum s;

    (void)state;
    write_to(&l, 0, FATE_ACKED, SEC(1)); /* before: of no side */
    write_to(&l, 0, FATE_ACKED, SEC(3));
    ledger_found(&l, write_to(&l, 1, FATE_ACKED, SEC(4)));
    ledger_found(&l, write_to(&l, 1, FATE_ACKED, SEC(5)));
    ledger_found(&l, write_to(&l, 0, FATE_ACKED, SEC(7)));
    write_to(&l, 0, FATE_UNKNOWN, SEC(8));
    ledger_sum(&l, SEC(2), 1, &s);
    assert_int_equal(2, s.by_new);
    assert_int_equal(2, s.by_old);
    assert_int_equal(1, s.lost_by_old);
    assert_int_equal(2, s.lost);
    assert_int_equal(SEC(3), s.old_first);
    assert_int_equal(SEC(7), s.old_last);
    ledger_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_write_adds_another_value),
        cmocka_unit_test(what_was_acknowledged_and_is_not_found_is_lost),
        cmocka_unit_test(what_was_refused_and_is_found_is_told),
        cmocka_unit_test(after_a_promotion_the_sides_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

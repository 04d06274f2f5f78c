/* test_gap.c -- which messages have not arrived, and in how many runs. */
#include "gap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct gaps gaps_in(const char *row)
{
    bool sent[64] = {false}, got[64] = {false};
    size_t n = 0;

    for (; row[n]; n++) {
        sent[n] = row[n] != '-';
        got[n] = row[n] == 'x';
    }
    return gaps_of(sent, got, n);
}

/* x arrived, . lost, - never sent */
static void lost_messages_are_counted_one_by_one_and_as_gaps(void **state)
{
    static const struct {
        const char *row;
        unsigned lost, gaps, longest;
    } cases[] = {
        {"", 0, 0, 0},        {"xxx", 0, 0, 0},      {"...", 3, 1, 3},
        {"x.x", 1, 1, 1},     {"..xx...x", 5, 2, 3}, {"x..", 2, 1, 2},
        {"x.-.x", 2, 1, 2},   {"-----", 0, 0, 0},    {"x-x-x", 0, 0, 0},
        {".x.x.x.", 4, 4, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gaps g = gaps_in(cases[i].row);

        assert_int_equal(g.lost, cases[i].lost);
        assert_int_equal(g.gaps, cases[i].gaps);
        assert_int_equal(g.longest, cases[i].longest);
        assert_int_equal(g.received + g.lost, g.sent);
    }
}

static void what_arrives_without_having_been_acknowledged_is_no_message_of_ours(
    void **state)
{
    bool sent[] = {true, false}, got[] = {false, true};
    struct gaps g = gaps_of(sent, got, 2);

    (void)state;
    assert_int_equal(g.sent, 1);
    assert_int_equal(g.received, 0);
    assert_int_equal(g.lost, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_messages_are_counted_one_by_one_and_as_gaps),
        cmocka_unit_test(
            what_arrives_without_having_been_acknowledged_is_no_message_of_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

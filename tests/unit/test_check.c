/* test_check.c -- what a read is worth, for every way in which a write can end. */
#include "check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "payload.h"
#include "rng.h"

enum fate { ACKED, REFUSED, UNKNOWN };

static struct check *fresh(void)
{
    struct check *c = calloc(1, sizeof *c);

    assert_non_null(c);
    return c;
}

/* Write version v; if it is acknowledged, then at v milliseconds. */
static void write_one(struct check *c, uint64_t v, enum fate fate)
{
    check_begin(c, v);
    if (fate == ACKED)
        check_acked(c, MSEC(v));
    else if (fate == REFUSED)
        check_refused(c);
    else
        check_unknown(c);
}

static void write_up_to(struct check *c, uint64_t last)
{
    while (c->begun < last)
        write_one(c, c->begun + 1, ACKED);
}

static void the_newest_version_is_fresh(void **state)
{
    struct check *c = fresh();
    struct finding f;

    (void)state;
    write_up_to(c, 5);
    f = check_read(c, 5, MSEC(9));
    assert_false(f.stale || f.not_own || f.not_monotonic || f.future);
    free(c);
}

static void an_older_one_is_stale_by_versions_and_by_age(void **state)
{
    struct check *c = fresh();
    struct finding f;

    (void)state;
    write_up_to(c, 10);
    f = check_read(c, 7, MSEC(25));
    assert_true(f.stale && f.not_own);
    assert_int_equal(f.behind, 3);
    assert_int_equal(f.age, MSEC(25) - MSEC(8)); /* 8 is the first that was missed */
    assert_false(f.not_monotonic || f.future);
    free(c);
}

static void no_value_is_version_zero(void **state)
{
    struct check *c = fresh();
    struct finding f;

    (void)state;
    write_up_to(c, 3);
    f = check_read(c, 0, MSEC(5));
    assert_true(f.stale);
    assert_int_equal(f.behind, 3);
    assert_int_equal(f.age, MSEC(4));
    free(c);
}

static void before_any_write_no_value_is_right(void **state)
{
    struct check *c = fresh();
    struct finding f = check_read(c, 0, MSEC(1));

    (void)state;
    assert_false(f.stale || f.future);
    free(c);
}

static void going_back_is_not_monotonic(void **state)
{
    struct check *c = fresh();

    (void)state;
    write_up_to(c, 4);
    assert_false(check_read(c, 2, MSEC(5)).not_monotonic);
    assert_false(check_read(c, 3, MSEC(5)).not_monotonic);
    assert_true(check_read(c, 2, MSEC(5)).not_monotonic);
    assert_false(check_read(c, 3, MSEC(5)).not_monotonic);
    free(c);
}

static void a_read_made_only_to_settle_counts_as_seen(void **state)
{
    struct check *c = fresh();

    (void)state;
    write_up_to(c, 4);
    check_seen(c, 4);
    assert_true(check_read(c, 3, MSEC(5)).not_monotonic);
    free(c);
}

static void what_was_not_yet_written_is_from_the_future(void **state)
{
    struct check *c = fresh();

    (void)state;
    write_up_to(c, 4);
    assert_true(check_read(c, 5, MSEC(5)).future);
    assert_true(check_read(c, CHECK_CORRUPT, MSEC(5)).future);
    assert_false(check_read(c, 4, MSEC(5)).not_monotonic); /* such a read is not seen */
    free(c);
}

static void a_refused_version_must_never_be_seen(void **state)
{
    struct check *c = fresh();

    (void)state;
    write_up_to(c, 2);
    write_one(c, 3, REFUSED);
    write_one(c, 4, ACKED);
    assert_true(check_read(c, 3, MSEC(5)).future);
    assert_true(check_read(c, 2, MSEC(5)).stale);
    free(c);
}

static void a_version_of_unknown_fate_may_or_may_not_be_there(void **state)
{
    struct check *c = fresh();
    struct finding f;

    (void)state;
    write_up_to(c, 2);
    write_one(c, 3, UNKNOWN);
    f = check_read(c, 2, MSEC(5));
    assert_false(f.stale || f.not_own || f.future);
    f = check_read(c, 3, MSEC(5));
    assert_false(f.stale || f.future || f.not_monotonic);
    f = check_read(c, 2, MSEC(5)); /* it was there: now it is gone */
    assert_true(f.not_monotonic);
    assert_false(f.stale);
    free(c);
}

static void an_unknown_write_may_come_late_and_undo_later_ones(void **state)
{
    struct check *c = fresh();
    struct finding f;

    (void)state;
    write_up_to(c, 2);
    write_one(c, 3, UNKNOWN);
    write_one(c, 4, ACKED);
    assert_false(check_read(c, 4, MSEC(5)).stale);
    f = check_read(c, 3, MSEC(6));
    assert_false(f.stale || f.not_own || f.not_monotonic || f.future);
    assert_true(check_read(c, 2, MSEC(6)).stale);
    free(c);
}

static void age_counts_from_the_first_acknowledged_version_that_was_missed(void **state)
{
    struct check *c = fresh();

    (void)state;
    write_up_to(c, 2);
    write_one(c, 3, REFUSED);
    write_one(c, 4, UNKNOWN);
    write_one(c, 5, ACKED);
    write_one(c, 6, ACKED);
    assert_int_equal(check_read(c, 2, MSEC(10)).age, MSEC(10) - MSEC(5));
    free(c);
}

static void a_replica_that_is_stuck_for_ever_has_an_exact_age(void **state)
{
    struct check *c = fresh();
    struct finding f;

    (void)state;
    write_up_to(c, 7);
    for (uint64_t v = 8; v < 20 * CHECK_RING; v++) {
        write_one(c, v, ACKED);
        f = check_read(c, 7, MSEC(v));
        assert_int_equal(f.age, MSEC(v) - MSEC(8));
        assert_int_equal(f.behind, v - 7);
    }
    free(c);
}

static void beyond_memory_an_age_is_a_lower_bound(void **state)
{
    struct check *c = fresh();
    uint64_t last = 3 * CHECK_RING;
    struct finding f;

    (void)state;
    write_up_to(c, last);
    f = check_read(c, 5, MSEC(last));
    assert_true(f.age <= MSEC(last) - MSEC(6));
    assert_true(f.age >= MSEC(CHECK_RING - 1));
    assert_int_equal(f.behind, last - 5);
    free(c);
}

/* More runs of unknown versions than are remembered: nothing is ever held against the
 * server wrongly, and what is recent is still judged. */
static void forgetting_favours_the_server(void **state)
{
    struct check *c = fresh();
    uint64_t v = 0;

    (void)state;
    for (int i = 0; i < 4 * CHECK_SPANS; i++) {
        write_one(c, ++v, ACKED);
        write_one(c, ++v, REFUSED);
        write_one(c, ++v, UNKNOWN);
    }
    write_one(c, ++v, ACKED);
    for (uint64_t old = 2; old < v / 2; old++) {
        assert_false(check_read(c, old, MSEC(v)).stale);
        assert_false(check_read(c, old, MSEC(v)).future);
    }
    assert_true(check_read(c, v - 2, MSEC(v)).future);
    assert_true(check_read(c, v - 3, MSEC(v)).stale);
    free(c);
}

/* The same answers as from the definitions, with all of history at hand. */
struct model {
    enum fate fate[600];
    nsec at[600];
    uint64_t begun, acked, seen;
};

static struct finding judge(struct model *m, uint64_t v, nsec at)
{
    struct finding f = {0};

    f.future = v > m->begun || (v && m->fate[v] == REFUSED);
    if (f.future)
        return f;
    if (v == 0 || m->fate[v] == ACKED) {
        f.stale = f.not_own = v < m->acked;
        f.not_monotonic = v < m->seen;
    }
    for (uint64_t w = v + 1; f.stale && f.age == 0; w++)
        if (m->fate[w] == ACKED)
            f.age = at - m->at[w];
    f.behind = f.stale ? m->acked - v : 0;
    m->seen = v > m->seen ? v : m->seen;
    return f;
}

static void it_agrees_with_the_definitions(void **state)
{
    struct rng r = {7};

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct check *c = fresh();
        struct model m = {.begun = 0};
        enum fate fate = ACKED;

        for (uint64_t v = 1; v < 500; v++) {
            if (rng_below(&r, 40) == 0) /* few enough runs to be remembered */
                fate = fate == ACKED ? (enum fate)(1 + rng_below(&r, 2)) : ACKED;
            if (c->nspans >= CHECK_SPANS - 1)
                fate = ACKED;
            write_one(c, v, fate);
            m.begun = v;
            m.fate[v] = fate;
            m.at[v] = MSEC(v);
            m.acked = fate == ACKED ? v : m.acked;
            for (int k = 0; k < 3; k++) {
                uint64_t back = rng_below(&r, 8) ? rng_below(&r, 5) : rng_below(&r, 400);
                uint64_t got = rng_below(&r, 50) == 0 ? v + 1 : v > back ? v - back : 0;
                struct finding want = judge(&m, got, MSEC(v) + 5);
                struct finding f = check_read(c, got, MSEC(v) + 5);

                assert_int_equal(f.stale, want.stale);
                assert_int_equal(f.not_own, want.not_own);
                assert_int_equal(f.not_monotonic, want.not_monotonic);
                assert_int_equal(f.future, want.future);
                assert_int_equal(f.behind, want.behind);
                assert_int_equal(f.age, want.age);
            }
        }
        free(c);
    }
}

static void a_payload_reads_back_as_its_version(void **state)
{
    static const size_t sizes[] = {0, 1, 3, 4, 5, 20, 21, 1000};
    static const uint64_t versions[] = {1, 9, 10, 827, 123456789012345u};
    char buf[1100];

    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t v = 0; v < sizeof versions / sizeof *versions; v++) {
            size_t n = payload_write(versions[v], sizes[s], buf);

            assert_true(n >= sizes[s]);
            assert_int_equal(payload_read(buf, n, sizes[s]), versions[v]);
        }
}

static void a_damaged_payload_is_corrupt(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } bad[] = {{"", 0},
               {"x", 0},
               {"0", 0},
               {"12x", 0},
               {"-1", 0},
               {"827", 12},
               {"827:xxx", 12},
               {"827:xxxxxxxy", 12},
               {"827xxxxxxxxx", 12},
               {"12345678901234567890123", 0},
               {"OK", 0}};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t n = 0;

        while (bad[i].text[n])
            n++;
        assert_int_equal(payload_read(bad[i].text, n, bad[i].size), CHECK_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_version_is_fresh),
        cmocka_unit_test(an_older_one_is_stale_by_versions_and_by_age),
        cmocka_unit_test(no_value_is_version_zero),
        cmocka_unit_test(before_any_write_no_value_is_right),
        cmocka_unit_test(going_back_is_not_monotonic),
        cmocka_unit_test(a_read_made_only_to_settle_counts_as_seen),
        cmocka_unit_test(what_was_not_yet_written_is_from_the_future),
        cmocka_unit_test(a_refused_version_must_never_be_seen),
        cmocka_unit_test(a_version_of_unknown_fate_may_or_may_not_be_there),
        cmocka_unit_test(an_unknown_write_may_come_late_and_undo_later_ones),
        cmocka_unit_test(age_counts_from_the_first_acknowledged_version_that_was_missed),
        cmocka_unit_test(a_replica_that_is_stuck_for_ever_has_an_exact_age),
        cmocka_unit_test(beyond_memory_an_age_is_a_lower_bound),
        cmocka_unit_test(forgetting_favours_the_server),
        cmocka_unit_test(it_agrees_with_the_definitions),
        cmocka_unit_test(a_payload_reads_back_as_its_version),
        cmocka_unit_test(a_damaged_payload_is_corrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

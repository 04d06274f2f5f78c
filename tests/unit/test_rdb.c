/* The data set on its way to a replica: where it ends, and what rules can do to it. */
#include <stdio.h>

#include "rig.h"

/* Marks and data of two letters: much of the data is nearly the mark. */
static void the_end_of_a_diskless_rdb_is_where_its_mark_is_first(void **state)
{
    struct rng rng = {.s = 5};
    char mark[REPL_ID + 1] = "", data[2000], text[100];

    (void)state;
    for (int round = 0; round < 300; round++) {
        size_t n = rng_below(&rng, 1000), odds = 2 + rng_below(&rng, 30), at = 0;
        struct resp scan;
        struct repl r;

        for (size_t i = 0; i < REPL_ID; i++)
            mark[i] = rng_below(&rng, odds) ? 'a' : 'b';
        for (size_t i = 0; i < n; i++)
            data[i] = rng_below(&rng, odds) ? 'a' : 'b';
        memcpy(data + n, mark, sizeof mark);
        n = (size_t)(strstr(data, mark) - data) + REPL_ID;
        repl_init(&r);
        snprintf(text, sizeof text, "$EOF:%s\r\n", mark);
        (void)repl_next(&r, &scan, (uint8_t *)text, strlen(text));
        while (r.phase == PHASE_RDB && at < n) {
            size_t slice = 1 + rng_below(&rng, 90);

            slice = slice < n - at ? slice : n - at;
            at += repl_next(&r, &scan, (uint8_t *)data + at, slice).len;
        }
        assert_int_equal(n, at);
        assert_int_equal(PHASE_STREAM, r.phase);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_diskless_rdb_is_where_its_mark_is_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

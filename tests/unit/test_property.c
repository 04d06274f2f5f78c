/* Random plans that change at random under random traffic: the model of tests/fuzz, from
 * seeds that are the same each time. `make fuzz` goes further. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "../fuzz/model.h"
#include "rng.h"

#define SECONDS 0.35 /* for each kind of session: there are six */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The seeds come in the same order; a slow machine gets less far. */
static void sessions(uint8_t kind)
{
    double end = now() + SECONDS;
    uint8_t script[2048];

    for (uint64_t seed = 1; now() < end; seed++) {
        struct rng rng = {.s = seed * 8 + kind};
        size_t n = 64 + rng_below(&rng, sizeof script - 64);
        const char *why;

        for (size_t i = 0; i < n; i++)
            script[i] = (uint8_t)rng_next(&rng);
        script[0] = kind;
        why = model_run(script, n);
        if (why)
            fail_msg("kind %d, seed %llu: %s", kind, (unsigned long long)seed, why);
    }
}

static void nothing_is_lost_reordered_or_invented_in_transactions(void **state)
{
    (void)state;
    sessions(0);
}

static void nor_in_subscriptions(void **state)
{
    (void)state;
    sessions(1);
}

static void nor_with_resp3_and_its_push_messages(void **state)
{
    (void)state;
    sessions(2);
}

static void nor_under_monitor(void **state)
{
    (void)state;
    sessions(3);
}

static void nor_when_replies_are_turned_off(void **state)
{
    (void)state;
    sessions(4);
}

static void nor_in_what_is_no_redis_at_all(void **state)
{
    (void)state;
    sessions(6);
}

static void and_nothing_crashes_or_leaks_when_anything_goes(void **state)
{
    (void)state;
    sessions(7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_reordered_or_invented_in_transactions),
        cmocka_unit_test(nor_in_subscriptions),
        cmocka_unit_test(nor_with_resp3_and_its_push_messages),
        cmocka_unit_test(nor_under_monitor),
        cmocka_unit_test(nor_when_replies_are_turned_off),
        cmocka_unit_test(nor_in_what_is_no_redis_at_all),
        cmocka_unit_test(and_nothing_crashes_or_leaks_when_anything_goes),
    };

    return cmocka_run_group_tests_name("property", tests, NULL, NULL);
}

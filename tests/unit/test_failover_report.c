/* What the failover probe makes of what it has seen; and of many runs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failover_report.h"

static const struct failover_conf conf = {.run = "5f3a9c21", .cause = CAUSE_STOP};

static void hear(struct failover_result *r, nsec at, size_t sentinel, const char *name,
                 const char *text)
{
    struct failover_event *e = &r->event[r->events++];

    e->at = at;
    e->sentinel = sentinel;
    snprintf(e->name, sizeof e->name, "%s", name);
    snprintf(e->text, sizeof e->text, "%s", text);
}

/* Broken at 10; down for one sentinel at 11, for the other at 11.5; the third, a replica,
 * is of no interest. */
static void play(struct failover_result *r)
{
    *r = (struct failover_result){.broken = SEC(10), .mended = SEC(15), .ended = SEC(20)};
    r->event = calloc(FAILOVER_EVENTS, sizeof *r->event);
    r->promotion = SEC(12);
    r->promoted = 1;
    r->nodes = 2;
    r->demotion = r->whole = SEC(17);
    r->counted = true;
    strcpy(r->node[0].known, "127.0.2.1:1");
    strcpy(r->node[1].known, "127.0.2.2:1");
    hear(r, SEC(9), 0, "+sdown", "master mymaster 127.0.2.1 1");
    hear(r, SEC(10), 0, "+sdown", "slave 127.0.2.2:1 127.0.2.2 1 @ mymaster");
    hear(r, SEC(11), 0, "+sdown", "master mymaster 127.0.2.1 1");
    hear(r, SEC(11) + MSEC(500), 1, "+sdown", "master mymaster 127.0.2.1 1");
    hear(r, SEC(12), 0, "+promoted-slave", "slave 127.0.2.2:1 127.0.2.2 1 @ mymaster");
    hear(r, SEC(13), 0, "+switch-master", "mymaster 127.0.2.1 1 127.0.2.2 1");
    hear(r, SEC(14), 1, "+switch-master", "mymaster 127.0.2.1 1 127.0.2.2 1");
}

static double number(const struct sheet *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->fact[i].name, name) == 0 && s->fact[i].number)
            return s->fact[i].value;
    fail_msg("nothing is called %s", name);
    return 0;
}

static void times_count_from_the_break_and_are_of_the_master(void **state)
{
    struct failover_result r;
    struct sheet s = {.n = 0};

    (void)state;
    play(&r);
    failover_sheet(&conf, &r, &s);
    assert_float_equal(1000, number(&s, "detection_ms"), 0.01);
    assert_true(isnan(number(&s, "agreement_ms")));
    assert_float_equal(2000, number(&s, "promotion_ms"), 0.01);
    assert_float_equal(2000, number(&s, "told_ms"), 0.01);
    assert_float_equal(3000, number(&s, "published_ms"), 0.01);
    assert_float_equal(4000, number(&s, "published_last_ms"), 0.01);
    assert_float_equal(7000, number(&s, "demoted_ms"), 0.01);
    assert_int_equal(1, (int)number(&s, "failovers"));
    assert_int_equal(2, (int)number(&s, "sdowns"));
    failover_release(&r);
}

static void what_nobody_could_count_is_not_measured(void **state)
{
    struct failover_result r;
    struct sheet s = {.n = 0};
    bool met;
    struct err e;

    (void)state;
    play(&r);
    r.counted = false;
    failover_sheet(&conf, &r, &s);
    assert_true(isnan(number(&s, "lost")));
    assert_int_equal(0, sheet_claim(&s, "lost=0", &met, &e));
    assert_false(met);
    failover_release(&r);
}

static void an_empty_run_has_every_name(void **state)
{
    struct failover_result blank = {.broken = NSEC_NEVER, .mended = NSEC_NEVER};
    struct sheet s = {.n = 0};
    bool met;
    struct err e;

    (void)state;
    failover_sheet(&conf, &blank, &s);
    assert_int_equal(0, sheet_claim(&s, "unavailable<10s", &met, &e));
    assert_int_equal(0, sheet_claim(&s, "dual_master_ms<=0", &met, &e));
}

static void the_timeline_is_in_order_and_begins_with_the_break(void **state)
{
    struct failover_result r;
    struct sheet s = {.n = 0};
    json_t *all, *timeline;
    double last = 0;

    (void)state;
    play(&r);
    failover_sheet(&conf, &r, &s);
    all = failover_json(&r, &s);
    timeline = json_object_get(all, "timeline");
    assert_string_equal("breaks it", json_string_value(json_object_get(
                                         json_array_get(timeline, 0), "what")));
    for (size_t i = 0; i < json_array_size(timeline); i++) {
        double ms = json_number_value(json_object_get(json_array_get(timeline, i), "ms"));

        assert_true(ms >= last);
        last = ms;
    }
    json_decref(all);
    failover_release(&r);
}

static struct sheet with(double value)
{
    struct sheet s = {.n = 0};

    sheet_text(&s, "run", "x");
    sheet_number(&s, "lost", value, "");
    sheet_number(&s, "never_ms", (double)NAN, "");
    return s;
}

static void of_many_runs_the_median_is_told_and_how_far_they_spread(void **state)
{
    struct sheet s[4] = {with(7), with(1), with(3), with((double)NAN)}, median;
    json_t *spread = failover_spread_json(s, 4), *lost;

    (void)state;
    failover_median(s, 4, &median);
    assert_float_equal(3, number(&median, "lost"), 0);
    assert_true(isnan(number(&median, "never_ms")));
    lost = json_object_get(spread, "lost");
    assert_float_equal(1, json_number_value(json_object_get(lost, "min")), 0);
    assert_float_equal(7, json_number_value(json_object_get(lost, "max")), 0);
    assert_int_equal(3, json_integer_value(json_object_get(lost, "runs")));
    assert_true(json_is_null(json_object_get(spread, "never_ms")));
    failover_median(s, 2, &median);
    assert_float_equal(4, number(&median, "lost"), 0);
    json_decref(spread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_count_from_the_break_and_are_of_the_master),
        cmocka_unit_test(what_nobody_could_count_is_not_measured),
        cmocka_unit_test(an_empty_run_has_every_name),
        cmocka_unit_test(the_timeline_is_in_order_and_begins_with_the_break),
        cmocka_unit_test(of_many_runs_the_median_is_told_and_how_far_they_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Scenario files: what is understood, and what is refused with a place and a hint. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include "scenario.h"

static void read_it(struct scenario *s, const char *text)
{
    struct err e = {0};

    if (scenario_parse(s, text, strlen(text), &e) < 0)
        fail_msg("%zu:%zu: %s", e.line, e.column, e.text);
}

static void a_lab_has_what_the_command_has_options_for(void **state)
{
    struct scenario s;

    (void)state;
    read_it(&s,
            "lab: {replicas: 2, sentinels: 3, quorum: 2, down-after: 5s, fast: true,\n"
            "      failover-timeout: 9s, diskless: false, backlog: 64kb, data: 10mb,\n"
            "      min-replicas: '1,7'}\n"
            "for: 1s\n");
    assert_int_equal(2, s.lab.watch.quorum);
    assert_int_equal(SEC(5), s.lab.watch.down_after);
    assert_int_equal(SEC(9), s.lab.watch.failover_timeout);
    assert_true(s.lab.watch.fast && s.lab.tuning.disk && !s.lab.chain);
    assert_int_equal(65536, s.lab.tuning.backlog);
    assert_int_equal(1, s.lab.tuning.min_replicas);
    assert_int_equal(7, s.lab.tuning.max_lag);
    assert_true(s.lab.data >= 10000000);
    scenario_release(&s);
}

static void a_whole_scenario_is_read(void **state)
{
    struct scenario s;

    (void)state;
    read_it(&s, "lab: {replicas: 3, sentinels: 1, persistence: aof}\n"
                "seed: 9\n"
                "rules:\n"
                "  - slow: on client -> * do latency 20ms\n"
                "  - 'on r2 -> r1 do hang for 1s'\n"
                "steps:\n"
                "  - {at: 5s, kill: r1, say: gone, restart: r1}\n"
                "  - {every: 250ms, times: 3, rule: 'on r3 -> r1 do close'}\n"
                "  - {when: rule slow fired, run: [a, b c], name: x}\n"
                "  - {when: session r2->r1 opened, times: 2, run: echo hi}\n"
                "  - at: 6s\n"
                "    name: brain\n"
                "    split: r1 / r2\n"
                "    how: blackhole\n"
                "    one-way: true\n"
                "    for: 2s\n"
                "for: 10s\n"
                "expect:\n"
                "  - fired slow >= 1\n"
                "  - run x exits 0\n"
                "  - node r1 up\n"
                "  - in-sync within 3s\n"
                "  - sessions r2->r1 != 0\n");
    assert_int_equal(3, s.lab.replicas);
    assert_int_equal(1, s.lab.sentinels);
    assert_int_equal(PERSIST_AOF, s.lab.tuning.persistence);
    assert_int_equal(9, s.seed);
    assert_int_equal(2, s.nrules);
    assert_string_equal("slow: on client -> * do latency 20ms", s.rules[0]);
    assert_int_equal(5, s.nsteps);
    assert_int_equal(SEC(5), s.steps[0].time);
    assert_int_equal(3, s.steps[0].actions);
    assert_int_equal(DO_KILL, s.steps[0].action[0].verb);
    assert_int_equal(DO_SAY, s.steps[0].action[1].verb);
    assert_int_equal(DO_RESTART, s.steps[0].action[2].verb);
    assert_int_equal(3, s.steps[1].times);
    assert_string_equal("b c", s.steps[2].action[0].argv[1]);
    assert_null(s.steps[2].action[0].argv[2]);
    assert_int_equal(1, s.steps[2].times);
    assert_string_equal("echo hi", s.steps[3].action[0].argv[2]);
    assert_int_equal(NEWS_SESSION_OPENED, s.steps[3].event.news);
    assert_string_equal("r1", s.steps[3].event.to);
    assert_int_equal(SHAPE_BLACKHOLE, s.steps[4].how);
    assert_true(s.steps[4].one_way);
    assert_int_equal(SEC(2), s.steps[4].life);
    assert_int_equal(SEC(10), s.length);
    assert_int_equal(5, s.nexpect);
    assert_int_equal(OP_GE, s.expect[0].op);
    assert_int_equal(SEC(3), s.expect[3].within);
    assert_int_equal(OP_NE, s.expect[4].op);
    scenario_release(&s);
}

static void an_empty_lab_of_two_replicas_for_a_while_is_fine(void **state)
{
    struct scenario s;

    (void)state;
    read_it(&s, "for: 1s\n");
    assert_int_equal(2, s.lab.replicas);
    assert_int_equal(0, s.lab.sentinels);
    assert_int_equal(0, s.nsteps);
    scenario_release(&s);
}

static void every_comparison_is_what_it_says(void **state)
{
    (void)state;
    assert_true(scenario_holds(OP_EQ, 1, 1) && !scenario_holds(OP_EQ, 1, 2));
    assert_true(scenario_holds(OP_NE, 1, 2) && !scenario_holds(OP_NE, 1, 1));
    assert_true(scenario_holds(OP_GE, 1, 1) && !scenario_holds(OP_GE, 0, 1));
    assert_true(scenario_holds(OP_GT, 2, 1) && !scenario_holds(OP_GT, 1, 1));
    assert_true(scenario_holds(OP_LE, 1, 1) && !scenario_holds(OP_LE, 2, 1));
    assert_true(scenario_holds(OP_LT, 0, 1) && !scenario_holds(OP_LT, 1, 1));
}

static const struct {
    const char *text, *why, *hint;
    size_t line, column;
} wrong[] = {
    {"steps:\n  - {at: 1s, kil: r1}\n", "unknown key 'kil' in a step",
     "did you mean 'kill'?", 2, 14},
    {"steps:\n  - {at: 1s, kill: r9}\n", "there is no node 'r9'", "there is r1 r2 r3", 2,
     20},
    {"steps:\n  - {at: 1s, kill: r*}\n", "there is no node 'r*'", "", 2, 20},
    {"steps:\n  - {at: 1s}\n", "a step does nothing", "such as", 2, 5},
    {"steps:\n  - {kill: r1}\n", "a step needs one of 'at', 'every' and 'when'", "", 2,
     5},
    {"steps:\n  - {at: 1s, every: 1s, kill: r1}\n",
     "a step has one of 'at', 'every' and 'when'", "", 2, 21},
    {"steps:\n  - {at: 1, kill: r1}\n", "'1' has no unit", "such as 50ms", 2, 10},
    {"steps:\n  - {at: 1s, times: 2, kill: r1}\n", "'times' goes with 'every' or 'when'",
     "", 2, 5},
    {"steps:\n  - {every: 0s, kill: r1}\n", "every must be 1ms or more", "", 2, 13},
    {"steps:\n  - {when: rule x fired, kill: r1}\nfor: 1s\n",
     "no rule of this scenario is named 'x'", "NAME.1", 2, 5},
    {"steps:\n  - {when: node r1 dawn, kill: r1}\nfor: 1s\n",
     "'node r1 dawn' is not understood", "write: node r1 up", 2, 12},
    {"steps:\n  - {when: replica s1 up, kill: r1}\nlab: {sentinels: 1}\nfor: 1s\n",
     "there is no node 's1'", "", 2, 5},
    {"steps:\n  - {when: nod r1 up, kill: r1}\nfor: 1s\n", "unknown event 'nod'",
     "did you mean 'node'?", 2, 12},
    {"steps:\n  - {when: node r1 up, kill: r1}\n", "it does not say when it ends",
     "for: 30s", 0, 0},
    {"", "the scenario is empty", "", 0, 0},
    {"lab: {}\n", "it does not say when it ends", "for: 30s", 0, 0},
    {"steps:\n  - {at: 1s, cut: r1}\n", "a cut is between two lists of names, not 'r1'",
     "such as: cut r1 r2", 2, 19},
    {"steps:\n  - {at: 1s, cut: r1 r7}\n", "there is no node or client named 'r7'",
     "there is r1 r2 r3 client", 2, 19},
    {"steps:\n  - {at: 1s, cut: r1 r2, how: hangs}\n", "how cannot be 'hangs'",
     "did you mean 'hang'?", 2, 31},
    {"steps:\n  - {at: 1s, kill: r1, how: hang}\n",
     "'how', 'for' and 'one-way' are about a cut: there is none", "life of a rule", 2, 5},
    {"steps:\n  - at: 1s\n    rule: on r1 -> r2 do hnag\n", "unknown fault 'hnag'",
     "did you mean 'hang'?", 3, 26},
    {"steps:\n  - at: 1s\n    rule: {slow: on r1 -> r2 do hnag}\n",
     "unknown fault 'hnag'", "did you mean 'hang'?", 3, 33},
    {"rules:\n  - on r1 -> r7 do hang\nfor: 1s\n",
     "a rule names 'r7', but there is no such node or client", "there is r1 r2 r3", 2, 5},
    {"rules:\n  - a: on r1 -> r2 do hang\n  - a: on r2 -> r1 do hang\nfor: 1s\n",
     "two rules are named 'a'", "", 0, 0},
    {"steps:\n  - {at: 1s, name: a, say: x}\n  - {at: 2s, name: a, say: y}\n",
     "two steps are named 'a'", "", 3, 5},
    {"steps:\n  - {at: 1s, name: a b, say: x}\n", "'a b' cannot be a name", "letters", 2,
     20},
    {"steps:\n  - {at: 1s, run: []}\n", "run has no command", "", 2, 19},
    {"steps:\n  - {at: 1s, run: ''}\n", "run has no command", "", 2, 19},
    {"for: 1s\nexpect:\n  - fired x >= 1\n", "no rule of this scenario is named 'x'", "",
     3, 5},
    {"for: 1s\nexpect:\n  - run x exits 0\n", "no step with 'run' is named 'x'", "", 3,
     5},
    {"for: 1s\nexpect:\n  - fred x >= 1\n", "unknown expectation 'fred'",
     "did you mean 'fired'?", 3, 5},
    {"for: 1s\nexpect:\n  - in-sync in 5s\n", "'in-sync in 5s' is not understood",
     "write: in-sync within 5s", 3, 5},
    {"for: 1s\nexpect:\n  - in-sync within 5\n", "'5' has no unit", "", 3, 5},
    {"for: 1s\nexpect:\n  - sessions r2 r1 >= 1\n",
     "'sessions r2 r1 >= 1' is not understood", "write: sessions r2 -> r1 >= 1", 3, 5},
    {"for: 1s\nexpect:\n  - node r9 up\n", "there is no node 'r9'", "", 3, 5},
    {"lab: {replicas: 10}\nfor: 1s\n", "at most 9 replicas", "", 1, 17},
    {"lab: {persistence: disk}\nfor: 1s\n", "persistence cannot be 'disk'",
     "one of none rdb aof both", 1, 20},
    {"lab: {replicas: 3, chain: true, sentinels: 3}\nfor: 1s\n",
     "a chain goes without sentinels: they know only those who replicate the master "
     "itself",
     "", 1, 6},
    {"lab: {sentinels: 3, quorum: 4}\nfor: 1s\n",
     "a quorum of 4 of 3 sentinels can never be reached", "", 1, 6},
    {"lab: {min-replicas: 3}\nfor: 1s\n", "min-replicas 3 can never be met by 2 replicas",
     "", 1, 6},
    {"lab: {min-replicas: '1,'}\nfor: 1s\n", "min-replicas cannot be '1,'",
     "a count, or a count and seconds such as 1,10", 1, 21},
    {"lab: {backlog: 1kb}\nfor: 1s\n", "a backlog is at least 16kb: no server takes less",
     "", 1, 16},
    {"steps:\n  - {at: 1s, kill: [r1]}\n", "expected a node, not a list", "", 2, 20},
    {"steps: {at: 1s}\n", "expected a list of steps, not a mapping", "", 1, 8},
    {"for: [\n", "not YAML", "", 2, 1},
};

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct scenario s;
        struct err e = {0};

        if (scenario_parse(&s, wrong[i].text, strlen(wrong[i].text), &e) == 0)
            fail_msg("accepted: %s", wrong[i].text);
        if (strstr(e.text, wrong[i].why) == NULL || strstr(e.hint, wrong[i].hint) == NULL)
            fail_msg("%s is answered with: %s; hint: %s", wrong[i].text, e.text, e.hint);
        if (e.line != wrong[i].line || e.column != wrong[i].column)
            fail_msg("%s is told at %zu:%zu: %s", wrong[i].text, e.line, e.column,
                     e.text);
        scenario_release(&s);
    }
}

/* Whatever is cut out of a sound file: an error or a scenario, and never a leak. */
static void no_prefix_of_a_file_does_harm(void **state)
{
    static const char text[] =
        "lab: {replicas: 2}\nrules: [a: on r2 -> r1 do hang, 'on r1 -> r2 do close']\n"
        "steps:\n  - {at: 1s, cut: r1 r2, name: c, run: [x, y], say: hi}\n"
        "  - {when: rule a fired, end: true}\nexpect: [fired a >= 1, in-sync]\n";

    (void)state;
    for (size_t n = 0; n < sizeof text; n++) {
        struct scenario s;
        struct err e = {0};

        (void)!scenario_parse(&s, text, n, &e);
        scenario_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lab_has_what_the_command_has_options_for),
        cmocka_unit_test(a_whole_scenario_is_read),
        cmocka_unit_test(an_empty_lab_of_two_replicas_for_a_while_is_fine),
        cmocka_unit_test(every_comparison_is_what_it_says),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(no_prefix_of_a_file_does_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_merge.c -- what several proxies answer, as one answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "merge.h"

static const char *const at[] = {"a", "b", "c"};

/* The answers, NULL or JSON, up to three; and what must come of them. */
static void expect(const char *one, const char *two, const char *three, const char *want)
{
    const char *text[] = {one, two, three};
    json_t *answer[3], *all,
        *wanted = want ? json_loads(want, JSON_DECODE_ANY, NULL) : NULL;
    char *got;

    for (size_t i = 0; i < 3; i++)
        answer[i] = text[i] ? json_loads(text[i], JSON_DECODE_ANY, NULL) : NULL;
    all = merge_answers(answer, at, 3);
    got = json_dumps(all, JSON_COMPACT | JSON_ENCODE_ANY);
    if (all != wanted && !json_equal(all, wanted))
        fail_msg("%s, not %s", got, want);
    free(got);
    json_decref(all);
    json_decref(wanted);
    for (size_t i = 0; i < 3; i++)
        json_decref(answer[i]);
}

static void what_all_say_alike_is_said_once(void **state)
{
    (void)state;
    expect(NULL, NULL, NULL, NULL);
    expect("1", "1", "1", "1");
    expect("\"OK\"", "\"OK\"", "\"OK\"", "\"OK\"");
    expect("{\"name\":\"cut-1\"}", "{\"name\":\"cut-1\"}", "{\"name\":\"cut-1\"}",
           "{\"name\":\"cut-1\"}");
    expect("[\"x: on a -> b do hang\"]", "[\"x: on a -> b do hang\"]",
           "[\"x: on a -> b do hang\"]", "[\"x: on a -> b do hang\"]");
}

static void counts_are_added_up_even_when_they_are_alike(void **state)
{
    (void)state;
    expect("{\"accepted\":2}", "{\"accepted\":2}", "{\"accepted\":2}",
           "{\"accepted\":6}");
    expect("{\"t\":0.5}", "{\"t\":1}", "{\"t\":2}", "{\"t\":3.5}");
}

static void of_a_scenario_it_is_told_how_far_all_are_and_what_went_wrong_where(
    void **state)
{
    (void)state;
    expect("{\"state\":\"over\",\"seconds\":2.5,\"done\":2,\"steps\":["
           "{\"at\":\"0ns\",\"verb\":\"HEAL\"},{\"at\":\"1s\",\"verb\":\"HEAL\"}]}",
           "{\"state\":\"over\",\"seconds\":2,\"done\":1,\"steps\":["
           "{\"at\":\"0ns\",\"verb\":\"HEAL\",\"error\":\"no\"},"
           "{\"at\":\"1s\",\"verb\":\"HEAL\"}]}",
           NULL,
           "{\"state\":\"over\",\"seconds\":2.5,\"done\":1,\"steps\":["
           "{\"at\":\"0ns\",\"verb\":\"HEAL\",\"error\":\"b: no\"},"
           "{\"at\":\"1s\",\"verb\":\"HEAL\"}]}");
}

static void of_what_cannot_be_added_the_greatest_is_told(void **state)
{
    (void)state;
    expect("{\"held_max\":5,\"rules\":2}", "{\"held_max\":9,\"rules\":2}",
           "{\"held_max\":7,\"rules\":2}", "{\"held_max\":9,\"rules\":2}");
    expect("{\"seconds_left\":null}", "{\"seconds_left\":1.5}", "{\"seconds_left\":null}",
           "{\"seconds_left\":1.5}");
}

static void seeds_that_differ_are_all_told(void **state)
{
    (void)state;
    expect("{\"seed\":42}", "{\"seed\":42}", "{\"seed\":42}", "{\"seed\":42}");
    expect("{\"seed\":1}", "{\"seed\":2}", "{\"seed\":3}", "{\"seed\":[1,2,3]}");
}

static void things_are_put_together_by_name_and_links_by_their_ends(void **state)
{
    (void)state;
    expect("[{\"name\":\"r1\",\"sessions\":1},{\"name\":\"r2\",\"sessions\":0}]",
           "[{\"name\":\"r2\",\"sessions\":4},{\"name\":\"r1\",\"sessions\":2}]", NULL,
           "[{\"name\":\"r1\",\"sessions\":3},{\"name\":\"r2\",\"sessions\":4}]");
    expect(
        "[{\"from\":\"a\",\"to\":\"b\",\"ever\":1}]",
        "[{\"from\":\"b\",\"to\":\"a\",\"ever\":1}]",
        "[{\"from\":\"a\",\"to\":\"b\",\"ever\":1}]",
        "[{\"from\":\"a\",\"to\":\"b\",\"ever\":2},{\"from\":\"b\",\"to\":\"a\",\"ever\":"
        "1}]");
}

static void texts_that_differ_are_all_told_and_a_doubt_is_a_no(void **state)
{
    (void)state;
    expect("{\"role\":\"master\",\"listening\":true}",
           "{\"role\":\"replica\",\"listening\":false}",
           "{\"role\":\"master\",\"listening\":true}",
           "{\"role\":\"master,replica\",\"listening\":false}");
    expect("{\"at\":\"ab\"}", "{\"at\":\"b\"}", "{\"at\":\"b\"}", "{\"at\":\"ab,b\"}");
}

static void a_rule_that_some_lack_says_on_how_many_it_is(void **state)
{
    (void)state;
    expect("[{\"name\":\"x\",\"rule\":\"s\",\"fired\":1}]", "[]",
           "[{\"name\":\"x\",\"rule\":\"s\",\"fired\":2}]",
           "[{\"name\":\"x\",\"rule\":\"s\",\"fired\":3,\"proxies\":2}]");
}

static void sessions_are_never_put_together_and_say_where_they_are(void **state)
{
    (void)state;
    expect("[{\"id\":1,\"from\":\"x\",\"to\":\"y\"}]", NULL,
           "[{\"id\":1,\"from\":\"x\",\"to\":\"y\"}]",
           "[{\"id\":1,\"from\":\"x\",\"to\":\"y\",\"proxy\":\"a\"},"
           "{\"id\":1,\"from\":\"x\",\"to\":\"y\",\"proxy\":\"c\"}]");
}

static void answers_of_different_kinds_do_no_harm(void **state)
{
    (void)state;
    expect("{\"a\":1}", "{\"a\":\"x\"}", "{\"a\":[2]}", "{\"a\":1}");
    expect("[1]", "{\"a\":1}", "2", "[1,{\"a\":1},2]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_all_say_alike_is_said_once),
        cmocka_unit_test(counts_are_added_up_even_when_they_are_alike),
        cmocka_unit_test(
            of_a_scenario_it_is_told_how_far_all_are_and_what_went_wrong_where),
        cmocka_unit_test(of_what_cannot_be_added_the_greatest_is_told),
        cmocka_unit_test(seeds_that_differ_are_all_told),
        cmocka_unit_test(things_are_put_together_by_name_and_links_by_their_ends),
        cmocka_unit_test(texts_that_differ_are_all_told_and_a_doubt_is_a_no),
        cmocka_unit_test(a_rule_that_some_lack_says_on_how_many_it_is),
        cmocka_unit_test(sessions_are_never_put_together_and_say_where_they_are),
        cmocka_unit_test(answers_of_different_kinds_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

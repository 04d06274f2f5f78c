/* test_rule.c -- sentences: what they mean, how they print, why they are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule.h"

static struct rule *rule_of(const char *sentence)
{
    char text[2 * ERR_MAX];
    struct rule *r;
    struct err e;

    if (rule_parse(sentence, &r, &e) < 0)
        fail_msg("%s: %s", sentence, err_print(&e, text, sizeof text));
    return r;
}

/* What the rule prints as; also that this reads back as the same. */
static const char *through(const char *sentence)
{
    static char text[RULE_TEXT_MAX];
    char again[RULE_TEXT_MAX];
    struct rule *r = rule_of(sentence), *back;

    rule_print(r, text, sizeof text);
    back = rule_of(text);
    assert_string_equal(text, rule_print(back, again, sizeof again));
    assert_true(r->id == back->id);
    assert_memory_equal(r->conf, back->conf, r->fault->conf_size);
    rule_unref(&r);
    rule_unref(&back);
    return text;
}

static const char *error_of(const char *sentence)
{
    static char text[2 * ERR_MAX];
    struct rule *r = NULL;
    struct err e;

    if (rule_parse(sentence, &r, &e) == 0)
        fail_msg("'%s' was accepted", sentence);
    assert_null(r);
    assert_int_equal(-EINVAL, e.code);
    return err_print(&e, text, sizeof text);
}

static void a_sentence_sets_every_part_of_a_rule(void **s)
{
    struct rule *r = rule_of(
        "slow: on app,r* -> r1 both when role=client command=get,MGET key=user:* "
        "chance=10% nth=2 every=3 first=4 after=5 do hang for 5s");

    (void)s;
    assert_string_equal("slow", r->name);
    assert_string_equal("app,r*", r->from);
    assert_string_equal("r1", r->to);
    assert_false(r->both_ways);
    assert_int_equal(LANE_BOTH, r->lane);
    assert_true(r->lane_given);
    assert_int_equal(ROLE_CLIENT, r->role);
    assert_int_equal(2, r->commands);
    assert_string_equal("GET", r->command[0]);
    assert_string_equal("MGET", r->command[1]);
    assert_string_equal("user:*", r->key);
    assert_true(r->chance == 0.1);
    assert_int_equal(2, r->nth);
    assert_int_equal(3, r->every);
    assert_int_equal(4, r->first);
    assert_int_equal(5, r->after);
    assert_ptr_equal(fault_named("hang"), r->fault);
    assert_int_equal(SEC(5), r->life);
    assert_int_equal(1, r->refs);
    rule_unref(&r);
    assert_null(r);
}

static void what_is_not_said_is_not_asked_for(void **s)
{
    struct rule *r = rule_of("on * <-> * do reset");

    (void)s;
    assert_string_equal("", r->name);
    assert_true(r->both_ways);
    assert_int_equal(LANE_REQUESTS, r->lane);
    assert_false(r->lane_given);
    assert_int_equal(ROLE_ANY, r->role);
    assert_int_equal(0, r->commands);
    assert_string_equal("", r->key);
    assert_true(r->chance == 1);
    assert_true(r->nth == 0 && r->every == 0 && r->first == 0 && r->after == 0);
    assert_true(r->life == NSEC_NEVER);
    assert_false(rule_needs_request(r));
    rule_unref(&r);
}

static void every_fault_has_a_natural_lane_and_an_example_that_works(void **s)
{
    char sentence[RULE_TEXT_MAX];

    (void)s;
    for (size_t i = 0; faults[i]; i++) {
        struct rule *r;

        snprintf(sentence, sizeof sentence, "on a -> b %sdo %s", fault_when(faults[i]),
                 faults[i]->example);
        r = rule_of(sentence);
        assert_ptr_equal(faults[i], r->fault);
        assert_int_equal(faults[i]->lane, r->lane);
        assert_string_equal(sentence, through(sentence));
        rule_unref(&r);
    }
    assert_null(fault_named("latenc"));
    assert_null(fault_named(""));
}

static void a_rule_prints_as_it_was_written(void **s)
{
    static const char *const sentences[] = {
        "on r2 -> r1 replies do latency 50ms jitter=10ms",
        "slow: on client -> * when command=GET key=user:* chance=10% do latency 20ms",
        "on replica -> master replies do hang for 5s",
        "on s1 <-> r1 do hang",
        "on client -> r1 when command=INCR nth=10 do reset keep=7",
        "on a,b*,[ab]? -> c both when role=replication do slice 16 variation=8 gap=1ms",
        "on r2 -> r1 replies when phase=stream offset>=1000 do hold",
        "on r2 -> r1 when phase=ack poison do swallow",
        "on r2 -> r1 when poison do lag bytes=64kb",
        "on r2 -> r1 do hold-at nth=3",
        "on a -> b chance=0.1% nth=1 every=2 first=3 after=4 do limit 0 then=reset",
        "on a -> b when key=a=b->c do bandwidth 1448/s",
        "on a -> b when key=\\*\xc3\xa9 do hang",
        NULL};

    (void)s;
    for (size_t i = 0; sentences[i]; i++)
        assert_string_equal(sentences[i], through(sentences[i]));
}

static void other_spellings_print_as_the_usual_one(void **s)
{
    (void)s;
    assert_string_equal("on a -> b do latency 50ms", through("on a->b do latency 0.05s"));
    assert_string_equal("on a <-> b do hang", through(" \ton a<->b\n do  hang\r\n"));
    assert_string_equal("on a -> b do hang", through("on a -> b chance=100% do hang"));
    assert_string_equal("on a -> b when command=SET do hang",
                        through("on a -> b when command=set do hang"));
    assert_string_equal("on a -> b when command=SET nth=2 do hang",
                        through("on a -> b nth=2 when command=SET do hang"));
    assert_string_equal("on a -> b chance=5% do hang",
                        through("on a -> b when chance=0.05 do hang"));
    assert_string_equal("on a -> b do latency 50ms",
                        through("on a -> b do latency dist=uniform jitter=0 time=50ms"));
    assert_string_equal("on a -> b do close", through("on a -> b do close 0"));
    assert_string_equal("on a- -> b do hang", through("on a-->b do hang"));
}

static void one_rule_draws_the_same_however_it_is_spelt(void **s)
{
    struct rule *a = rule_of("on a -> b do latency 50ms");
    struct rule *b = rule_of("on  a->b do latency time=0.05s");
    struct rule *c = rule_of("on a -> b do latency 51ms");
    struct rule *d = rule_of("x: on a -> b do latency 50ms");
    struct rule *e = rule_of("x: on a -> b do hang");

    (void)s;
    assert_true(a->id == b->id);
    assert_true(a->id != c->id);
    assert_true(a->id != d->id);
    assert_true(d->id == e->id);
    rule_unref(&a);
    rule_unref(&b);
    rule_unref(&c);
    rule_unref(&d);
    rule_unref(&e);
}

static void only_a_fault_can_be_printed(void **s)
{
    struct rule *r = rule_of("x: on a -> b chance=5% do latency 50ms jitter=10ms for 5s");
    char text[64];

    (void)s;
    assert_string_equal("latency 50ms jitter=10ms",
                        rule_print_fault(r, text, sizeof text));
    assert_string_equal("late", rule_print_fault(r, text, 5));
    assert_string_equal("x: on", rule_print(r, text, 6));
    rule_unref(&r);
}

static void conditions_on_the_request_are_known_as_such(void **s)
{
    static const char *const look[] = {"on a -> b when command=GET do hang",
                                       "on a -> b when key=x do hang"};
    struct rule *r;

    (void)s;
    for (int i = 0; i < 2; i++) {
        r = rule_of(look[i]);
        assert_true(rule_needs_request(r));
        rule_unref(&r);
    }
    r = rule_of("on a -> b when role=client chance=5% nth=1 do hang");
    assert_false(rule_needs_request(r));
    rule_unref(&r);
}

static void a_rule_lives_until_the_last_reference_is_gone(void **s)
{
    struct rule *r = rule_of("on a -> b do hang"), *other = rule_ref(r), *none = NULL;

    (void)s;
    rule_unref(&r);
    assert_null(r);
    assert_string_equal("a", other->from);
    rule_unref(&other);
    rule_unref(&none);
}

static void errors_name_the_column_and_the_nearest_word(void **s)
{
    (void)s;
    assert_string_equal("unknown fault 'latancy' (column 24); "
                        "hint: did you mean 'latency'?",
                        error_of("on r2 -> r1 replies do latancy 50ms"));
    assert_string_equal(
        "unknown fault 'x' (column 15); hint: one of latency bandwidth "
        "throttle slice limit hang swallow freeze close reset slow-close "
        "slow-connect refuse error lose-reply swallow-request "
        "duplicate-request duplicate-reply reply cut hold push lag "
        "hold-at drop-acks full-resync rdb-cut veto-capa silent-loss flip "
        "swallow-exec blackhole loss netem rate kill",
        error_of("on a -> b do  x"));
    assert_string_equal("unknown role 'clint' (column 21); hint: did you mean 'client'?",
                        error_of("on a -> b when role=clint do hang"));
    assert_string_equal("dist cannot be 'normall' (column 31); "
                        "hint: did you mean 'normal'?",
                        error_of("on a -> b do latency 5ms dist=normall"));
    assert_string_equal("latency has no parameter 'x' (column 26); "
                        "hint: it takes time jitter dist correlation",
                        error_of("on a -> b do latency 5ms x=1"));
    assert_string_equal("expected 'do' and a fault, but the rule ends here (column 10); "
                        "hint: such as: do latency 50ms",
                        error_of("on a -> b"));
    assert_string_equal("unexpected 'jitter=1ms' (column 33); "
                        "hint: 'for' and its time, 'until' and 'once' come last",
                        error_of("on a -> b do latency 5ms for 5s jitter=1ms"));
}

static void every_incomplete_sentence_is_refused(void **s)
{
    static const char whole[] = "n: on a -> b replies when key=k do latency 5ms for 5s";
    char part[sizeof whole];

    (void)s;
    for (size_t n = 0; n < strlen("n: on a -> b replies when key=k do latency 5"); n++) {
        memcpy(part, whole, n);
        part[n] = '\0';
        (void)error_of(part);
    }
}

static const char *const nonsense[] = {"",
                                       " \t\n",
                                       "on",
                                       "do",
                                       "->",
                                       "on -> do hang",
                                       "on a b do hang",
                                       "on a -> b do",
                                       "on a -> b do hang hang",
                                       "on a -> b do hang for",
                                       "on a -> b do hang for 0",
                                       "on a -> b do hang for -1s",
                                       "on a -> b do hang for 5s for 5s",
                                       "on a -> b do hang for 1e9999s",
                                       "on a -> b do hang for 600000000000h",
                                       "on a -> b -> c do hang",
                                       "on a, b -> c do hang",
                                       "on a,,b -> c do hang",
                                       "on ,a -> c do hang",
                                       "on a -> c, do hang",
                                       "on a/b -> c do hang",
                                       "on a:1 -> c do hang",
                                       "on a -> b nth=0 do hang",
                                       "on a -> b every=0 do hang",
                                       "on a -> b first=0 do hang",
                                       "on a -> b after=0 do hang",
                                       "on a -> b nth=1.5 do hang",
                                       "on a -> b nth=-1 do hang",
                                       "on a -> b nth=nan do hang",
                                       "on a -> b chance=101% do hang",
                                       "on a -> b chance=-5% do hang",
                                       "on a -> b chance= do hang",
                                       "on a -> b chance do hang",
                                       "on a -> b chance=nan do hang",
                                       "on a -> b chance=5% chance=5% do hang",
                                       "on a -> b when do hang",
                                       "on a -> b when when key=a do hang",
                                       "on a -> b when key=a when key=b do hang",
                                       "on a -> b when key=a key=b do hang",
                                       "on a -> b key=a do hang",
                                       "on a -> b when key= do hang",
                                       "on a -> b when command= do hang",
                                       "on a -> b when command=GET, do hang",
                                       "on a -> b when command=G*T do hang",
                                       "on a -> b when role= do hang",
                                       "on a -> b when role=any do hang",
                                       "on a -> b when =a do hang",
                                       "on a -> b = do hang",
                                       "on a -> b both both do hang",
                                       "on a -> b do latency 5ms time=5ms",
                                       "on a -> b do latency 5ms 5ms",
                                       "on a -> b do latency time=",
                                       "on a -> b do latency =",
                                       "on a -> b do latency =5ms",
                                       "on a -> b do hang =",
                                       "on a -> b do latency for 5s",
                                       "on a -> b do =",
                                       ": on a -> b do hang",
                                       "a b: on a -> b do hang",
                                       "a/b: on a -> b do hang",
                                       "x: y: on a -> b do hang",
                                       "on a -> b do hang\x01",
                                       "on a -> b when key=\x01 do hang",
                                       "\x7fon a -> b do hang",
                                       NULL};

static void nonsense_is_refused(void **s)
{
    (void)s;
    for (size_t i = 0; nonsense[i]; i++)
        assert_true(strlen(error_of(nonsense[i])) > 10);
}

static void names_are_bounded(void **s)
{
    char sentence[400], name[65];

    (void)s;
    memset(name, 'n', 64);
    name[64] = '\0';
    snprintf(sentence, sizeof sentence, "%s: on a -> b do hang", name);
    (void)error_of(sentence);
    snprintf(sentence, sizeof sentence, "on %s -> b do hang", name);
    (void)error_of(sentence);
    name[63] = '\0';
    snprintf(sentence, sizeof sentence, "%s: on %s -> %s do hang", name, name, name);
    assert_string_equal(sentence, through(sentence));
}

static void commands_and_keys_are_bounded(void **s)
{
    char sentence[800] = "on a -> b when command=A", key[RESP_WORD_MAX + 1];

    (void)s;
    for (int i = 1; i < RULE_COMMANDS; i++)
        strcat(sentence, ",A");
    strcat(sentence, " do hang");
    assert_string_equal(sentence, through(sentence));
    (void)error_of("on a -> b when command=A,A,A,A,A,A,A,A,A,A,A,A,A,A,A,A,A do hang");
    (void)error_of("on a -> b when command=ABCDEFGHIJKLMNOPQRSTUVWXYZ123456 do hang");
    memset(key, 'k', RESP_WORD_MAX);
    key[RESP_WORD_MAX] = '\0';
    snprintf(sentence, sizeof sentence, "on a -> b when key=%s do hang", key);
    (void)error_of(sentence);
    snprintf(sentence, sizeof sentence, "on a -> b when key=%s do hang", key + 1);
    assert_string_equal(sentence, through(sentence));
}

static void ten_kilobytes_are_refused_in_one_line(void **s)
{
    static char huge[10241];

    (void)s;
    memset(huge, 'x', sizeof huge - 1);
    assert_string_equal("a rule of more than 1023 bytes", error_of(huge));
    memset(huge, ' ', sizeof huge - 1);
    assert_string_equal("a rule of more than 1023 bytes", error_of(huge));
    memset(huge, 'x', sizeof huge - 1);
    huge[1023] = '\0';
    assert_true(strlen(error_of(huge)) < 200);
}

/* "a->b" prints with two spaces more than it was written with: 1021 bytes are 1023. */
static void what_would_print_too_long_is_refused(void **s)
{
    static const char command[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ12345",
                      most[] = "18446744073709551614";
    char sentence[2 * RULE_TEXT_MAX], commands[RULE_COMMANDS * 32] = "", name[64],
                                                               key[128];

    (void)s;
    memset(name, 'n', sizeof name);
    name[63] = '\0';
    memset(key, 'k', sizeof key);
    key[127] = '\0';
    for (int i = 1; i < RULE_COMMANDS; i++)
        strcat(strcat(commands, command), ",");
    for (int last = 17; last <= 18; last++) {
        snprintf(
            sentence, sizeof sentence,
            "%s: on %s->%s when role=replication command=%s%.*s key=%s "
            "chance=99.999999999999%% nth=%s every=%s first=%s after=%s do hang for %sns",
            name, name, name, commands, last, command, key, most, most, most, most, most);
        assert_int_equal(1004 + last, strlen(sentence));
        if (last == 17)
            assert_int_equal(RULE_TEXT_MAX - 1, strlen(through(sentence)));
        else
            assert_string_equal("a rule of more than 1023 bytes", error_of(sentence));
    }
}

/* Blocks of docs/rules.md: ```rules has sentences that are right; ```wrong has pairs of
 * a sentence and, indented, its message. */
static void the_page_about_rules_tells_the_truth(void **s)
{
    FILE *f = fopen("docs/rules.md", "r");
    char line[512], wrong[512] = "";
    enum { TEXT, RULES, WRONG } in = TEXT;
    int right = 0, refused = 0;

    (void)s;
    if (f == NULL)
        fail_msg("docs/rules.md is not here: run this from the root of the tree");
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "```", 3) == 0) {
            in = strcmp(line, "```rules") == 0   ? RULES
                 : strcmp(line, "```wrong") == 0 ? WRONG
                                                 : TEXT;
        } else if (in == RULES) {
            (void)through(line);
            right++;
        } else if (in == WRONG && line[0] == ' ') {
            assert_string_equal(line + 2, error_of(wrong));
            refused++;
        } else if (in == WRONG) {
            memcpy(wrong, line, sizeof line);
        }
    }
    fclose(f);
    assert_true(right > 20 && refused > 5);
}

/* It would never act: better to say so than to keep it. */
static void a_fault_of_sessions_takes_no_condition_on_frames(void **s)
{
    static const char *const faults_[] = {"refuse", "slow-connect 1s", "slow-close 1s"};
    static const char *const conds[] = {
        "when command=GET", "when key=k",    "nth=2",  "replies when reply=nil",
        "first=3",          "when in=multi", "every=2"};

    (void)s;
    for (size_t f = 0; f < 3; f++) {
        char text[128];

        for (size_t c = 0; c < sizeof conds / sizeof *conds; c++) {
            snprintf(text, sizeof text, "on a -> b %s do %s", conds[c], faults_[f]);
            assert_non_null(strstr(error_of(text), "acts on sessions"));
        }
        snprintf(text, sizeof text,
                 "on a -> b when role=client session=2 chance=50%% do %s", faults_[f]);
        (void)through(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_of_sessions_takes_no_condition_on_frames),
        cmocka_unit_test(a_sentence_sets_every_part_of_a_rule),
        cmocka_unit_test(what_is_not_said_is_not_asked_for),
        cmocka_unit_test(every_fault_has_a_natural_lane_and_an_example_that_works),
        cmocka_unit_test(a_rule_prints_as_it_was_written),
        cmocka_unit_test(other_spellings_print_as_the_usual_one),
        cmocka_unit_test(one_rule_draws_the_same_however_it_is_spelt),
        cmocka_unit_test(only_a_fault_can_be_printed),
        cmocka_unit_test(conditions_on_the_request_are_known_as_such),
        cmocka_unit_test(a_rule_lives_until_the_last_reference_is_gone),
        cmocka_unit_test(errors_name_the_column_and_the_nearest_word),
        cmocka_unit_test(every_incomplete_sentence_is_refused),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(commands_and_keys_are_bounded),
        cmocka_unit_test(ten_kilobytes_are_refused_in_one_line),
        cmocka_unit_test(what_would_print_too_long_is_refused),
        cmocka_unit_test(the_page_about_rules_tells_the_truth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every parameter of every fault is given what no one should give it. The table of faults
 * says which there are, so a fault that is added is swept too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule.h"

#define LONG 10240

static const char *const hostile[] = {
    "",
    "-1",
    "-1ms",
    "0",
    "0ms",
    "0kb",
    "1e9999",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "99999999999999999999999999",
    "18446744073709551615",
    "18446744073709551616ns",
    "9999h",
    "1.5.5ms",
    "0x10",
    "1ms2ms",
    "5parsecs",
    "101%",
    "-5%",
    "%",
    "1/2",
    ",",
    "=",
    "==",
    "\"",
    "\"abc",
    "\"\\q\"",
    "\"\\x00\"",
    "\"\\x4\"",
    "\"a\"b",
    "\"\"",
    "\xff\xfe",
    "\"\xff\"",
    "\"a\\r\\n-ERR b\\r\\n\"",
    "%s%n%d",
    "../../etc",
    "1,2",
    "yes",
    "null",
};

/* Either a rule that reads back as itself, or one line that says why not. */
static void try(const char *sentence)
{
    char text[RULE_TEXT_MAX], again[RULE_TEXT_MAX];
    struct rule *r = NULL, *same = NULL;
    struct err e = {0};

    if (rule_parse(sentence, &r, &e) < 0) {
        assert_null(r);
        assert_true(e.code < 0);
        assert_true(e.text[0] != '\0');
        assert_null(strpbrk(e.text, "\r\n"));
        assert_null(strpbrk(e.hint, "\r\n"));
        return;
    }
    rule_print(r, text, sizeof text);
    if (rule_parse(text, &same, &e) < 0)
        fail_msg("'%s' was read from '%s' and is refused: %s", text, sentence, e.text);
    rule_print(same, again, sizeof again);
    assert_string_equal(text, again);
    rule_unref(&same);
    rule_unref(&r);
}

static void try_value(const struct fault *f, const struct param *p, const char *value)
{
    size_t size = strlen(value) + strlen(f->example) + 256;
    char *sentence = malloc(size);

    assert_non_null(sentence);
    snprintf(sentence, size, "on * -> * do %s %s=%s", f->name, p->name, value);
    try(sentence);
    snprintf(sentence, size, "on * -> * %sdo %s %s=%s", fault_when(f), f->example,
             p->name, value);
    try(sentence);
    snprintf(sentence, size, "on * -> * do %s %s", f->name, value);
    try(sentence);
    free(sentence);
}

static void no_value_of_a_parameter_is_more_than_an_error(void **state)
{
    char *endless = malloc(LONG + 1);

    (void)state;
    assert_non_null(endless);
    memset(endless, '7', LONG);
    endless[LONG] = '\0';
    for (size_t i = 0; faults[i]; i++)
        for (const struct param *p = faults[i]->params; p && p->name; p++) {
            for (size_t h = 0; h < sizeof hostile / sizeof *hostile; h++)
                try_value(faults[i], p, hostile[h]);
            try_value(faults[i], p, endless);
        }
    free(endless);
}

static void no_value_of_a_condition_is_more_than_an_error(void **state)
{
    static const char *const words[] = {
        "when role=",    "when command=", "when key=",
        "when arg=",     "when db=",      "when user=",
        "when reply=",   "when in=",      "when client-name=",
        "when session=", "chance=",       "nth=",
        "every=",        "first=",        "after=",
        "after ",        "requests ",     "when ",
    };

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (size_t h = 0; h < sizeof hostile / sizeof *hostile; h++) {
            char sentence[512];

            snprintf(sentence, sizeof sentence, "on * -> * %s%s do hang", words[i],
                     hostile[h]);
            try(sentence);
            snprintf(sentence, sizeof sentence, "on * -> * replies %s%s do hang",
                     words[i], hostile[h]);
            try(sentence);
        }
}

static void no_life_or_name_is_more_than_an_error(void **state)
{
    static const char *const forms[] = {
        "%s: on * -> * do hang",
        "on %s -> * do hang",
        "on * -> %s do hang",
        "on * %s * do hang",
        "on * -> * do %s",
        "%s",
        "on * -> * do hang for %s",
        "on * -> * do hang until %s fired",
        "on * -> * do hang until %s",
        "on * -> * after %s fired do hang",
        "on * -> * do hang once %s",
    };

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (size_t h = 0; h < sizeof hostile / sizeof *hostile; h++) {
            char sentence[512];
            const char *at = strstr(forms[i], "%s");

            snprintf(sentence, sizeof sentence, "%.*s%s%s", (int)(at - forms[i]),
                     forms[i], hostile[h], at + 2);
            try(sentence);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_value_of_a_parameter_is_more_than_an_error),
        cmocka_unit_test(no_value_of_a_condition_is_more_than_an_error),
        cmocka_unit_test(no_life_or_name_is_more_than_an_error),
    };

    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}

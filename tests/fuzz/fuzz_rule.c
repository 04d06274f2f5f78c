/* fuzz_rule.c -- any text as a rule.
 *
 * It is read or refused, never a crash. What is read prints as a sentence that is read
 * as the same rule; what is refused has one line that says why, and where.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_error(const struct err *e, size_t n)
{
    char line[2 * ERR_MAX + 64];

    assert(e->code < 0 && e->text[0] != '\0');
    assert(e->line == 0 && e->column <= n + 1);
    err_print(e, line, sizeof line);
    for (const char *c = line; *c; c++)
        assert((unsigned char)*c >= ' ');
}

static void check_rule(struct rule *r)
{
    char text[RULE_TEXT_MAX], again[RULE_TEXT_MAX];
    struct rule *back = NULL;
    struct err e;

    rule_print(r, text, sizeof text);
    if (rule_parse(text, &back, &e) < 0)
        abort();
    rule_print(back, again, sizeof again);
    assert(strcmp(text, again) == 0);
    assert(r->id == back->id && r->lane == back->lane && r->life == back->life);
    assert(r->lane_given == back->lane_given && r->chance == back->chance);
    assert(memcmp(r->conf, back->conf, r->fault->conf_size) == 0);
    rule_unref(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = malloc(n + 1);
    struct err e = {0};
    struct rule *r;

    assert(text != NULL);
    if (n)
        memcpy(text, data, n);
    text[n] = '\0';
    if (rule_parse(text, &r, &e) == 0)
        check_rule(r);
    else
        check_error(&e, strlen(text));
    rule_unref(&r);
    free(text);
    return 0;
}

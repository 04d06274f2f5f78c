/* drive.h -- one fault on its own: what it orders, with a clock that is a variable.
 *
 * No lane and no bytes. Opened with what follows `do` in a rule.
 */
#ifndef DRIVE_H
#define DRIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule.h"

struct drive {
    struct rule *rule;
    void *state;
    nsec now;
    uint64_t frames; /* so far */
};

static inline void drive_open(struct drive *d, const char *fault)
{
    char sentence[RULE_TEXT_MAX], text[2 * ERR_MAX];
    struct err e;

    snprintf(sentence, sizeof sentence, "on * -> * do %s", fault);
    *d = (struct drive){.now = SEC(1)};
    if (rule_parse(sentence, &d->rule, &e) < 0)
        fail_msg("%s: %s", sentence, err_print(&e, text, sizeof text));
    d->state = calloc(1, d->rule->fault->state_size + 1);
    assert_non_null(d->state);
}

static inline void drive_close(struct drive *d)
{
    rule_unref(&d->rule);
    free(d->state);
}

/* The orders for the next frame, as its head becomes known. */
static inline struct verdict drive_frame(struct drive *d)
{
    const struct fault *f = d->rule->fault;
    struct verdict v = VERDICT_PASS;
    struct rng rng = rng_for(&(struct rng_about){.seed = 42, .frame = ++d->frames});
    struct unit u = {.now = d->now, .nth = d->frames - 1, .rng = &rng};

    if (f->on_frame)
        f->on_frame(d->rule->conf, d->state, &u, &v);
    return v;
}

/* The orders for a run of that frame's bytes. */
static inline struct verdict drive_bytes(struct drive *d, size_t n)
{
    const struct fault *f = d->rule->fault;
    struct verdict v = VERDICT_PASS;
    struct rng rng = rng_for(&(struct rng_about){.seed = 42, .frame = d->frames});
    struct unit u = {.now = d->now, .len = n, .nth = d->frames - 1, .rng = &rng};

    if (f->on_bytes)
        f->on_bytes(d->rule->conf, d->state, &u, &v);
    return v;
}

static inline size_t drive_grain(const struct drive *d)
{
    return d->rule->fault->grain(d->rule->conf, d->state);
}

/* Nothing but what the test asks about was ordered. */
static inline void drive_same(struct verdict want, struct verdict got)
{
    assert_int_equal(want.delay, got.delay);
    assert_int_equal(want.drop, got.drop);
    assert_int_equal(want.cut, got.cut);
    assert_int_equal(want.slice, got.slice);
    assert_int_equal(want.gap, got.gap);
    assert_int_equal(want.close, got.close);
}

/* A sentence that must be refused; the error is in *e. */
static inline void drive_refused(const char *fault, struct err *e)
{
    char sentence[RULE_TEXT_MAX];
    struct rule *rule;

    snprintf(sentence, sizeof sentence, "on * -> * do %s", fault);
    if (rule_parse(sentence, &rule, e) == 0)
        fail_msg("'%s' was accepted", fault);
    assert_null(rule);
}

#endif

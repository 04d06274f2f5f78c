/* rule_print.c -- a rule as the sentence that reads back as it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "param.h"
#include "rule.h"
#include "value.h"

/* A text that grows to its buffer's end and no further. */
struct text {
    char *buf;
    size_t size, n;
};

PRINTF_LIKE(2, 3) static void add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (t->n + 1 >= t->size)
        return;
    va_start(ap, fmt);
    n = vsnprintf(t->buf + t->n, t->size - t->n, fmt, ap);
    va_end(ap);
    t->n += (size_t)n;
    if (t->n >= t->size)
        t->n = t->size - 1;
}

static const char *lane_name(enum lane_id lane)
{
    if (lane == LANE_BOTH)
        return "both";
    return lane == LANE_REQUESTS ? "requests" : "replies";
}

/* " when" once, before the first condition. */
static void add_cond(struct text *t, bool *any, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    add(t, "%s %s=%s", *any ? "" : " when", name, value);
    *any = true;
}

static void add_conditions(struct text *t, const struct rule *r)
{
    char number[24] = "", commands[RULE_TEXT_MAX];
    struct text c = {commands, sizeof commands, 0};
    bool any = false;

    commands[0] = '\0';
    for (unsigned i = 0; i < r->commands; i++)
        add(&c, "%s%s", i == 0 ? "" : ",", r->command[i]);
    add_cond(t, &any, "role", r->role == ROLE_ANY ? "" : role_names[r->role]);
    add_cond(t, &any, "command", commands);
    add_cond(t, &any, "key", r->key);
    add_cond(t, &any, "arg", r->arg);
    if (r->database >= 0)
        snprintf(number, sizeof number, "%d", r->database);
    add_cond(t, &any, "db", number);
    add_cond(t, &any, "client-name", r->client_name);
    add_cond(t, &any, "user", r->user);
    add_cond(t, &any, "reply", r->reply);
    add_cond(t, &any, "in", r->in_multi ? "multi" : "");
    number[0] = '\0';
    if (r->session)
        snprintf(number, sizeof number, "%llu", (unsigned long long)r->session);
    add_cond(t, &any, "session", number);
    add_cond(t, &any, "phase", r->phase ? phase_names[r->phase] : "");
    number[0] = '\0';
    if (r->offset)
        snprintf(number, sizeof number, "%llu", (unsigned long long)r->offset);
    add_cond(t, &any, "offset>", number);
    if (r->poison)
        add(t, "%s poison", any ? "" : " when");
}

static void add_count(struct text *t, const char *name, uint64_t n)
{
    if (n)
        add(t, " %s=%llu", name, (unsigned long long)n);
}

static void add_often(struct text *t, const struct rule *r)
{
    char chance[PARAM_TEXT_MAX];

    if (r->chance < 1)
        add(t, " chance=%s", value_print_fraction(r->chance, chance, sizeof chance));
    add_count(t, "nth", r->nth);
    add_count(t, "every", r->every);
    add_count(t, "first", r->first);
    add_count(t, "after", r->after);
    if (r->share < 1)
        add(t, " sessions=%s", value_print_fraction(r->share, chance, sizeof chance));
    if (r->after_rule[0])
        add(t, " after %s fired", r->after_rule);
}

static void add_fault(struct text *t, const struct rule *r)
{
    const struct param *first = r->fault->params;
    char value[PARAM_TEXT_MAX];

    add(t, "%s", r->fault->name);
    for (const struct param *p = first; p && p->name; p++) {
        if (param_is_standard(p, r->conf))
            continue;
        param_print(p, r->conf, value, sizeof value);
        if (p == first && p->standard == NULL)
            add(t, " %s", value);
        else
            add(t, " %s=%s", p->name, value);
    }
}

const char *rule_print_fault(const struct rule *r, char *buf, size_t size)
{
    struct text t = {buf, size, 0};

    add_fault(&t, r);
    return buf;
}

const char *rule_print(const struct rule *r, char *buf, size_t size)
{
    struct text t = {buf, size, 0};
    char life[PARAM_TEXT_MAX];

    if (r->name[0])
        add(&t, "%s: ", r->name);
    add(&t, "on %s %s %s", r->from, r->both_ways ? "<->" : "->", r->to);
    if (r->lane_given)
        add(&t, " %s", lane_name(r->lane));
    add_conditions(&t, r);
    add_often(&t, r);
    add(&t, " do ");
    add_fault(&t, r);
    if (r->life != NSEC_NEVER)
        add(&t, " for %s", value_print_time(r->life, life, sizeof life));
    if (r->until_rule[0])
        add(&t, " until %s fired", r->until_rule);
    if (r->once)
        add(&t, " once");
    return buf;
}

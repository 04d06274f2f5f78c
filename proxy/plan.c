/* plan.c -- see plan.h. A plan is small and changes rarely: it is copied whole. */
#include "plan.h"

#include <assert.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct plan *plan_new(uint64_t serial, size_t room)
{
    struct plan *p = calloc(1, sizeof *p + room * sizeof p->entry[0]);

    if (p) {
        p->serial = serial;
        p->refs = 1;
    }
    return p;
}

struct plan *plan_empty(void)
{
    struct plan *p = plan_new(0, 0);

    assert(p != NULL);
    return p;
}

struct plan *plan_ref(struct plan *p)
{
    p->refs++;
    return p;
}

void plan_unref(struct plan **p)
{
    struct plan *gone = *p;

    *p = NULL;
    if (gone == NULL || --gone->refs > 0)
        return;
    for (size_t i = 0; i < gone->n; i++)
        rule_unref(&gone->entry[i].rule);
    free(gone);
}

static bool has_trigger(const struct rule *r)
{
    return r->once || r->after_rule[0] || r->until_rule[0];
}

static void keep(struct plan *p, const struct plan_entry *e)
{
    rule_ref(e->rule);
    p->entry[p->n++] = *e;
    p->triggers |= has_trigger(e->rule);
}

static bool taken(const struct plan *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->entry[i].rule->name, name) == 0)
            return true;
    return false;
}

/* The lowest number that is free. Draws do not follow the name: see rule.h, id. */
static void name_it(const struct plan *p, struct rule *r)
{
    for (size_t i = 1; r->name[0] == '\0' || taken(p, r->name); i++)
        snprintf(r->name, sizeof r->name, "rule-%zu", i);
}

static int free_slot(const struct plan *p)
{
    uint64_t used = 0;

    for (size_t i = 0; i < p->n; i++)
        if (p->entry[i].slot >= 0)
            used |= UINT64_C(1) << p->entry[i].slot;
    for (int slot = 0; slot < PLAN_SLOTS; slot++)
        if (!(used >> slot & 1))
            return slot;
    return -1;
}

static int refuse_name(const struct rule *r, struct err *e)
{
    err_set(e, -EEXIST, "there is a rule named '%s'", r->name);
    err_hint(e, "remove it first, or take another name");
    return -EEXIST;
}

static int refuse_slot(struct err *e)
{
    err_set(e, -ENOSPC, "more than %d rules with conditions on the request", PLAN_SLOTS);
    err_hint(e, "name several commands in one rule: command=SET,DEL");
    return -ENOSPC;
}

/* Make it the last of p, as new; its reference moves. */
static int append(struct plan *p, struct rule *r, nsec now, struct err *e)
{
    int slot = rule_needs_request(r) ? free_slot(p) : -1;

    if (r->name[0] && taken(p, r->name))
        return refuse_name(r, e);
    if (rule_needs_request(r) && slot < 0)
        return refuse_slot(e);
    if (r->name[0] == '\0')
        name_it(p, r);
    p->triggers |= has_trigger(r);
    p->entry[p->n++] = (struct plan_entry){r, ++p->serial, slot, nsec_add(now, r->life)};
    return 0;
}

int plan_with(const struct plan *old, struct rule *r, nsec now, struct plan **out,
              struct err *e)
{
    struct plan *p = plan_new(old->serial, old->n + 1);
    int err;

    if (p == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < old->n; i++)
        keep(p, &old->entry[i]);
    err = append(p, r, now, e);
    if (err)
        plan_unref(&p);
    else
        *out = p;
    return err;
}

/* Word for word the same? A rule that was given no name may have got one. */
static bool same_rule(const struct rule *had, const struct rule *r)
{
    char a[RULE_TEXT_MAX], b[RULE_TEXT_MAX];
    const char *text = rule_print(had, a, sizeof a);

    (void)rule_print(r, b, sizeof b);
    if (r->name[0] == '\0' && strncmp(had->name, "rule-", 5) == 0)
        text += strlen(had->name) + 2;
    return strcmp(text, b) == 0;
}

static const struct plan_entry *same_entry(const struct plan *old, const struct plan *now,
                                           const struct rule *r)
{
    for (size_t i = 0; i < old->n; i++)
        if (same_rule(old->entry[i].rule, r) && !taken(now, old->entry[i].rule->name))
            return &old->entry[i];
    return NULL;
}

/* Those that stay are in the plan first, so that their slots and names are not given to
 * others; then all are put in the order that was asked for. */
static int fill(struct plan *p, const struct plan *old, struct rule **rules, size_t n,
                size_t *place, nsec now, size_t *bad, struct err *e)
{
    int err = 0;

    for (size_t i = 0; i < n; i++) {
        const struct plan_entry *same = same_entry(old, p, rules[i]);

        place[i] = same ? p->n : SIZE_MAX;
        if (same)
            keep(p, same);
    }
    for (size_t i = 0; i < n && err == 0; i++) {
        if (place[i] != SIZE_MAX)
            continue;
        place[i] = p->n;
        if ((err = append(p, rules[i], now, e)) < 0)
            *bad = i;
        else
            (void)rule_ref(rules[i]);
    }
    return err;
}

static void reorder(struct plan *p, const size_t *place, struct plan_entry *as)
{
    memcpy(as, p->entry, p->n * sizeof *as);
    for (size_t i = 0; i < p->n; i++)
        p->entry[i] = as[place[i]];
}

int plan_set(const struct plan *old, struct rule **rules, size_t n, nsec now,
             struct plan **out, size_t *bad, struct err *e)
{
    struct plan *p = plan_new(old->serial, n + 1);
    struct plan_entry *as = calloc(n + 1, sizeof *as);
    size_t *place = calloc(n + 1, sizeof *place), at = 0;
    int err = p && as && place ? fill(p, old, rules, n, place, now, &at, e) : -ENOMEM;

    if (err == -ENOMEM)
        err_set(e, err, "out of memory");
    if (err == 0) {
        reorder(p, place, as);
        for (size_t i = 0; i < n; i++)
            rule_unref(&rules[i]);
        *out = p;
    } else {
        plan_unref(&p);
        if (bad)
            *bad = at;
    }
    free(as);
    free(place);
    return err;
}

static size_t matching(const struct plan *p, const char *glob)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += fnmatch(glob, p->entry[i].rule->name, 0) == 0;
    return n;
}

/* Which rules there are, for somebody who named one that there is not. */
static int refuse_glob(const struct plan *p, const char *glob, struct err *e)
{
    char names[ERR_MAX] = "";
    size_t n = 0;

    for (size_t i = 0; i < p->n && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, " %s", p->entry[i].rule->name);
    err_set(e, -ENOENT, "no rule is named '%.70s'", glob);
    if (p->n)
        err_hint(e, "there is%s", names);
    else
        err_hint(e, "there are no rules");
    return -ENOENT;
}

int plan_without(const struct plan *old, const char *glob, struct plan **out,
                 struct err *e)
{
    size_t gone = matching(old, glob);
    struct plan *p;

    if (gone == 0)
        return refuse_glob(old, glob, e);
    p = plan_new(old->serial, old->n - gone);
    if (p == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < old->n; i++)
        if (fnmatch(glob, old->entry[i].rule->name, 0) != 0)
            keep(p, &old->entry[i]);
    *out = p;
    return 0;
}

bool plan_fired(const struct plan *p, struct rule *r)
{
    bool changed = r->once && !r->over;

    r->over |= r->once;
    for (size_t i = 0; i < p->n; i++) {
        struct rule *other = p->entry[i].rule;

        if (!other->begun && strcmp(other->after_rule, r->name) == 0)
            changed = other->begun = true;
        if (!other->over && strcmp(other->until_rule, r->name) == 0)
            changed = other->over = true;
    }
    return changed;
}

static bool is_over(const struct plan_entry *e, nsec now)
{
    return (e->until != NSEC_NEVER && e->until <= now) || e->rule->over;
}

struct plan *plan_expire(const struct plan *old, nsec now)
{
    struct plan *p;
    size_t over = 0;

    for (size_t i = 0; i < old->n; i++)
        over += is_over(&old->entry[i], now);
    if (over == 0)
        return NULL;
    p = plan_new(old->serial, old->n - over);
    assert(p != NULL);
    for (size_t i = 0; i < old->n; i++)
        if (!is_over(&old->entry[i], now))
            keep(p, &old->entry[i]);
    return p;
}

nsec plan_due(const struct plan *p)
{
    nsec due = NSEC_NEVER;

    for (size_t i = 0; i < p->n; i++)
        if (p->entry[i].until < due)
            due = p->entry[i].until;
    return due;
}

/* model_plan.c -- the rules of a model: those that come and go, and what is told of each
 * decision and of each byte that one has cost.
 */
#include <stdio.h>
#include <string.h>

#include "model_parts.h"

/* ---- what is decided ---- */

static int rule_number(struct model *m, const struct rule *r)
{
    for (int i = m->rules - 1; i >= 0; i--)
        if (m->rule[i].rule == r)
            return i;
    model_fail(m, "a rule that was never added has acted");
}

/* What each fault may order; whatever else it does is an error. */
static const struct allowed {
    const char *fault;
    bool drop, twice, end, instead, before, freeze, stick, slice;
} allowed[] = {
    {"latency", .slice = false},
    {"bandwidth", .slice = false},
    {"throttle", .slice = false},
    {"slice", .slice = true},
    {"limit", .end = true},
    {"hang", .slice = false},
    {"swallow", .drop = true},
    {"freeze", .freeze = true},
    {"close", .end = true},
    {"reset", .end = true},
    {"slow-close", .slice = false},
    {"error", .instead = true},
    {"lose-reply", .drop = true, .end = true, .stick = true},
    {"swallow-request", .drop = true},
    {"duplicate-request", .twice = true},
    {"duplicate-reply", .twice = true},
    {"reply", .instead = true},
    {"cut", .end = true},
    {"hold", .stick = true},
    {"push", .before = true},
};

static void check_allowed(struct model *m, const char *fault, const struct verdict *v)
{
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        const struct allowed *a = &allowed[i];

        if (strcmp(a->fault, fault) != 0)
            continue;
        if ((v->drop && !a->drop) || (v->twice && !a->twice) ||
            ((v->close || v->cut != SIZE_MAX) && !a->end) ||
            (v->instead.p && !a->instead) || (v->before.p && !a->before) ||
            (v->freeze && !a->freeze) || (v->stick && !a->stick) ||
            (v->slice && !a->slice) || (v->owe && strcmp(fault, "swallow") != 0))
            model_fail(m, "%s gave an order that is not of its kind", fault);
        return;
    }
    model_fail(m, "the model does not know %s", fault);
}

static void merge(struct orders *o, int rule, const struct verdict *v)
{
    o->fired |= UINT64_C(1) << rule;
    o->drop |= v->drop;
    o->twice |= v->twice;
    o->owed |= v->owe;
    o->cut = v->cut < o->cut ? v->cut : o->cut;
    o->close = v->close > o->close ? v->close : o->close;
    if (v->delay == NSEC_NEVER)
        o->holds |= UINT64_C(1) << rule;
    if (v->delay > o->delay) {
        o->delay = v->delay;
        o->slowest = rule;
    }
    if (v->stick)
        o->sticks |= UINT64_C(1) << rule;
    if (v->before.p && o->before.p == NULL)
        text_add(&o->before, v->before.p, v->before.n);
    if (v->instead.p && o->instead.p == NULL)
        text_add(&o->instead, v->instead.p, v->instead.n);
}

void model_on_decided(void *arg, const struct decision *d)
{
    struct model *m = arg;
    struct side *s = &m->side[d->lane];
    struct orders *o;
    int rule = rule_number(m, d->rule);

    check_allowed(m, d->rule->fault->name, d->orders);
    if (!m->rule[rule].here)
        model_fail(m, "%s acted after it was removed", d->rule->name);
    if (d->orders->close)
        m->ending_reported = true;
    if (d->orders->freeze)
        s->frozen_by |= UINT64_C(1) << rule;
    if (d->at == DECIDED_END) {
        s->end_until = nsec_add(m->now, d->orders->delay);
        s->end_rule = rule;
    }
    if (d->at != DECIDED_FRAME && d->at != DECIDED_BYTES)
        return;
    o = orders_of(m, s, d->frame);
    if (strcmp(d->rule->fault->name, "limit") == 0 && d->orders->close) {
        o->limited = true;
        o->close = d->orders->close;
        return;
    }
    merge(o, rule, d->orders);
}

void model_on_accounted(void *arg, const struct account *a)
{
    struct model *m = arg;

    (void)rule_number(m, a->rule);
    m->side[a->lane].dropped += a->dropped;
    m->side[a->lane].added += a->added;
}

/* ---- the plan ---- */

static void look_at_plan(struct model *m)
{
    for (int i = 0; i < m->rules; i++) {
        bool was = m->rule[i].here;

        m->rule[i].here = false;
        for (size_t e = 0; e < m->plan->n; e++)
            m->rule[i].here |= m->plan->entry[e].rule == m->rule[i].rule;
        for (int l = 0; was && !m->rule[i].here && l < 2; l++) {
            struct side *s = &m->side[l];

            if (s->owed_by == i && !s->ended) {
                s->end_min = s->want.n;
                s->ended = true;
            }
            s->frozen_by &= ~(UINT64_C(1) << i);
            for (unsigned w = 0; w < s->waits; w++) /* the rest of a sum is forgiven */
                if (s->wait[w].until != NSEC_NEVER)
                    s->wait[w].until = 0;
        }
    }
}

void model_replan(struct model *m, struct plan *plan)
{
    int err;

    if (plan != m->plan)
        plan_unref(&m->plan);
    m->plan = plan;
    look_at_plan(m);
    err = dialog_replan(&m->dialog, plan, m->now);
    if (err < 0)
        model_fail(m, "out of memory");
    if (m->dialog.doom) {
        if (!m->ending_reported)
            model_fail(m, "the session was ended for no reason");
        m->over = true;
    }
}

static const char *const what[] = {"latency 5ms",
                                   "latency 3ms jitter=3ms",
                                   "latency 1ms dist=pareto jitter=1ms",
                                   "bandwidth 50kb",
                                   "bandwidth 20kb scope=link",
                                   "throttle 7ms",
                                   "slice 3 gap=1ms",
                                   "slice 7 variation=3",
                                   "hang",
                                   "hold",
                                   "freeze",
                                   "slow-close 3ms",
                                   "limit 700",
                                   "limit 90 then=reset",
                                   "close",
                                   "close keep=3",
                                   "reset keep=9",
                                   "cut before",
                                   "cut inside bytes=4 then=close",
                                   "cut after",
                                   "lose-reply",
                                   "lose-reply then=close",
                                   "swallow",
                                   "lose-reply then=hang",
                                   "lose-reply then=skip",
                                   "swallow-request",
                                   "error LOADING",
                                   "error OOM",
                                   "reply hello",
                                   "reply as=nil",
                                   "duplicate-reply",
                                   "push FAILING_OVER",
                                   "push invalidate text=k",
                                   "duplicate-request",
                                   "latency 2ms",
                                   "latency 0",
                                   "bandwidth 1mb",
                                   "hang",
                                   "hold",
                                   "slice 1"};
static const char *const lanes[] = {"", "", "requests ", "replies ", "both "};
static const char *const conds[] = {"",
                                    "",
                                    "",
                                    "when command=GET ",
                                    "when command=ECHO,INCR,MULTI ",
                                    "when command=CLIENT,SUBSCRIBE ",
                                    "when key=k1* ",
                                    "when in=multi ",
                                    "when reply=error ",
                                    "when reply=nil ",
                                    "when reply=push ",
                                    "when command=LRANGE,EXEC,RESET "};
static const char *const often[] = {"",         "",         "",         "nth=2 ",
                                    "every=3 ", "first=2 ", "after=2 ", "chance=40% "};
static const char *const tails[] = {
    "", "", "", "", "", " once", " until r1 fired", " for 20ms", " for 4ms"};

/* A sentence from three bytes of script. */
static bool sentence(const struct model *m, const uint8_t *p, char *out, size_t size)
{
    size_t w = p[0] % (sizeof what / sizeof *what);
    unsigned l = p[1] % 5;
    int n;

    if (m->raw && !m->chaos && w >= 26 && w <= 33) /* whose turn it is nobody knows */
        return false;
    n = snprintf(out, size, "r%d: on * -> * %s%s%s%sdo %s%s", m->rules, lanes[l],
                 conds[p[1] / 5 % 12], often[p[2] & 7],
                 p[2] / 8 % 6 == 1 ? "after r2 fired " : "", what[w],
                 tails[p[2] / 48 % 9 % 9]);
    return n > 0 && (size_t)n < size;
}

void model_add_rule(struct model *m, const uint8_t *p)
{
    char text[RULE_TEXT_MAX];
    struct plan *plan;
    struct rule *r;

    if (m->rules == RULES || m->plan->n > 8 || !sentence(m, p, text, sizeof text) ||
        rule_parse(text, &r, NULL) < 0)
        return; /* some go with no lane */
    if (plan_with(m->plan, r, m->now, &plan, NULL) < 0) {
        rule_unref(&r);
        return;
    }
    m->rule[m->rules++] = (struct known){rule_ref(r), plan->serial, true};
    model_replan(m, plan);
}

void model_del_rule(struct model *m, uint8_t which)
{
    struct plan *plan;
    const char *name = "*";

    if (m->plan->n == 0)
        return;
    if (which % 8)
        name = m->plan->entry[which % m->plan->n].rule->name;
    if (plan_without(m->plan, name, &plan, NULL) < 0)
        model_fail(m, "%s cannot be removed", name);
    model_replan(m, plan);
}

void model_expire(struct model *m)
{
    struct plan *plan = plan_expire(m->plan, m->now);

    if (plan)
        model_replan(m, plan);
}

/* scenario_check.c -- is a scenario sound? All that can be said before anything runs: who
 * is named, whether shapes can be made, whether it ends.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "scenario_parts.h"
#include "wiring.h"

static int at(struct scenario_place place, struct err *e)
{
    err_place(e, place.line, place.column);
    return -EINVAL;
}

static struct topology topology_of(const struct scenario *s)
{
    struct topology t;

    topology_init(&t, (size_t)s->lab.replicas, (size_t)s->lab.sentinels, false);
    t.port = 6379; /* any: nothing is bound */
    return t;
}

size_t scenario_parties(const struct topology *t, struct party *out)
{
    for (size_t i = 0; i < t->n; i++)
        out[i] = (struct party){
            .name = t->node[i].name,
            .kind = t->node[i].role == TOPOLOGY_SENTINEL ? PARTY_SENTINEL : PARTY_REDIS,
            .replica = t->node[i].role == TOPOLOGY_REPLICA,
        };
    out[t->n] = (struct party){.name = "client", .kind = PARTY_CLIENT};
    return t->n + 1;
}

struct shape scenario_shape(const struct scenario_step *step,
                            const struct scenario_action *a)
{
    return (struct shape){
        .kind = a->shape,
        .of = a->text,
        .how = step->how,
        .one_way = step->one_way,
        .life = step->life,
        .name = step->name,
    };
}

/* ---- names ---- */

/* The nearest of some words, or all of them, as the hint. */
static int refuse(struct scenario_place place, const char *word, const char *const *words,
                  struct err *e)
{
    const char *near = err_nearest(word, words);
    char all[ERR_MAX] = "";

    for (size_t i = 0; words[i]; i++) {
        strncat(all, " ", sizeof all - strlen(all) - 1);
        strncat(all, words[i], sizeof all - strlen(all) - 1);
    }
    if (near)
        err_hint(e, "did you mean '%s'?", near);
    else if (words[0])
        err_hint(e, "there is%s", all);
    return at(place, e);
}

/* data: a sentinel will not do. glob: a glob that means somebody will. */
static int check_node(const struct topology *t, const char *name, bool data, bool glob,
                      struct scenario_place place, struct err *e)
{
    const char *names[TOPOLOGY_NODES + 1] = {NULL};
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        if (data && t->node[i].role == TOPOLOGY_SENTINEL)
            continue;
        names[n++] = t->node[i].name;
        if (glob ? fnmatch(name, t->node[i].name, 0) == 0
                 : strcmp(name, t->node[i].name) == 0)
            return 0;
    }
    err_set(e, -EINVAL, "there is no node '%.40s'", name);
    return refuse(place, name, names, e);
}

/* "NAME: on ..." begins with its name. */
static size_t name_length(const char *sentence)
{
    size_t n = strcspn(sentence, ": ");

    return sentence[n] == ':' ? n : 0;
}

static bool names_rule(const char *name, const char *sentence)
{
    size_t n = name_length(sentence);

    return n == 0 || (strlen(name) == n && strncmp(name, sentence, n) == 0);
}

/* May some rule have that name? One without a name is rule-1, of a shape NAME.1. */
static bool rule_possible(const struct scenario *s, const char *name)
{
    if (strpbrk(name, "*?[.") != NULL || strncmp(name, "rule-", 5) == 0)
        return true;
    for (size_t i = 0; i < s->nrules; i++)
        if (name_length(s->rules[i]) && names_rule(name, s->rules[i]))
            return true;
    for (size_t i = 0; i < s->nsteps; i++)
        for (size_t k = 0; k < s->steps[i].actions; k++) {
            const struct scenario_action *a = &s->steps[i].action[k];

            if (a->verb == DO_RULE && name_length(a->text) && names_rule(name, a->text))
                return true;
        }
    return false;
}

static int check_rule_name(const struct scenario *s, const char *name,
                           struct scenario_place place, struct err *e)
{
    if (rule_possible(s, name))
        return 0;
    err_set(e, -EINVAL, "no rule of this scenario is named '%.60s'", name);
    err_hint(e, "rules of a cut are named after its step: NAME.1, or NAME.* for all");
    return at(place, e);
}

static bool has_verb(const struct scenario_step *step, enum scenario_verb verb)
{
    for (size_t i = 0; i < step->actions; i++)
        if (step->action[i].verb == verb)
            return true;
    return false;
}

static int check_run_name(const struct scenario *s, const struct scenario_expect *x,
                          struct err *e)
{
    for (size_t i = 0; i < s->nsteps; i++)
        if (s->steps[i].name && has_verb(&s->steps[i], DO_RUN) &&
            strcmp(s->steps[i].name, x->who) == 0)
            return 0;
    err_set(e, -EINVAL, "no step with 'run' is named '%.60s'", x->who);
    return at(x->place, e);
}

/* ---- steps ---- */

static int check_sentence(const struct topology *t, const char *sentence,
                          struct scenario_place place, struct err *e)
{
    return wiring_check(t, &sentence, 1, e) < 0 ? at(place, e) : 0;
}

static int check_shape(const struct topology *t, const struct scenario_step *step,
                       const struct scenario_action *a, struct err *e)
{
    struct party party[TOPOLOGY_NODES + 1];
    size_t n = scenario_parties(t, party);
    struct shape shape = scenario_shape(step, a);
    struct shape_rules rules;

    if (shape.name == NULL)
        shape.name = "x";
    if (shape_rules(&shape, party, n, &rules, e) < 0)
        return at(a->place, e);
    shape_release(&rules);
    return 0;
}

static int check_action(const struct topology *t, const struct scenario_step *step,
                        const struct scenario_action *a, struct err *e)
{
    switch (a->verb) {
    case DO_RULE: return check_sentence(t, a->text, a->place, e);
    case DO_SHAPE: return check_shape(t, step, a, e);
    case DO_KILL:
    case DO_STOP:
    case DO_CONT:
    case DO_RESTART: return check_node(t, a->text, false, false, a->place, e);
    default: return 0;
    }
}

static int check_event(const struct scenario *s, const struct topology *t,
                       const struct scenario_step *step, struct err *e)
{
    const struct scenario_event *ev = &step->event;

    switch (ev->news) {
    case NEWS_RULE_FIRED: return check_rule_name(s, ev->who, step->place, e);
    case NEWS_REPLICA_UP:
    case NEWS_REPLICA_DOWN: return check_node(t, ev->who, true, true, step->place, e);
    case NEWS_NODE_UP:
    case NEWS_NODE_DOWN: return check_node(t, ev->who, false, true, step->place, e);
    default: return 0;
    }
}

static int check_words(const struct scenario_step *step, struct err *e)
{
    if (step->trigger == STEP_NEVER) {
        err_set(e, -EINVAL, "a step needs one of 'at', 'every' and 'when'");
        return at(step->place, e);
    }
    if (step->actions == 0) {
        err_set(e, -EINVAL, "a step does nothing");
        err_hint(e, "such as rule, cut, heal, kill, run or say");
        return at(step->place, e);
    }
    if (step->times_given && step->trigger == STEP_AT) {
        err_set(e, -EINVAL, "'times' goes with 'every' or 'when'");
        return at(step->place, e);
    }
    if (step->shape_words && !has_verb(step, DO_SHAPE)) {
        err_set(e, -EINVAL, "'how', 'for' and 'one-way' are about a cut: there is none");
        err_hint(e, "the life of a rule is in its sentence: ... do hang for 5s");
        return at(step->place, e);
    }
    return 0;
}

/* Cuts and programs are known by the names of their steps. */
static int check_name(const struct scenario *s, size_t i, struct err *e)
{
    const struct scenario_step *step = &s->steps[i];

    for (size_t j = 0; step->name && j < i; j++)
        if (s->steps[j].name && strcmp(s->steps[j].name, step->name) == 0) {
            err_set(e, -EINVAL, "two steps are named '%s'", step->name);
            return at(step->place, e);
        }
    return 0;
}

static int check_step(const struct scenario *s, const struct topology *t, size_t i,
                      struct err *e)
{
    const struct scenario_step *step = &s->steps[i];
    int rc = check_words(step, e);

    if (rc == 0)
        rc = check_name(s, i, e);
    if (rc == 0 && step->trigger == STEP_WHEN)
        rc = check_event(s, t, step, e);
    for (size_t k = 0; k < step->actions && rc == 0; k++)
        rc = check_action(t, step, &step->action[k], e);
    return rc;
}

/* ---- the whole ---- */

static int check_expect(const struct scenario *s, const struct topology *t,
                        const struct scenario_expect *x, struct err *e)
{
    switch (x->claim) {
    case CLAIM_FIRED: return check_rule_name(s, x->who, x->place, e);
    case CLAIM_RUN: return check_run_name(s, x, e);
    case CLAIM_NODE: return check_node(t, x->who, false, false, x->place, e);
    default: return 0;
    }
}

/* Steps that wait, or come again and again, do not say when it is over. */
static int check_end(const struct scenario *s, struct err *e)
{
    bool open = s->nsteps == 0;

    if (s->length != NSEC_NEVER)
        return 0;
    for (size_t i = 0; i < s->nsteps; i++) {
        if (has_verb(&s->steps[i], DO_END))
            return 0;
        open |= s->steps[i].trigger != STEP_AT;
    }
    if (!open)
        return 0;
    err_set(e, -EINVAL, "it does not say when it ends");
    err_hint(e, "for: 30s at the top, or a step with end: true");
    return -EINVAL;
}

int scenario_check(const struct scenario *s, struct err *e)
{
    const struct topology t = topology_of(s);
    int rc = 0;

    for (size_t i = 0; i < s->nrules && rc == 0; i++)
        rc = check_sentence(&t, s->rules[i], s->rule_places[i], e);
    if (rc == 0)
        rc = wiring_check(&t, (const char *const *)s->rules, s->nrules, e);
    for (size_t i = 0; i < s->nsteps && rc == 0; i++)
        rc = check_step(s, &t, i, e);
    for (size_t i = 0; i < s->nexpect && rc == 0; i++)
        rc = check_expect(s, &t, &s->expect[i], e);
    return rc < 0 ? rc : check_end(s, e);
}

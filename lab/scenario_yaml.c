/* scenario_yaml.c -- a scenario file into a struct scenario: the tables for doc.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scenario_parts.h"

/* What the readers of a step get. */
struct reading {
    struct scenario *scenario;
    struct scenario_step *step;
};

static struct scenario_place place_of(const yaml_node_t *node)
{
    return (struct scenario_place){node->start_mark.line + 1,
                                   node->start_mark.column + 1};
}

/* Room for one more behind n; zeroed. */
static void *grown(void *array, size_t n, size_t size, struct err *e)
{
    void *more = realloc(array, (n + 1) * size);

    if (more == NULL)
        err_set(e, -ENOMEM, "out of memory");
    else
        memset((char *)more + n * size, 0, size);
    return more;
}

/* A copy of a scalar's text into *into; `what` names it. */
static int copy_text(struct doc *d, const yaml_node_t *node, const char *what,
                     char **into)
{
    const char *s = doc_text(d, node, what);

    if (s == NULL)
        return -EINVAL;
    *into = strdup(s);
    return *into ? 0 : err_set(d->e, -ENOMEM, "out of memory");
}

static int read_word(struct doc *d, const yaml_node_t *node, const char *what,
                     const char *const *words, int *out)
{
    const char *s = doc_text(d, node, what);

    if (s == NULL)
        return -EINVAL;
    for (*out = 0; words[*out]; ++*out)
        if (strcmp(words[*out], s) == 0)
            return 0;
    err_set(d->e, -EINVAL, "%s cannot be '%.40s'", what, s);
    return doc_suggest(d, node, s, words);
}

/* ---- rules at the start ---- */

/* A sentence that parses, to be freed. */
static int read_sentence(struct doc *d, const yaml_node_t *node, char **out)
{
    char buf[DOC_SENTENCE];
    const char *sentence = doc_sentence(d, node, buf);
    struct rule *rule;

    if (sentence == NULL)
        return -EINVAL;
    if (rule_parse(sentence, &rule, d->e) < 0)
        return doc_at_sentence(d, node);
    rule_unref(&rule);
    *out = strdup(sentence);
    return *out ? 0 : err_set(d->e, -ENOMEM, "out of memory");
}

static int read_rule(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario *s = into;
    void *rules = grown(s->rules, s->nrules, sizeof *s->rules, d->e);
    void *places;
    int rc;

    if (rules == NULL)
        return -ENOMEM;
    s->rules = rules;
    places = grown(s->rule_places, s->nrules, sizeof *s->rule_places, d->e);
    if (places == NULL)
        return -ENOMEM;
    s->rule_places = places;
    s->rule_places[s->nrules] = place_of(node);
    rc = read_sentence(d, node, &s->rules[s->nrules]);
    s->nrules += rc == 0;
    return rc;
}

static int read_rules(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_list(d, node, "rules", read_rule, into);
}

/* ---- what a step does ---- */

static struct scenario_action *new_action(struct doc *d, const yaml_node_t *node,
                                          void *into, enum scenario_verb verb)
{
    struct scenario_step *step = ((struct reading *)into)->step;
    void *more = grown(step->action, step->actions, sizeof *step->action, d->e);

    if (more == NULL)
        return NULL;
    step->action = more;
    step->action[step->actions].verb = verb;
    step->action[step->actions].place = place_of(node);
    return &step->action[step->actions++];
}

static int read_action(struct doc *d, const yaml_node_t *node, void *into,
                       enum scenario_verb verb, const char *what)
{
    struct scenario_action *a = new_action(d, node, into, verb);

    return a ? copy_text(d, node, what, &a->text) : -ENOMEM;
}

static int read_step_rule(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario_action *a = new_action(d, node, into, DO_RULE);

    return a ? read_sentence(d, node, &a->text) : -ENOMEM;
}

static int read_step_rules(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_list(d, node, "rules", read_step_rule, into);
}

static int read_unrule(struct doc *d, yaml_node_t *node, void *into)
{
    return read_action(d, node, into, DO_UNRULE, "the name of a rule");
}

static int read_heal(struct doc *d, yaml_node_t *node, void *into)
{
    return read_action(d, node, into, DO_HEAL, "the name of a partition");
}

static int read_kill(struct doc *d, yaml_node_t *node, void *into)
{
    return read_action(d, node, into, DO_KILL, "a node");
}

static int read_stop(struct doc *d, yaml_node_t *node, void *into)
{
    return read_action(d, node, into, DO_STOP, "a node");
}

static int read_cont(struct doc *d, yaml_node_t *node, void *into)
{
    return read_action(d, node, into, DO_CONT, "a node");
}

static int read_restart(struct doc *d, yaml_node_t *node, void *into)
{
    return read_action(d, node, into, DO_RESTART, "a node");
}

static int read_say(struct doc *d, yaml_node_t *node, void *into)
{
    return read_action(d, node, into, DO_SAY, "a text");
}

static int read_end(struct doc *d, yaml_node_t *node, void *into)
{
    bool yes;
    int rc = doc_bool(d, node, "end", &yes);

    if (rc < 0 || !yes)
        return rc;
    return read_action(d, node, into, DO_END, "true");
}

static int read_shape(struct doc *d, const yaml_node_t *node, void *into,
                      enum shape_kind kind)
{
    struct scenario_action *a = new_action(d, node, into, DO_SHAPE);

    if (a == NULL)
        return -ENOMEM;
    a->shape = kind;
    return copy_text(d, node, "names of nodes and clients", &a->text);
}

static int read_cut(struct doc *d, yaml_node_t *node, void *into)
{
    return read_shape(d, node, into, SHAPE_CUT);
}

static int read_isolate(struct doc *d, yaml_node_t *node, void *into)
{
    return read_shape(d, node, into, SHAPE_ISOLATE);
}

static int read_split(struct doc *d, yaml_node_t *node, void *into)
{
    return read_shape(d, node, into, SHAPE_SPLIT);
}

static int read_ring(struct doc *d, yaml_node_t *node, void *into)
{
    return read_shape(d, node, into, SHAPE_RING);
}

static int read_bridge(struct doc *d, yaml_node_t *node, void *into)
{
    return read_shape(d, node, into, SHAPE_BRIDGE);
}

/* A program: its words, or one text, which is then for the shell. */
static int read_argument(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario_action *a = into;
    size_t n = 0;
    char **more;

    while (a->argv && a->argv[n])
        n++;
    more = grown(a->argv, n + 1, sizeof *more, d->e); /* and the NULL behind it */
    if (more == NULL)
        return -ENOMEM;
    a->argv = more;
    a->argv[n] = a->argv[n + 1] = NULL;
    return copy_text(d, node, "a word of a command", &a->argv[n]);
}

static int read_run(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario_action *a = new_action(d, node, into, DO_RUN);
    int rc;

    if (a == NULL)
        return -ENOMEM;
    if (node->type == YAML_SCALAR_NODE && !doc_is_nothing(node)) {
        a->argv = calloc(4, sizeof *a->argv);
        if (a->argv == NULL || (a->argv[0] = strdup("sh")) == NULL ||
            (a->argv[1] = strdup("-c")) == NULL)
            return err_set(d->e, -ENOMEM, "out of memory");
        return copy_text(d, node, "a command", &a->argv[2]);
    }
    rc = doc_list(d, node, "words", read_argument, a);
    if (rc < 0 || a->argv)
        return rc;
    err_set(d->e, -EINVAL, "run has no command");
    return doc_at(d, node);
}

/* ---- and when ---- */

static int set_trigger(struct doc *d, const yaml_node_t *node, void *into,
                       enum scenario_trigger trigger)
{
    struct scenario_step *step = ((struct reading *)into)->step;

    if (step->trigger != STEP_NEVER) {
        err_set(d->e, -EINVAL, "a step has one of 'at', 'every' and 'when'");
        return doc_at(d, node);
    }
    step->trigger = trigger;
    return 0;
}

static int read_at(struct doc *d, yaml_node_t *node, void *into)
{
    int rc = set_trigger(d, node, into, STEP_AT);

    return rc < 0 ? rc : doc_time(d, node, &((struct reading *)into)->step->time);
}

static int read_every(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario_step *step = ((struct reading *)into)->step;
    int rc = set_trigger(d, node, into, STEP_EVERY);

    if (rc == 0)
        rc = doc_time(d, node, &step->time);
    if (rc < 0 || step->time >= MSEC(1))
        return rc;
    err_set(d->e, -EINVAL, "every must be 1ms or more");
    return doc_at(d, node);
}

static int read_when(struct doc *d, yaml_node_t *node, void *into)
{
    const char *s = doc_text(d, node, "an event");
    int rc = s ? set_trigger(d, node, into, STEP_WHEN) : -EINVAL;

    if (rc < 0)
        return rc;
    rc = scenario_event_parse(s, &((struct reading *)into)->step->event, d->e);
    return rc < 0 ? doc_at(d, node) : 0;
}

static int read_times(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario_step *step = ((struct reading *)into)->step;
    int rc = doc_count(d, node, &step->times);

    step->times_given = true;
    if (rc < 0 || step->times > 0)
        return rc;
    err_set(d->e, -EINVAL, "times must be 1 or more");
    return doc_at(d, node);
}

static int read_name(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario_step *step = ((struct reading *)into)->step;
    int rc = copy_text(d, node, "a name", &step->name);

    if (rc < 0 || (strlen(step->name) > 0 && strlen(step->name) < SHAPE_NAME_MAX &&
                   strpbrk(step->name, " \t*?[]\"\\:,/") == NULL))
        return rc;
    err_set(d->e, -EINVAL, "'%.70s' cannot be a name", step->name);
    err_hint(d->e, "letters, digits and . _ - up to %d", SHAPE_NAME_MAX - 1);
    return doc_at(d, node);
}

static int read_how(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario_step *step = ((struct reading *)into)->step;
    int how, rc = read_word(d, node, "how", shape_hows, &how);

    step->shape_words = true;
    if (rc == 0)
        step->how = (enum shape_how)how;
    return rc;
}

static int read_one_way(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario_step *step = ((struct reading *)into)->step;

    step->shape_words = true;
    return doc_bool(d, node, "one-way", &step->one_way);
}

static int read_for(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario_step *step = ((struct reading *)into)->step;
    int rc = doc_time(d, node, &step->life);

    step->shape_words = true;
    if (rc < 0 || step->life > 0)
        return rc;
    err_set(d->e, -EINVAL, "a cut 'for 0' would never be one");
    return doc_at(d, node);
}

static const struct doc_key step_keys[] = {
    {"at", read_at, false},
    {"every", read_every, false},
    {"times", read_times, false},
    {"when", read_when, false},
    {"name", read_name, false},
    {"rule", read_step_rule, false},
    {"rules", read_step_rules, false},
    {"unrule", read_unrule, false},
    {"cut", read_cut, false},
    {"isolate", read_isolate, false},
    {"split", read_split, false},
    {"ring", read_ring, false},
    {"bridge", read_bridge, false},
    {"how", read_how, false},
    {"for", read_for, false},
    {"one-way", read_one_way, false},
    {"heal", read_heal, false},
    {"kill", read_kill, false},
    {"stop", read_stop, false},
    {"cont", read_cont, false},
    {"restart", read_restart, false},
    {"run", read_run, false},
    {"say", read_say, false},
    {"end", read_end, false},
    {NULL, NULL, false},
};

static int read_step(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario *s = into;
    struct reading r = {.scenario = s};
    void *more = grown(s->steps, s->nsteps, sizeof *s->steps, d->e);
    int rc;

    if (more == NULL)
        return -ENOMEM;
    s->steps = more;
    r.step = &s->steps[s->nsteps++];
    r.step->life = NSEC_NEVER;
    r.step->place = place_of(node);
    rc = doc_map(d, node, "a step", step_keys, &r);
    if (!r.step->times_given)
        r.step->times = r.step->trigger == STEP_EVERY ? UINT64_MAX : 1;
    return rc;
}

static int read_steps(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_list(d, node, "steps", read_step, into);
}

/* ---- the whole ---- */

static int read_expectation(struct doc *d, yaml_node_t *node, void *into)
{
    struct scenario *s = into;
    struct scenario_expect *x;
    void *more = grown(s->expect, s->nexpect, sizeof *s->expect, d->e);
    int rc;

    if (more == NULL)
        return -ENOMEM;
    s->expect = more;
    x = &s->expect[s->nexpect++];
    x->place = place_of(node);
    rc = copy_text(d, node, "an expectation", &x->text);
    if (rc == 0 && scenario_expect_parse(x->text, x, d->e) < 0)
        rc = doc_at(d, node);
    return rc;
}

static int read_expect(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_list(d, node, "expectations", read_expectation, into);
}

static int read_length(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_time(d, node, &((struct scenario *)into)->length);
}

static int read_seed(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_count(d, node, &((struct scenario *)into)->seed);
}

static const struct doc_key keys[] = {
    {"lab", scenario_read_lab, false},
    {"seed", read_seed, false},
    {"rules", read_rules, false},
    {"steps", read_steps, false},
    {"for", read_length, false},
    {"expect", read_expect, false},
    {NULL, NULL, false},
};

int scenario_parse(struct scenario *s, const char *text, size_t n, struct err *e)
{
    int rc;

    *s = (struct scenario){.lab.replicas = 2, .seed = 1, .length = NSEC_NEVER};
    rc = doc_parse(text, n, "the scenario", keys, s, e);
    return rc < 0 ? rc : scenario_check(s, e);
}

int scenario_load(struct scenario *s, const char *path, struct err *e)
{
    char *text;
    size_t n;
    int rc = doc_slurp(path, &text, &n, e);

    *s = (struct scenario){.length = NSEC_NEVER};
    if (rc == 0)
        rc = scenario_parse(s, text, n, e);
    free(text);
    return rc;
}

static void release_step(struct scenario_step *step)
{
    for (size_t i = 0; i < step->actions; i++) {
        struct scenario_action *a = &step->action[i];

        for (size_t k = 0; a->argv && a->argv[k]; k++)
            free(a->argv[k]);
        free(a->argv);
        free(a->text);
    }
    free(step->action);
    free(step->name);
}

void scenario_release(struct scenario *s)
{
    for (size_t i = 0; i < s->nrules; i++)
        free(s->rules[i]);
    for (size_t i = 0; i < s->nsteps; i++)
        release_step(&s->steps[i]);
    for (size_t i = 0; i < s->nexpect; i++)
        free(s->expect[i].text);
    free(s->rules);
    free(s->rule_places);
    free(s->steps);
    free(s->expect);
    *s = (struct scenario){.length = NSEC_NEVER};
}

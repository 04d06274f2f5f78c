/* fan_change.c -- see fan.h: a change on all proxies or on none.
 *
 *   ask each for its rules -> change all at once -> done
 *           | one is not there      | one refuses, or is silent
 *           nothing is changed      the others get back the rules they had
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fan.h"
#include "rule.h"

#define AGAIN 3 /* times a proxy is asked to take its rules back */

static size_t failed(const struct fan *f, size_t *first)
{
    size_t n = 0;

    for (size_t i = f->n; i-- > 0;)
        if (f->peer[i].trouble.code) {
            *first = i;
            n++;
        }
    return n;
}

/* ---- names: the same on all ---- */

/* Is the sentence that of a rule with this name, or of one of a partition's? */
static bool bears(const char *sentence, const char *name)
{
    size_t n = strlen(name);

    return strncmp(sentence, name, n) == 0 && (sentence[n] == ':' || sentence[n] == '.');
}

static bool is_taken(json_t *const *rules, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        json_t *sentence;
        size_t at;

        json_array_foreach(rules[i], at, sentence)
        {
            if (bears(json_string_value(sentence), name))
                return true;
        }
    }
    return false;
}

static const char *free_name(json_t *const *rules, size_t n, const char *verb, char *name,
                             size_t size)
{
    for (unsigned i = 1;; i++) {
        snprintf(name, size, "%.20s-%u", verb, i);
        if (!is_taken(rules, n, name))
            return name;
    }
}

/* A rule without a name gets one. What is no rule is left for the proxies to refuse. */
static void name_rule(json_t *const *rules, size_t n, json_t *args)
{
    const char *sentence = json_string_value(json_object_get(args, "rule"));
    char name[RULE_NAME_MAX];
    struct rule *r;

    if (sentence == NULL || rule_parse(sentence, &r, NULL) < 0)
        return;
    if (r->name[0] == '\0') {
        (void)free_name(rules, n, "rule", name, sizeof name);
        json_object_set_new(args, "rule", json_sprintf("%s: %s", name, sentence));
    }
    rule_unref(&r);
}

static void name_it(json_t *const *rules, size_t n, const struct fan_request *q,
                    const char *verb, json_t *args)
{
    char name[RULE_NAME_MAX];

    if (strcmp(q->path, "/rules") == 0)
        name_rule(rules, n, args);
    else if (strcmp(q->method, "POST") == 0 && strcmp(verb, "heal") != 0 &&
             !json_object_get(args, "name"))
        json_object_set_new(args, "name",
                            json_string(free_name(rules, n, verb, name, sizeof name)));
}

/* ---- there and back ---- */

static json_t *as_lines(const json_t *rules)
{
    json_t *text = json_string(""), *rule, *more;
    size_t i;

    json_array_foreach(rules, i, rule)
    {
        more = json_sprintf("%s%s\n", json_string_value(text), json_string_value(rule));
        json_decref(text);
        text = more;
    }
    return json_pack("{s:o}", "rules", text);
}

/* Give back to a proxy the rules it had. */
static int restore(struct fan *f, size_t at, const json_t *rules)
{
    json_t *body = as_lines(rules);
    const struct fan_request q = {"PUT", "/plan", body};
    bool only[FAN_MAX] = {false};

    only[at] = true;
    f->peer[at].trouble.code = -EAGAIN;
    for (int i = 0; i < AGAIN && f->peer[at].trouble.code; i++)
        fan_ask(f, &q, only);
    json_decref(body);
    return f->peer[at].trouble.code;
}

/* All but those that have refused: one that was silent may yet have done it. Answers
 * which could not be set back, "" when all were. */
static const char *restore_all(struct fan *f, json_t *const *rules, char *lost,
                               size_t size)
{
    bool refused[FAN_MAX];
    size_t n = 0;

    lost[0] = '\0';
    for (size_t i = 0; i < f->n; i++)
        refused[i] = f->peer[i].status >= 400;
    for (size_t i = 0; i < f->n && n < size; i++)
        if (!refused[i] && restore(f, i, rules[i]) != 0)
            n += (size_t)snprintf(lost + n, size - n, "%s%s", n ? ", " : "",
                                  f->peer[i].at);
    return lost;
}

/* Some did not follow: undo it, and say what is so now. */
static int undo(struct fan *f, size_t first, json_t *const *rules, struct err *e)
{
    const struct err why = f->peer[first].trouble;
    const char *at = f->peer[first].at;
    char lost[160];
    size_t refused = 0;

    for (size_t i = 0; i < f->n; i++)
        refused += f->peer[i].status >= 400;
    if (refused == f->n) {
        *e = why; /* all are of one mind */
        return why.code;
    }
    if (restore_all(f, rules, lost, sizeof lost)[0] == '\0') {
        err_set(e, why.code, "nothing is changed: of %zu proxies, %s did not follow: %s",
                f->n, at, why.text);
        err_hint(e, "the others were set back to the rules they had");
        return why.code;
    }
    err_set(e, -EIO, "%s did not follow: %s", at, why.text);
    err_hint(e, "all were set back but %s, which may have the change", lost);
    return -EIO;
}

static int read_rules(struct fan *f, json_t **rules, struct err *e)
{
    const struct fan_request q = {"GET", "/plan", NULL};
    size_t first = 0, n;

    fan_ask(f, &q, NULL);
    n = failed(f, &first);
    if (n) {
        err_set(e, f->peer[first].trouble.code,
                "nothing is changed: %zu of %zu proxies %s: %s", n, f->n,
                n == 1 ? "does not answer" : "do not answer",
                f->peer[first].trouble.text);
        err_hint(e,
                 "a change is made on all or on none; --api names those that there are");
        return -EIO;
    }
    for (size_t i = 0; i < f->n; i++)
        rules[i] = json_incref(f->peer[i].answer);
    return 0;
}

int fan_change(struct fan *f, const struct fan_request *q, const char *verb, json_t *args,
               struct err *e)
{
    json_t *rules[FAN_MAX] = {NULL};
    size_t first = 0;
    int err = read_rules(f, rules, e);

    assert(q->body == args);
    if (err == 0) {
        name_it(rules, f->n, q, verb, args);
        fan_ask(f, q, NULL);
        if (failed(f, &first) > 0)
            err = undo(f, first, rules, e);
    }
    for (size_t i = 0; i < f->n; i++)
        json_decref(rules[i]);
    return err;
}

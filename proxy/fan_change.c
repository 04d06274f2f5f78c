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

#include "fan_parts.h"
#include "rule.h"

#define AGAIN 3 /* times a proxy is asked to take its rules back */

size_t fan_failed(const struct fan *f, size_t *first)
{
    size_t n = 0;

    for (size_t i = f->n; i-- > 0;)
        if (f->peer[i].trouble.code) {
            *first = i;
            n++;
        }
    return n;
}

size_t fan_refused(const struct fan *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        n += f->peer[i].status >= 400;
    return n;
}

/* ---- names: the same on all ---- */

/* Is the sentence that of a rule with this name, or of one of a partition's? */
static bool bears(const char *sentence, const char *name)
{
    size_t n = strlen(name);

    return strncmp(sentence, name, n) == 0 && (sentence[n] == ':' || sentence[n] == '.');
}

static bool is_taken(const struct fan *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        json_t *sentence;
        size_t at;

        json_array_foreach(f->peer[i].before, at, sentence)
        {
            if (bears(json_string_value(sentence), name))
                return true;
        }
    }
    return false;
}

static const char *free_name(const struct fan *f, const char *verb, char *name,
                             size_t size)
{
    for (unsigned i = 1;; i++) {
        snprintf(name, size, "%.20s-%u", verb, i);
        if (!is_taken(f, name))
            return name;
    }
}

/* A rule without a name gets one. What is no rule is left for the proxies to refuse. */
static void name_rule(const struct fan *f, json_t *args)
{
    const char *sentence = json_string_value(json_object_get(args, "rule"));
    char name[RULE_NAME_MAX];
    struct rule *r;

    if (sentence == NULL || rule_parse(sentence, &r, NULL) < 0)
        return;
    if (r->name[0] == '\0') {
        (void)free_name(f, "rule", name, sizeof name);
        json_object_set_new(args, "rule", json_sprintf("%s: %s", name, sentence));
    }
    rule_unref(&r);
}

static void name_it(const struct fan *f, const struct fan_request *q, const char *verb,
                    json_t *args)
{
    char name[RULE_NAME_MAX];

    if (strcmp(q->path, "/rules") == 0)
        name_rule(f, args);
    else if (strcmp(q->method, "POST") == 0 && strcmp(verb, "heal") != 0 &&
             !json_object_get(args, "name"))
        json_object_set_new(args, "name",
                            json_string(free_name(f, verb, name, sizeof name)));
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

int fan_insist(struct fan *f, size_t at, const struct fan_request *q)
{
    struct fan_peer *p = &f->peer[at];
    bool only[FAN_MAX] = {false};

    only[at] = true;
    for (int i = 0; i < AGAIN; i++) {
        fan_ask(f, q, only);
        if (p->trouble.code == 0 || (p->status >= 400 && p->status < 500))
            break;
    }
    return p->trouble.code;
}

const char *fan_restore(struct fan *f, const bool *spared, char *lost, size_t size)
{
    size_t n = 0;

    lost[0] = '\0';
    for (size_t i = 0; i < f->n && n < size; i++) {
        json_t *body = spared[i] ? NULL : as_lines(f->peer[i].before);

        if (body && fan_insist(f, i, &(struct fan_request){"PUT", "/plan", body}) != 0)
            n += (size_t)snprintf(lost + n, size - n, "%s%s", n ? ", " : "",
                                  f->peer[i].at);
        json_decref(body);
    }
    return lost;
}

/* Some did not follow: undo it, but where it was refused -- one that was silent may yet
 * have done it -- and say what is so now. */
static int undo(struct fan *f, size_t first, struct err *e)
{
    const struct err why = f->peer[first].trouble;
    const char *at = f->peer[first].at;
    bool refused[FAN_MAX];
    char lost[160];

    for (size_t i = 0; i < f->n; i++)
        refused[i] = f->peer[i].status >= 400;
    if (fan_refused(f) == f->n) {
        *e = why; /* all are of one mind */
        return why.code;
    }
    if (fan_restore(f, refused, lost, sizeof lost)[0] == '\0') {
        err_set(e, why.code, "nothing is changed: of %zu proxies, %s did not follow: %s",
                f->n, at, why.text);
        err_hint(e, "the others were set back to the rules they had");
        return why.code;
    }
    err_set(e, -EIO, "%s did not follow: %s", at, why.text);
    err_hint(e, "all were set back but %s, which may have the change", lost);
    return -EIO;
}

int fan_look(struct fan *f, const char *path, struct err *e)
{
    const struct fan_request q = {"GET", path, NULL};
    size_t first = 0, n;

    fan_ask(f, &q, NULL);
    n = fan_failed(f, &first);
    if (n == 0)
        return 0;
    *e = f->peer[first].trouble;
    if (f->n == 1)
        return e->code;
    err_set(e, -EIO, "nothing is changed: %zu of %zu proxies %s: %s", n, f->n,
            n == 1 ? "does not answer" : "do not answer", f->peer[first].trouble.text);
    err_hint(e, "a change is made on all or on none; --api names those that there are");
    return -EIO;
}

int fan_remember(struct fan *f, struct err *e)
{
    int err = fan_look(f, "/plan", e);

    for (size_t i = 0; i < f->n && err == 0; i++) {
        json_decref(f->peer[i].before);
        f->peer[i].before = json_incref(f->peer[i].answer);
    }
    return err;
}

int fan_change(struct fan *f, const struct fan_request *q, const char *verb, json_t *args,
               struct err *e)
{
    size_t first = 0;
    int err = fan_remember(f, e);

    assert(q->body == args);
    if (err)
        return err;
    name_it(f, q, verb, args);
    fan_ask(f, q, NULL);
    return fan_failed(f, &first) > 0 ? undo(f, first, e) : 0;
}

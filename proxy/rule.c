/* rule.c -- read a sentence into a rule.
 *
 * One pass over the words, left to right; the word at hand decides what comes. Every
 * refusal names the column of that word and, where there is one, the word that was
 * meant.
 *
 *   [name:] on FROM -> TO [lane] [when] cond... often... do FAULT value... [for TIME]
 *           `-- who ----' `-------- clauses ---------' `--- action ---' `- life --'
 */
#include "rule.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "param.h"
#include "rule_parts.h"
#include "value.h"

#define GLOB "*?[]!^"

const char *const role_names[] = {"client",  "replication", "sentinel", "pubsub",
                                  "monitor", "opaque",      NULL};

/* name and links */

static int parse_name(struct sentence *s, struct rule *r)
{
    size_t n = strlen(s->word);

    if (n == 0 || s->word[n - 1] != ':')
        return 0;
    s->word[--n] = '\0';
    if (n == 0 || n >= RULE_NAME_MAX || strspn(s->word, NAME) != n) {
        sentence_fail(s, "'%.70s' cannot name a rule", s->word);
        err_hint(s->e, "letters, digits and . _ - up to %d", RULE_NAME_MAX - 1);
        return -EINVAL;
    }
    memcpy(r->name, s->word, n + 1);
    sentence_next(s);
    return 0;
}

/* One item of a comma list: a name or a glob. */
static int check_who(struct sentence *s, const char *item, size_t n)
{
    if (n == 0) {
        sentence_fail(s, "an empty name in '%.70s'", s->word);
        err_hint(s->e, "a list has no spaces: r1,r2");
        return -EINVAL;
    }
    if (strspn(item, NAME GLOB) < n) {
        sentence_fail(s, "'%.*s' cannot be the name of a node or client",
                      (int)(n < 70 ? n : 70), item);
        err_hint(s->e, "a name, a glob, a list a,b or one of "
                       "* master replica sentinel client");
        return -EINVAL;
    }
    return 0;
}

static int parse_who(struct sentence *s, char *into)
{
    size_t n = strlen(s->word);

    if (n == 0 || sentence_is(s, "->") || sentence_is(s, "<->"))
        return sentence_missing(s, "a name", "such as: on r2 -> r1 do latency 50ms");
    for (const char *item = s->word;; item++) {
        size_t len = strcspn(item, ",");

        if (check_who(s, item, len) < 0)
            return -EINVAL;
        item += len;
        if (*item == '\0')
            break;
    }
    if (n >= RULE_NAME_MAX)
        return sentence_fail(s, "more than %d bytes of names", RULE_NAME_MAX - 1);
    memcpy(into, s->word, n + 1);
    return 0;
}

static int parse_links(struct sentence *s, struct rule *r)
{
    if (!sentence_is(s, "on")) {
        sentence_missing(s, "'on'", "such as: on r2 -> r1 do latency 50ms");
        return sentence_suggest(s, s->word, (const char *const[]){"on", NULL}, NULL);
    }
    sentence_next_of_links(s);
    if (parse_who(s, r->from) < 0)
        return -EINVAL;
    sentence_next_of_links(s);
    r->both_ways = sentence_is(s, "<->");
    if (!sentence_is(s, "->") && !sentence_is(s, "<->"))
        return sentence_missing(s, "'->' or '<->'",
                                "such as: on r2 -> r1 do latency 50ms");
    sentence_next_of_links(s);
    if (parse_who(s, r->to) < 0)
        return -EINVAL;
    sentence_next(s);
    return 0;
}

/* action */

static int unknown_fault(struct sentence *s)
{
    const char *names[64] = {NULL};
    char others[ERR_MAX] = "one of";

    for (size_t i = 0; i < 63 && faults[i]; i++) {
        size_t n = strlen(others);

        names[i] = faults[i]->name;
        snprintf(others + n, sizeof others - n, " %s", names[i]);
    }
    if (sentence_ends(s))
        return sentence_missing(s, "a fault after 'do'", others);
    sentence_fail(s, "unknown fault '%.40s'", s->word);
    return sentence_suggest(s, s->word, names, others);
}

static int unknown_param(struct sentence *s, struct rule *r)
{
    const struct fault *f = r->fault;
    const char *names[16] = {NULL}, *near;
    char takes[ERR_MAX] = "it takes";

    sentence_fail(s, "%s has no parameter '%.40s'", f->name, s->word);
    for (size_t i = 0; f->params && f->params[i].name && i < 14; i++) {
        size_t n = strlen(takes);

        names[i] = f->params[i].name;
        snprintf(takes + n, sizeof takes - n, " %s", names[i]);
    }
    if (names[0] == NULL)
        snprintf(takes, sizeof takes, "it takes none");
    near = err_nearest(s->word, names);
    if (near)
        err_hint(s->e, "did you mean '%s'? %s", near, takes);
    else
        err_hint(s->e, "%s", takes);
    return -EINVAL;
}

/* A word that is neither param=value nor the bare value of the first parameter. */
static int stray_word(struct sentence *s)
{
    sentence_fail(s, "unexpected '%.40s'", s->word);
    return sentence_suggest(
        s, s->word, (const char *const[]){"for", "until", "once", NULL},
        "param=value, 'for' and a time, 'until' or 'once' may follow");
}

static bool is_life(const struct sentence *s)
{
    return sentence_is(s, "for") || sentence_is(s, "until") || sentence_is(s, "once");
}

static int parse_param(struct sentence *s, struct rule *r, bool may_be_bare)
{
    const struct param *params = r->fault->params, *param;

    sentence_split(s);
    if (s->value == NULL && (!may_be_bare || params == NULL))
        return stray_word(s);
    param = s->value ? param_named(r->fault, s->word) : params;
    if (param == NULL)
        return unknown_param(s, r);
    if (sentence_once(s, (unsigned)(param - params), param->name) < 0)
        return -EINVAL;
    if (param_read(param, r->conf, s->value ? s->value : s->word, s->e) < 0)
        return sentence_fail_value(s);
    return 0;
}

/* Are the parameters complete, and sound together? The place is that of the fault. */
static int check_params(struct sentence *s, struct rule *r, size_t column)
{
    const struct fault *f = r->fault;
    const struct param *param = f->params;

    for (unsigned i = 0; param && param[i].name; i++)
        if (param[i].standard == NULL && !(s->seen & 1u << i)) {
            err_set(s->e, -EINVAL, "%s needs its %s", f->name, param[i].name);
            err_hint(s->e, "such as: do %s", f->example);
            err_place(s->e, 0, column);
            return -EINVAL;
        }
    if (f->prepare && f->prepare(r->conf, s->e) < 0) {
        err_place(s->e, 0, column);
        return -EINVAL;
    }
    return 0;
}

static int parse_fault(struct sentence *s, struct rule *r)
{
    size_t column;

    sentence_next(s);
    column = s->column;
    r->fault = fault_named(s->word);
    if (r->fault == NULL)
        return unknown_fault(s);
    r->conf = calloc(1, r->fault->conf_size + 1);
    if (r->conf == NULL)
        return err_set(s->e, -ENOMEM, "out of memory");
    param_defaults(r->fault, r->conf);
    if (!r->lane_given)
        r->lane = r->fault->lane;
    s->seen = 0;
    sentence_next(s);
    for (bool first = true; !sentence_ends(s) && !is_life(s); first = false) {
        if (parse_param(s, r, first) < 0)
            return -EINVAL;
        sentence_next(s);
    }
    return check_params(s, r, column);
}

static int parse_for(struct sentence *s, struct rule *r)
{
    if (r->life != NSEC_NEVER)
        return sentence_fail(s, "'for' is given twice");
    sentence_next(s);
    if (sentence_ends(s))
        return sentence_missing(s, "a time after 'for'", "such as: for 5s");
    if (value_time(s->word, &r->life, s->e) < 0)
        return sentence_fail_value(s);
    if (r->life == 0)
        return sentence_fail(s, "a rule 'for 0' would never act");
    sentence_next(s);
    return 0;
}

static int parse_life(struct sentence *s, struct rule *r)
{
    int rc = 0;

    while (rc == 0 && is_life(s)) {
        if (sentence_is(s, "for")) {
            rc = parse_for(s, r);
        } else if (sentence_is(s, "until")) {
            rc = rule_fired(s, r->until_rule);
        } else {
            r->once = true;
            sentence_next(s);
        }
    }
    if (rc < 0 || sentence_ends(s))
        return rc;
    sentence_fail(s, "unexpected '%.40s'", s->word);
    err_hint(s->e, "'for' and its time, 'until' and 'once' come last");
    return -EINVAL;
}

/* Does it look at frames, or count them? */
static bool needs_frames(const struct rule *r)
{
    return rule_needs_request(r) || r->reply[0] || r->nth || r->every || r->first ||
           r->after || r->phase || r->offset;
}

/* What can only be said of the whole sentence. */
static int check_whole(struct sentence *s, const struct rule *r)
{
    const struct fault *f = r->fault;

    if (f->packets && (needs_frames(r) || r->chance < 1 || r->share < 1 ||
                       (r->role != ROLE_ANY && !f->egress))) {
        err_set(s->e, -EINVAL, "%s acts on packets, not on what is in them", f->name);
        err_hint(s->e,
                 "leave out conditions and counts; 'for', 'after' and 'until' work");
        return -EINVAL;
    }
    if (!f->packets && !f->on_frame && !f->on_bytes && needs_frames(r)) {
        err_set(s->e, -EINVAL, "%s acts on sessions, not on frames of them", f->name);
        err_hint(s->e, "leave out counts, and all conditions but role= and session=");
        return -EINVAL;
    }
    if (f->poison && !r->poison) {
        err_set(s->e, -EINVAL, "%s gives replicas what their master never said", f->name);
        err_hint(s->e, "if that is wanted, say so: when poison");
        return -EINVAL;
    }
    if (r->reply[0] && r->lane != LANE_REPLIES) {
        err_set(s->e, -EINVAL, "reply=%s can only be known on lane replies", r->reply);
        err_hint(s->e, "write: on %s -> %s replies when reply=%s", r->from, r->to,
                 r->reply);
        return -EINVAL;
    }
    return 0;
}

/* the whole */

static int parse(struct sentence *s, struct rule *r)
{
    int rc;

    if (parse_name(s, r) < 0 || parse_links(s, r) < 0 || rule_clauses(s, r) < 0)
        return -EINVAL;
    rc = parse_fault(s, r);
    if (rc == 0)
        rc = parse_life(s, r);
    return rc < 0 ? rc : check_whole(s, r);
}

/* Two spellings of one rule are one rule: what it draws must not hang on spaces. And
 * what we print must be something that we would read. */
static int identify(struct rule *r, struct err *e)
{
    char text[2 * RULE_TEXT_MAX];

    rule_print(r, text, sizeof text);
    if (strlen(text) >= RULE_TEXT_MAX)
        return err_set(e, -EINVAL, "a rule of more than %d bytes", RULE_TEXT_MAX - 1);
    if (r->name[0])
        r->id = rng_hash(r->name, strlen(r->name));
    else
        r->id = rng_hash(text, strlen(text));
    return 0;
}

int rule_parse(const char *sentence, struct rule **out, struct err *e)
{
    struct sentence s;
    struct rule *r;
    int rc;

    *out = NULL;
    rc = sentence_open(&s, sentence, e);
    if (rc < 0)
        return rc;
    r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    *r = (struct rule){.role = ROLE_ANY,
                       .chance = 1,
                       .share = 1,
                       .database = -1,
                       .life = NSEC_NEVER,
                       .refs = 1};
    rc = parse(&s, r);
    if (rc == 0)
        rc = identify(r, e);
    if (rc < 0)
        rule_unref(&r);
    *out = r;
    return rc;
}

struct rule *rule_ref(struct rule *r)
{
    r->refs++;
    return r;
}

void rule_unref(struct rule **r)
{
    struct rule *gone = *r;

    *r = NULL;
    if (gone == NULL || --gone->refs > 0)
        return;
    free(gone->conf);
    free(gone);
}

bool rule_needs_request(const struct rule *r)
{
    return r->commands > 0 || r->key[0] || r->arg[0] || r->client_name[0] || r->user[0] ||
           r->in_multi || r->database >= 0;
}

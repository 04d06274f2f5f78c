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
#include "sentence.h"
#include "value.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME    LETTERS "0123456789._-"
#define GLOB    "*?[]!^"

const char *const role_names[] = {"client",  "replication", "sentinel", "pubsub",
                                  "monitor", "opaque",      NULL};

static const char *const lane_names[] = {"requests", "replies", "both", NULL};
static const char *const cond_names[] = {"role", "command", "key", NULL};
static const char *const often_names[] = {"chance", "nth",   "every",
                                          "first",  "after", NULL};
static const char *const cond_examples[] = {"role=replication", "command=GET",
                                            "key=user:*"};
static const char *const often_examples[] = {"chance=5%", "nth=10", "every=10", "first=3",
                                             "after=100"};
static const char *const clause_names[] = {
    "requests", "replies", "both", "when",  "do",    "role",  "command",
    "key",      "chance",  "nth",  "every", "first", "after", NULL};

static int find(const char *const *names, const char *word)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], word) == 0)
            return i;
    return -1;
}

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

/* clauses: lane, when, often */

static int parse_lane(struct sentence *s, struct rule *r)
{
    int lane = find(lane_names, s->word);

    if (lane < 0)
        return 0;
    r->lane = (enum lane_id)lane;
    r->lane_given = true;
    sentence_next(s);
    return 0;
}

static int parse_role(struct sentence *s, struct rule *r)
{
    int role = find(role_names, s->value);

    if (role >= 0) {
        r->role = (enum role)role;
        return 0;
    }
    err_set(s->e, -EINVAL, "unknown role '%.40s'", s->value);
    sentence_fail_value(s);
    return sentence_suggest(s, s->value, role_names,
                            "client replication sentinel pubsub monitor opaque");
}

static int add_command(struct sentence *s, struct rule *r, const char *name, size_t n)
{
    char *into;

    if (n == 0 || n >= sizeof r->command[0] || strspn(name, NAME) < n) {
        err_set(s->e, -EINVAL, "'%.*s' is no command", (int)(n < 40 ? n : 40), name);
        err_hint(s->e, "such as command=GET or command=SET,DEL");
        return sentence_fail_value(s);
    }
    if (r->commands == RULE_COMMANDS) {
        err_set(s->e, -EINVAL, "more than %d commands", RULE_COMMANDS);
        err_hint(s->e, "use two rules");
        return sentence_fail_value(s);
    }
    into = r->command[r->commands++];
    for (size_t i = 0; i < n; i++)
        into[i] = (char)toupper((unsigned char)name[i]);
    return 0;
}

static int parse_command(struct sentence *s, struct rule *r)
{
    const char *name = s->value;

    for (;;) {
        size_t n = strcspn(name, ",");

        if (add_command(s, r, name, n) < 0)
            return -EINVAL;
        if (name[n] == '\0')
            return 0;
        name += n + 1;
    }
}

static int parse_key(struct sentence *s, struct rule *r)
{
    size_t n = strlen(s->value);

    if (n > 0 && n < sizeof r->key) {
        memcpy(r->key, s->value, n + 1);
        return 0;
    }
    if (n == 0)
        err_set(s->e, -EINVAL, "key is empty");
    else
        err_set(s->e, -EINVAL, "key has more than %zu bytes", sizeof r->key - 1);
    err_hint(s->e, "a key or a glob, such as key=user:*");
    return sentence_fail_value(s);
}

static int parse_times(struct sentence *s, uint64_t *into)
{
    if (value_count(s->value, into, s->e) < 0)
        return sentence_fail_value(s);
    if (*into > 0)
        return 0;
    err_set(s->e, -EINVAL, "%s must be 1 or more", s->word);
    return sentence_fail_value(s);
}

static int parse_often(struct sentence *s, struct rule *r, int which)
{
    switch (which) {
    case 0:
        if (value_fraction(s->value, &r->chance, s->e) < 0)
            return sentence_fail_value(s);
        return 0;
    case 1: return parse_times(s, &r->nth);
    case 2: return parse_times(s, &r->every);
    case 3: return parse_times(s, &r->first);
    default: return parse_times(s, &r->after);
    }
}

static int parse_cond(struct sentence *s, struct rule *r, int which)
{
    if (which == 0)
        return parse_role(s, r);
    return which == 1 ? parse_command(s, r) : parse_key(s, r);
}

static int unknown_clause(struct sentence *s)
{
    if (sentence_ends(s))
        return sentence_missing(s, "'do' and a fault", "such as: do latency 50ms");
    sentence_fail(s, "unknown %s '%.40s'", s->value ? "condition" : "word", s->word);
    return sentence_suggest(s, s->word, clause_names,
                            s->value ? "role command key chance nth every first after"
                                     : "a lane, 'when', or 'do' and a fault");
}

/* One name=value between the links and 'do'. */
static int parse_clause(struct sentence *s, struct rule *r, bool after_when)
{
    int cond, often;

    sentence_split(s);
    cond = find(cond_names, s->word);
    often = find(often_names, s->word);
    if (cond < 0 && often < 0)
        return unknown_clause(s);
    if (s->value == NULL) {
        sentence_fail(s, "'%s' has no value", s->word);
        err_hint(s->e, "such as %s",
                 often < 0 ? cond_examples[cond] : often_examples[often]);
        return -EINVAL;
    }
    if (cond >= 0 && !after_when) {
        sentence_fail(s, "'%s' is a condition", s->word);
        err_hint(s->e, "write 'when' before the conditions");
        return -EINVAL;
    }
    if (sentence_once(s, (unsigned)(often >= 0 ? 8 + often : cond), s->word) < 0)
        return -EINVAL;
    return often >= 0 ? parse_often(s, r, often) : parse_cond(s, r, cond);
}

static int parse_clauses(struct sentence *s, struct rule *r)
{
    bool when = false;

    while (!sentence_is(s, "do")) {
        if (!sentence_is(s, "when")) {
            if (parse_clause(s, r, when) < 0)
                return -EINVAL;
            sentence_next(s);
            continue;
        }
        if (when)
            return sentence_fail(s, "'when' is given twice");
        when = true;
        sentence_next(s);
        if (sentence_ends(s) || sentence_is(s, "do"))
            return sentence_missing(s, "a condition after 'when'",
                                    "such as: when command=GET");
    }
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
    return sentence_suggest(s, s->word, (const char *const[]){"for", NULL},
                            "param=value, or 'for' and a time, may follow");
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
    if (f->check && f->check(r->conf, s->e) < 0) {
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
    for (bool first = true; !sentence_ends(s) && !sentence_is(s, "for"); first = false) {
        if (parse_param(s, r, first) < 0)
            return -EINVAL;
        sentence_next(s);
    }
    return check_params(s, r, column);
}

static int parse_life(struct sentence *s, struct rule *r)
{
    if (sentence_ends(s))
        return 0;
    sentence_next(s); /* past 'for': parse_fault stops at nothing else */
    if (sentence_ends(s))
        return sentence_missing(s, "a time after 'for'", "such as: for 5s");
    if (value_time(s->word, &r->life, s->e) < 0)
        return sentence_fail_value(s);
    if (r->life == 0)
        return sentence_fail(s, "a rule 'for 0' would never act");
    sentence_next(s);
    if (sentence_ends(s))
        return 0;
    sentence_fail(s, "unexpected '%.40s'", s->word);
    err_hint(s->e, "'for' and its time come last");
    return -EINVAL;
}

/* the whole */

static int parse(struct sentence *s, struct rule *r)
{
    int rc;

    if (parse_name(s, r) < 0 || parse_links(s, r) < 0 || parse_lane(s, r) < 0 ||
        parse_clauses(s, r) < 0)
        return -EINVAL;
    rc = parse_fault(s, r);
    return rc < 0 ? rc : parse_life(s, r);
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
    *r = (struct rule){.role = ROLE_ANY, .chance = 1, .life = NSEC_NEVER, .refs = 1};
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
    return r->commands > 0 || r->key[0] != '\0';
}

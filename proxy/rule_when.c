/* rule_when.c -- the middle of a rule: its lane, when it acts and how often. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "rule_parts.h"
#include "value.h"

static const char *const lane_names[] = {"requests", "replies", "both", NULL};
static const char *const cond_names[] = {
    "role",  "command", "key",     "arg",   "db",      "client-name", "user",
    "reply", "in",      "session", "phase", "offset>", NULL};
static const char *const often_names[] = {"chance", "nth",      "every", "first",
                                          "after",  "sessions", NULL};
static const char *const cond_examples[] = {
    "role=replication", "command=GET", "key=user:*",  "arg=*NX*", "db=0",
    "client-name=web*", "user=app",    "reply=error", "in=multi", "session=3",
    "phase=stream",     "offset>=1000"};
static const char *const often_examples[] = {"chance=5%", "nth=10",    "every=10",
                                             "first=3",   "after=100", "sessions=30%"};
static const char *const words[] = {"requests", "replies", "both", "when",
                                    "after",    "do",      NULL};

static int find(const char *const *names, const char *word)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], word) == 0)
            return i;
    return -1;
}

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

/* A name or a glob, into a field of that size. */
static int parse_glob(struct sentence *s, char *into, size_t size)
{
    size_t n = strlen(s->value);

    if (n > 0 && n < size) {
        memcpy(into, s->value, n + 1);
        return 0;
    }
    if (n == 0)
        err_set(s->e, -EINVAL, "%s is empty", s->word);
    else
        err_set(s->e, -EINVAL, "%s has more than %zu bytes", s->word, size - 1);
    err_hint(s->e, "a text or a glob, such as %s",
             cond_examples[find(cond_names, s->word)]);
    return sentence_fail_value(s);
}

static int parse_database(struct sentence *s, struct rule *r)
{
    uint64_t n;

    if (value_count(s->value, &n, s->e) < 0)
        return sentence_fail_value(s);
    if (n <= 65535) {
        r->database = (int)n;
        return 0;
    }
    err_set(s->e, -EINVAL, "db=%.20s is out of range", s->value);
    err_hint(s->e, "0 to 65535");
    return sentence_fail_value(s);
}

static int parse_in(struct sentence *s, struct rule *r)
{
    if (strcmp(s->value, "multi") == 0) {
        r->in_multi = true;
        return 0;
    }
    err_set(s->e, -EINVAL, "in cannot be '%.40s'", s->value);
    err_hint(s->e, "only in=multi: between MULTI and EXEC");
    return sentence_fail_value(s);
}

static int parse_phase(struct sentence *s, struct rule *r)
{
    int phase = find(phase_names, s->value);

    if (phase > 0) {
        r->phase = (enum repl_phase)phase;
        return 0;
    }
    err_set(s->e, -EINVAL, "unknown phase '%.40s'", s->value);
    sentence_fail_value(s);
    return sentence_suggest(s, s->value, phase_names + 1, "handshake rdb stream ack");
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
    case 4: return parse_times(s, &r->after);
    default:
        if (value_fraction(s->value, &r->share, s->e) < 0)
            return sentence_fail_value(s);
        return 0;
    }
}

/* which: the place in cond_names. */
static int parse_cond(struct sentence *s, struct rule *r, int which)
{
    switch (which) {
    case 0: return parse_role(s, r);
    case 1: return parse_command(s, r);
    case 2: return parse_glob(s, r->key, sizeof r->key);
    case 3: return parse_glob(s, r->arg, sizeof r->arg);
    case 4: return parse_database(s, r);
    case 5: return parse_glob(s, r->client_name, sizeof r->client_name);
    case 6: return parse_glob(s, r->user, sizeof r->user);
    case 7: return parse_glob(s, r->reply, sizeof r->reply);
    case 8: return parse_in(s, r);
    case 9: return parse_times(s, &r->session);
    case 10: return parse_phase(s, r);
    default: return parse_times(s, &r->offset);
    }
}

/* The conditions and the counting words, as one list. */
static const char *const *clause_names(const char **all)
{
    size_t n = 0;

    for (size_t i = 0; cond_names[i]; i++)
        all[n++] = cond_names[i];
    for (size_t i = 0; often_names[i]; i++)
        all[n++] = often_names[i];
    all[n] = NULL;
    return all;
}

static int unknown_clause(struct sentence *s)
{
    const char *all[32];

    if (sentence_ends(s))
        return sentence_missing(s, "'do' and a fault", "such as: do latency 50ms");
    sentence_fail(s, "unknown %s '%.40s'", s->value ? "condition" : "word", s->word);
    return sentence_suggest(s, s->word, s->value ? clause_names(all) : words,
                            s->value
                                ? "role command key arg db client-name user reply in "
                                  "session chance nth every first after sessions"
                                : "a lane, 'when', or 'do' and a fault");
}

/* One name=value between the links and 'do'. */
static int parse_clause(struct sentence *s, struct rule *r, bool after_when)
{
    int cond, often;

    sentence_split(s);
    if (after_when && s->value == NULL && sentence_is(s, "poison")) {
        r->poison = true;
        return 0;
    }
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
    if (sentence_once(s, (unsigned)(often >= 0 ? 16 + often : cond), s->word) < 0)
        return -EINVAL;
    return often >= 0 ? parse_often(s, r, often) : parse_cond(s, r, cond);
}

int rule_fired(struct sentence *s, char *into)
{
    if (into[0])
        return sentence_fail(s, "'%s' is given twice", s->word);
    sentence_next(s);
    if (sentence_is(s, "rule"))
        sentence_next(s);
    if (sentence_ends(s) || strlen(s->word) >= RULE_NAME_MAX ||
        strspn(s->word, NAME) != strlen(s->word))
        return sentence_missing(s, "the name of a rule", "such as: after boom fired");
    strcpy(into, s->word);
    sentence_next(s);
    if (!sentence_is(s, "fired"))
        return sentence_missing(s, "'fired'", "such as: until boom fired");
    sentence_next(s);
    return 0;
}

int rule_clauses(struct sentence *s, struct rule *r)
{
    bool when = false;

    if (parse_lane(s, r) < 0)
        return -EINVAL;

    while (!sentence_is(s, "do")) {
        if (sentence_is(s, "after")) {
            if (rule_fired(s, r->after_rule) < 0)
                return -EINVAL;
            continue;
        }
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

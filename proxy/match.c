/* match.c -- see match.h. */
#include "match.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

static bool one_name(const char *pattern, const struct party *p)
{
    if (strcmp(pattern, "master") == 0)
        return p->kind == PARTY_REDIS && !p->replica;
    if (strcmp(pattern, "replica") == 0)
        return p->kind == PARTY_REDIS && p->replica;
    if (strcmp(pattern, "sentinel") == 0)
        return p->kind == PARTY_SENTINEL;
    if (strcmp(pattern, "client") == 0)
        return p->kind == PARTY_CLIENT;
    return fnmatch(pattern, p->name, 0) == 0;
}

bool match_who(const char *list, const struct party *p)
{
    char one[RULE_NAME_MAX];

    while (*list) {
        size_t n = strcspn(list, ",");

        if (n < sizeof one) { /* nobody's name is longer */
            memcpy(one, list, n);
            one[n] = '\0';
            if (one_name(one, p))
                return true;
        }
        list += n + (list[n] == ',');
    }
    return false;
}

bool match_link(const struct rule *r, const struct party *from, const struct party *to)
{
    if (match_who(r->from, from) && match_who(r->to, to))
        return true;
    return r->both_ways && match_who(r->from, to) && match_who(r->to, from);
}

bool match_lane(const struct rule *r, enum lane_id lane)
{
    return r->lane == LANE_BOTH || r->lane == lane;
}

bool match_role(const struct rule *r, enum role role)
{
    return r->role == ROLE_ANY || r->role == role;
}

static bool match_command(const struct rule *r, const struct resp *head)
{
    for (unsigned i = 0; i < r->commands; i++)
        if (resp_word_is(head, 0, r->command[i]))
            return true;
    return r->commands == 0;
}

/* A word cut short matches a pattern that ends with '*' by its beginning. */
static bool match_word(const char *glob, const struct resp_word *w)
{
    size_t n = strlen(glob);
    char text[RESP_WORD_MAX + 1];

    if (w->len > w->kept && glob[n - 1] != '*')
        return false;
    memcpy(text, w->text, w->kept);
    text[w->kept] = '\0';
    return fnmatch(glob, text, 0) == 0;
}

static bool match_arguments(const struct rule *r, const struct resp *head)
{
    if (r->key[0] && (head->words < 2 || !match_word(r->key, &head->word[1])))
        return false;
    for (unsigned i = 1; r->arg[0] && i < head->words; i++)
        if (match_word(r->arg, &head->word[i]))
            return true;
    return r->arg[0] == '\0';
}

static bool match_state(const struct rule *r, const struct track *t)
{
    if (r->in_multi && !t->in_multi)
        return false;
    if (r->database >= 0 && (uint32_t)r->database != t->database)
        return false;
    if (r->client_name[0] && fnmatch(r->client_name, t->name ? t->name : "", 0) != 0)
        return false;
    return !r->user[0] || fnmatch(r->user, t->user ? t->user : "default", 0) == 0;
}

bool match_request(const struct rule *r, const struct resp *head, const struct track *t)
{
    return match_command(r, head) && match_arguments(r, head) && match_state(r, t);
}

static bool is_class(const char *class, const struct resp *f)
{
    static const struct {
        const char *name, *types;
    } classes[] = {
        {"error", "-!"}, {"status", "+"}, {"integer", ":"}, {"bulk", "$="},
        {"array", "*~"}, {"map", "%"},    {"push", ">"},
    };

    if (strcasecmp(class, "nil") == 0)
        return f->type == '_' || f->elements < 0;
    if (strcasecmp(class, "ok") == 0)
        return f->type == '+' && resp_word_is(f, 0, "OK");
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcasecmp(class, classes[i].name) == 0)
            return f->elements >= 0 && strchr(classes[i].types, f->type) != NULL;
    return false;
}

bool match_reply(const struct rule *r, const struct resp *f)
{
    size_t n = strlen(r->reply);

    if (is_class(r->reply, f))
        return true;
    return (f->type == '-' || f->type == '!') && f->words > 0 && f->word[0].kept >= n &&
           strncasecmp(f->word[0].text, r->reply, n) == 0 &&
           (f->word[0].kept == n || f->word[0].text[n] == ' ');
}

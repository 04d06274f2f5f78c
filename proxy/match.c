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

/* Is the party in a comma list of names, globs and words? */
static bool is_who(const char *list, const struct party *p)
{
    char one[RULE_NAME_MAX];

    while (*list) {
        size_t n = strcspn(list, ",");

        memcpy(one, list, n);
        one[n] = '\0';
        if (one_name(one, p))
            return true;
        list += n + (list[n] == ',');
    }
    return false;
}

bool match_link(const struct rule *r, const struct party *from, const struct party *to)
{
    if (is_who(r->from, from) && is_who(r->to, to))
        return true;
    return r->both_ways && is_who(r->from, to) && is_who(r->to, from);
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

static bool match_key(const struct rule *r, const struct resp *head)
{
    const struct resp_word *w = &head->word[1];
    size_t n = strlen(r->key);
    char key[RESP_WORD_MAX + 1];

    if (n == 0)
        return true;
    if (head->words < 2 || (w->len > w->kept && r->key[n - 1] != '*'))
        return false;
    memcpy(key, w->text, w->kept);
    key[w->kept] = '\0';
    return fnmatch(r->key, key, 0) == 0;
}

bool match_request(const struct rule *r, const struct resp *head)
{
    return match_command(r, head) && match_key(r, head);
}

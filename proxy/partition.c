/* partition.c -- shapes made into rules of a running proxy, and taken back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clients.h"
#include "shell.h"

size_t proxy_parties(const struct proxy *p, struct party *out, size_t max)
{
    size_t n = p->nodes + p->clients;

    for (size_t i = 0; i < n && i < max; i++)
        out[i] = i < p->nodes ? p->node[i]->party : p->client[i - p->nodes]->party;
    return n;
}

int proxy_cut(struct proxy *p, const struct shape *s, char *name, struct err *e)
{
    struct party party[SHAPE_PARTIES];
    size_t n = proxy_parties(p, party, SHAPE_PARTIES);
    char drawn[RULE_NAME_MAX], glob[RULE_NAME_MAX + 8];
    struct shape shape = *s;
    struct shape_rules rules;
    int err;

    if (shape.name == NULL)
        shape.name = shape_name(s->kind, p->plan, drawn, sizeof drawn);
    if (shape_is_taken(p->plan, shape_glob(shape.name, glob, sizeof glob)))
        return err_set(e, -EEXIST, "there is a partition named '%s'", shape.name);
    err = shape_rules(&shape, party, n, &rules, e);
    if (err)
        return err;
    err = proxy_rules_add(p, (const char *const *)rules.sentence, rules.n, e);
    shape_release(&rules);
    if (err == 0 && name)
        snprintf(name, RULE_NAME_MAX, "%s", shape.name);
    return err;
}

int proxy_heal(struct proxy *p, const char *name, struct err *e)
{
    char glob[RULE_NAME_MAX + 8];
    int err = proxy_rule_del(p, shape_glob(name, glob, sizeof glob), e);

    if (err != -ENOENT)
        return err;
    if (name == NULL || strcmp(name, "*") == 0)
        return err_set(e, err, "there is no partition to heal");
    return err_set(e, err, "no partition is named '%.63s'", name);
}

uint64_t proxy_link_sessions(const struct proxy *p, const char *from, const char *to)
{
    uint64_t live = 0;

    for (size_t i = 0; i < p->nodes; i++) {
        const struct node *n = p->node[i];

        for (size_t who = 0; match_who(to, &n->party) && who < n->links; who++)
            if (n->link[who] && match_who(from, n->link[who]->from))
                live += n->link[who]->live;
    }
    return live;
}

/* reload.c -- see reload.h. */
#include "reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "shell.h"

static const struct config_node *node_named(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->nnodes; i++)
        if (strcmp(c->nodes[i].party.name, name) == 0)
            return &c->nodes[i];
    return NULL;
}

static bool same_address(const struct addr *a, const struct addr *b)
{
    return a->kind == b->kind && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool same_range(const struct addr_range *a, const struct addr_range *b)
{
    return a->family == b->family && a->bits == b->bits &&
           memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool same_texts(char *const *a, size_t na, char *const *b, size_t nb)
{
    for (size_t i = 0; i < na && na == nb; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return na == nb;
}

/* Is whoever was known by the one known by the other, and by nothing less? */
static bool same_sources(const struct config_party *a, const struct config_party *b)
{
    if (a->nsources != b->nsources)
        return false;
    for (size_t i = 0; i < a->nsources; i++)
        if (!same_range(&a->sources[i], &b->sources[i]))
            return false;
    return same_texts(a->hosts, a->nhosts, b->hosts, b->nhosts) &&
           same_texts(a->said, a->nsaid, b->said, b->nsaid);
}

/* Is it still the same node, whatever it leads to? */
static bool same_node(const struct config_node *a, const struct config_node *b)
{
    return a && b && a->kind == b->kind && same_address(&a->listen, &b->listen) &&
           same_sources(&a->party, &b->party);
}

/* ---- nodes ---- */

static void note(struct err *e, const struct err *why)
{
    log_error("reload", "reason=\"%s\"", why->text);
    if (e->code == 0)
        *e = *why;
}

static void take_out(struct proxy *p, const struct config *had, const struct config *next)
{
    for (size_t i = 0; i < had->nnodes; i++) {
        const char *name = had->nodes[i].party.name;
        struct err why;

        if (same_node(&had->nodes[i], node_named(next, name)))
            continue;
        if (proxy_node_remove(p, name, &why) == 0)
            log_info("node.remove", "node=%s", name);
    }
}

static void put_in(struct proxy *p, const struct config *had, const struct config *next,
                   struct err *e)
{
    for (size_t i = 0; i < next->nnodes; i++) {
        const struct config_node *n = &next->nodes[i];
        const struct config_node *old = node_named(had, n->party.name);
        struct err why = {0};
        int err = 0;

        if (same_node(old, n)) {
            if (!same_address(&old->upstream, &n->upstream))
                err = nodes_upstream(p, n->party.name, &n->upstream, &why);
        } else if ((err = proxy_node_add(p, n, false, &why)) == 0 &&
                   (err = proxy_node_start(p, n->party.name, &why)) < 0) {
            (void)!proxy_node_remove(p, n->party.name, NULL);
        }
        if (err)
            note(e, &why);
    }
}

/* ---- rules ---- */

/* The sentence without the name that a plan has given it. */
static const char *plain(const char *text, const struct rule *r)
{
    return strncmp(r->name, "rule-", 5) == 0 ? text + strlen(r->name) + 2 : text;
}

static bool has_rule(const struct config *c, const struct rule *r)
{
    char a[RULE_TEXT_MAX], b[RULE_TEXT_MAX];

    (void)rule_print(r, a, sizeof a);
    for (size_t i = 0; i < c->nrules; i++) {
        (void)rule_print(c->rules[i], b, sizeof b);
        if (strcmp(a, b) == 0 ||
            (c->rules[i]->name[0] == '\0' && strcmp(plain(a, r), b) == 0))
            return true;
    }
    return false;
}

static char *sentence_of(const struct rule *r)
{
    char text[RULE_TEXT_MAX];

    return strdup(rule_print(r, text, sizeof text));
}

static int set_rules(struct proxy *p, const struct config *had, const struct config *next,
                     struct err *e)
{
    const struct plan *plan = proxy_plan(p);
    char **text = calloc(plan->n + next->nrules + 1, sizeof *text);
    size_t n = 0;
    int err;

    if (text == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < plan->n; i++) {
        const struct rule *r = plan->entry[i].rule;

        if (has_rule(next, r) || !has_rule(had, r))
            text[n++] = sentence_of(r);
    }
    for (size_t i = 0; i < next->nrules; i++)
        if (!has_rule(had, next->rules[i]))
            text[n++] = sentence_of(next->rules[i]);
    err = proxy_rules_set(p, (const char *const *)text, n, e);
    while (n > 0)
        free(text[--n]);
    free(text);
    return err;
}

static bool same_clients(const struct config *a, const struct config *b)
{
    if (a->nclients != b->nclients)
        return false;
    for (size_t i = 0; i < a->nclients; i++)
        if (strcmp(a->clients[i].name, b->clients[i].name) != 0 ||
            !same_sources(&a->clients[i], &b->clients[i]))
            return false;
    return true;
}

int reload(struct proxy *p, const struct config *had, const struct config *next,
           struct err *e)
{
    struct err why = {0};

    e->code = 0;
    if (!same_clients(had, next))
        log_warn("reload", "reason=\"clients are taken up by a restart only\"");
    take_out(p, had, next);
    put_in(p, had, next, e);
    if (set_rules(p, had, next, &why) < 0)
        note(e, &why);
    return e->code;
}

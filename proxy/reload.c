/* reload.c -- see reload.h. */
#include "reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
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

/* Is it still the same node, wherever it leads to and whoever it is? */
static bool same_node(const struct config_node *a, const struct config_node *b)
{
    return a && b && a->kind == b->kind && same_address(&a->listen, &b->listen);
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
            if (err == 0 && !same_sources(&old->party, &n->party))
                err = nodes_sources(p, n->party.name, &n->party, &why);
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

/* ---- who dials ---- */

static const struct config_party *client_named(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->nclients; i++)
        if (strcmp(c->clients[i].name, name) == 0)
            return &c->clients[i];
    return NULL;
}

static void set_clients(struct proxy *p, const struct config *had,
                        const struct config *next, struct err *e)
{
    int err = 0;

    for (size_t i = 0; i < had->nclients; i++) {
        struct client *c = clients_find(p, had->clients[i].name);

        if (c && client_named(next, had->clients[i].name) == NULL)
            clients_remove(p, c);
    }
    for (size_t i = 0; i < next->nclients && err == 0; i++) {
        const struct config_party *now = &next->clients[i],
                                  *old = client_named(had, now->name);
        struct client *c = clients_find(p, now->name);

        if (c == NULL)
            err = clients_add(p, now->name, now);
        else if (old == NULL || !same_sources(old, now))
            err = nodes_party_from(p, c->who, now);
    }
    if (err)
        note(e, &(struct err){.code = err, .text = "out of memory"});
}

/* Of whom it has changed where he comes from. A name may lead nowhere so far: who may be
 * known by one stays who he is. */
static bool is_moved(const struct config_party *a, const struct config_party *b)
{
    return a && b && !same_sources(a, b) && b->nhosts == 0;
}

/* Sessions are whose they would be if they came now; none of them is ended. */
static void identify(struct proxy *p, const struct config *had, const struct config *next)
{
    for (size_t i = 0; i < next->nnodes; i++) {
        const struct config_node *n = &next->nodes[i],
                                 *old = node_named(had, n->party.name);

        if (old && is_moved(&old->party, &n->party))
            sessions_doubt(p, &nodes_find(p, n->party.name)->party);
    }
    for (size_t i = 0; i < next->nclients; i++) {
        const struct config_party *c = &next->clients[i];
        const struct client *now = clients_find(p, c->name);

        if (now && is_moved(client_named(had, c->name), c))
            sessions_doubt(p, &now->party);
    }
    for (const struct client *c = p->strangers; c; c = c->gone)
        sessions_doubt(p, &c->party);
    for (struct session *s = p->sessions; s; s = session_next(s))
        (void)session_identify(s);
    names_look(p);
    nodes_reap(p);
    p->replan = true; /* also when there is something wrong with the rules */
    wake_set(&p->wake, &p->feed, uv_hrtime());
}

/* ---- what a restart takes up ---- */

static bool differ(const char *a, const char *b)
{
    return (a == NULL) != (b == NULL) || (a && strcmp(a, b) != 0);
}

static void say_what_stays(const struct config *had, const struct config *next)
{
    const char *what = NULL;

    if (had->seed_given != next->seed_given ||
        (next->seed_given && had->seed != next->seed))
        what = "seed";
    else if (differ(had->journal, next->journal))
        what = "journal";
    else if (differ(had->replay, next->replay))
        what = "replay";
    else if (had->precise != next->precise)
        what = "precise";
    else if (had->replace_qdisc != next->replace_qdisc)
        what = "replace-qdisc";
    if (what)
        log_warn("reload", "reason=\"%s is taken up by a restart only\"", what);
}

int reload(struct proxy *p, const struct config *had, const struct config *next,
           struct err *e)
{
    struct err why = {0};

    e->code = 0;
    say_what_stays(had, next);
    take_out(p, had, next);
    put_in(p, had, next, e);
    set_clients(p, had, next, e);
    identify(p, had, next);
    proxy_limits(p, next);
    if (set_rules(p, had, next, &why) < 0)
        note(e, &why);
    return e->code;
}

/* config_yaml.c -- a configuration file into a struct config: the tables for doc.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_parts.h"
#include "doc.h"

static int read_seed(struct doc *d, yaml_node_t *node, void *into)
{
    struct config *c = into;

    c->seed_given = true;
    return doc_count(d, node, &c->seed);
}

static int read_precise(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_bool(d, node, "precise", &((struct config *)into)->precise);
}

static int read_when_down(struct doc *d, yaml_node_t *node, void *into)
{
    const char *s = doc_text(d, node, "reset or refuse");

    return s && config_set_when_down(into, s, d->e) == 0 ? 0 : doc_at(d, node);
}

static int read_connect_timeout(struct doc *d, yaml_node_t *node, void *into)
{
    struct config *c = into;
    int rc = doc_time(d, node, &c->connect_timeout);

    if (rc < 0 || c->connect_timeout > 0)
        return rc;
    err_set(d->e, -EINVAL, "connect-timeout cannot be 0");
    return doc_at(d, node);
}

/* `what` names it: "journal". */
static int read_path(struct doc *d, const yaml_node_t *node, const char *what,
                     char **into)
{
    const char *s = doc_text(d, node, "a path");

    if (s == NULL)
        return -EINVAL;
    free(*into);
    *into = strdup(s);
    if (*into && *s)
        return 0;
    err_set(d->e, -EINVAL, "%s has no path", what);
    return doc_at(d, node);
}

static int read_journal(struct doc *d, yaml_node_t *node, void *into)
{
    return read_path(d, node, "journal", &((struct config *)into)->journal);
}

static int read_replay(struct doc *d, yaml_node_t *node, void *into)
{
    return read_path(d, node, "replay", &((struct config *)into)->replay);
}

static int read_domain(struct doc *d, yaml_node_t *node, void *into)
{
    struct config *c = into;
    const char *s = doc_text(d, node, "a domain, such as cluster.local");

    if (s == NULL)
        return -EINVAL;
    free(c->domain);
    c->domain = strdup(s);
    if (c->domain && *s && *s != '.' && strpbrk(s, " :/") == NULL)
        return 0;
    err_set(d->e, -EINVAL, "'%.60s' is no domain: write it like cluster.local", s);
    return doc_at(d, node);
}

/* parties */

static struct config_place place_of(const yaml_node_t *node)
{
    return (struct config_place){node->start_mark.line + 1, node->start_mark.column + 1};
}

typedef int on_text(struct config_party *p, const char *text, struct err *e);

static int read_with(struct doc *d, yaml_node_t *node, const char *what, on_text *take,
                     void *into)
{
    const char *s = doc_text(d, node, what);

    return s && take(into, s, d->e) == 0 ? 0 : doc_at(d, node);
}

/* One, or a list of them. */
static int read_one_or_more(struct doc *d, yaml_node_t *node, const char *what,
                            int (*read)(struct doc *, yaml_node_t *, void *), void *into)
{
    if (node->type == YAML_SCALAR_NODE)
        return read(d, node, into);
    return doc_list(d, node, what, read, into);
}

static int read_name(struct doc *d, yaml_node_t *node, void *into)
{
    return read_with(d, node, "a name", config_set_name, into);
}

static int read_source(struct doc *d, yaml_node_t *node, void *into)
{
    return read_with(d, node, "an address or range", config_add_source, into);
}

static int read_sources(struct doc *d, yaml_node_t *node, void *into)
{
    return read_one_or_more(d, node, "addresses or ranges", read_source, into);
}

static int read_announced(struct doc *d, yaml_node_t *node, void *into)
{
    return read_with(d, node, "an address", config_add_announced, into);
}

static int read_announces(struct doc *d, yaml_node_t *node, void *into)
{
    return read_one_or_more(d, node, "addresses", read_announced, into);
}

static int read_client_name(struct doc *d, yaml_node_t *node, void *into)
{
    return read_with(d, node, "a client name", config_add_client_name, into);
}

static int read_client_names(struct doc *d, yaml_node_t *node, void *into)
{
    return read_one_or_more(d, node, "client names", read_client_name, into);
}

/* Of a node: its party comes first, so that what reads a party reads it too. */
static int read_kind(struct doc *d, yaml_node_t *node, void *into)
{
    const char *s = doc_text(d, node, "redis or sentinel");

    return s && config_set_kind(into, s, d->e) == 0 ? 0 : doc_at(d, node);
}

static int read_listen(struct doc *d, yaml_node_t *node, void *into)
{
    const char *s = doc_text(d, node, "an address");

    return s && config_set_listen(into, s, d->e) == 0 ? 0 : doc_at(d, node);
}

static int read_upstream(struct doc *d, yaml_node_t *node, void *into)
{
    const char *s = doc_text(d, node, "an address");

    return s && config_set_upstream(into, s, d->e) == 0 ? 0 : doc_at(d, node);
}

static const struct doc_key node_keys[] = {
    {"name", read_name, true},
    {"kind", read_kind, false},
    {"listen", read_listen, true},
    {"upstream", read_upstream, true},
    {"sources", read_sources, false},
    {"announces", read_announces, false},
    {NULL, NULL, false},
};

static const struct doc_key client_keys[] = {
    {"name", read_name, true},
    {"sources", read_sources, false},
    {"client-names", read_client_names, false},
    {NULL, NULL, false},
};

_Static_assert(offsetof(struct config_node, party) == 0, "what reads a party");

static int read_node(struct doc *d, yaml_node_t *node, void *into)
{
    struct config_node *n = config_new_node(into, d->e);

    if (n == NULL)
        return -ENOMEM;
    n->party.place = place_of(node);
    return doc_map(d, node, "a node", node_keys, n);
}

static int read_client(struct doc *d, yaml_node_t *node, void *into)
{
    struct config_party *p = config_new_client(into, d->e);

    if (p == NULL)
        return -ENOMEM;
    p->place = place_of(node);
    return doc_map(d, node, "a client", client_keys, p);
}

static int read_nodes(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_list(d, node, "nodes", read_node, into);
}

static int read_clients(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_list(d, node, "clients", read_client, into);
}

/* rules */

static int read_rule(struct doc *d, yaml_node_t *node, void *into)
{
    struct config *c = into;
    char buf[DOC_SENTENCE];
    const char *sentence = doc_sentence(d, node, buf);

    if (sentence == NULL)
        return -EINVAL;
    if (config_add_rule(c, sentence, d->e) < 0)
        return doc_at_sentence(d, node);
    c->rule_places[c->nrules - 1] = place_of(node);
    return 0;
}

static int read_rules(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_list(d, node, "rules", read_rule, into);
}

/* the file */

static int read_lane_limit(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_size(d, node, &((struct config *)into)->lane_limit);
}

static int read_total_limit(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_size(d, node, &((struct config *)into)->total_limit);
}

static int read_session_limit(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_count(d, node, &((struct config *)into)->session_limit);
}

static const struct doc_key limit_keys[] = {
    {"lane", read_lane_limit, false},
    {"total", read_total_limit, false},
    {"sessions", read_session_limit, false},
    {NULL, NULL, false},
};

static int read_limits(struct doc *d, yaml_node_t *node, void *into)
{
    return doc_map(d, node, "limits", limit_keys, into);
}

static const struct doc_key keys[] = {
    {"seed", read_seed, false},
    {"nodes", read_nodes, false},
    {"clients", read_clients, false},
    {"rules", read_rules, false},
    {"limits", read_limits, false},
    {"when-down", read_when_down, false},
    {"connect-timeout", read_connect_timeout, false},
    {"precise", read_precise, false},
    {"journal", read_journal, false},
    {"replay", read_replay, false},
    {"cluster-domain", read_domain, false},
    {NULL, NULL, false},
};

int config_parse(struct config *c, const char *text, size_t n, struct err *e)
{
    int rc = doc_parse(text, n, "the configuration", keys, c, e);

    if (rc == 0)
        rc = config_complete(c, e);
    return rc < 0 ? rc : config_check(c, e);
}

int config_load(struct config *c, const char *path, struct err *e)
{
    char *text;
    size_t n;
    int rc = doc_slurp(path, &text, &n, e);

    if (rc == 0)
        rc = config_parse(c, text, n, e);
    free(text);
    return rc;
}

/* config_yaml.c -- a configuration file into a struct config.
 *
 * libyaml makes a tree of the text; tables say which keys each mapping of it may have
 * and what reads their values. Every refusal has the line and column of its node. The
 * descent is as deep as the tables, so that anchors that go round in circles do no harm.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config_parts.h"
#include "value.h"

#define FILE_MOST  (16u << 20)
#define KEYS_MOST  16
#define DEPTH_MOST 1000

struct reader {
    yaml_document_t doc;
    struct config *c;
    struct err *e;
};

/* A key of a mapping, and what reads its value. A table ends with .name == NULL. */
struct key {
    const char *name;
    int (*read)(struct reader *r, yaml_node_t *value, void *into);
    bool required;
};

/* errors */

/* Give what e says the place of a node. */
static int at(struct reader *r, const yaml_node_t *node)
{
    err_place(r->e, node->start_mark.line + 1, node->start_mark.column + 1);
    return -EINVAL;
}

static const char *kind_of(const yaml_node_t *node)
{
    if (node->type == YAML_SEQUENCE_NODE)
        return "a list";
    return node->type == YAML_MAPPING_NODE ? "a mapping" : "text";
}

static int expected(struct reader *r, const yaml_node_t *node, const char *what)
{
    err_set(r->e, -EINVAL, "expected %s, not %s", what, kind_of(node));
    return at(r, node);
}

/* `rules:` with nothing behind it, all items being commented out. */
static bool is_nothing(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0;
}

/* scalars */

/* The text of a scalar, or NULL and *e, place included. */
static const char *text_of(struct reader *r, const yaml_node_t *node, const char *what)
{
    const char *s;

    if (node->type != YAML_SCALAR_NODE) {
        expected(r, node, what);
        if (node->type == YAML_SEQUENCE_NODE)
            err_hint(r->e, "text that begins with [ needs quotes");
        return NULL;
    }
    s = (const char *)node->data.scalar.value;
    if (strlen(s) == node->data.scalar.length)
        return s;
    err_set(r->e, -EINVAL, "%s with a NUL character", what);
    at(r, node);
    return NULL;
}

static int read_size(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "a size");

    return s && value_bytes(s, into, r->e) == 0 ? 0 : at(r, node);
}

static int read_count(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "a number");

    return s && value_count(s, into, r->e) == 0 ? 0 : at(r, node);
}

static int read_seed(struct reader *r, yaml_node_t *node, void *into)
{
    struct config *c = into;

    c->seed_given = true;
    return read_count(r, node, &c->seed);
}

static int read_precise(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "true or false");
    struct config *c = into;

    if (s == NULL)
        return -EINVAL;
    c->precise = strcmp(s, "true") == 0;
    if (c->precise || strcmp(s, "false") == 0)
        return 0;
    err_set(r->e, -EINVAL, "precise cannot be '%.40s'", s);
    err_hint(r->e, "true or false");
    return at(r, node);
}

static int read_when_down(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "reset or refuse");

    return s && config_set_when_down(into, s, r->e) == 0 ? 0 : at(r, node);
}

static int read_connect_timeout(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "a time");
    struct config *c = into;

    if (s == NULL || value_time(s, &c->connect_timeout, r->e) < 0)
        return at(r, node);
    if (c->connect_timeout > 0)
        return 0;
    err_set(r->e, -EINVAL, "connect-timeout cannot be 0");
    return at(r, node);
}

static int read_journal(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "a path");
    struct config *c = into;

    if (s == NULL)
        return -EINVAL;
    free(c->journal);
    c->journal = strdup(s);
    if (c->journal && *s)
        return 0;
    err_set(r->e, -EINVAL, "journal has no path");
    return at(r, node);
}

/* mappings and lists */

static int unknown_key(struct reader *r, const yaml_node_t *node, const char *name,
                       const char *what, const struct key *keys)
{
    const char *names[KEYS_MOST + 1] = {NULL}, *near;
    char all[ERR_MAX] = "";

    for (size_t i = 0; keys[i].name; i++) {
        size_t n = strlen(all);

        names[i] = keys[i].name;
        snprintf(all + n, sizeof all - n, "%s%s", i ? " " : "", names[i]);
    }
    near = err_nearest(name, names);
    err_set(r->e, -EINVAL, "unknown key '%.40s' in %s", name, what);
    if (near)
        err_hint(r->e, "did you mean '%s'?", near);
    else
        err_hint(r->e, "one of %s", all);
    return at(r, node);
}

static int read_pair(struct reader *r, const yaml_node_pair_t *pair, const char *what,
                     const struct key *keys, unsigned *seen, void *into)
{
    yaml_node_t *key = yaml_document_get_node(&r->doc, pair->key);
    yaml_node_t *value = yaml_document_get_node(&r->doc, pair->value);
    const char *name = text_of(r, key, "a key");

    if (name == NULL)
        return -EINVAL;
    for (size_t i = 0; keys[i].name; i++) {
        if (strcmp(keys[i].name, name) != 0)
            continue;
        if (*seen & 1u << i) {
            err_set(r->e, -EINVAL, "'%s' is given twice in %s", name, what);
            return at(r, key);
        }
        *seen |= 1u << i;
        return keys[i].read(r, value, into);
    }
    return unknown_key(r, key, name, what, keys);
}

static int read_pairs(struct reader *r, const yaml_node_t *node, const char *what,
                      const struct key *keys, unsigned *seen, void *into)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

    for (; pair < node->data.mapping.pairs.top; pair++) {
        int rc = read_pair(r, pair, what, keys, seen, into);

        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Read a mapping whose keys are those of a table. `what` names it: "a node". */
static int read_map(struct reader *r, const yaml_node_t *node, const char *what,
                    const struct key *keys, void *into)
{
    unsigned seen = 0;
    int rc = 0;

    if (node->type == YAML_MAPPING_NODE)
        rc = read_pairs(r, node, what, keys, &seen, into);
    else if (!is_nothing(node))
        rc = expected(r, node, what);
    for (size_t i = 0; rc == 0 && keys[i].name; i++)
        if (keys[i].required && !(seen & 1u << i)) {
            err_set(r->e, -EINVAL, "%s needs '%s'", what, keys[i].name);
            rc = at(r, node);
        }
    return rc;
}

static int read_list(struct reader *r, const yaml_node_t *node, const char *what,
                     int (*read)(struct reader *r, yaml_node_t *item, void *into),
                     void *into)
{
    const yaml_node_item_t *item;

    if (is_nothing(node))
        return 0;
    if (node->type != YAML_SEQUENCE_NODE) {
        err_set(r->e, -EINVAL, "expected a list of %s, not %s", what, kind_of(node));
        return at(r, node);
    }
    for (item = node->data.sequence.items.start; item < node->data.sequence.items.top;
         item++) {
        int rc = read(r, yaml_document_get_node(&r->doc, *item), into);

        if (rc < 0)
            return rc;
    }
    return 0;
}

/* parties */

static struct config_place place_of(const yaml_node_t *node)
{
    return (struct config_place){node->start_mark.line + 1, node->start_mark.column + 1};
}

static int read_name(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "a name");

    return s && config_set_name(into, s, r->e) == 0 ? 0 : at(r, node);
}

static int read_source(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "an address or range");

    return s && config_add_source(into, s, r->e) == 0 ? 0 : at(r, node);
}

static int read_sources(struct reader *r, yaml_node_t *node, void *into)
{
    if (node->type == YAML_SCALAR_NODE)
        return read_source(r, node, into);
    return read_list(r, node, "addresses or ranges", read_source, into);
}

/* Of a node: its party comes first, so that what reads a party reads it too. */
static int read_kind(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "redis or sentinel");

    return s && config_set_kind(into, s, r->e) == 0 ? 0 : at(r, node);
}

static int read_listen(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "an address");

    return s && config_set_listen(into, s, r->e) == 0 ? 0 : at(r, node);
}

static int read_upstream(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s = text_of(r, node, "an address");

    return s && config_set_upstream(into, s, r->e) == 0 ? 0 : at(r, node);
}

static const struct key node_keys[] = {
    {"name", read_name, true},        {"kind", read_kind, false},
    {"listen", read_listen, true},    {"upstream", read_upstream, true},
    {"sources", read_sources, false}, {NULL, NULL, false},
};

static const struct key client_keys[] = {
    {"name", read_name, true},
    {"sources", read_sources, true},
    {NULL, NULL, false},
};

_Static_assert(offsetof(struct config_node, party) == 0, "read_name and read_sources");

static int read_node(struct reader *r, yaml_node_t *node, void *into)
{
    struct config_node *n = config_new_node(into, r->e);

    if (n == NULL)
        return -ENOMEM;
    n->party.place = place_of(node);
    return read_map(r, node, "a node", node_keys, n);
}

static int read_client(struct reader *r, yaml_node_t *node, void *into)
{
    struct config_party *p = config_new_client(into, r->e);

    if (p == NULL)
        return -ENOMEM;
    p->place = place_of(node);
    return read_map(r, node, "a client", client_keys, p);
}

static int read_nodes(struct reader *r, yaml_node_t *node, void *into)
{
    return read_list(r, node, "nodes", read_node, into);
}

static int read_clients(struct reader *r, yaml_node_t *node, void *into)
{
    return read_list(r, node, "clients", read_client, into);
}

/* rules */

/* A column of the sentence is one of the line, if the text is in the file as it is in
 * the sentence: no folding, no escapes. */
static int at_rule(struct reader *r, const yaml_node_t *node)
{
    bool quoted = node->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
                  node->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    size_t written = node->end_mark.index - node->start_mark.index - 2u * quoted;
    size_t column = r->e ? r->e->column : 0;

    at(r, node);
    if (r->e && column && written == node->data.scalar.length)
        r->e->column += quoted + column - 1;
    return -EINVAL;
}

static int add_rule(struct reader *r, const yaml_node_t *node, const char *sentence)
{
    int rc = config_add_rule(r->c, sentence, r->e);

    if (rc == 0)
        r->c->rule_places[r->c->nrules - 1] = place_of(node);
    return rc;
}

/* `- slow: on client -> * do ...` is a rule with a name to us, a mapping to YAML. */
static int read_named_rule(struct reader *r, yaml_node_t *node)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    char sentence[RULE_TEXT_MAX + 1];
    const char *name, *rest;
    yaml_node_t *value;
    size_t before;

    if (node->data.mapping.pairs.top - pair != 1)
        return expected(r, node, "a rule");
    value = yaml_document_get_node(&r->doc, pair->value);
    name = text_of(r, yaml_document_get_node(&r->doc, pair->key), "a rule");
    rest = name ? text_of(r, value, "a rule") : NULL;
    if (rest == NULL)
        return -EINVAL;
    snprintf(sentence, sizeof sentence, "%s: %s", name, rest);
    if (add_rule(r, node, sentence) == 0)
        return 0;
    before = strlen(name) + strlen(": ");
    if (r->e == NULL || r->e->column <= before)
        return at(r, node);
    r->e->column -= before;
    return at_rule(r, value);
}

static int read_rule(struct reader *r, yaml_node_t *node, void *into)
{
    const char *s;

    (void)into;
    if (node->type == YAML_MAPPING_NODE)
        return read_named_rule(r, node);
    s = text_of(r, node, "a rule");
    if (s == NULL)
        return -EINVAL;
    return add_rule(r, node, s) < 0 ? at_rule(r, node) : 0;
}

static int read_rules(struct reader *r, yaml_node_t *node, void *into)
{
    return read_list(r, node, "rules", read_rule, into);
}

/* the file */

static int read_lane_limit(struct reader *r, yaml_node_t *node, void *into)
{
    return read_size(r, node, &((struct config *)into)->lane_limit);
}

static int read_total_limit(struct reader *r, yaml_node_t *node, void *into)
{
    return read_size(r, node, &((struct config *)into)->total_limit);
}

static int read_session_limit(struct reader *r, yaml_node_t *node, void *into)
{
    return read_count(r, node, &((struct config *)into)->session_limit);
}

static const struct key limit_keys[] = {
    {"lane", read_lane_limit, false},
    {"total", read_total_limit, false},
    {"sessions", read_session_limit, false},
    {NULL, NULL, false},
};

static int read_limits(struct reader *r, yaml_node_t *node, void *into)
{
    return read_map(r, node, "limits", limit_keys, into);
}

static const struct key keys[] = {
    {"seed", read_seed, false},
    {"nodes", read_nodes, false},
    {"clients", read_clients, false},
    {"rules", read_rules, false},
    {"limits", read_limits, false},
    {"when-down", read_when_down, false},
    {"connect-timeout", read_connect_timeout, false},
    {"precise", read_precise, false},
    {"journal", read_journal, false},
    {NULL, NULL, false},
};

static int not_yaml(const yaml_parser_t *p, struct err *e)
{
    if (p->error == YAML_MEMORY_ERROR)
        return err_set(e, -ENOMEM, "out of memory");
    err_set(e, -EINVAL, "not YAML: %s", p->problem ? p->problem : "unreadable");
    if (p->problem && strstr(p->problem, "expected node content"))
        err_hint(e, "text that begins with : [ { * or & needs quotes");
    if (p->error != YAML_READER_ERROR)
        err_place(e, p->problem_mark.line + 1, p->problem_mark.column + 1);
    return -EINVAL;
}

static int read_document(yaml_parser_t *p, struct config *c, struct err *e)
{
    struct reader r = {.c = c, .e = e};
    yaml_node_t *root;
    int rc = 0;

    if (!yaml_parser_load(p, &r.doc))
        return not_yaml(p, e);
    root = yaml_document_get_root_node(&r.doc);
    if (root)
        rc = read_map(&r, root, "the configuration", keys, c);
    else
        rc = err_set(e, -EINVAL, "the configuration is empty");
    yaml_document_delete(&r.doc);
    return rc;
}

/* Is what follows the document the end? It may also be another, or be broken. */
static int read_end(yaml_parser_t *p, struct err *e)
{
    yaml_document_t doc;
    bool more;

    if (!yaml_parser_load(p, &doc))
        return not_yaml(p, e);
    more = yaml_document_get_root_node(&doc) != NULL;
    yaml_document_delete(&doc);
    return more ? err_set(e, -EINVAL, "more than one YAML document") : 0;
}

/* libyaml looks at every open bracket for every token: 100 000 of them take minutes. */
static bool too_deep(const char *text, size_t n)
{
    size_t depth = 0;

    for (size_t i = 0; i < n && depth <= DEPTH_MOST; i++) {
        if (text[i] == '[' || text[i] == '{')
            depth++;
        else if ((text[i] == ']' || text[i] == '}') && depth > 0)
            depth--;
    }
    return depth > DEPTH_MOST;
}

int config_parse(struct config *c, const char *text, size_t n, struct err *e)
{
    yaml_parser_t p;
    int rc;

    if (too_deep(text, n))
        return err_set(e, -EINVAL, "more than %d brackets in each other", DEPTH_MOST);
    if (!yaml_parser_initialize(&p))
        return err_set(e, -ENOMEM, "out of memory");
    yaml_parser_set_input_string(&p, (const unsigned char *)text, n);
    rc = read_document(&p, c, e);
    if (rc == 0)
        rc = read_end(&p, e);
    yaml_parser_delete(&p);
    return rc < 0 ? rc : config_check(c, e);
}

static int no_file(const char *path, int code, struct err *e)
{
    return err_set(e, code, "cannot read '%.150s': %s", path, strerror(-code));
}

/* All of a stream into *text, which the caller frees. */
static int slurp(FILE *f, char **text, size_t *n)
{
    size_t room = 0;

    *n = 0;
    for (;;) {
        char *more;

        room = room ? 2 * room : 8192;
        if (room > FILE_MOST)
            return -EFBIG;
        more = realloc(*text, room);
        if (more == NULL)
            return -ENOMEM;
        *text = more;
        *n += fread(*text + *n, 1, room - *n, f);
        if (ferror(f))
            return errno ? -errno : -EIO;
        if (*n < room)
            return 0;
    }
}

int config_load(struct config *c, const char *path, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rb");
    char *text = NULL;
    size_t n;
    int rc;

    if (f == NULL)
        return no_file(path, -errno, e);
    rc = slurp(f, &text, &n);
    if (!standard)
        fclose(f);
    if (rc < 0)
        no_file(path, rc, e);
    else
        rc = config_parse(c, text, n, e);
    free(text);
    return rc;
}

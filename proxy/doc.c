/* doc.c -- see doc.h. */
#include "doc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

#define FILE_MOST  (16u << 20)
#define KEYS_MOST  32
#define DEPTH_MOST 1000

/* ---- errors ---- */

int doc_at(struct doc *d, const yaml_node_t *node)
{
    err_place(d->e, node->start_mark.line + 1, node->start_mark.column + 1);
    return -EINVAL;
}

static const char *kind_of(const yaml_node_t *node)
{
    if (node->type == YAML_SEQUENCE_NODE)
        return "a list";
    return node->type == YAML_MAPPING_NODE ? "a mapping" : "text";
}

int doc_expected(struct doc *d, const yaml_node_t *node, const char *what)
{
    err_set(d->e, -EINVAL, "expected %s, not %s", what, kind_of(node));
    return doc_at(d, node);
}

int doc_suggest(struct doc *d, const yaml_node_t *node, const char *word,
                const char *const *words)
{
    const char *near = err_nearest(word, words);
    char all[ERR_MAX] = "";

    for (size_t i = 0, n = 0; words[i] && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? " " : "", words[i]);
    if (near)
        err_hint(d->e, "did you mean '%s'?", near);
    else
        err_hint(d->e, "one of %s", all);
    return doc_at(d, node);
}

bool doc_is_nothing(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0;
}

/* ---- scalars ---- */

const char *doc_text(struct doc *d, const yaml_node_t *node, const char *what)
{
    const char *s;

    if (node->type != YAML_SCALAR_NODE) {
        doc_expected(d, node, what);
        if (node->type == YAML_SEQUENCE_NODE)
            err_hint(d->e, "text that begins with [ needs quotes");
        return NULL;
    }
    s = (const char *)node->data.scalar.value;
    if (strlen(s) == node->data.scalar.length)
        return s;
    err_set(d->e, -EINVAL, "%s with a NUL character", what);
    doc_at(d, node);
    return NULL;
}

int doc_size(struct doc *d, const yaml_node_t *node, uint64_t *out)
{
    const char *s = doc_text(d, node, "a size");

    return s && value_bytes(s, out, d->e) == 0 ? 0 : doc_at(d, node);
}

int doc_count(struct doc *d, const yaml_node_t *node, uint64_t *out)
{
    const char *s = doc_text(d, node, "a number");

    return s && value_count(s, out, d->e) == 0 ? 0 : doc_at(d, node);
}

int doc_time(struct doc *d, const yaml_node_t *node, nsec *out)
{
    const char *s = doc_text(d, node, "a time");

    return s && value_time(s, out, d->e) == 0 ? 0 : doc_at(d, node);
}

int doc_bool(struct doc *d, const yaml_node_t *node, const char *what, bool *out)
{
    const char *s = doc_text(d, node, "true or false");

    if (s == NULL)
        return -EINVAL;
    *out = strcmp(s, "true") == 0;
    if (*out || strcmp(s, "false") == 0)
        return 0;
    err_set(d->e, -EINVAL, "%s cannot be '%.40s'", what, s);
    err_hint(d->e, "true or false");
    return doc_at(d, node);
}

/* ---- sentences ---- */

const char *doc_sentence(struct doc *d, const yaml_node_t *node, char buf[DOC_SENTENCE])
{
    const char *name, *rest;

    if (node->type != YAML_MAPPING_NODE)
        return doc_text(d, node, "a rule");
    if (node->data.mapping.pairs.top - node->data.mapping.pairs.start != 1) {
        doc_expected(d, node, "a rule");
        return NULL;
    }
    name = doc_text(d,
                    yaml_document_get_node(&d->yaml, node->data.mapping.pairs.start->key),
                    "a rule");
    rest = name ? doc_text(d,
                           yaml_document_get_node(&d->yaml,
                                                  node->data.mapping.pairs.start->value),
                           "a rule")
                : NULL;
    if (rest == NULL)
        return NULL;
    snprintf(buf, DOC_SENTENCE, "%s: %s", name, rest);
    return buf;
}

/* A column of the sentence is one of the line, if the text is in the file as it is in
 * the sentence: no folding, no escapes. */
static int at_scalar(struct doc *d, const yaml_node_t *node)
{
    bool quoted = node->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
                  node->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    size_t written = node->end_mark.index - node->start_mark.index - 2u * quoted;
    size_t column = d->e ? d->e->column : 0;

    doc_at(d, node);
    if (d->e && column && written == node->data.scalar.length)
        d->e->column += quoted + column - 1;
    return -EINVAL;
}

int doc_at_sentence(struct doc *d, const yaml_node_t *node)
{
    const yaml_node_t *key, *value;
    size_t before;

    if (node->type != YAML_MAPPING_NODE)
        return at_scalar(d, node);
    key = yaml_document_get_node(&d->yaml, node->data.mapping.pairs.start->key);
    value = yaml_document_get_node(&d->yaml, node->data.mapping.pairs.start->value);
    before = key->data.scalar.length + strlen(": ");
    if (d->e == NULL || d->e->column <= before)
        return doc_at(d, node);
    d->e->column -= before;
    return at_scalar(d, value);
}

/* ---- mappings and lists ---- */

static int unknown_key(struct doc *d, const yaml_node_t *node, const char *name,
                       const char *what, const struct doc_key *keys)
{
    const char *names[KEYS_MOST + 1] = {NULL};

    for (size_t i = 0; keys[i].name; i++)
        names[i] = keys[i].name;
    err_set(d->e, -EINVAL, "unknown key '%.40s' in %s", name, what);
    return doc_suggest(d, node, name, names);
}

static int read_pair(struct doc *d, const yaml_node_pair_t *pair, const char *what,
                     const struct doc_key *keys, uint32_t *seen, void *into)
{
    yaml_node_t *key = yaml_document_get_node(&d->yaml, pair->key);
    yaml_node_t *value = yaml_document_get_node(&d->yaml, pair->value);
    const char *name = doc_text(d, key, "a key");

    if (name == NULL)
        return -EINVAL;
    for (size_t i = 0; keys[i].name; i++) {
        if (strcmp(keys[i].name, name) != 0)
            continue;
        if (*seen & UINT32_C(1) << i) {
            err_set(d->e, -EINVAL, "'%s' is given twice in %s", name, what);
            return doc_at(d, key);
        }
        *seen |= UINT32_C(1) << i;
        return keys[i].read(d, value, into);
    }
    return unknown_key(d, key, name, what, keys);
}

static int read_pairs(struct doc *d, const yaml_node_t *node, const char *what,
                      const struct doc_key *keys, uint32_t *seen, void *into)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

    for (; pair < node->data.mapping.pairs.top; pair++) {
        int rc = read_pair(d, pair, what, keys, seen, into);

        if (rc < 0)
            return rc;
    }
    return 0;
}

int doc_map(struct doc *d, const yaml_node_t *node, const char *what,
            const struct doc_key *keys, void *into)
{
    uint32_t seen = 0;
    int rc = 0;

    if (node->type == YAML_MAPPING_NODE)
        rc = read_pairs(d, node, what, keys, &seen, into);
    else if (!doc_is_nothing(node))
        rc = doc_expected(d, node, what);
    for (size_t i = 0; rc == 0 && keys[i].name; i++)
        if (keys[i].required && !(seen & UINT32_C(1) << i)) {
            err_set(d->e, -EINVAL, "%s needs '%s'", what, keys[i].name);
            rc = doc_at(d, node);
        }
    return rc;
}

int doc_list(struct doc *d, const yaml_node_t *node, const char *what,
             int (*read)(struct doc *d, yaml_node_t *item, void *into), void *into)
{
    const yaml_node_item_t *item;

    if (doc_is_nothing(node))
        return 0;
    if (node->type != YAML_SEQUENCE_NODE) {
        err_set(d->e, -EINVAL, "expected a list of %s, not %s", what, kind_of(node));
        return doc_at(d, node);
    }
    for (item = node->data.sequence.items.start; item < node->data.sequence.items.top;
         item++) {
        int rc = read(d, yaml_document_get_node(&d->yaml, *item), into);

        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- the file ---- */

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

static int read_document(yaml_parser_t *p, const char *what, const struct doc_key *keys,
                         void *into, struct err *e)
{
    struct doc d = {.e = e};
    yaml_node_t *root;
    int rc = 0;

    if (!yaml_parser_load(p, &d.yaml))
        return not_yaml(p, e);
    root = yaml_document_get_root_node(&d.yaml);
    if (root)
        rc = doc_map(&d, root, what, keys, into);
    else
        rc = err_set(e, -EINVAL, "%s is empty", what);
    yaml_document_delete(&d.yaml);
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

int doc_parse(const char *text, size_t n, const char *what, const struct doc_key *keys,
              void *into, struct err *e)
{
    yaml_parser_t p;
    int rc;

    if (too_deep(text, n))
        return err_set(e, -EINVAL, "more than %d brackets in each other", DEPTH_MOST);
    if (!yaml_parser_initialize(&p))
        return err_set(e, -ENOMEM, "out of memory");
    yaml_parser_set_input_string(&p, (const unsigned char *)text, n);
    rc = read_document(&p, what, keys, into, e);
    if (rc == 0)
        rc = read_end(&p, e);
    yaml_parser_delete(&p);
    return rc;
}

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

int doc_slurp(const char *path, char **text, size_t *n, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rb");
    int rc = f ? 0 : -errno;

    *text = NULL;
    if (f)
        rc = slurp(f, text, n);
    if (f && !standard)
        fclose(f);
    return rc ? err_set(e, rc, "cannot read '%.150s': %s", path, strerror(-rc)) : 0;
}

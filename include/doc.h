/* doc.h -- a YAML (or JSON) file into structs, by tables, with a place for every mistake.
 *
 * libyaml makes a tree of the text; tables say which keys each mapping of it may have and
 * what reads their values. Every refusal has the line and column of its node, and the
 * word that was meant. The descent is as deep as the tables, so that anchors that go
 * round in circles do no harm.
 */
#ifndef DOC_H
#define DOC_H

#include <yaml.h>

#include "clock.h"
#include "rule.h"

struct doc {
    yaml_document_t yaml;
    struct err     *e;
};

/* A key of a mapping, and what reads its value: 0, or a negative errno with d->e set and
 * placed. A table has at most 32 of them and ends with .name == NULL. */
struct doc_key {
    const char *name;
    int (*read)(struct doc *d, yaml_node_t *value, void *into);
    bool required;
};

/* Read a text whose root is a mapping of these keys; `what` names it: "a node". */
int doc_parse(const char *text, size_t n, const char *what, const struct doc_key *keys,
              void *into, struct err *e) MUST_CHECK;

/* All of a file, or of standard input for "-", into *text, which the caller frees. */
int doc_slurp(const char *path, char **text, size_t *n, struct err *e) MUST_CHECK;

int doc_map(struct doc *d, const yaml_node_t *node, const char *what,
            const struct doc_key *keys, void *into) MUST_CHECK;

/* A list, or nothing; `what` names many: "rules". */
int doc_list(struct doc *d, const yaml_node_t *node, const char *what,
             int (*read)(struct doc *d, yaml_node_t *item, void *into),
             void *into) MUST_CHECK;

/* `rules:` with nothing behind it, all items being commented out. */
bool doc_is_nothing(const yaml_node_t *node);

/* The text of a scalar, or NULL and d->e. */
const char *doc_text(struct doc *d, const yaml_node_t *node, const char *what);

/* Quantities, as value.h has them; "true" and "false". */
int doc_size(struct doc *d, const yaml_node_t *node, uint64_t *out) MUST_CHECK;
int doc_count(struct doc *d, const yaml_node_t *node, uint64_t *out) MUST_CHECK;
int doc_time(struct doc *d, const yaml_node_t *node, nsec *out) MUST_CHECK;
int doc_bool(struct doc *d, const yaml_node_t *node, const char *what,
             bool *out) MUST_CHECK;

/* A sentence that begins with a name looks like a mapping to YAML: `slow: on r2 ...`.
 * Answers the whole of it, in buf if need be, or NULL and d->e. */
#define DOC_SENTENCE (2 * RULE_TEXT_MAX)
const char *doc_sentence(struct doc *d, const yaml_node_t *node, char buf[DOC_SENTENCE]);

/* What was wrong with that sentence, at a column of it if d->e has one, is in this file
 * there. Answers -EINVAL. */
int doc_at_sentence(struct doc *d, const yaml_node_t *node);

/* Give what d->e says the place of a node; answers -EINVAL. */
int doc_at(struct doc *d, const yaml_node_t *node);

/* "expected a rule, not a list"; answers -EINVAL. */
int doc_expected(struct doc *d, const yaml_node_t *node, const char *what);

/* What d->e says of `word` gets the nearest of the words as its hint, or all of them;
 * answers -EINVAL. */
int doc_suggest(struct doc *d, const yaml_node_t *node, const char *word,
                const char *const *words);

#endif

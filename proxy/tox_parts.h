/* tox_parts.h -- the insides of Toxiproxy's API, shared by tox*.c and nobody else. */
#ifndef TOX_PARTS_H
#define TOX_PARTS_H

#include "tox.h"

#define TOX_ATTRS 3

struct tox_value { /* of an attribute: n, or x when it is a fraction */
    int64_t n;
    double x;
};

struct tox_attr {
    const char *name;
    int64_t max; /* 0..max; 0 = it is a fraction, 0..1 */
};

struct tox_type {
    const char *name;
    struct tox_attr attr[TOX_ATTRS]; /* .name == NULL: it has no more */
    bool hangs_up; /* all connections of the node end when it is removed */
    /* What follows `do` in a rule. Answers buf. */
    const char *(*fault)(const struct tox_value *v, char *buf, size_t size);
};

struct toxic {
    struct toxic *next; /* in the order in which they were added */
    const struct tox_type *type;
    char *name, *stream; /* as they were given */
    bool upstream;       /* lane requests */
    double toxicity;
    struct tox_value value[TOX_ATTRS];
    char rule[RULE_NAME_MAX];
};

struct tox_proxy {
    struct tox_proxy *next;
    char *name, *listen, *upstream; /* as Toxiproxy would show them */
    char node[RULE_NAME_MAX];
    bool enabled;
    struct toxic *toxics;
};

struct tox {
    struct proxy *proxy;
    struct tox_proxy *first;
    uint64_t requests;
};

/* An answer that is an error: the status, and the text of Toxiproxy. */
struct tox_error {
    unsigned status;
    char text[ERR_MAX];
};

/* Sets it, and answers -1. */
int tox_fail(struct tox_error *e, unsigned status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* tox_types.c */
const struct tox_type *tox_type_named(const char *name); /* NULL when there is none */

/* The values of a toxic from `attributes`, over those that are there. 0 or -1. */
int tox_read_values(const struct tox_type *type, const json_t *attributes,
                    struct tox_value *v, struct tox_error *e) MUST_CHECK;
json_t *tox_values(const struct tox_type *type, const struct tox_value *v);

/* tox_json.c: keys in any letter case, null for "not given". */
json_t *tox_field(const json_t *o, const char *key); /* borrowed, or NULL */

/* *out stays as it is when the key is not there. Borrowed. 0 or -1. */
int tox_text(const json_t *o, const char *key, const char **out,
             struct tox_error *e) MUST_CHECK;
int tox_bool(const json_t *o, const char *key, bool *out, struct tox_error *e) MUST_CHECK;
int tox_fraction(const json_t *o, const char *key, double *out,
                 struct tox_error *e) MUST_CHECK;
json_t *tox_number(double x); /* 1 and not 1.0, 0.2 and not 0.20000000298 */

/* Whatever comes first in the body. NULL and *e: it is no JSON, or not of that type. */
json_t *tox_parse(const char *body, size_t n, json_type type, struct tox_error *e);

/* As Go writes JSON: < > & escaped. The caller frees it. */
char *tox_print(const json_t *v);

/* tox_node.c: a proxy and its node. 0 or -1. */
int tox_listen_address(const char *text, struct addr *out,
                       struct tox_error *e) MUST_CHECK;
int tox_upstream_address(const char *text, struct addr *out,
                         struct tox_error *e) MUST_CHECK;
int tox_start(struct tox *t, struct tox_proxy *p, struct tox_error *e) MUST_CHECK;
void tox_stop(struct tox *t, struct tox_proxy *p);
int tox_create(struct tox *t, const json_t *o, const char *name, const char *upstream,
               struct tox_proxy **out, struct tox_error *e) MUST_CHECK;
int tox_update(struct tox *t, struct tox_proxy *p, const json_t *o,
               struct tox_error *e) MUST_CHECK;
/* Is it where the item of a populate wants it? */
bool tox_is_at(const struct tox_proxy *p, const char *listen, const char *upstream);
void tox_remove(struct tox *t, struct tox_proxy *p);
void tox_forget(struct tox *t); /* all proxies; their nodes stay */
void tox_sync(struct tox *t);   /* with nodes and rules that others have changed */
struct tox_proxy *tox_find(const struct tox *t, const char *name); /* or NULL */
json_t *tox_describe(const struct tox_proxy *p);

/* tox_toxic.c: a toxic and its rule. 0 or -1. */
int tox_toxic_add(struct tox *t, struct tox_proxy *p, const json_t *o, struct toxic **out,
                  struct tox_error *e) MUST_CHECK;
int tox_toxic_update(struct tox *t, struct tox_proxy *p, struct toxic *x, const json_t *o,
                     struct tox_error *e) MUST_CHECK;
void tox_toxic_remove(struct tox *t, struct tox_proxy *p, struct toxic *x);
void tox_toxics_remove(struct tox *t, struct tox_proxy *p); /* all of them */
struct toxic *tox_toxic_find(const struct tox_proxy *p, const char *name); /* or NULL */
json_t *tox_toxic_describe(const struct toxic *x);
json_t *tox_toxics_describe(const struct tox_proxy *p);
void tox_toxic_free(struct toxic *x);

/* A name that rules can have or mean, made of any text. Answers buf. */
const char *tox_plain_name(const char *text, char *buf, size_t size);

#endif

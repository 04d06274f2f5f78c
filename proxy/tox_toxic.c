/* tox_toxic.c -- a toxic is a rule: added, changed and taken out as one. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tox_parts.h"
#include "value.h"

const char *tox_plain_name(const char *text, char *buf, size_t size)
{
    size_t n = 0;

    for (; text[n] && n + 1 < size; n++) {
        char c = text[n];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || c == '_' || c == '-';

        buf[n] = plain ? c : '_';
    }
    buf[n] = '\0';
    return buf;
}

void tox_toxic_free(struct toxic *x)
{
    if (x == NULL)
        return;
    free(x->name);
    free(x->stream);
    free(x);
}

struct toxic *tox_toxic_find(const struct tox_proxy *p, const char *name)
{
    struct toxic *x = p->toxics;

    while (x && strcmp(x->name, name) != 0)
        x = x->next;
    return x;
}

static bool is_taken(const struct tox *t, const char *rule)
{
    const struct plan *plan = proxy_plan(t->proxy);

    for (size_t i = 0; i < plan->n; i++)
        if (strcmp(plan->entry[i].rule->name, rule) == 0)
            return true;
    return false;
}

/* "redis-latency_downstream", with a number behind it if that is taken. */
static void name_rule(const struct tox *t, const struct tox_proxy *p, struct toxic *x)
{
    char node[RULE_NAME_MAX / 2 - 6], toxic[RULE_NAME_MAX / 2];

    tox_plain_name(p->node, node, sizeof node);
    tox_plain_name(x->name, toxic, sizeof toxic);
    snprintf(x->rule, sizeof x->rule, "%s-%s", node, toxic);
    for (unsigned i = 2; is_taken(t, x->rule); i++)
        snprintf(x->rule, sizeof x->rule, "%s-%s-%u", node, toxic, i);
}

/* Put its rule in force, in the place of the one it had. */
static int apply(struct tox *t, const struct tox_proxy *p, const struct toxic *x,
                 struct tox_error *e)
{
    char sentence[RULE_TEXT_MAX], fault[128], share[64] = "", percent[32];
    const char *const old[] = {x->rule};
    struct err why = {0};

    if (x->toxicity < 1)
        snprintf(share, sizeof share, " sessions=%s",
                 value_print_fraction(x->toxicity, percent, sizeof percent));
    snprintf(sentence, sizeof sentence, "%s: on * -> %s %s%s do %s", x->rule, p->node,
             x->upstream ? "requests" : "replies", share,
             x->type->fault(x->value, fault, sizeof fault));
    if (proxy_rule_swap(t->proxy, old, 1, sentence, &why) == 0)
        return 0;
    return tox_fail(e, 500, "%s", why.text);
}

static int read_stream(const json_t *o, struct toxic *x, struct tox_error *e)
{
    const char *stream = "downstream";

    if (tox_text(o, "stream", &stream, e) < 0)
        return -1;
    if (strcasecmp(stream, "upstream") != 0 && strcasecmp(stream, "downstream") != 0)
        return tox_fail(e, 400,
                        "stream was invalid, can be either upstream or downstream");
    x->upstream = strcasecmp(stream, "upstream") == 0;
    x->stream = strdup(stream);
    return x->stream ? 0 : tox_fail(e, 500, "out of memory");
}

/* In the order in which Toxiproxy looks at them. */
static int read_toxic(const struct tox_proxy *p, const json_t *o, struct toxic *x,
                      struct tox_error *e)
{
    const char *type = "", *name = "";
    char standard[128];

    if (tox_text(o, "type", &type, e) < 0 || tox_text(o, "name", &name, e) < 0 ||
        read_stream(o, x, e) < 0)
        return -1;
    if (name[0] == '\0') {
        snprintf(standard, sizeof standard, "%.90s_%s", type, x->stream);
        name = standard;
    }
    x->type = tox_type_named(type);
    if (x->type == NULL)
        return tox_fail(e, 400, "invalid toxic type");
    if (tox_toxic_find(p, name))
        return tox_fail(e, 409, "toxic already exists");
    if ((x->name = strdup(name)) == NULL)
        return tox_fail(e, 500, "out of memory");
    if (tox_read_values(x->type, tox_field(o, "attributes"), x->value, e) < 0)
        return -1;
    return tox_fraction(o, "toxicity", &x->toxicity, e);
}

int tox_toxic_add(struct tox *t, struct tox_proxy *p, const json_t *o, struct toxic **out,
                  struct tox_error *e)
{
    struct toxic *x = calloc(1, sizeof *x), **last = &p->toxics;

    if (x == NULL)
        return tox_fail(e, 500, "out of memory");
    x->toxicity = 1;
    if (read_toxic(p, o, x, e) == 0) {
        name_rule(t, p, x);
        if (apply(t, p, x, e) == 0) {
            while (*last)
                last = &(*last)->next;
            *last = *out = x;
            return 0;
        }
    }
    tox_toxic_free(x);
    return -1;
}

int tox_toxic_update(struct tox *t, struct tox_proxy *p, struct toxic *x, const json_t *o,
                     struct tox_error *e)
{
    struct toxic to = *x;

    if (tox_read_values(x->type, tox_field(o, "attributes"), to.value, e) < 0 ||
        tox_fraction(o, "toxicity", &to.toxicity, e) < 0 || apply(t, p, &to, e) < 0)
        return -1;
    *x = to;
    return 0;
}

static void take_out(struct tox *t, const struct toxic *x)
{
    const char *const rule[] = {x->rule};
    struct err e;

    (void)!proxy_rule_swap(t->proxy, rule, 1, NULL, &e);
}

static void hang_up(struct tox *t, const struct tox_proxy *p)
{
    struct err e;

    (void)!proxy_node_hang_up(t->proxy, p->node, &e);
}

void tox_toxic_remove(struct tox *t, struct tox_proxy *p, struct toxic *x)
{
    struct toxic **at = &p->toxics;

    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    if (x->type->hangs_up) /* bytes were lost: what followed would make no sense */
        hang_up(t, p);
    take_out(t, x);
    tox_toxic_free(x);
}

void tox_toxics_remove(struct tox *t, struct tox_proxy *p)
{
    while (p->toxics)
        tox_toxic_remove(t, p, p->toxics);
}

json_t *tox_toxic_describe(const struct toxic *x)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:o}", "attributes",
                     tox_values(x->type, x->value), "name", x->name, "type",
                     x->type->name, "stream", x->stream, "toxicity",
                     tox_number(x->toxicity));
}

/* Those of requests first, as Toxiproxy lists them. */
json_t *tox_toxics_describe(const struct tox_proxy *p)
{
    json_t *all = json_array();

    for (int upstream = 1; upstream >= 0; upstream--)
        for (const struct toxic *x = p->toxics; x; x = x->next)
            if (x->upstream == upstream)
                (void)json_array_append_new(all, tox_toxic_describe(x));
    return all;
}

/* places.c -- see places.h. */
#include "places.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define EXAMPLE "such as r1,10.0.0.9:6379,10.0.0.1:6379"

bool addr_same(const struct addr *a, const struct addr *b)
{
    return a->port == b->port && strcasecmp(a->host, b->host) == 0 && a->host[0] != '\0';
}

static const struct place *find(const struct places *p, const struct addr *a, bool real)
{
    for (size_t i = 0; i < p->n; i++)
        if (addr_same(real ? &p->place[i].real : &p->place[i].known, a))
            return &p->place[i];
    return NULL;
}

const struct place *places_known(const struct places *p, const struct addr *a)
{
    return find(p, a, false);
}

const struct place *places_real(const struct places *p, const struct addr *a)
{
    return find(p, a, true);
}

static bool is_everywhere(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static int next(struct places *p, const char *name, struct place **out, struct err *e)
{
    struct place *place = &p->place[p->n];

    if (p->n == PLACES_MAX)
        return err_set(e, -E2BIG, "more than %d nodes", PLACES_MAX);
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->place[i].name, name) == 0)
            return err_set(e, -EINVAL, "two nodes are called '%.60s'", name);
    *place = (struct place){0};
    snprintf(place->name, sizeof place->name, "%s", name);
    *out = place;
    return 0;
}

static void take(struct places *p, struct place *place)
{
    place->known = place->listen;
    if (is_everywhere(place->known.host))
        place->known.host[0] = '\0';
    p->n++;
}

/* Split at commas: how many words there are, at most 5 of them kept. */
static size_t split(char *text, char *word[5])
{
    size_t n = 0;

    for (char *at = text; at; n++) {
        char *comma = strchr(at, ',');

        if (n < 5)
            word[n] = at;
        if (comma)
            *comma++ = '\0';
        at = comma;
    }
    return n;
}

int places_add(struct places *p, bool sentinel, const char *text, struct err *e)
{
    char copy[4 * ADDR_TEXT_MAX], *word[5] = {NULL};
    struct place *place;
    size_t n;
    int rc;

    snprintf(copy, sizeof copy, "%s", text);
    n = split(copy, word);
    if (strlen(text) >= sizeof copy || n < 3 || n > 4 || *word[0] == '\0' ||
        strlen(word[0]) >= RULE_NAME_MAX) {
        err_set(e, -EINVAL, "'%.80s' is not NAME,PROXY,REAL", text);
        err_hint(e, EXAMPLE);
        return -EINVAL;
    }
    rc = next(p, word[0], &place, e);
    if (rc == 0)
        rc = addr_parse(word[1], &place->known, e);
    if (rc == 0)
        rc = addr_parse(word[2], &place->real, e);
    place->listen = place->known;
    if (rc == 0 && n == 4)
        rc = addr_parse(word[3], &place->listen, e);
    if (rc < 0)
        return rc;
    place->sentinel = sentinel;
    p->n++;
    return 0;
}

int places_of_config(struct places *p, const struct config *c, struct err *e)
{
    for (size_t i = 0; i < c->nnodes; i++) {
        const struct config_node *node = &c->nodes[i];
        struct place *place;
        int rc = next(p, node->party.name, &place, e);

        if (rc < 0)
            return rc;
        place->sentinel = node->kind == NODE_SENTINEL;
        place->listen = node->listen;
        place->real = node->upstream;
        take(p, place);
    }
    return 0;
}

static int of_object(struct places *p, const json_t *node, struct err *e)
{
    const char *name, *listen, *upstream, *kind = "redis";
    struct place *place;
    int rc;

    if (json_unpack((json_t *)node, "{s:s, s:s, s:s, s?s}", "name", &name, "listen",
                    &listen, "upstream", &upstream, "kind", &kind) < 0)
        return err_set(e, -EPROTO, "the proxy's list of nodes makes no sense");
    rc = next(p, name, &place, e);
    if (rc == 0)
        rc = addr_parse(listen, &place->listen, e);
    if (rc == 0)
        rc = addr_parse(upstream, &place->real, e);
    if (rc < 0)
        return rc;
    place->sentinel = strcmp(kind, "sentinel") == 0;
    take(p, place);
    return 0;
}

int places_of_json(struct places *p, const json_t *nodes, struct err *e)
{
    const json_t *node;
    size_t i;
    int rc = 0;

    if (!json_is_array(nodes))
        return err_set(e, -EPROTO, "the proxy's list of nodes makes no sense");
    json_array_foreach(nodes, i, node) if (rc == 0) rc = of_object(p, node, e);
    return rc;
}

/* tox_node.c -- what Toxiproxy calls a proxy is a node: it comes, moves, stops, goes. */
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tox_parts.h"

/* ---- addresses ---- */

/* Where the port begins, or NULL and the text Go has for it. */
static const char *port_of(const char *prefix, const char *text, unsigned status,
                           struct tox_error *e)
{
    const char *colon = strrchr(text, ':'), *digits = colon ? colon + 1 : "";
    bool bare = text[0] == '[' ? !colon || colon[-1] != ']' : !colon;

    if (bare) {
        tox_fail(e, status, "%saddress %.100s: missing port in address", prefix, text);
        return NULL;
    }
    if (text[0] != '[' && memchr(text, ':', (size_t)(colon - text))) {
        tox_fail(e, status, "%saddress %.100s: too many colons in address", prefix, text);
        return NULL;
    }
    if (strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 5 ||
        atoi(digits) > 65535) {
        tox_fail(e, status, "%saddress %.100s: invalid port", prefix, digits);
        return NULL;
    }
    return digits;
}

/* A name is only looked up where that cannot take long: in this machine's own files. */
static int own_address(const char *host, char *out, size_t size, struct tox_error *e)
{
    struct addrinfo *found = NULL, hints = {.ai_family = AF_INET};
    char own[256] = "";

    (void)gethostname(own, sizeof own - 1);
    if (strcmp(host, "localhost") == 0) {
        snprintf(out, size, "127.0.0.1");
        return 0;
    }
    if (strcmp(host, own) != 0 || getaddrinfo(host, NULL, &hints, &found) != 0)
        return tox_fail(e, 500, "listen tcp: lookup %.100s: no such host", host);
    (void)getnameinfo(found->ai_addr, found->ai_addrlen, out, (socklen_t)size, NULL, 0,
                      NI_NUMERICHOST);
    freeaddrinfo(found);
    return 0;
}

/* No host means all interfaces here, as nowhere else in this program. */
int tox_listen_address(const char *text, struct addr *out, struct tox_error *e)
{
    const char *given = text[0] ? text : "[::]:0",
               *port = port_of("listen tcp: ", given, 500, e);
    char host[ADDR_HOST_MAX] = "[::]", whole[ADDR_TEXT_MAX], own[NI_MAXHOST];
    size_t n = port ? (size_t)(port - 1 - given) : 0;

    if (port == NULL)
        return -1;
    if (n >= sizeof host)
        return tox_fail(e, 500, "listen tcp: the address is too long");
    if (n > 0) {
        memcpy(host, given, n);
        host[n] = '\0';
    }
    snprintf(whole, sizeof whole, "%s:%s", host, port[0] ? port : "0");
    if (addr_parse(whole, out, NULL) < 0)
        return tox_fail(e, 500, "listen tcp: lookup %.100s: no such host", host);
    if (out->kind == ADDR_IP)
        return 0;
    if (own_address(host, own, sizeof own, e) < 0)
        return -1;
    snprintf(whole, sizeof whole, "%.64s:%s", own, port[0] ? port : "0");
    return addr_parse(whole, out, NULL) < 0
               ? tox_fail(e, 500, "listen tcp: lookup %.100s: no such host", host)
               : 0;
}

int tox_upstream_address(const char *text, struct addr *out, struct tox_error *e)
{
    struct err why = {0};

    if (strncmp(text, "unix:", 5) != 0 && port_of("", text, 400, e) == NULL)
        return -1;
    return addr_parse(text, out, &why) < 0 ? tox_fail(e, 400, "%s", why.text) : 0;
}

static int keep(char **into, const char *text, struct tox_error *e)
{
    char *copy = strdup(text);

    if (copy == NULL)
        return tox_fail(e, 500, "out of memory");
    free(*into);
    *into = copy;
    return 0;
}

/* ---- the list ---- */

struct tox_proxy *tox_find(const struct tox *t, const char *name)
{
    struct tox_proxy *p = t->first;

    while (p && strcmp(p->name, name) != 0)
        p = p->next;
    return p;
}

static void free_proxy(struct tox_proxy *p)
{
    while (p->toxics) {
        struct toxic *x = p->toxics;

        p->toxics = x->next;
        tox_toxic_free(x);
    }
    free(p->name);
    free(p->listen);
    free(p->upstream);
    free(p);
}

void tox_forget(struct tox *t)
{
    while (t->first) {
        struct tox_proxy *p = t->first;

        t->first = p->next;
        free_proxy(p);
    }
}

static bool find_node(const struct tox *t, const char *name, struct proxy_node *out)
{
    for (size_t i = 0; proxy_node_at(t->proxy, i, out); i++)
        if (strcmp(out->name, name) == 0)
            return true;
    return false;
}

static struct tox_proxy *append(struct tox *t, const char *name, const char *listen,
                                const char *upstream)
{
    struct tox_proxy *p = calloc(1, sizeof *p), **last = &t->first;

    if (p == NULL)
        return NULL;
    p->name = strdup(name);
    p->listen = strdup(listen);
    p->upstream = strdup(upstream);
    if (p->name == NULL || p->listen == NULL || p->upstream == NULL) {
        free_proxy(p);
        return NULL;
    }
    while (*last)
        last = &(*last)->next;
    return *last = p;
}

/* The address it is bound to is the one that is shown. */
static void show_listen(const struct tox *t, struct tox_proxy *p)
{
    char text[ADDR_TEXT_MAX];
    struct proxy_node n;
    struct tox_error e;

    if (find_node(t, p->node, &n))
        (void)!keep(&p->listen, addr_print_sockaddr(n.listen, text, sizeof text), &e);
}

static bool knows_node(const struct tox *t, const char *node)
{
    for (const struct tox_proxy *p = t->first; p; p = p->next)
        if (strcmp(p->node, node) == 0)
            return true;
    return false;
}

static bool has_rule(const struct tox *t, const struct toxic *x)
{
    const struct plan *plan = proxy_plan(t->proxy);

    for (size_t i = 0; i < plan->n; i++)
        if (strcmp(plan->entry[i].rule->name, x->rule) == 0)
            return true;
    return false;
}

static void drop_toxics_without_rule(const struct tox *t, struct tox_proxy *p)
{
    for (struct toxic **at = &p->toxics; *at;) {
        struct toxic *x = *at;

        if (has_rule(t, x)) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        tox_toxic_free(x);
    }
}

void tox_sync(struct tox *t)
{
    struct proxy_node n;

    for (struct tox_proxy **at = &t->first; *at;) {
        struct tox_proxy *p = *at;

        if (find_node(t, p->node, &n)) {
            p->enabled = n.started;
            drop_toxics_without_rule(t, p);
            at = &p->next;
            continue;
        }
        *at = p->next;
        free_proxy(p);
    }
    for (size_t i = 0; proxy_node_at(t->proxy, i, &n); i++) {
        char listen[ADDR_TEXT_MAX], upstream[ADDR_TEXT_MAX];
        struct tox_proxy *p;

        if (knows_node(t, n.name))
            continue;
        p = append(t, n.name, addr_print_sockaddr(n.listen, listen, sizeof listen),
                   addr_print(n.upstream, upstream, sizeof upstream));
        if (p == NULL)
            return;
        snprintf(p->node, sizeof p->node, "%s", n.name);
        p->enabled = n.started;
    }
}

json_t *tox_describe(const struct tox_proxy *p)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", p->name, "listen", p->listen,
                     "upstream", p->upstream, "enabled", p->enabled, "toxics",
                     tox_toxics_describe(p));
}

/* ---- what happens to one ---- */

/* As Go says it: "listen tcp 127.0.0.1:3310: bind: address already in use". */
static int listen_failed(const struct tox *t, const struct tox_proxy *p, int err,
                         struct tox_error *e)
{
    char at[ADDR_TEXT_MAX] = "", reason[128];
    struct proxy_node n;

    if (find_node(t, p->node, &n))
        addr_print_sockaddr(n.listen, at, sizeof at);
    snprintf(reason, sizeof reason, "%s", strerror(-err));
    reason[0] = (char)tolower((unsigned char)reason[0]);
    return tox_fail(e, 500, "listen tcp %.100s: bind: %s", at, reason);
}

int tox_start(struct tox *t, struct tox_proxy *p, struct tox_error *e)
{
    struct err why = {0};
    int err = proxy_node_start(t->proxy, p->node, &why);

    if (err)
        return listen_failed(t, p, err, e);
    p->enabled = true;
    show_listen(t, p);
    return 0;
}

void tox_stop(struct tox *t, struct tox_proxy *p)
{
    struct err e;

    (void)!proxy_node_stop(t->proxy, p->node, &e);
    p->enabled = false;
}

void tox_remove(struct tox *t, struct tox_proxy *p)
{
    struct tox_proxy **at = &t->first;
    struct err e;

    tox_toxics_remove(t, p);
    (void)!proxy_node_remove(t->proxy, p->node, &e);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    free_proxy(p);
}

/* The words that rules have for parties are no names of nodes. */
static bool is_word(const char *name)
{
    return strcmp(name, "master") == 0 || strcmp(name, "replica") == 0 ||
           strcmp(name, "sentinel") == 0 || strcmp(name, "client") == 0;
}

/* A node has a name that rules can say; it is the same wherever that is possible. */
static void name_node(const struct tox *t, const char *name, char *node)
{
    char plain[RULE_NAME_MAX - 8];
    struct proxy_node n;

    tox_plain_name(name, plain, sizeof plain);
    snprintf(node, RULE_NAME_MAX, "%s", plain);
    for (unsigned i = 2; is_word(node) || find_node(t, node, &n); i++)
        snprintf(node, RULE_NAME_MAX, "%s-%u", plain, i);
}

/* Its toxics: Toxiproxy would leave them out of a populate in silence. */
static int add_toxics(struct tox *t, struct tox_proxy *p, const json_t *list,
                      struct tox_error *e)
{
    struct toxic *x;
    const json_t *o;
    size_t i;

    if (list && !json_is_array(list))
        return tox_fail(e, 400, "bad request body: toxics must be an array");
    json_array_foreach(list, i, o)
    {
        if (!json_is_object(o))
            return tox_fail(e, 400, "bad request body: a toxic must be an object");
        if (tox_toxic_add(t, p, o, &x, e) < 0)
            return -1;
    }
    return 0;
}

static int make_node(struct tox *t, const struct tox_proxy *p, const struct addr *listen,
                     const struct addr *upstream, struct tox_error *e)
{
    struct config_node c = {.listen = *listen, .upstream = *upstream};
    struct err why = {0};

    snprintf(c.party.name, sizeof c.party.name, "%s", p->node);
    if (proxy_node_add(t->proxy, &c, true, &why) == 0)
        return 0;
    return tox_fail(e, 500, "%s", why.text);
}

int tox_create(struct tox *t, const json_t *o, const char *name, const char *upstream,
               struct tox_proxy **out, struct tox_error *e)
{
    const char *listen = "";
    struct addr at = {.kind = ADDR_IP}, to;
    bool enabled = true;
    struct tox_proxy *p;

    if (tox_text(o, "listen", &listen, e) < 0 ||
        tox_bool(o, "enabled", &enabled, e) < 0 ||
        tox_upstream_address(upstream, &to, e) < 0 ||
        tox_listen_address(listen, &at, e) < 0)
        return -1;
    if ((p = append(t, name, listen, upstream)) == NULL)
        return tox_fail(e, 500, "out of memory");
    name_node(t, name, p->node);
    if (make_node(t, p, &at, &to, e) == 0 &&
        add_toxics(t, p, tox_field(o, "toxics"), e) == 0 &&
        (!enabled || tox_start(t, p, e) == 0)) {
        *out = p;
        return 0;
    }
    tox_remove(t, p);
    return -1;
}

bool tox_is_at(const struct tox_proxy *p, const char *listen, const char *upstream)
{
    struct addr was, is;
    struct tox_error e;

    if (strcmp(p->upstream, upstream) != 0)
        return false;
    if (strcmp(p->listen, listen) == 0)
        return true;
    return tox_listen_address(p->listen, &was, &e) == 0 &&
           tox_listen_address(listen, &is, &e) == 0 && was.port == is.port &&
           is.port != 0 && strcmp(was.host, is.host) == 0;
}

static int move(struct tox *t, struct tox_proxy *p, const char *listen,
                const char *upstream, struct tox_error *e)
{
    struct addr at, to;
    struct err why;

    if (tox_listen_address(listen, &at, e) < 0 ||
        tox_upstream_address(upstream, &to, e) < 0)
        return -1;
    tox_stop(t, p);
    if (proxy_node_point(t->proxy, p->node, &at, &to, &why) < 0)
        return tox_fail(e, 500, "%s", why.text);
    if (keep(&p->listen, listen, e) < 0)
        return -1;
    return keep(&p->upstream, upstream, e);
}

int tox_update(struct tox *t, struct tox_proxy *p, const json_t *o, struct tox_error *e)
{
    const char *listen = p->listen, *upstream = p->upstream;
    bool enabled = p->enabled;

    if (tox_text(o, "listen", &listen, e) < 0 ||
        tox_text(o, "upstream", &upstream, e) < 0 ||
        tox_bool(o, "enabled", &enabled, e) < 0)
        return -1;
    if (!tox_is_at(p, listen, upstream) && move(t, p, listen, upstream, e) < 0)
        return -1;
    if (enabled && !p->enabled)
        return tox_start(t, p, e);
    if (!enabled && p->enabled)
        tox_stop(t, p);
    return 0;
}

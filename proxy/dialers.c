/* dialers.c -- who dials, by what it says of itself. Where several share an address, as
 * behind a translator or on one machine, that is all there is to tell them apart.
 *
 *   REPLCONF ip-address A, listening-port P     the Redis node that is announced there
 *   PUBLISH __sentinel__:hello "A,P,..."        the Sentinel that is, and from then on
 *   CLIENT SETNAME sentinel-<id>-cmd, -pubsub   all its connections
 *   CLIENT SETNAME name                         the client that has such names
 *
 * Where a node is announced the configuration says; its listener, where it is recommended
 * that it be, and its upstream need no saying. As in Redis' replication.c, sentinel.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "session_parts.h"

#define NOBODY SIZE_MAX

#define SENTINEL_NAME "sentinel-" /* and eight digits of its run's id */

/* ---- what the configuration says ---- */

static int add(struct proxy *p, const char *text, size_t who)
{
    struct saying *all = realloc(p->saying, (p->sayings + 1) * sizeof *all);

    if (all == NULL)
        return -ENOMEM;
    p->saying = all;
    if ((all[p->sayings].text = strdup(text)) == NULL)
        return -ENOMEM;
    all[p->sayings++].who = who;
    return 0;
}

int dialers_add(struct proxy *p, const struct config_party *c, size_t who)
{
    bool is_client = p->party[who]->kind == PARTY_CLIENT;
    int err = 0;

    if (is_client && c->nsaid + c->nsources + c->nhosts == 0)
        return add(p, c->name, who);
    for (size_t i = 0; i < c->nsaid && err == 0; i++)
        err = add(p, c->said[i], who);
    return err;
}

void dialers_drop(struct proxy *p, size_t who)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->sayings; i++)
        if (p->saying[i].who == who)
            free(p->saying[i].text);
        else
            p->saying[kept++] = p->saying[i];
    p->sayings = kept;
}

void dialers_free(struct proxy *p)
{
    while (p->sayings > 0)
        free(p->saying[--p->sayings].text);
    free(p->saying);
    p->saying = NULL;
}

/* ---- nodes: by an address ---- */

static bool is_any(const struct sockaddr_storage *at)
{
    const struct sockaddr_in *in4 = (const void *)at;
    const struct sockaddr_in6 *in6 = (const void *)at;

    return at->ss_family == AF_INET ? in4->sin_addr.s_addr == INADDR_ANY
                                    : IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

#define PORT_AT offsetof(struct sockaddr_in, sin_port)

_Static_assert(PORT_AT == offsetof(struct sockaddr_in6, sin6_port), "one for both");

/* Of an address the host, of another the port. */
static const char *put_together(const void *host, const void *port, char *text,
                                size_t size)
{
    struct sockaddr_storage at;

    memcpy(&at, host, sizeof at);
    memcpy((char *)&at + PORT_AT, (const char *)port + PORT_AT, sizeof(in_port_t));
    return addr_print_sockaddr((struct sockaddr *)&at, text, size);
}

/* Where a node listens, seen from who dialed this session: one that listens everywhere
 * has, for it, the address that it dialed. */
static const char *listener_text(const struct session *s, const struct node *n,
                                 char *text, size_t size)
{
    const struct sockaddr_storage *at = &n->listener.at;
    struct sockaddr_storage here;

    if (!is_any(at) || endpoint_here(&s->side[DIALER], &here) < 0)
        here = *at;
    return put_together(&here, at, text, size);
}

static bool says(const struct proxy *p, size_t who, const char *text)
{
    for (size_t i = 0; i < p->sayings; i++)
        if (p->saying[i].who == who && strcasecmp(p->saying[i].text, text) == 0)
            return true;
    return false;
}

static struct node *announced(const struct session *s, enum party_kind kind,
                              const char *at)
{
    const struct proxy *p = s->proxy;
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < p->nodes; i++) {
        struct node *n = p->node[i];

        if (n->party.kind == kind &&
            (says(p, n->who, at) ||
             strcasecmp(at, listener_text(s, n, text, sizeof text)) == 0 ||
             strcasecmp(at, addr_print(&n->upstream, text, sizeof text)) == 0))
            return n;
    }
    return NULL;
}

/* text[ADDR_TEXT_MAX] */
static const char *address_text(const char *host, size_t n, unsigned port, char *text)
{
    struct addr a = {.kind = ADDR_NAME, .port = (uint16_t)port};

    snprintf(a.host, sizeof a.host, "%.*s", (int)n, host);
    return addr_print(&a, text, ADDR_TEXT_MAX);
}

/* A replica that says no address is where it dials from. */
static size_t by_replconf(const struct session *s, const struct sockaddr_storage *peer)
{
    const struct repl *r = s->dialog.repl;
    struct sockaddr_in port = {.sin_port = htons((uint16_t)r->port)};
    char text[ADDR_TEXT_MAX];
    const struct node *n;

    n = announced(s, PARTY_REDIS,
                  r->ip[0] ? address_text(r->ip, strlen(r->ip), r->port, text)
                           : put_together(peer, &port, text, sizeof text));
    return n ? n->who : NOBODY;
}

/* ---- Sentinels ---- */

/* The digits in the name that Sentinel gives its connections, or NULL. */
static const char *sentinel_id(const char *name)
{
    size_t n = strlen(SENTINEL_NAME);

    return name && strncmp(name, SENTINEL_NAME, n) == 0 && strlen(name) >= n + SENTINEL_ID
               ? name + n
               : NULL;
}

static size_t by_sentinel_id(const struct proxy *p, const char *id)
{
    for (size_t i = 0; i < p->nodes; i++)
        if (p->node[i]->party.kind == PARTY_SENTINEL &&
            strncmp(p->node[i]->sentinel_id, id, SENTINEL_ID) == 0)
            return p->node[i]->who;
    return NOBODY;
}

/* Its other connections say no more than the id: now they are known too. */
static void learn_id(struct node *n, const char *id)
{
    if (strncmp(n->sentinel_id, id, SENTINEL_ID) == 0)
        return;
    memcpy(n->sentinel_id, id, SENTINEL_ID);
    log_info("sentinel", "node=%s id=%s", n->party.name, n->sentinel_id);
    for (struct session *s = n->proxy->sessions, *next; s; s = next) {
        next = s->next;
        if (s->dialog.track.role == ROLE_SENTINEL && s->dialog.track.hello == NULL &&
            session_identify(s))
            session_replan(s, uv_hrtime());
    }
}

static size_t by_hello(const struct session *s)
{
    const struct track *t = &s->dialog.track;
    const char *id = sentinel_id(t->name), *comma = strchr(t->hello, ',');
    char text[ADDR_TEXT_MAX];
    struct node *n;

    if (comma == NULL)
        return NOBODY;
    n = announced(s, PARTY_SENTINEL,
                  address_text(t->hello, (size_t)(comma - t->hello),
                               (unsigned)strtoul(comma + 1, NULL, 10), text));
    if (n && id)
        learn_id(n, id);
    return n ? n->who : NOBODY;
}

/* ---- clients ---- */

static size_t by_name(const struct proxy *p, const char *name)
{
    for (size_t i = 0; i < p->sayings; i++)
        if (p->party[p->saying[i].who]->kind == PARTY_CLIENT &&
            fnmatch(p->saying[i].text, name, 0) == 0)
            return p->saying[i].who;
    return NOBODY;
}

size_t dialers_said(const struct session *s, const struct sockaddr_storage *peer)
{
    const struct track *t = &s->dialog.track;
    const char *id = sentinel_id(t->name);

    if (s->dialog.repl && s->dialog.repl->port)
        return by_replconf(s, peer);
    if (t->hello)
        return by_hello(s);
    if (t->role == ROLE_SENTINEL && id)
        return by_sentinel_id(s->proxy, id);
    return t->name ? by_name(s->proxy, t->name) : NOBODY;
}

/* nodes.c -- the nodes of a running proxy, who dials them, and the links between. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "log.h"
#include "shell.h"

/* ---- who is dialing ---- */

struct party *nodes_rest(const struct proxy *p)
{
    return &p->client[p->clients - 1]->party;
}

/* The narrowest range that holds the address says whose it is. */
size_t nodes_who(const struct proxy *p, const struct sockaddr *peer, bool sentinel)
{
    size_t who = SIZE_MAX;
    int best = -1;

    for (size_t i = 0; i < p->dialers; i++) {
        const struct dialer *d = &p->dialer[i];

        bool fits = (p->party[d->who]->kind == PARTY_SENTINEL) == sentinel;
        int rank = 2 * d->range.bits + fits;

        if (rank > best && addr_range_has(&d->range, peer)) {
            best = rank;
            who = d->who;
        }
    }
    for (size_t i = 0; who == SIZE_MAX; i++)
        if (p->party[i] == nodes_rest(p))
            who = i;
    return who;
}

const struct link *nodes_link_seen(const struct node *n, size_t who)
{
    return who < n->links ? n->link[who] : NULL;
}

struct link *nodes_link(struct node *n, size_t who)
{
    struct proxy *p = n->proxy;
    struct link **all;

    if (who >= n->links) {
        if ((all = realloc(n->link, p->parties * sizeof *all)) == NULL)
            return NULL;
        memset(all + n->links, 0, (p->parties - n->links) * sizeof *all);
        n->link = all;
        n->links = p->parties;
    }
    if (n->link[who] == NULL && (n->link[who] = calloc(1, sizeof *n->link[who])) != NULL)
        *n->link[who] = (struct link){.from = p->party[who], .to = &n->party};
    return n->link[who];
}

static int add_party(struct proxy *p, struct party *one, size_t *who)
{
    struct party **all;

    for (*who = 0; *who < p->parties && p->party[*who]; ++*who)
        ;
    if (*who == p->parties) {
        if ((all = realloc(p->party, (p->parties + 1) * sizeof *all)) == NULL)
            return -ENOMEM;
        p->party = all;
        p->parties++;
    }
    p->party[*who] = one;
    return 0;
}

static int add_dialers(struct proxy *p, const struct config_party *c, size_t who)
{
    struct dialer *all;

    if (names_add(p, c, who) < 0 || dialers_add(p, c, who) < 0)
        return -ENOMEM;
    if (c->nsources == 0)
        return 0;
    if ((all = realloc(p->dialer, (p->dialers + c->nsources) * sizeof *all)) == NULL)
        return -ENOMEM;
    p->dialer = all;
    for (size_t i = 0; i < c->nsources; i++)
        p->dialer[p->dialers++] = (struct dialer){c->sources[i], who, NULL};
    return 0;
}

static void drop_dialers(struct proxy *p, size_t who)
{
    size_t kept = 0;

    names_drop(p, who);
    dialers_drop(p, who);
    for (size_t i = 0; i < p->dialers; i++)
        if (p->dialer[i].who != who)
            p->dialer[kept++] = p->dialer[i];
    p->dialers = kept;
}

void nodes_dialers(struct proxy *p, size_t who, const char *host,
                   const struct addr_range *at, size_t n)
{
    struct dialer *all = realloc(p->dialer, (p->dialers + n + 1) * sizeof *all);
    size_t kept = 0;

    if (all == NULL) {
        log_error("name.failed", "name=%s reason=\"out of memory\"", host);
        return;
    }
    p->dialer = all;
    for (size_t i = 0; i < p->dialers; i++)
        if (all[i].who != who || all[i].host == NULL || strcmp(all[i].host, host) != 0)
            all[kept++] = all[i];
    for (size_t i = 0; i < n; i++)
        all[kept++] = (struct dialer){at[i], who, host};
    p->dialers = kept;
}

int nodes_party_add(struct proxy *p, struct party *one, const struct config_party *c,
                    size_t *who)
{
    if (add_party(p, one, who) < 0)
        return -ENOMEM;
    if (c == NULL || add_dialers(p, c, *who) == 0)
        return 0;
    drop_dialers(p, *who);
    p->party[*who] = NULL;
    return -ENOMEM;
}

void nodes_party_from_nowhere(struct proxy *p, size_t who)
{
    drop_dialers(p, who);
}

int nodes_party_from(struct proxy *p, size_t who, const struct config_party *c)
{
    drop_dialers(p, who);
    return add_dialers(p, c, who);
}

/* ---- a node ---- */

static void free_node(struct node *n)
{
    for (size_t i = 0; i < n->links; i++)
        free(n->link[i]);
    free(n->link);
    free((char *)(uintptr_t)n->party.name);
    free(n);
}

static struct node *new_node(struct proxy *p, const struct config_node *c)
{
    struct node *n = calloc(1, sizeof *n);
    char *name = strdup(c->party.name);

    if (n == NULL || name == NULL) {
        free(n);
        free(name);
        return NULL;
    }
    n->proxy = p;
    n->upstream = c->upstream;
    n->party.kind = c->kind == NODE_SENTINEL ? PARTY_SENTINEL : PARTY_REDIS;
    n->party.name = name;
    n->listener.node = n;
    n->listener.at_len = addr_sockaddr(&c->listen, &n->listener.at);
    return n;
}

/* Answers NULL when there is no memory for it, and then nothing is changed. */
static struct node *add_node(struct proxy *p, const struct config_node *c)
{
    struct node **all = realloc(p->node, (p->nodes + 1) * sizeof *all), *n;

    if (all == NULL)
        return NULL;
    p->node = all;
    if ((n = new_node(p, c)) == NULL)
        return NULL;
    if (nodes_party_add(p, &n->party, &c->party, &n->who) < 0) {
        free_node(n);
        return NULL;
    }
    p->node[p->nodes++] = n;
    return n;
}

struct node *nodes_find(const struct proxy *p, const char *name)
{
    for (size_t i = 0; i < p->nodes; i++)
        if (strcmp(p->node[i]->party.name, name) == 0)
            return p->node[i];
    return NULL;
}

static int find(const struct proxy *p, const char *name, struct node **out, struct err *e)
{
    *out = nodes_find(p, name);
    return *out ? 0 : err_set(e, -ENOENT, "there is no node '%.63s'", name);
}

/* ---- all of them ---- */

int nodes_build(struct proxy *p, const struct config *c)
{
    int err = 0;

    for (size_t i = 0; i < c->nnodes; i++)
        if (add_node(p, &c->nodes[i]) == NULL)
            return -ENOMEM;
    for (size_t i = 0; i < c->nclients && err == 0; i++)
        err = clients_add(p, c->clients[i].name, &c->clients[i]);
    return err ? err : clients_add(p, "client", NULL);
}

static void log_listening(const struct node *n)
{
    char text[ADDR_TEXT_MAX], up[ADDR_TEXT_MAX];

    log_info(
        "listen", "node=%s address=%s upstream=%s", n->party.name,
        addr_print_sockaddr((const struct sockaddr *)&n->listener.at, text, sizeof text),
        addr_print(&n->upstream, up, sizeof up));
}

int nodes_listen(struct proxy *p, const struct config *c, struct err *e)
{
    for (size_t i = 0; i < p->nodes; i++) {
        int err = listener_open(&p->node[i]->listener, p->node[i], &c->nodes[i].listen,
                                e);

        if (err)
            return err;
    }
    for (size_t i = 0; i < p->nodes; i++)
        log_listening(p->node[i]);
    names_look(p);
    return 0;
}

/* Does a session still know it, as the one that is dialed or as the one that dials? */
static bool is_known(const struct node *n)
{
    if (n->listener.looking)
        return true;
    for (size_t i = 0; i < n->links; i++)
        if (n->link[i] && n->link[i]->live)
            return true;
    return nodes_party_known(n->proxy, n->who);
}

bool nodes_party_known(const struct proxy *p, size_t who)
{
    const struct link *l;

    for (size_t i = 0; i < p->nodes; i++)
        if ((l = nodes_link_seen(p->node[i], who)) != NULL && l->live)
            return true;
    for (const struct node *other = p->gone; other; other = other->gone)
        if ((l = nodes_link_seen(other, who)) != NULL && l->live)
            return true;
    return false;
}

/* Its number is free for another: nobody may hold a link that says it is still its. */
static void forget_links(struct node *of, size_t who)
{
    if (who >= of->links)
        return;
    free(of->link[who]);
    of->link[who] = NULL;
}

void nodes_party_forget(struct proxy *p, size_t who)
{
    for (size_t i = 0; i < p->nodes; i++)
        forget_links(p->node[i], who);
    for (struct node *other = p->gone; other; other = other->gone)
        forget_links(other, who);
    p->party[who] = NULL;
}

void nodes_reap(struct proxy *p)
{
    for (struct node **at = &p->gone; *at;) {
        struct node *n = *at;

        if (is_known(n)) {
            at = &n->gone;
            continue;
        }
        *at = n->gone;
        nodes_party_forget(p, n->who);
        free_node(n);
    }
    clients_reap(p);
}

void nodes_free(struct proxy *p)
{
    for (size_t i = 0; i < p->nodes; i++)
        free_node(p->node[i]);
    while (p->gone) {
        struct node *n = p->gone;

        p->gone = n->gone;
        free_node(n);
    }
    free(p->node);
    clients_free(p);
    free(p->party);
    free(p->dialer);
    names_free(p);
    dialers_free(p);
}

/* ---- while it runs ---- */

int proxy_node_add(struct proxy *p, const struct config_node *c, bool polite,
                   struct err *e)
{
    struct node *n;

    if (nodes_find(p, c->party.name))
        return err_set(e, -EEXIST, "there is a node named '%s'", c->party.name);
    if (wake_reserve(&p->wake, p->stats.sessions + p->nodes + 8 + 1) < 0 ||
        (n = add_node(p, c)) == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    n->polite = polite;
    proxy_reckon(p);
    names_look(p);
    return 0;
}

int proxy_node_start(struct proxy *p, const char *name, struct err *e)
{
    char text[ADDR_TEXT_MAX];
    struct addr at;
    struct node *n;
    int err = find(p, name, &n, e);

    if (err || listener_is_open(&n->listener) || n->listener.down)
        return err;
    if (p->closing)
        return err_set(e, -ESHUTDOWN, "the proxy is about to end");
    addr_print_sockaddr((struct sockaddr *)&n->listener.at, text, sizeof text);
    err = addr_parse(text, &at, e);
    if (err == 0)
        err = listener_open(&n->listener, n, &at, e);
    if (err == 0)
        log_listening(n);
    return err;
}

static void hang_up(struct node *n)
{
    for (struct session *s = n->proxy->sessions, *next; s; s = next) {
        next = session_next(s);
        if (session_node(s) == n)
            session_close(s, CLOSE_FIN);
    }
}

static void stop_node(struct node *n)
{
    listener_close(&n->listener);
    hang_up(n);
}

int proxy_node_hang_up(struct proxy *p, const char *name, struct err *e)
{
    struct node *n;
    int err = find(p, name, &n, e);

    if (err == 0)
        hang_up(n);
    return err;
}

int proxy_node_stop(struct proxy *p, const char *name, struct err *e)
{
    struct node *n;
    int err = find(p, name, &n, e);

    if (err == 0) {
        stop_node(n);
        log_info("node.stop", "node=%s", name);
    }
    return err;
}

int proxy_node_point(struct proxy *p, const char *name, const struct addr *listen,
                     const struct addr *upstream, struct err *e)
{
    struct node *n;
    int err = find(p, name, &n, e);

    if (err)
        return err;
    assert(!listener_is_open(&n->listener));
    n->listener.at_len = addr_sockaddr(listen, &n->listener.at);
    n->upstream = *upstream;
    return 0;
}

int nodes_upstream(struct proxy *p, const char *name, const struct addr *upstream,
                   struct err *e)
{
    struct node *n;
    int err = find(p, name, &n, e);

    if (err == 0)
        n->upstream = *upstream;
    return err;
}

int nodes_sources(struct proxy *p, const char *name, const struct config_party *c,
                  struct err *e)
{
    struct node *n;
    int err = find(p, name, &n, e);

    if (err == 0 && nodes_party_from(p, n->who, c) < 0)
        err = err_set(e, -ENOMEM, "out of memory");
    return err;
}

int proxy_node_remove(struct proxy *p, const char *name, struct err *e)
{
    struct node *n;
    size_t at = 0;
    int err = find(p, name, &n, e);

    if (err)
        return err;
    stop_node(n);
    drop_dialers(p, n->who);
    while (p->node[at] != n)
        at++;
    memmove(&p->node[at], &p->node[at + 1], (p->nodes - at - 1) * sizeof(struct node *));
    p->nodes--;
    proxy_reckon(p);
    n->gone = p->gone;
    p->gone = n;
    log_info("node.remove", "node=%s", n->party.name);
    nodes_reap(p);
    return 0;
}

bool proxy_node_at(const struct proxy *p, size_t i, struct proxy_node *out)
{
    const struct node *n = i < p->nodes ? p->node[i] : NULL;

    if (n == NULL)
        return false;
    *out = (struct proxy_node){
        .name = n->party.name,
        .listen = (const struct sockaddr *)&n->listener.at,
        .upstream = &n->upstream,
        .started = listener_is_open(&n->listener) || n->listener.down,
        .read = {n->read[0], n->read[1]},
        .sent = {n->sent[0], n->sent[1]},
    };
    return true;
}

int proxy_listen_address(const struct proxy *p, const char *node, struct addr *out)
{
    const struct node *n = nodes_find(p, node);
    char text[ADDR_TEXT_MAX];

    return n ? addr_parse(addr_print_sockaddr((const struct sockaddr *)&n->listener.at,
                                              text, sizeof text),
                          out, NULL)
             : -ENOENT;
}

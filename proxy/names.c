/* names.c -- whom a source address belongs to, when the configuration gives names for it.
 *
 * Names are looked up one after the other, so that a slow resolver keeps one thread busy
 * and no dial waiting; all of them again every few seconds, and soon when somebody dials
 * whom no address fits. A name that has no address any more is nobody's; one that cannot
 * be asked about keeps those it had.
 *
 *   due -> ask host[0] -> answer -> ask host[1] ... -> due
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "shell.h"

#define LOOK_EVERY  SEC(5)
#define LOOK_SOON   SEC(1)    /* while a name has no address */
#define LOOK_AT_ONE MSEC(250) /* between looks for those who dial */

struct host {
    char *name;
    size_t who;
    struct addr_range *at;
    size_t n;
};

struct names {
    struct proxy *proxy;
    struct host *host;
    size_t n, next; /* under way or to be asked next */
    uv_getaddrinfo_t req;
    nsec asked;         /* when the last round began */
    bool asking, stale; /* stale: hosts have changed since it was asked */
    struct wake_node due;
};

static void ask(struct names *m);

/* ---- what is known ---- */

static bool same_range(const struct addr_range *a, const struct addr_range *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool has(const struct addr_range *at, size_t n, const struct addr_range *r)
{
    for (size_t i = 0; i < n; i++)
        if (same_range(&at[i], r))
            return true;
    return false;
}

static struct addr_range range_of(const struct sockaddr *sa)
{
    struct addr_range r = {.family = sa->sa_family};

    if (sa->sa_family == AF_INET) {
        memcpy(r.bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
        r.bits = 32;
    } else {
        memcpy(r.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
        r.bits = 128;
    }
    return r;
}

/* Each address once; NULL and 0 when there is none (or no memory). */
static struct addr_range *ranges_of(const struct addrinfo *list, size_t *n)
{
    struct addr_range *all;
    size_t room = 0;

    *n = 0;
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
        room++;
    all = room ? calloc(room, sizeof *all) : NULL;
    for (const struct addrinfo *ai = list; all && ai; ai = ai->ai_next) {
        struct addr_range r = range_of(ai->ai_addr);

        if (!has(all, *n, &r))
            all[(*n)++] = r;
    }
    return all;
}

static bool same_set(const struct host *h, const struct addr_range *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!has(h->at, h->n, &at[i]))
            return false;
    return n == h->n;
}

/* Takes over `at`. Who is there already is looked at again. */
static void now_at(struct names *m, struct host *h, struct addr_range *at, size_t n)
{
    struct proxy *p = m->proxy;
    char text[ADDR_TEXT_MAX] = "none";

    if (n)
        (void)inet_ntop(at[0].family, at[0].bytes, text, sizeof text);
    log_info("name", "name=%s party=%s addresses=%zu first=%s", h->name,
             p->party[h->who]->name, n, text);
    nodes_dialers(p, h->who, h->name, at, n);
    free(h->at);
    h->at = at;
    h->n = n;
    for (struct session *s = p->sessions; s; s = session_next(s))
        (void)session_identify(s);
    p->replan = true;
    wake_set(&p->wake, &p->feed, uv_hrtime());
}

/* ---- rounds ---- */

static void round_over(struct names *m)
{
    bool all = true;

    for (size_t i = 0; i < m->n; i++)
        all &= m->host[i].n > 0;
    m->next = 0;
    wake_set(&m->proxy->wake, &m->due, uv_hrtime() + (all ? LOOK_EVERY : LOOK_SOON));
}

/* Is it sure that there is no such name, rather than that nobody could tell? */
static bool is_nobody(int status)
{
    return status == UV_EAI_NONAME || status == UV_EAI_NODATA;
}

static void on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct names *m = req->data;
    struct proxy *p = m->proxy;

    m->asking = false;
    if (p->closing) {
        uv_freeaddrinfo(list);
        proxy_unhold(p);
        return;
    }
    if (!m->stale && m->next < m->n && (status == 0 || is_nobody(status))) {
        struct host *h = &m->host[m->next];
        size_t n;
        struct addr_range *at = ranges_of(status == 0 ? list : NULL, &n);

        if (same_set(h, at, n))
            free(at);
        else
            now_at(m, h, at, n);
    }
    m->next = m->stale ? 0 : m->next + 1;
    m->stale = false;
    uv_freeaddrinfo(list);
    ask(m);
    proxy_unhold(p);
}

static void ask(struct names *m)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

    if (m->next >= m->n) {
        round_over(m);
        return;
    }
    m->req.data = m;
    if (uv_getaddrinfo(m->proxy->hub->loop, &m->req, on_answer, m->host[m->next].name,
                       NULL, &hints) < 0) {
        round_over(m);
        return;
    }
    m->asking = true;
    m->proxy->open++;
}

static void on_due(struct wake_node *node, nsec now)
{
    struct names *m = (struct names *)((char *)node - offsetof(struct names, due));

    if (m->asking)
        return;
    m->asked = now;
    m->next = 0;
    ask(m);
}

/* ---- whose names ---- */

static struct names *names_of(struct proxy *p)
{
    if (p->names == NULL && (p->names = calloc(1, sizeof *p->names)) != NULL) {
        p->names->proxy = p;
        p->names->due.call = on_due;
    }
    return p->names;
}

int names_add(struct proxy *p, const struct config_party *c, size_t who)
{
    struct names *m = c->nhosts ? names_of(p) : NULL;
    struct host *all;

    if (c->nhosts == 0)
        return 0;
    if (m == NULL || (all = realloc(m->host, (m->n + c->nhosts) * sizeof *all)) == NULL)
        return -ENOMEM;
    m->host = all;
    for (size_t i = 0; i < c->nhosts; i++) {
        char *name = strdup(c->hosts[i]);

        if (name == NULL)
            return -ENOMEM;
        all[m->n++] = (struct host){.name = name, .who = who};
    }
    m->stale = m->asking;
    return 0;
}

static void free_host(struct host *h)
{
    free(h->name);
    free(h->at);
}

void names_drop(struct proxy *p, size_t who)
{
    struct names *m = p->names;
    size_t kept = 0;

    for (size_t i = 0; m && i < m->n; i++)
        if (m->host[i].who == who)
            free_host(&m->host[i]);
        else
            m->host[kept++] = m->host[i];
    if (m == NULL || m->n == kept)
        return;
    m->n = kept;
    m->stale = m->asking;
}

void names_look(struct proxy *p)
{
    struct names *m = p->names;

    if (m && m->n && !m->asking)
        wake_set(&p->wake, &m->due, nsec_add(m->asked, LOOK_AT_ONE));
}

void names_stop(struct proxy *p)
{
    if (p->names == NULL)
        return;
    wake_set(&p->wake, &p->names->due, NSEC_NEVER);
    if (p->names->asking)
        (void)uv_cancel((uv_req_t *)&p->names->req); /* if too late, it is ignored */
}

void names_free(struct proxy *p)
{
    for (size_t i = 0; p->names && i < p->names->n; i++)
        free_host(&p->names->host[i]);
    if (p->names)
        free(p->names->host);
    free(p->names);
    p->names = NULL;
}

/* recipe.c -- see recipe.h. */
#include "recipe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static bool is_ip(const char *host)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static const struct place *first(const struct recipe *r)
{
    for (size_t i = 0; i < r->places->n; i++)
        if (!r->places->place[i].sentinel)
            return &r->places->place[i];
    return NULL;
}

static bool uses_names(const struct recipe *r)
{
    for (size_t i = 0; i < r->places->n; i++)
        if (!is_ip(r->places->place[i].known.host))
            return true;
    return false;
}

static size_t sentinels(const struct recipe *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->places->n; i++)
        n += r->places->place[i].sentinel;
    return n;
}

/* A source may be only one's: who else is on that host? */
static bool is_alone(const struct recipe *r, const struct place *p)
{
    size_t n = 0;

    for (size_t i = 0; i < r->places->n; i++)
        n += strcmp(r->places->place[i].real.host, p->real.host) == 0;
    return n == 1;
}

int recipe_check(const struct recipe *r, struct err *e)
{
    if (first(r) == NULL) {
        err_set(e, -EINVAL, "no Redis node");
        err_hint(e, "--node r1,PROXY,REAL names one; the first is the master");
        return -EINVAL;
    }
    if (r->quorum > sentinels(r))
        return err_set(e, -EINVAL, "a quorum of %u, and %zu sentinels", r->quorum,
                       sentinels(r));
    for (size_t i = 0; i < r->places->n; i++) {
        const struct place *p = &r->places->place[i];

        if (p->known.kind == ADDR_UNIX || p->real.kind == ADDR_UNIX)
            return err_set(e, -EINVAL, "%s cannot announce a unix socket", p->name);
        if (p->known.host[0])
            continue;
        err_set(e, -EINVAL, "%s cannot announce that the proxy listens everywhere",
                p->name);
        err_hint(e, "--node %s,PROXY,REAL,LISTEN: PROXY as others find it", p->name);
        return -EINVAL;
    }
    return 0;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* Links must say who they are from: by it the proxy tells nodes apart. */
static void say_source(FILE *f, const struct recipe *r, const struct place *p)
{
    if (is_ip(p->real.host))
        fprintf(f, "%s %s\n", r->old ? "bind" : "bind-source-addr", p->real.host);
}

static void say_protected(FILE *f, const struct place *p)
{
    if (strcmp(p->real.host, "127.0.0.1") == 0 || strcmp(p->real.host, "::1") == 0)
        return;
    if (is_loopback(p->real.host))
        fprintf(f, "protected-mode no\n");
    else
        fprintf(f,
                "# set a password (requirepass, masterauth), or where nobody else can\n"
                "# reach it: protected-mode no\n");
}

static void say_redis(FILE *f, const struct recipe *r, const struct place *p)
{
    const struct place *master = first(r);

    fprintf(f, "port %u\n", p->real.port);
    say_source(f, r, p);
    say_protected(f, p);
    fprintf(f, "replica-announce-ip %s\nreplica-announce-port %u\n", p->known.host,
            p->known.port);
    if (p != master)
        fprintf(f, "replicaof %s %u\n", master->known.host, master->known.port);
}

static void say_sentinel(FILE *f, const struct recipe *r, const struct place *p)
{
    const struct place *master = first(r);
    const char *names = uses_names(r) ? "yes" : "no";
    unsigned quorum = r->quorum ? r->quorum : (unsigned)sentinels(r) / 2 + 1;

    fprintf(f, "port %u\n", p->real.port);
    say_source(f, r, p);
    fprintf(f, "sentinel resolve-hostnames %s\nsentinel announce-hostnames %s\n", names,
            names);
    fprintf(f, "sentinel announce-ip %s\nsentinel announce-port %u\n", p->known.host,
            p->known.port);
    fprintf(f, "sentinel monitor %s %s %u %u\n", r->master, master->known.host,
            master->known.port, quorum);
}

void recipe_node(FILE *f, const struct recipe *r, size_t node)
{
    const struct place *p = &r->places->place[node];

    fprintf(f, "# %s of %s%s\n", p->sentinel ? "sentinel.conf" : "redis.conf", p->name,
            p == first(r) ? ", the master at the start" : "");
    if (p->sentinel)
        say_sentinel(f, r, p);
    else
        say_redis(f, r, p);
}

void recipe_proxy(FILE *f, const struct recipe *r)
{
    char listen[ADDR_TEXT_MAX], real[ADDR_TEXT_MAX];

    fprintf(f, "# sunder.yaml, for sunder proxy --config sunder.yaml\nnodes:\n");
    for (size_t i = 0; i < r->places->n; i++) {
        const struct place *p = &r->places->place[i];

        fprintf(f, "  - {name: %s, %slisten: \"%s\", upstream: \"%s\"", p->name,
                p->sentinel ? "kind: sentinel, " : "",
                addr_print(&p->listen, listen, sizeof listen),
                addr_print(&p->real, real, sizeof real));
        if (is_ip(p->real.host) && is_alone(r, p))
            fprintf(f, ", sources: [\"%s\"]", p->real.host);
        fprintf(f, "}\n");
    }
    /* A dead node is to look dead. */
    fprintf(f, "when-down: refuse\n");
}

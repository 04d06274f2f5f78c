/* config_domain.c -- names of a cluster, made whole: "redis-0.redis.shop.svc" is known
 * under that name only to a resolver that completes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_parts.h"

static bool is_short(const char *host)
{
    size_t n = strlen(host);

    return n > 4 && strcmp(host + n - 4, ".svc") == 0;
}

static int refuse(const char *host, struct err *e)
{
    err_set(e, -EINVAL, "'%.80s' with the cluster-domain is too long", host);
    return -EINVAL;
}

static int complete_hosts(struct config_party *p, const char *domain, struct err *e)
{
    for (size_t i = 0; i < p->nhosts; i++) {
        size_t n = strlen(p->hosts[i]), more = strlen(domain);
        char *whole;

        if (!is_short(p->hosts[i]))
            continue;
        if (n + more + 2 > ADDR_HOST_MAX)
            return refuse(p->hosts[i], e);
        if ((whole = realloc(p->hosts[i], n + more + 2)) == NULL)
            return err_set(e, -ENOMEM, "out of memory");
        whole[n] = '.';
        memcpy(whole + n + 1, domain, more + 1);
        p->hosts[i] = whole;
    }
    return 0;
}

static int complete_address(struct addr *a, const char *domain, struct err *e)
{
    size_t n = strlen(a->host);

    if (a->kind != ADDR_NAME || !is_short(a->host))
        return 0;
    if (n + strlen(domain) + 2 > sizeof a->host)
        return refuse(a->host, e);
    a->host[n] = '.';
    memcpy(a->host + n + 1, domain, strlen(domain) + 1);
    return 0;
}

int config_complete(struct config *c, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; c->domain && i < c->nnodes && rc == 0; i++) {
        rc = complete_address(&c->nodes[i].upstream, c->domain, e);
        if (rc == 0)
            rc = complete_hosts(&c->nodes[i].party, c->domain, e);
    }
    for (size_t i = 0; c->domain && i < c->nclients && rc == 0; i++)
        rc = complete_hosts(&c->clients[i], c->domain, e);
    return rc;
}

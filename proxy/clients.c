/* clients.c -- see clients.h.
 *
 * "client", everybody who has no name, is the last of them and stays. One that goes is
 * freed when the last session that knows it is; sessions_doubt makes them somebody else's
 * before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "log.h"
#include "shell.h"

static void free_client(struct client *c)
{
    free((char *)(uintptr_t)c->party.name);
    free(c);
}

int clients_add(struct proxy *p, const char *name, const struct config_party *c)
{
    struct client **all = realloc(p->client, (p->clients + 1) * sizeof(struct client *)),
                  *one = calloc(1, sizeof *one);

    if (all)
        p->client = all;
    if (one)
        one->party = (struct party){.name = strdup(name), .kind = PARTY_CLIENT};
    if (all == NULL || one == NULL || one->party.name == NULL ||
        nodes_party_add(p, &one->party, c, &one->who) < 0) {
        if (one)
            free_client(one);
        return -ENOMEM;
    }
    one->named = c != NULL;
    all[p->clients] = one;
    if (p->clients > 0 && !all[p->clients - 1]->named) {
        all[p->clients] = all[p->clients - 1];
        all[p->clients - 1] = one;
    }
    p->clients++;
    return 0;
}

struct client *clients_find(const struct proxy *p, const char *name)
{
    for (size_t i = 0; i < p->clients; i++)
        if (p->client[i]->named && strcmp(p->client[i]->party.name, name) == 0)
            return p->client[i];
    return NULL;
}

void clients_remove(struct proxy *p, struct client *c)
{
    size_t at = 0;

    while (p->client[at] != c)
        at++;
    memmove(&p->client[at], &p->client[at + 1],
            (p->clients - at - 1) * sizeof(struct client *));
    p->clients--;
    nodes_party_from_nowhere(p, c->who);
    c->gone = p->strangers;
    p->strangers = c;
    log_info("client.remove", "client=%s", c->party.name);
}

void clients_reap(struct proxy *p)
{
    for (struct client **at = &p->strangers; *at;) {
        struct client *c = *at;

        if (nodes_party_known(p, c->who)) {
            at = &c->gone;
            continue;
        }
        *at = c->gone;
        nodes_party_forget(p, c->who);
        free_client(c);
    }
}

void clients_free(struct proxy *p)
{
    for (size_t i = 0; i < p->clients; i++)
        free_client(p->client[i]);
    while (p->strangers) {
        struct client *c = p->strangers;

        p->strangers = c->gone;
        free_client(c);
    }
    free(p->client);
}

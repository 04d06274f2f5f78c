/* clients.h -- who dials and is no node: of the insides of a running proxy, as nodes.h.
 *
 * Clients come and go. One that has gone is freed when the last session that knows it is.
 */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "nodes.h"

struct client {
    struct party   party; /* its name is ours */
    size_t         who;
    bool           named;
    struct client *gone; /* next in the list of those that have gone */
};

/* 0 or -ENOMEM. c == NULL is "client", everybody who has no name; it comes last. */
int            clients_add(struct proxy *p, const char *name,
                           const struct config_party *c) MUST_CHECK;
struct client *clients_find(const struct proxy *p, const char *name); /* or NULL */
void           clients_remove(struct proxy *p, struct client *c);
void           clients_reap(struct proxy *p); /* free who has gone and nobody knows */
void           clients_free(struct proxy *p);

/* Parties, by number: a party gets one, and is known by its sources from then on. */
int  nodes_party_add(struct proxy *p, struct party *one, const struct config_party *c,
                     size_t *who) MUST_CHECK; /* 0 or -ENOMEM, and nothing is changed */
int  nodes_party_from(struct proxy *p, size_t who,
                      const struct config_party *c) MUST_CHECK; /* and no other sources */
void nodes_party_from_nowhere(struct proxy *p, size_t who);
bool nodes_party_known(const struct proxy *p, size_t who); /* by a live session */
void nodes_party_forget(struct proxy *p, size_t who);      /* when nobody knows it */

#endif

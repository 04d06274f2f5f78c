/* places.h -- which address is the proxy's, and which is the server's own.
 *
 * A place is a node as the proxy's configuration has it: where others are to find it
 * (known), and where it really is. It comes from a configuration file, from a running
 * proxy, or from the command line; `sunder topology` looks addresses up in it.
 */
#ifndef PLACES_H
#define PLACES_H

#include <jansson.h>

#include "addr.h"
#include "config.h"

#define PLACES_MAX 64

struct place {
    char        name[RULE_NAME_MAX];
    bool        sentinel;
    struct addr known;  /* .host is "" when the proxy listens on all addresses */
    struct addr real;   /* upstream */
    struct addr listen; /* where the proxy listens; mostly the same as known */
};

/* Zeroed is empty. */
struct places {
    struct place place[PLACES_MAX];
    size_t       n;
};

/* "NAME,KNOWN,REAL" or "NAME,KNOWN,REAL,LISTEN", as the command line has it. 0, or
 * -EINVAL and *e; -E2BIG: more than PLACES_MAX. */
int places_add(struct places *p, bool sentinel, const char *text,
               struct err *e) MUST_CHECK;

/* The nodes of a configuration; those that GET /nodes answers. 0, or a negative errno
 * and *e. */
int places_of_config(struct places *p, const struct config *c, struct err *e) MUST_CHECK;
int places_of_json(struct places *p, const json_t *nodes, struct err *e) MUST_CHECK;

/* Ask a running proxy, "127.0.0.1:8474", for its nodes; token may be NULL. */
int places_of_api(struct places *p, const char *api, const char *token, nsec timeout,
                  struct err *e) MUST_CHECK;

/* Whose address is it? NULL = nobody's. */
const struct place *places_known(const struct places *p, const struct addr *a);
const struct place *places_real(const struct places *p, const struct addr *a);

bool addr_same(const struct addr *a, const struct addr *b);

#endif

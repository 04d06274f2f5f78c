/* tox.h -- Toxiproxy's HTTP API, on our nodes and rules.
 *
 * What Toxiproxy calls a proxy is a node here, and a toxic is a rule: "on * -> redis
 * replies do latency 100ms". Whatever its clients add is listed by `sunder rules` too,
 * and a rule that is taken out there is gone here. The contract is that of Toxiproxy
 * 2.12.0; where we differ on purpose stands in docs/toxiproxy.md.
 *
 * No socket and no HTTP library: a request is a method, a path and a body.
 */
#ifndef TOX_H
#define TOX_H

#include "answer.h"
#include "proxy.h"

#define TOX_VERSION "2.12.0" /* of the contract; clients look for 2.6.0 and later */

struct tox;

int  tox_open(struct proxy *p, struct tox **out) MUST_CHECK; /* 0 or -ENOMEM */
void tox_close(struct tox **t); /* before the proxy; the nodes and rules stay */

struct tox_request {
    const char *method, *path; /* the path decoded once */
    const char *agent;         /* User-Agent, or NULL */
    const char *body;          /* or NULL */
    size_t      n;
};

struct tox_reply {
    unsigned    status;
    const char *type; /* Content-Type, or NULL when there is no body */
    char       *body; /* the caller frees it; NULL = out of memory, with n == 0 */
    size_t      n;
    char        id[21];  /* X-Toxiproxy-Request-Id; "" = none */
    bool        nosniff; /* X-Content-Type-Options */
};

/* False: the path is none of Toxiproxy's, and *r is not touched. */
bool tox_serve(struct tox *t, const struct tox_request *q, struct tox_reply *r);

/* Is this the user agent of a browser? Those are sent away: a page must not reach us. */
bool tox_is_browser(const char *agent);

/* The file that toxiproxy-server takes as -config: what POST /populate takes. */
int  tox_populate_file(struct tox *t, const char *path, struct err *e) MUST_CHECK;
bool tox_is_config(const char *path); /* does it begin as such a file does? */

/* Toxiproxy's counters, live. */
void tox_metrics(const struct proxy *p, struct answer *a);

#endif

/* http.h -- the control of a running proxy over HTTP, JSON in and out.
 *
 * Routes, parameters and functions are those of control.h; beside them /healthz, /livez,
 * /readyz and /metrics. Bound to loopback unless asked otherwise, and then only with a
 * token. A Host header that is neither an address nor localhost is refused: a page that a
 * browser loaded from elsewhere must not reach the API by a name of its own (DNS
 * rebinding).
 */
#ifndef HTTP_H
#define HTTP_H

#include "proxy.h"

#define HTTP_STANDARD    "127.0.0.1:8474"
#define HTTP_BODY        ((size_t)1 << 20) /* a longer body is refused */
#define HTTP_CONNECTIONS 256

struct http;
struct tox;

/* token: what "Authorization: Bearer" must say, or NULL for none, which is refused
 * (-EINVAL) for an address that is not loopback, unless it is to be open to all: then any
 * caller and any Host header will do. 0, or a negative errno and *e. */
int http_open(uv_loop_t *loop, const struct addr *at, const char *token, bool open_to_all,
              struct proxy *p, struct http **out, struct err *e) MUST_CHECK;

/* A port for those who look after it: /livez, /healthz, /readyz and /metrics, and nothing
 * that could change anything; so on any address, and without a token. */
int http_open_health(uv_loop_t *loop, const struct addr *at, struct proxy *p,
                     struct http **out, struct err *e) MUST_CHECK;

/* Asynchronous; done(arg) is called when nothing of it is left on the loop. Close it
 * before the proxy. */
void http_close(struct http *h, void (*done)(void *arg), void *arg);

struct tox *http_tox(struct http *h); /* its proxies and toxics */

int http_address(const struct http *h, struct addr *out);

#endif

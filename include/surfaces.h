/* surfaces.h -- where a running proxy takes commands, the console and the HTTP API, and
 * where it shows how it fares: the health port.
 */
#ifndef SURFACES_H
#define SURFACES_H

#include "proxy.h"

struct console;
struct http;

struct surface_flags { /* NULL = the standard address, "off" = none */
    const char *console, *api;
    const char *health;      /* NULL = none: it has no standard address */
    const char *token_file;  /* what callers of the API must know; NULL = nothing */
    const char *host, *port; /* of the API, as toxiproxy-server takes them; or NULL */
    const char *populate;    /* a file of Toxiproxy's proxies; or NULL */
};

struct surfaces {
    void (*on_shutdown)(void *arg); /* somebody asked for the end */
    void           *arg;
    struct console *console; /* NULL while closed */
    struct http    *http, *health;
};

/* All that are asked for, or none and *e. A console's standard address that is taken is
 * only logged: it belongs to the first proxy of a machine. */
int surfaces_open(struct surfaces *s, const struct surface_flags *f, uv_loop_t *loop,
                  struct proxy *p, struct err *e) MUST_CHECK;

/* Take no more commands: before the proxy is closed. Asynchronous, and nothing need wait
 * for it. */
void surfaces_close(struct surfaces *s);

/* The health port goes last, so that a proxy that drains is seen to: when the proxy is
 * done, and not a turn of the loop later. */
void surfaces_close_health(struct surfaces *s);

#endif

/* surfaces.h -- where a running proxy takes commands: the console and the HTTP API. */
#ifndef SURFACES_H
#define SURFACES_H

#include "proxy.h"

struct console;
struct http;

struct surface_flags { /* NULL = the standard address, "off" = none */
    const char *console, *api;
    const char *token_file;  /* what callers of the API must know; NULL = nothing */
    const char *host, *port; /* of the API, as toxiproxy-server takes them; or NULL */
    const char *populate;    /* a file of Toxiproxy's proxies; or NULL */
};

struct surfaces {
    void (*on_shutdown)(void *arg); /* somebody asked for the end */
    void           *arg;
    struct console *console; /* NULL while closed */
    struct http    *http;
};

/* Both, or none and *e. A console's standard address that is taken is only logged: it
 * belongs to the first proxy of a machine. */
int surfaces_open(struct surfaces *s, const struct surface_flags *f, uv_loop_t *loop,
                  struct proxy *p, struct err *e) MUST_CHECK;

/* Before the proxy is closed. Asynchronous, and nothing need wait for it. */
void surfaces_close(struct surfaces *s);

#endif

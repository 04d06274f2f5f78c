/* dial.c -- see dial.h.
 *
 *   start -> [resolve] -> attempt -> connected -> done(0)
 *                            ^          | failed: close the handle
 *                            \--- next -/ no more addresses -> done(error)
 */
#include "dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dial {
    uv_loop_t *loop;
    struct addr to;
    union endpoint *into;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    struct addrinfo *list, *next;
    int status;
    bool resolving, connecting, cancelled;
    void (*done)(void *arg, int status);
    void *arg;
};

static void attempt(struct dial *d);

static void finish(struct dial *d, int status)
{
    uv_freeaddrinfo(d->list);
    d->done(d->arg, d->cancelled ? UV_ECANCELED : status);
    free(d);
}

static void on_closed(uv_handle_t *h)
{
    struct dial *d = h->data;

    if (!d->cancelled && d->next)
        attempt(d);
    else
        finish(d, d->status);
}

static void fail(struct dial *d, int status)
{
    d->status = status;
    d->into->handle.data = d;
    uv_close(&d->into->handle, on_closed);
}

static void on_connected(uv_connect_t *req, int status)
{
    struct dial *d = req->data;

    d->connecting = false;
    if (d->cancelled)
        return; /* the handle is closing already */
    if (status < 0)
        fail(d, status);
    else
        finish(d, 0);
}

static void connect_tcp(struct dial *d, const struct sockaddr *sa)
{
    int err = uv_tcp_init(d->loop, &d->into->tcp);

    if (err == 0)
        err = uv_tcp_connect(&d->connect, &d->into->tcp, sa, on_connected);
    d->connecting = err == 0;
    if (err)
        fail(d, err);
}

static void attempt(struct dial *d)
{
    struct sockaddr_storage sa;

    d->connect.data = d;
    if (d->to.kind == ADDR_UNIX) {
        (void)uv_pipe_init(d->loop, &d->into->pipe, 0);
        d->connecting = true;
        uv_pipe_connect(&d->connect, &d->into->pipe, d->to.host, on_connected);
    } else if (d->to.kind == ADDR_NAME) {
        struct addrinfo *ai = d->next;

        d->next = ai->ai_next;
        connect_tcp(d, ai->ai_addr);
    } else {
        (void)addr_sockaddr(&d->to, &sa);
        connect_tcp(d, (struct sockaddr *)&sa);
    }
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct dial *d = req->data;

    d->resolving = false;
    d->list = d->next = list;
    if (status < 0 || d->cancelled || list == NULL)
        finish(d, status < 0 ? status : UV_EAI_NONAME);
    else
        attempt(d);
}

struct dial *dial_start(uv_loop_t *loop, const struct addr *to, union endpoint *into,
                        void (*done)(void *arg, int status), void *arg)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct dial *d = calloc(1, sizeof *d);
    char port[8];

    if (d == NULL)
        return NULL;
    *d = (struct dial){.loop = loop, .to = *to, .into = into, .done = done, .arg = arg};
    if (to->kind != ADDR_NAME) {
        attempt(d);
        return d;
    }
    d->resolve.data = d;
    d->resolving = true;
    snprintf(port, sizeof port, "%u", to->port);
    if (uv_getaddrinfo(loop, &d->resolve, on_resolved, to->host, port, &hints) < 0) {
        free(d);
        return NULL;
    }
    return d;
}

void dial_cancel(struct dial *d)
{
    if (d->cancelled)
        return;
    d->cancelled = true;
    if (d->resolving) {
        (void)uv_cancel((uv_req_t *)&d->resolve); /* if too late, it is ignored */
    } else if (d->connecting) {
        d->into->handle.data = d;
        uv_close(&d->into->handle, on_closed);
    }
}

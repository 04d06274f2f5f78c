/* dial.c -- see dial.h.
 *
 *   start -> [resolve] -> attempt -> connected -> done(0)
 *                            ^          | failed
 *                            \--- next -/ no more addresses -> done(error)
 */
#include "dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

struct dial {
    struct hub *hub;
    struct addr to;
    struct endpoint at, *into;
    struct later later;
    uv_getaddrinfo_t resolve;
    struct addrinfo *list, *next;
    int status;
    bool resolving, cancelled;
    void (*done)(void *arg, int status);
    void *arg;
};

static void finish(struct dial *d, int status)
{
    uv_freeaddrinfo(d->list);
    d->done(d->arg, d->cancelled ? UV_ECANCELED : status);
    free(d);
}

/* The next attempt, or the end, is not the business of who is calling. */
static void fail(struct dial *d, int status)
{
    d->status = status;
    endpoint_close(&d->at, d->hub, CLOSE_FIN, false);
    hub_later(d->hub, &d->later);
}

static void on_decided(struct endpoint *e, uint32_t events)
{
    struct dial *d = (struct dial *)((char *)e - offsetof(struct dial, at));
    int err = endpoint_connected(e);

    (void)events;
    if (err) {
        fail(d, err);
        return;
    }
    hub_hand(d->hub, e, d->into);
    finish(d, 0);
}

static socklen_t unix_address(const struct addr *a, struct sockaddr_storage *out)
{
    struct sockaddr_un *sa = (struct sockaddr_un *)out;

    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(sa->sun_path, a->host, sizeof sa->sun_path); /* addr_parse lets no longer in */
    return sizeof *sa;
}

static void attempt(struct dial *d)
{
    struct sockaddr_storage sa;
    const struct sockaddr *to = (struct sockaddr *)&sa;
    socklen_t n;
    int err;

    if (d->to.kind == ADDR_UNIX) {
        n = unix_address(&d->to, &sa);
    } else if (d->to.kind == ADDR_NAME) {
        to = d->next->ai_addr;
        n = d->next->ai_addrlen;
        d->next = d->next->ai_next;
    } else {
        n = addr_sockaddr(&d->to, &sa);
    }
    err = endpoint_connect(&d->at, to, n);
    if (err == 0)
        err = hub_want(d->hub, &d->at, EPOLLOUT);
    if (err)
        fail(d, err);
}

static void on_failed(struct later *l)
{
    struct dial *d = (struct dial *)((char *)l - offsetof(struct dial, later));

    if (!d->cancelled && d->next)
        attempt(d);
    else
        finish(d, d->status);
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

struct dial *dial_start(struct hub *hub, const struct addr *to, struct endpoint *into,
                        void (*done)(void *arg, int status), void *arg)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct dial *d = calloc(1, sizeof *d);
    char port[8];

    if (d == NULL)
        return NULL;
    *d = (struct dial){.hub = hub, .to = *to, .into = into, .done = done, .arg = arg};
    d->later.call = on_failed;
    endpoint_open(&d->at, -1, on_decided);
    if (to->kind != ADDR_NAME) {
        attempt(d);
        return d;
    }
    d->resolve.data = d;
    d->resolving = true;
    snprintf(port, sizeof port, "%u", to->port);
    if (uv_getaddrinfo(hub->loop, &d->resolve, on_resolved, to->host, port, &hints) < 0) {
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
    if (d->resolving)
        (void)uv_cancel((uv_req_t *)&d->resolve); /* if too late, it is ignored */
    else if (d->at.fd >= 0)
        fail(d, UV_ECANCELED);
}

/* wire.c -- see wire.h.
 *
 *   a callback ──► wire_write: dirty ──► end of the callback: written
 *                                          └ the socket is full: when it is writable
 */
#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum trouble wire_trouble(const redisContext *ctx)
{
    switch (ctx->err) {
    case REDIS_ERR_EOF: return TROUBLE_EOF;
    case REDIS_ERR_PROTOCOL: return TROUBLE_PROTOCOL;
    default: return trouble_of_system(ctx->errstr);
    }
}

static void on_closed(uv_handle_t *h)
{
    struct wire *w = h->data;

    redisFree(w->ctx);
    free(w);
}

static void forget_dirty(struct wire *w)
{
    struct wire **at = &w->pool->dirty;

    while (*at && *at != w)
        at = &(*at)->next_dirty;
    if (*at)
        *at = w->next_dirty;
}

static void count_socket(struct wire *w)
{
    struct sockets *s = &w->pool->sockets;
    struct tcp_info info;
    socklen_t n = sizeof info;

    memset(&info, 0, sizeof info); /* a unix socket has none */
    if (!w->connected || getsockopt(w->ctx->fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
        return;
    s->n++;
    s->retransmits += info.tcpi_total_retrans;
    s->rtt_us_sum += info.tcpi_rtt;
    if (info.tcpi_rtt > s->rtt_us_max)
        s->rtt_us_max = info.tcpi_rtt;
}

void wire_close(struct wire *w)
{
    if (w->closing)
        return;
    w->closing = true;
    count_socket(w);
    if (w->dirty)
        forget_dirty(w);
    uv_close((uv_handle_t *)&w->poll, on_closed);
}

static void end(struct wire *w, enum trouble t, const char *why)
{
    wire_close(w);
    w->over(w, t, why);
}

static void finish_connecting(struct wire *w)
{
    int err = 0, on = 1;
    socklen_t n = sizeof err;

    if (getsockopt(w->ctx->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
        err = errno;
    if (err) {
        end(w, trouble_of_system(strerror(err)), strerror(err));
        return;
    }
    w->connected = true;
    /* Of no use to a unix socket, which says so. */
    (void)!setsockopt(w->ctx->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    w->up(w);
}

static void read_now(struct wire *w)
{
    int err = redisBufferRead(w->ctx);

    while (err == REDIS_OK && !w->closing) {
        void *reply = NULL;

        err = redisGetReplyFromReader(w->ctx, &reply);
        if (err == REDIS_OK && reply == NULL)
            return;
        if (err == REDIS_OK)
            w->replied(w, reply);
        if (reply)
            freeReplyObject(reply);
    }
    if (err != REDIS_OK && !w->closing)
        end(w, wire_trouble(w->ctx), w->ctx->errstr);
}

static void on_poll(uv_poll_t *h, int status, int events);

static void write_now(struct wire *w)
{
    int done = 0;

    if (redisBufferWrite(w->ctx, &done) != REDIS_OK)
        end(w, wire_trouble(w->ctx), w->ctx->errstr);
    else
        uv_poll_start(&w->poll, done ? UV_READABLE : UV_READABLE | UV_WRITABLE, on_poll);
}

/* libuv gives a socket's error as a status and stops polling. What kind of error it is,
 * reading finds out; if it was none that lasts, polling goes on. */
static void on_poll(uv_poll_t *h, int status, int events)
{
    struct wire *w = h->data;
    struct pool *p = w->pool;

    if (!w->connected)
        finish_connecting(w);
    else if (status < 0 || (events & UV_READABLE))
        read_now(w);
    if (!w->closing && (status < 0 || (events & UV_WRITABLE)))
        write_now(w);
    pool_flush(p);
}

void pool_flush(struct pool *p)
{
    struct wire *w;

    while ((w = p->dirty) != NULL) {
        int done = 0;

        p->dirty = w->next_dirty;
        w->dirty = false;
        if (redisBufferWrite(w->ctx, &done) != REDIS_OK)
            end(w, wire_trouble(w->ctx), w->ctx->errstr);
        else if (!done)
            uv_poll_start(&w->poll, UV_READABLE | UV_WRITABLE, on_poll);
    }
}

int wire_write(struct wire *w, const char *text, size_t len)
{
    if (redisAppendFormattedCommand(w->ctx, text, len) != REDIS_OK)
        return -ENOMEM;
    if (!w->dirty) {
        w->dirty = true;
        w->next_dirty = w->pool->dirty;
        w->pool->dirty = w;
    }
    return 0;
}

int wire_open(struct pool *p, redisContext *ctx, struct wire **out)
{
    struct wire *w = calloc(1, sizeof *w);
    int err;

    if (w == NULL)
        return -ENOMEM;
    if ((err = uv_poll_init(p->loop, &w->poll, (int)ctx->fd)) < 0) {
        free(w);
        return err;
    }
    w->poll.data = w;
    w->pool = p;
    w->ctx = ctx;
    uv_poll_start(&w->poll, UV_WRITABLE, on_poll);
    *out = w;
    return 0;
}

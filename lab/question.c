/* question.c -- ask one Redis one question, once. */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "question.h"

struct question {
    uv_tcp_t tcp;
    uv_timer_t deadline;
    uv_connect_t connect;
    uv_write_t write;
    redisReader *reader;
    void (*done)(void *arg, int status, const struct redisReply *reply);
    void *arg;
    unsigned open;
    bool over;
    char command[256], buf[4096];
};

static void on_closed(uv_handle_t *h)
{
    struct question *q = h->data;

    if (--q->open > 0)
        return;
    redisReaderFree(q->reader);
    free(q);
}

/* status < 0 ends it without a reply; done may be called only here. */
static void finish(struct question *q, int status, redisReply *reply)
{
    if (q->over)
        return;
    q->over = true;
    uv_close((uv_handle_t *)&q->tcp, on_closed);
    uv_close((uv_handle_t *)&q->deadline, on_closed);
    if (q->done != NULL)
        q->done(q->arg, status, reply);
    if (reply != NULL)
        freeReplyObject(reply);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
    struct question *q = h->data;

    (void)size;
    *buf = uv_buf_init(q->buf, sizeof q->buf);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct question *q = s->data;
    void *reply = NULL;

    if (n < 0)
        finish(q, (int)n, NULL);
    else if (redisReaderFeed(q->reader, buf->base, (size_t)n) != REDIS_OK ||
             redisReaderGetReply(q->reader, &reply) != REDIS_OK)
        finish(q, UV_EPROTO, NULL);
    else if (reply != NULL)
        finish(q, 0, reply);
}

static void on_written(uv_write_t *w, int status)
{
    struct question *q = w->data;

    if (status < 0)
        finish(q, status, NULL);
}

static void on_connected(uv_connect_t *c, int status)
{
    struct question *q = c->data;
    uv_buf_t buf = uv_buf_init(q->command, (unsigned)strlen(q->command));
    uv_stream_t *stream = (uv_stream_t *)&q->tcp;

    if (q->over)
        return;
    if (status == 0)
        status = uv_read_start(stream, on_alloc, on_read);
    if (status == 0)
        status = uv_write(&q->write, stream, &buf, 1, on_written);
    if (status < 0)
        finish(q, status, NULL);
}

/* Errors of the first steps are told from the loop, like all others. */
static void on_deadline(uv_timer_t *t)
{
    finish(t->data, UV_ETIMEDOUT, NULL);
}

struct question *question_open(
    uv_loop_t *loop, const char *ip, uint16_t port, const char *command, nsec deadline,
    void (*done)(void *arg, int status, const struct redisReply *reply), void *arg)
{
    struct question *q = calloc(1, sizeof *q);
    struct sockaddr_in to;
    int n, rc;

    assert(q != NULL);
    q->tcp.data = q->deadline.data = q->connect.data = q->write.data = q;
    q->done = done;
    q->arg = arg;
    q->reader = redisReaderCreate();
    n = snprintf(q->command, sizeof q->command, "%s\r\n", command);
    assert(q->reader != NULL && n > 0 && (size_t)n < sizeof q->command);
    uv_timer_init(loop, &q->deadline);
    uv_tcp_init(loop, &q->tcp);
    q->open = 2;
    rc = uv_ip4_addr(ip, port, &to);
    assert(rc == 0);
    rc = uv_tcp_connect(&q->connect, &q->tcp, (struct sockaddr *)&to, on_connected);
    uv_timer_start(&q->deadline, on_deadline, rc < 0 ? 0 : deadline / MSEC(1), 0);
    return q;
}

void question_cancel(struct question **q)
{
    if (*q == NULL)
        return;
    (*q)->done = NULL;
    finish(*q, UV_ECANCELED, NULL);
    *q = NULL;
}

const char *question_info(const char *info, const char *field, char *buf, size_t size)
{
    size_t n = strlen(field);

    *buf = '\0';
    for (const char *p = info; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n') {
        size_t len = strcspn(p, "\r\n");

        if (strncmp(p, field, n) != 0 || p[n] != ':' || len - n - 1 >= size)
            continue;
        memcpy(buf, p + n + 1, len - n - 1);
        buf[len - n - 1] = '\0';
        break;
    }
    return buf;
}

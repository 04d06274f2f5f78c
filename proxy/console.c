/* console.c -- see console.h. A request is read whole into a small buffer and answered
 * at once, by console_talk.c.
 */
#include "console.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "console_talk.h"
#include "describe.h"
#include "log.h"

#define TURN  MSEC(5) /* of one client, before others get theirs */
#define PAUSE 1       /* ms between two; a timer of 0 would be run again at once */

struct client {
    struct client *next, **at; /* in the console's list */
    struct console *console;
    uv_tcp_t tcp;
    char in[CONSOLE_REQUEST];
    size_t n;
    struct console_talk talk;
    bool closing;
    bool waiting; /* with requests for its next turn; not read from until then */
};

struct console {
    uv_tcp_t tcp;
    uv_timer_t next_turn;
    struct proxy *proxy;
    struct client *clients;
    size_t open; /* handles that libuv may still touch */
    size_t live, subscribers;
    bool closing;
    void (*on_shutdown)(void *arg);
    void *shutdown_arg;
    void (*done)(void *arg);
    void *arg;
};

struct flight {
    uv_write_t req;
    char *p;
};

static void unhold(struct console *c)
{
    void (*done)(void *) = c->done;
    void *arg = c->arg;

    if (--c->open > 0)
        return;
    free(c);
    if (done)
        done(arg);
}

static void on_event(void *arg, const struct proxy_event *ev);

static void watch(struct console *c, int more)
{
    size_t had = c->subscribers;

    c->subscribers = (size_t)((int)had + more);
    if (had == 0 && more > 0)
        (void)!proxy_watch(c->proxy, on_event, c);
    else if (had > 0 && c->subscribers == 0)
        proxy_unwatch(c->proxy, on_event, c);
}

/* Only here does it stop to watch: it may be an event that it was dropped for, and while
 * one is told nobody may leave. */
static void on_client_closed(uv_handle_t *h)
{
    struct client *cl = h->data;
    struct console *c = cl->console;

    if (cl->talk.subscribed && !c->closing)
        watch(c, -1);
    free(cl);
    unhold(c);
}

static void drop(struct client *cl)
{
    if (cl->closing)
        return;
    cl->closing = true;
    *cl->at = cl->next;
    if (cl->next)
        cl->next->at = cl->at;
    cl->console->live--;
    uv_close((uv_handle_t *)&cl->tcp, on_client_closed);
}

static void on_written(uv_write_t *req, int status)
{
    struct flight *f = req->data;

    (void)status; /* a failure shows up in reading as well */
    free(f->p);
    free(f);
}

/* Send what the answer holds; it is empty afterwards. */
static void send_answer(struct client *cl, struct answer *a)
{
    struct flight *f = malloc(sizeof *f);
    uv_buf_t buf = uv_buf_init(a->p, (unsigned)a->n);

    if (f == NULL || a->failed || a->n == 0 ||
        uv_stream_get_write_queue_size((uv_stream_t *)&cl->tcp) > CONSOLE_UNREAD) {
        free(f);
        answer_release(a);
        drop(cl); /* it does not read: what waits for it must not grow */
        return;
    }
    *f = (struct flight){.p = a->p};
    f->req.data = f;
    *a = (struct answer){.resp = a->resp};
    if (uv_write(&f->req, (uv_stream_t *)&cl->tcp, &buf, 1, on_written) < 0) {
        free(f->p);
        free(f);
        drop(cl);
    }
}

static void on_event(void *arg, const struct proxy_event *ev)
{
    struct console *c = arg;
    json_t *o = describe_event(ev);
    char *text = json_dumps(o, JSON_COMPACT);

    json_decref(o);
    for (struct client *cl = c->clients, *next; text && cl; cl = next) {
        struct answer a = {.resp = cl->talk.resp};

        next = cl->next;
        if (!cl->talk.subscribed)
            continue;
        answer_text(&a, "%c3\r\n$7\r\nmessage\r\n$6\r\nevents\r\n",
                    cl->talk.resp == 3 ? '>' : '*');
        answer_bulk(&a, text, strlen(text));
        send_answer(cl, &a);
    }
    free(text);
}

/* ---- reading ---- */

/* Answers what of the buffer is used up; -1 when the connection is to end. */
static long take_request(struct client *cl, char *p, size_t n)
{
    struct answer a = {.resp = cl->talk.resp};
    bool subscribed = cl->talk.subscribed;
    long used = console_take(&cl->talk, p, n, &a);

    if (cl->talk.subscribed != subscribed)
        watch(cl->console, cl->talk.subscribed ? 1 : -1);
    if (a.n > 0 || a.failed)
        send_answer(cl, &a);
    if (cl->talk.shutdown)
        cl->console->on_shutdown(cl->console->shutdown_arg);
    return cl->talk.quit ? -1 : used;
}

static void on_next_turn(uv_timer_t *t);

static void take_requests(struct client *cl)
{
    nsec until = uv_hrtime() + TURN;
    size_t at = 0;
    long used = 1;

    while (!cl->closing && at < cl->n && used > 0 && (at == 0 || uv_hrtime() < until)) {
        used = take_request(cl, cl->in + at, cl->n - at);
        at += used > 0 ? (size_t)used : 0;
    }
    if (used < 0 || cl->n - at == sizeof cl->in) {
        drop(cl);
        return;
    }
    memmove(cl->in, cl->in + at, cl->n - at);
    cl->n -= at;
    cl->waiting = !cl->closing && used > 0 && cl->n > 0;
    if (!cl->waiting)
        return;
    (void)uv_read_stop((uv_stream_t *)&cl->tcp);
    (void)uv_timer_start(&cl->console->next_turn, on_next_turn, PAUSE, 0);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
    struct client *cl = h->data;

    (void)size;
    *buf = uv_buf_init(cl->in + cl->n, (unsigned)(sizeof cl->in - cl->n));
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
    struct client *cl = h->data;

    (void)buf;
    if (n < 0) {
        drop(cl);
        return;
    }
    cl->n += (size_t)n;
    take_requests(cl);
}

static void on_next_turn(uv_timer_t *t)
{
    struct console *c = t->data;

    for (struct client *cl = c->clients, *next; cl && !c->closing; cl = next) {
        next = cl->next;
        if (!cl->waiting)
            continue;
        take_requests(cl);
        if (!cl->waiting && !cl->closing)
            (void)uv_read_start((uv_stream_t *)&cl->tcp, on_alloc, on_read);
    }
}

static void on_connection(uv_stream_t *h, int status)
{
    struct console *c = h->data;
    struct client *cl = status < 0 ? NULL : calloc(1, sizeof *cl);

    if (cl == NULL)
        return;
    *cl = (struct client){.console = c, .talk = {.proxy = c->proxy, .resp = 2}};
    (void)uv_tcp_init(h->loop, &cl->tcp);
    cl->tcp.data = cl;
    c->open++;
    cl->next = c->clients;
    cl->at = &c->clients;
    if (cl->next)
        cl->next->at = &cl->next;
    c->clients = cl;
    c->live++;
    if (uv_accept(h, (uv_stream_t *)&cl->tcp) < 0 || c->live > CONSOLE_CLIENTS ||
        uv_read_start((uv_stream_t *)&cl->tcp, on_alloc, on_read) < 0)
        drop(cl);
    else
        (void)uv_tcp_nodelay(&cl->tcp, 1);
}

/* ---- life ---- */

static void on_closed(uv_handle_t *h)
{
    unhold(h->data);
}

int console_open(uv_loop_t *loop, const struct addr *at, struct proxy *p,
                 void (*on_shutdown)(void *arg), void *arg, struct console **out,
                 struct err *e)
{
    struct console *c = calloc(1, sizeof *c);
    struct sockaddr_storage sa;
    char text[ADDR_TEXT_MAX];
    int err;

    if (c == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    *c = (struct console){
        .proxy = p, .open = 2, .on_shutdown = on_shutdown, .shutdown_arg = arg};
    (void)uv_tcp_init(loop, &c->tcp);
    (void)uv_timer_init(loop, &c->next_turn);
    c->tcp.data = c->next_turn.data = c;
    (void)addr_sockaddr(at, &sa);
    err = uv_tcp_bind(&c->tcp, (struct sockaddr *)&sa, 0);
    if (err == 0)
        err = uv_listen((uv_stream_t *)&c->tcp, 64, on_connection);
    if (err == 0) {
        *out = c;
        return 0;
    }
    uv_close((uv_handle_t *)&c->tcp, on_closed);
    uv_close((uv_handle_t *)&c->next_turn, on_closed);
    err_set(e, err, "cannot open the console on %s: %s",
            addr_print(at, text, sizeof text), strerror(-err));
    err_hint(e, "--console ADDR names another, --console off opens none");
    return err;
}

void console_close(struct console *c, void (*done)(void *arg), void *arg)
{
    if (c->subscribers)
        proxy_unwatch(c->proxy, on_event, c);
    c->closing = true;
    c->done = done;
    c->arg = arg;
    while (c->clients)
        drop(c->clients);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
    uv_close((uv_handle_t *)&c->next_turn, on_closed);
}

int console_address(const struct console *c, struct addr *out)
{
    struct sockaddr_storage sa;
    int n = sizeof sa, err = uv_tcp_getsockname(&c->tcp, (struct sockaddr *)&sa, &n);
    char text[ADDR_TEXT_MAX];

    if (err)
        return err;
    return addr_parse(addr_print_sockaddr((struct sockaddr *)&sa, text, sizeof text), out,
                      NULL);
}

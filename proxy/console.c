/* console.c -- see console.h.
 *
 * A request is read whole into a small buffer (its frame is found by resp.c), made into
 * words, and answered at once. Commands that client libraries send on their own (HELLO,
 * CLIENT, COMMAND, SELECT, PING) are answered so that they go on.
 */
#include "console.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "control.h"
#include "describe.h"
#include "log.h"

#define WORDS_MAX 256

struct client {
    struct client *next, **at; /* in the console's list */
    struct console *console;
    uv_tcp_t tcp;
    char in[CONSOLE_REQUEST];
    size_t n;
    int resp;
    bool subscribed, closing;
};

struct console {
    uv_tcp_t tcp;
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

static void on_client_closed(uv_handle_t *h)
{
    struct client *cl = h->data;
    struct console *c = cl->console;

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
    if (cl->subscribed && !cl->console->closing)
        watch(cl->console, -1);
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

/* ---- commands of Redis that clients send by themselves ---- */

static void hello(struct client *cl, size_t n, const char *const *word, struct answer *a)
{
    json_t *o;

    if (n > 1 && strcmp(word[1], "2") != 0 && strcmp(word[1], "3") != 0) {
        answer_text(a, "-NOPROTO unsupported protocol version\r\n");
        return;
    }
    if (n > 1)
        cl->resp = a->resp = word[1][0] - '0';
    o = json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:[]}", "server", "sunder", "version",
                  SUNDER_VERSION, "proto", cl->resp, "id", 1, "mode", "console", "role",
                  "proxy", "modules");
    answer_json(a, o);
    json_decref(o);
}

static void subscribe(struct client *cl, size_t n, const char *const *word,
                      struct answer *a)
{
    if (n != 2 || strcasecmp(word[1], "events") != 0) {
        answer_text(a, "-ERR the one channel there is: SUBSCRIBE events\r\n");
        return;
    }
    if (!cl->subscribed)
        watch(cl->console, 1);
    cl->subscribed = true;
    answer_text(a, "%c3\r\n$9\r\nsubscribe\r\n$6\r\nevents\r\n:1\r\n",
                cl->resp == 3 ? '>' : '*');
}

static void unsubscribe(struct client *cl, struct answer *a)
{
    if (cl->subscribed)
        watch(cl->console, -1);
    cl->subscribed = false;
    answer_text(a, "%c3\r\n$11\r\nunsubscribe\r\n$6\r\nevents\r\n:0\r\n",
                cl->resp == 3 ? '>' : '*');
}

/* Answers whether it was one of these. */
static bool redis_command(struct client *cl, size_t n, const char *const *word,
                          struct answer *a)
{
    if (strcasecmp(word[0], "PING") == 0)
        answer_text(a, "+PONG\r\n");
    else if (strcasecmp(word[0], "HELLO") == 0)
        hello(cl, n, word, a);
    else if (strcasecmp(word[0], "COMMAND") == 0)
        answer_text(a, "*0\r\n");
    else if (strcasecmp(word[0], "CLIENT") == 0 || strcasecmp(word[0], "SELECT") == 0)
        answer_text(a, "+OK\r\n");
    else if (strcasecmp(word[0], "SUBSCRIBE") == 0)
        subscribe(cl, n, word, a);
    else if (strcasecmp(word[0], "UNSUBSCRIBE") == 0)
        unsubscribe(cl, a);
    else
        return false;
    return true;
}

static void on_event(void *arg, const struct proxy_event *ev)
{
    struct console *c = arg;
    json_t *o = describe_event(ev);
    char *text = json_dumps(o, JSON_COMPACT);

    json_decref(o);
    for (struct client *cl = c->clients, *next; text && cl; cl = next) {
        struct answer a = {.resp = cl->resp};

        next = cl->next;
        if (!cl->subscribed)
            continue;
        answer_text(&a, "%c3\r\n$7\r\nmessage\r\n$6\r\nevents\r\n",
                    cl->resp == 3 ? '>' : '*');
        answer_bulk(&a, text, strlen(text));
        send_answer(cl, &a);
    }
    free(text);
}

/* ---- verbs ---- */

static void run_verb(struct client *cl, size_t n, const char *const *word,
                     struct answer *a)
{
    struct err e = {0};
    size_t took;
    const struct control_verb *v = control_find(n, word, &took, &e);
    json_t *args = NULL, *out = NULL;
    int err = v ? control_args(v, n - took, word + took, &args, &e) : -EINVAL;

    if (err == 0)
        err = v->run(cl->console->proxy, args, &out, &e);
    if (err)
        answer_error(a, &e);
    else if (out)
        answer_json(a, out);
    else
        answer_text(a, "+OK\r\n");
    json_decref(out);
    json_decref(args);
}

/* Answers false when the connection is to end. */
static bool run_words(struct client *cl, size_t n, const char *const *word)
{
    struct answer a = {.resp = cl->resp};
    bool quit = false;

    if (n == 0)
        return true;
    if (strcasecmp(word[0], "QUIT") == 0 || strcasecmp(word[0], "SHUTDOWN") == 0) {
        quit = true;
        answer_text(&a, "+OK\r\n");
    } else if (!redis_command(cl, n, word, &a)) {
        run_verb(cl, n, word, &a);
    }
    send_answer(cl, &a);
    if (quit && strcasecmp(word[0], "SHUTDOWN") == 0)
        cl->console->on_shutdown(cl->console->shutdown_arg);
    return !quit;
}

/* ---- reading ---- */

/* The words of an array of bulk strings, terminated in place. The frame is sound: resp.c
 * has said so. */
static size_t array_words(char *p, const char **word)
{
    size_t count = p[1] == '-' ? 0 : (size_t)strtoul(p + 1, &p, 10), n = 0;

    for (p += 2; n < count; n++) {
        size_t len = (size_t)strtoul(p + 1, &p, 10);

        p += 2;
        if (n < WORDS_MAX)
            word[n] = p;
        p[len] = '\0';
        p += len + 2;
    }
    return n;
}

static size_t line_words(char *p, size_t len, const char **word)
{
    size_t n = 0;
    char *save;

    p[len - 1] = '\0';
    for (char *w = strtok_r(p, " \t\r", &save); w && n < WORDS_MAX;
         w = strtok_r(NULL, " \t\r", &save))
        word[n++] = w;
    return n;
}

/* Length of the first request in the buffer; 0 = not whole; -1 = no request at all. */
static long request_length(const char *p, size_t n)
{
    struct resp r;
    size_t at = 0;

    resp_init(&r, RESP_REQUESTS);
    while (at < n) {
        struct resp_part part = resp_next(&r, (const uint8_t *)p + at, n - at);

        if (part.opaque)
            return -1;
        at += part.len;
        if (part.last)
            return (long)at;
    }
    return 0;
}

static void take_requests(struct client *cl)
{
    size_t at = 0;
    long len = 0;

    while (!cl->closing && at < cl->n &&
           (len = request_length(cl->in + at, cl->n - at)) > 0) {
        const char *word[WORDS_MAX];
        char *p = cl->in + at;
        size_t n = p[0] == '*' ? array_words(p, word) : line_words(p, (size_t)len, word);

        at += (size_t)len;
        if (!run_words(cl, n < WORDS_MAX ? n : WORDS_MAX, word))
            at = cl->n, len = -1;
    }
    if (len < 0 || cl->n - at == sizeof cl->in) {
        drop(cl);
        return;
    }
    memmove(cl->in, cl->in + at, cl->n - at);
    cl->n -= at;
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

static void on_connection(uv_stream_t *h, int status)
{
    struct console *c = h->data;
    struct client *cl = status < 0 ? NULL : calloc(1, sizeof *cl);

    if (cl == NULL)
        return;
    *cl = (struct client){.console = c, .resp = 2};
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
        .proxy = p, .open = 1, .on_shutdown = on_shutdown, .shutdown_arg = arg};
    (void)uv_tcp_init(loop, &c->tcp);
    c->tcp.data = c;
    (void)addr_sockaddr(at, &sa);
    err = uv_tcp_bind(&c->tcp, (struct sockaddr *)&sa, 0);
    if (err == 0)
        err = uv_listen((uv_stream_t *)&c->tcp, 64, on_connection);
    if (err == 0) {
        *out = c;
        return 0;
    }
    uv_close((uv_handle_t *)&c->tcp, on_closed);
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

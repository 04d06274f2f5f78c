/* client.c -- see client.h.
 *
 *            ┌───────────── backoff ◄──────────────┐
 *            ▼                                     │ failed, lost, timed out
 *   (resolving) ──► connecting ──► greeting ──► up ┘
 *                                  AUTH SELECT PING   requests
 *
 * Requests wait in `waiting` until the client is up, then stand in `sent` until their
 * reply, in order. An attempt to connect that fails, fails those waiting for it.
 */
#include "client.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define TICK_MS     10
#define BACKOFF_MIN MSEC(10)
#define BACKOFF_MAX MSEC(250)
#define ADDRESSES   8

enum state { BACKOFF, RESOLVING, CONNECTING, GREETING, UP, CLOSED };

struct asks {
    struct ask *first, *last;
};

struct client {
    struct client *next;
    struct pool *pool;
    struct client_spec spec;
    enum state state;
    bool was_up;
    struct wire *wire;
    nsec deadline; /* to be up */
    nsec retry_at, backoff;

    char why[CLIENT_WHY_MAX];
    struct asks waiting, sent;
    struct ask login, select, ping;

    bool resolving;
    uv_getaddrinfo_t resolve;
    char address[ADDRESSES][INET6_ADDRSTRLEN]; /* of a name, to be tried in turn */
    unsigned addresses, tried;
};

/* lists of requests */

static void append(struct asks *l, struct ask *a)
{
    a->next = NULL;
    if (l->first)
        l->last->next = a;
    else
        l->first = a;
    l->last = a;
}

static struct ask *shift(struct asks *l)
{
    struct ask *a = l->first;

    if (a)
        l->first = a->next;
    return a;
}

static void answer(struct ask *a, enum trouble t)
{
    a->trouble = t;
    a->ended = uv_hrtime();
    a->answered(a);
}

/* Only those that wait now: an answer may lead to the next request. */
static void fail_waiting(struct client *c, enum trouble t)
{
    struct asks now = c->waiting;
    struct ask *a;

    c->waiting = (struct asks){NULL, NULL};
    while ((a = shift(&now)) != NULL)
        answer(a, t);
}

/* the end of a connection */

static void set_why(struct client *c, const char *text)
{
    snprintf(c->why, sizeof c->why, "%s", text);
    c->why[strcspn(c->why, "\r\n")] = '\0';
    if (isupper((unsigned char)c->why[0]) && islower((unsigned char)c->why[1]))
        c->why[0] = (char)tolower((unsigned char)c->why[0]);
}

static void back_off(struct client *c)
{
    nsec most = c->spec.patience ? c->spec.patience : BACKOFF_MAX;

    c->state = BACKOFF;
    c->retry_at = uv_hrtime() + c->backoff;
    c->backoff = c->backoff * 2 < most ? c->backoff * 2 : most;
}

/* A connection, or an attempt at one, has failed. With an address left to try the attempt
 * goes on, and has not failed yet. */
static void failed(struct client *c, enum trouble t, const char *why)
{
    bool was_up = c->state == UP;

    if (c->state == CLOSED)
        return;
    if (c->state == CONNECTING && c->tried < c->addresses) {
        c->state = BACKOFF;
        c->retry_at = 0;
        return;
    }
    if (why)
        set_why(c, why);
    c->pool->troubles.n[t]++;
    c->pool->up -= was_up;
    c->addresses = 0;
    back_off(c);
    if (!was_up)
        fail_waiting(c, t);
}

/* The connection is over, and with it the requests on it. */
static void lost(struct client *c, enum trouble t, const char *why)
{
    struct asks all = c->sent;
    struct ask *a;

    c->wire = NULL;
    c->sent = (struct asks){NULL, NULL};
    failed(c, t, why);
    while ((a = shift(&all)) != NULL)
        answer(a, t);
}

static void on_over(struct wire *w, enum trouble t, const char *why)
{
    lost(w->data, t, why);
}

/* We end it. */
static void drop(struct client *c, enum trouble t, const char *why)
{
    wire_close(c->wire);
    lost(c, t, why);
}

/* requests */

/* A server that turns a connection away says so unasked. Anything else that nobody asked
 * for means that replies can no longer be told apart. */
static void unasked(struct client *c, const redisReply *r)
{
    if (r->type == REDIS_REPLY_ERROR)
        drop(c, trouble_of_reply(r->str), r->str);
    else
        drop(c, TROUBLE_PROTOCOL, "it answered what was not asked");
}

static void on_replied(struct wire *w, const redisReply *r)
{
    struct client *c = w->data;
    struct ask *a = shift(&c->sent);
    enum trouble t = TROUBLE_NONE;

    if (a == NULL) {
        unasked(c, r);
        return;
    }
    if (r->type == REDIS_REPLY_ERROR) {
        t = trouble_of_reply(r->str);
        c->pool->troubles.n[t]++;
    }
    a->reply = r;
    answer(a, t);
}

static int send_ask(struct client *c, struct ask *a)
{
    int err = wire_write(c->wire, a->text, a->len);

    if (err < 0)
        return err;
    a->sent = true;
    append(&c->sent, a);
    return 0;
}

void client_ask(struct client *c, struct ask *a)
{
    assert(c->state != CLOSED);
    a->reply = NULL;
    a->trouble = TROUBLE_NONE;
    a->sent = false;
    a->begun = uv_hrtime();
    if (c->state != UP || send_ask(c, a) < 0)
        append(&c->waiting, a);
}

/* greeting */

static void come_up(struct client *c)
{
    struct asks now = c->waiting;
    struct ask *a;

    c->state = UP;
    c->was_up = true;
    c->backoff = BACKOFF_MIN;
    c->pool->up++;
    c->waiting = (struct asks){NULL, NULL};
    while ((a = shift(&now)) != NULL)
        if (send_ask(c, a) < 0)
            append(&c->waiting, a);
}

static void greet(struct client *c);

/* A server that says this to PING is there, though it may not be of use. */
static bool alive(enum trouble t)
{
    return t == TROUBLE_NOAUTH || t == TROUBLE_NOPERM || t == TROUBLE_LOADING ||
           t == TROUBLE_MASTERDOWN || t == TROUBLE_BUSY;
}

static void on_greeted(struct ask *a)
{
    struct client *c = a->data;
    enum trouble t = a->trouble;

    free((char *)a->text);
    a->text = NULL;
    if (c->state != GREETING)
        return;
    if (a == &c->ping && alive(t)) {
        c->pool->troubles.n[t]--;
        t = TROUBLE_NONE;
    }
    if (t == TROUBLE_NONE) {
        greet(c);
    } else if (c->wire) {
        c->pool->troubles.n[t]--; /* drop counts it */
        drop(c, t, a->reply->str);
    }
}

static bool greet_with(struct client *c, struct ask *a, int words,
                       const char *const *word)
{
    *a = (struct ask){.answered = on_greeted, .data = c};
    a->timeout = NSEC_NEVER; /* the client's own deadline holds */
    a->text = client_format(&a->len, words, word);
    return a->text && send_ask(c, a) == 0;
}

/* The next word of the greeting, after the last was answered. A system that accepts a
 * connection for a server that hangs is no server yet: at first, it must say PONG. */
static void greet(struct client *c)
{
    const struct url *u = c->spec.url;
    char db[16];
    const char *select[] = {"SELECT", db};
    const char *login[] = {"AUTH", u->user, u->password};

    if (u->password[0] && c->login.data == NULL) {
        if (u->user[0])
            greet_with(c, &c->login, 3, login);
        else
            greet_with(c, &c->login, 2, (const char *[]){"AUTH", u->password});
    } else if (u->db && c->select.data == NULL) {
        snprintf(db, sizeof db, "%u", u->db);
        greet_with(c, &c->select, 2, select);
    } else if (!c->was_up && c->ping.data == NULL) {
        greet_with(c, &c->ping, 1, (const char *[]){"PING"});
    } else {
        come_up(c);
    }
}

static void on_up(struct wire *w)
{
    struct client *c = w->data;

    c->state = GREETING;
    c->login.data = c->select.data = c->ping.data = NULL;
    greet(c);
}

/* connecting */

static redisContext *dial(struct client *c)
{
    const struct addr *at = &c->spec.url->at;
    const char *host = at->host;

    if (at->kind == ADDR_UNIX)
        return redisConnectUnixNonBlock(at->host);
    if (at->kind == ADDR_NAME)
        host = c->address[c->tried++];
    if (c->spec.source)
        return redisConnectBindNonBlock(host, at->port, c->spec.source);
    return redisConnectNonBlock(host, at->port);
}

static void connect_now(struct client *c)
{
    redisContext *ctx;
    int err;

    c->state = CONNECTING;
    c->deadline = uv_hrtime() + c->spec.timeout;
    if ((ctx = dial(c)) == NULL) {
        failed(c, TROUBLE_OTHER, "out of memory");
    } else if (ctx->err) {
        failed(c, wire_trouble(ctx), ctx->errstr);
        redisFree(ctx);
    } else if ((err = wire_open(c->pool, ctx, &c->wire)) < 0) {
        failed(c, TROUBLE_OTHER, uv_strerror(err));
        redisFree(ctx);
    } else {
        c->wire->up = on_up;
        c->wire->replied = on_replied;
        c->wire->over = on_over;
        c->wire->data = c;
    }
}

static void keep_addresses(struct client *c, const struct addrinfo *list)
{
    c->addresses = c->tried = 0;
    for (; list && c->addresses < ADDRESSES; list = list->ai_next) {
        char *text = c->address[c->addresses];

        if (list->ai_family == AF_INET &&
            uv_ip4_name((const void *)list->ai_addr, text, INET6_ADDRSTRLEN) == 0)
            c->addresses++;
        if (list->ai_family == AF_INET6 &&
            uv_ip6_name((const void *)list->ai_addr, text, INET6_ADDRSTRLEN) == 0)
            c->addresses++;
    }
}

static void on_resolved(uv_getaddrinfo_t *r, int status, struct addrinfo *list)
{
    struct client *c = r->data;

    c->resolving = false;
    if (c->state == CLOSED) {
        free(c);
    } else {
        keep_addresses(c, status == 0 ? list : NULL);
        if (c->addresses)
            connect_now(c);
        else
            failed(c, TROUBLE_RESOLVE, status ? uv_strerror(status) : "no address");
    }
    uv_freeaddrinfo(list);
}

static void resolve(struct client *c)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int err;

    c->state = RESOLVING;
    c->resolve.data = c;
    err = uv_getaddrinfo(c->pool->loop, &c->resolve, on_resolved, c->spec.url->at.host,
                         NULL, &hints);
    c->resolving = err == 0;
    if (err < 0)
        failed(c, TROUBLE_RESOLVE, uv_strerror(err));
}

static void start(struct client *c)
{
    if (c->spec.url->at.kind == ADDR_NAME && c->tried >= c->addresses)
        resolve(c);
    else
        connect_now(c);
}

/* the pool's clock */

static void expire_waiting(struct client *c, nsec now)
{
    struct asks all = c->waiting;
    struct ask *a;

    c->waiting = (struct asks){NULL, NULL};
    while ((a = shift(&all)) != NULL) {
        if (now >= nsec_add(a->begun, a->timeout))
            answer(a, TROUBLE_TIMEOUT);
        else
            append(&c->waiting, a);
    }
}

static bool overdue(const struct client *c, nsec now)
{
    for (const struct ask *a = c->sent.first; a; a = a->next)
        if (now >= nsec_add(a->begun, a->timeout))
            return true;
    return false;
}

static void look_after(struct client *c, nsec now)
{
    if (c->state == BACKOFF && now >= c->retry_at)
        start(c);
    else if ((c->state == CONNECTING || c->state == GREETING) && now >= c->deadline)
        drop(c, TROUBLE_TIMEOUT, "no answer in time");
    else if (c->state == UP && overdue(c, now))
        drop(c, TROUBLE_TIMEOUT, "no answer in time");
    expire_waiting(c, now);
}

static void on_tick(uv_timer_t *t)
{
    struct pool *p = t->data;
    nsec now = uv_hrtime();

    for (struct client *c = p->first; c; c = c->next)
        look_after(c, now);
    if (p->on_tick)
        p->on_tick(p, now);
    pool_flush(p);
}

/* opening and closing */

static void client_close(struct client *c)
{
    struct ask *a;

    c->state = CLOSED;
    if (c->wire)
        wire_close(c->wire);
    while ((a = shift(&c->sent)) != NULL || (a = shift(&c->waiting)) != NULL)
        answer(a, TROUBLE_EOF);
    if (c->resolving)
        uv_cancel((uv_req_t *)&c->resolve); /* freed in its callback */
    else
        free(c);
}

static void close_all(struct pool *p)
{
    struct client *c;

    while ((c = p->first) != NULL) {
        p->first = c->next;
        client_close(c);
    }
    p->clients = p->up = 0;
    uv_close((uv_handle_t *)&p->tick, NULL);
    uv_close((uv_handle_t *)&p->before_poll, NULL);
}

/* Here no callback of a client is on the stack, so that clients can go. */
static void on_before_poll(uv_prepare_t *h)
{
    struct pool *p = h->data;

    if (p->closing)
        close_all(p);
    else
        pool_flush(p);
}

int pool_open(struct pool *p, uv_loop_t *loop)
{
    int err;

    *p = (struct pool){.loop = loop};
    if ((err = uv_timer_init(loop, &p->tick)) < 0)
        return err;
    err = uv_prepare_init(loop, &p->before_poll);
    assert(err == 0); /* neither can fail on any Unix */
    p->tick.data = p->before_poll.data = p;
    uv_timer_start(&p->tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&p->before_poll, on_before_poll);
    return 0;
}

void pool_close(struct pool *p)
{
    p->closing = true;
}

struct client *client_open(struct pool *p, const struct client_spec *spec)
{
    struct client *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->pool = p;
    c->spec = *spec;
    c->backoff = BACKOFF_MIN;
    c->next = p->first;
    p->first = c;
    p->clients++;
    start(c);
    return c;
}

bool client_was_up(const struct client *c)
{
    return c->was_up;
}

const char *client_why(const struct client *c)
{
    return c->why[0] ? c->why : "no answer yet";
}

char *client_format(size_t *len, int words, const char *const *word)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);

    if (f == NULL)
        return NULL;
    fprintf(f, "*%d\r\n", words);
    for (int i = 0; i < words; i++)
        fprintf(f, "$%zu\r\n%s\r\n", strlen(word[i]), word[i]);
    return fclose(f) == 0 ? text : NULL;
}

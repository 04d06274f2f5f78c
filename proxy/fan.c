/* fan.c -- see fan.h: addresses, and requests that are all under way at once. */
#include "fan.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"
#include "web.h"

#define ANSWER_MAX ((size_t)64 << 20)

/* ---- whom to ask ---- */

static int add_peer(struct fan *f, const char *at, struct err *e)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->peer[i].at, at) == 0)
            return 0;
    if (f->n == FAN_MAX)
        return err_set(e, -E2BIG, "more than %d proxies", FAN_MAX);
    snprintf(f->peer[f->n++].at, ADDR_TEXT_MAX, "%s", at);
    return 0;
}

static bool is_name(const struct addr *a)
{
    return a->kind == ADDR_NAME && strcmp(a->host, "localhost") != 0;
}

/* A machine with addresses of both families is one proxy, not two. */
static int add_name(struct fan *f, const struct addr *a, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *list;
    char port[8], at[ADDR_TEXT_MAX];
    int rc, err = 0;

    snprintf(port, sizeof port, "%u", a->port);
    rc = getaddrinfo(a->host, port, &hints, &list);
    if (rc) {
        hints.ai_family = AF_INET6;
        rc = getaddrinfo(a->host, port, &hints, &list);
    }
    if (rc) {
        err_set(e, -ENOENT, "'%.100s' has no address: %s", a->host, gai_strerror(rc));
        return -ENOENT;
    }
    for (const struct addrinfo *ai = list; ai && err == 0; ai = ai->ai_next)
        err = add_peer(f, addr_print_sockaddr(ai->ai_addr, at, sizeof at), e);
    freeaddrinfo(list);
    return err;
}

static int add_where(struct fan *f, const char *word, size_t n, struct err *e)
{
    char text[ADDR_TEXT_MAX];
    struct addr a;

    if (n == 0 || n >= sizeof text) {
        err_set(e, -EINVAL, "no address of a proxy: '%.*s'", (int)(n < 60 ? n : 60),
                word);
        err_hint(e, "one or more HOST:PORT, with commas between");
        return -EINVAL;
    }
    memcpy(text, word, n);
    text[n] = '\0';
    if (addr_parse(text, &a, e) < 0)
        return -EINVAL;
    if (a.kind == ADDR_UNIX)
        return err_set(e, -EINVAL, "'%.60s' is no address of a proxy", text);
    return is_name(&a) ? add_name(f, &a, e)
                       : add_peer(f, addr_print(&a, text, sizeof text), e);
}

static int take_token(struct fan *f, const char *path, struct err *e)
{
    char token[TOKEN_MAX];
    int err = token_read(path, token, e);

    if (err == 0)
        snprintf(f->auth, sizeof f->auth, "Authorization: Bearer %s", token);
    return err;
}

int fan_open(struct fan *f, const char *where, const char *token_file, nsec timeout,
             struct err *e)
{
    int err;

    *f = (struct fan){.peer = calloc(FAN_MAX, sizeof *f->peer), .timeout = timeout};
    if (f->peer == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    err = web_load(e);
    for (const char *w = where; err == 0; w += strcspn(w, ",") + 1) {
        err = add_where(f, w, strcspn(w, ","), e);
        if (w[strcspn(w, ",")] == '\0')
            break;
    }
    if (err == 0 && token_file)
        err = take_token(f, token_file, e);
    if (err)
        fan_close(f);
    return err;
}

void fan_close(struct fan *f)
{
    for (size_t i = 0; i < f->n; i++)
        json_decref(f->peer[i].answer), json_decref(f->peer[i].before);
    free(f->peer);
    f->peer = NULL;
    f->n = 0;
}

/* ---- asking ---- */

static void forget(struct fan_peer *p)
{
    json_decref(p->answer);
    p->answer = NULL;
    p->status = 0;
    p->trouble = (struct err){0};
}

static size_t number_of(const json_t *answer, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(answer, key));

    return n > 0 ? (size_t)n : 0;
}

/* What a proxy said, or why it did not. */
static void note(struct fan_peer *p, const struct web_call *c)
{
    const char *error, *hint;

    if (c->status == 0) {
        err_set(&p->trouble, -EIO, "cannot reach a proxy at %s: %s", p->at, c->why);
        err_hint(&p->trouble, "is `sunder proxy` running? --api ADDR says where");
        return;
    }
    p->status = c->status;
    p->answer = c->n ? json_loadb(c->text, c->n, JSON_DECODE_ANY, NULL) : NULL;
    if (p->status < 400 && (p->answer || c->n == 0))
        return;
    error = json_string_value(json_object_get(p->answer, "error"));
    hint = json_string_value(json_object_get(p->answer, "hint"));
    err_set(&p->trouble, p->status >= 500 || p->status == 403 ? -EIO : -EINVAL, "%s",
            error ? error : "the answer makes no sense");
    if (hint)
        err_hint(&p->trouble, "%s", hint);
    err_place(&p->trouble, number_of(p->answer, "line"), number_of(p->answer, "column"));
}

void fan_ask(struct fan *f, const struct fan_request *q, const bool *only)
{
    struct web_call *call = calloc(f->n, sizeof *call);
    char *body = json_dumps(q->body, JSON_COMPACT);
    const struct web_request request = {
        .method = q->method,
        .path = q->path,
        .body = body ? body : "{}",
        .auth = f->auth,
        .timeout = f->timeout,
        .most = ANSWER_MAX,
    };

    for (size_t i = 0; i < f->n; i++)
        if (only == NULL || only[i]) {
            forget(&f->peer[i]);
            call[i].at = f->peer[i].at;
        }
    web_ask(&request, call, f->n);
    for (size_t i = 0; i < f->n; i++)
        if (call[i].at) {
            note(&f->peer[i], &call[i]);
            free(call[i].text);
        }
    free(body);
    free(call);
}

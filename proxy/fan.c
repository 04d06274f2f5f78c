/* fan.c -- see fan.h: addresses, and requests that are all under way at once. */
#include "fan.h"

#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 20)
#define TOKEN_MAX  256

/* One request under way. */
struct call {
    struct fan_peer *peer;
    CURL *easy;
    char *text;
    size_t n;
    char why[CURL_ERROR_SIZE];
};

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

static int read_token(struct fan *f, const char *path, struct err *e)
{
    char token[TOKEN_MAX] = "";
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return err_set(e, -errno, "cannot read '%.200s': %s", path, strerror(errno));
    (void)!fgets(token, sizeof token, file);
    fclose(file);
    token[strcspn(token, "\r\n")] = '\0';
    snprintf(f->auth, sizeof f->auth, "Authorization: Bearer %s", token);
    return 0;
}

int fan_open(struct fan *f, const char *where, const char *token_file, nsec timeout,
             struct err *e)
{
    int err = 0;

    *f = (struct fan){.peer = calloc(FAN_MAX, sizeof *f->peer), .timeout = timeout};
    if (f->peer == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    for (const char *w = where; err == 0; w += strcspn(w, ",") + 1) {
        err = add_where(f, w, strcspn(w, ","), e);
        if (w[strcspn(w, ",")] == '\0')
            break;
    }
    if (err == 0 && token_file)
        err = read_token(f, token_file, e);
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

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
    struct call *c = arg;
    char *grown = c->n + n > ANSWER_MAX ? NULL : realloc(c->text, c->n + n + 1);

    (void)size;
    if (grown == NULL)
        return 0;
    memcpy(grown + c->n, p, n);
    c->text = grown;
    c->n += n;
    return n;
}

static CURL *prepare(const struct fan *f, struct call *c, const struct fan_request *q,
                     const char *body, struct curl_slist *headers)
{
    CURL *curl = curl_easy_init();
    char url[4096];

    snprintf(url, sizeof url, "http://%s%s", c->peer->at, q->path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(f->timeout / MSEC(1)));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->why);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, c);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (strcmp(q->method, "GET") != 0)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    return curl;
}

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
static void note(struct call *c, CURLcode code)
{
    struct fan_peer *p = c->peer;
    const char *error, *hint;

    if (code != CURLE_OK) {
        err_set(&p->trouble, -EIO, "cannot reach a proxy at %s: %s", p->at,
                c->why[0] ? c->why : curl_easy_strerror(code));
        err_hint(&p->trouble, "is `sunder proxy` running? --api ADDR says where");
        return;
    }
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &p->status);
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

static void take_results(CURLM *multi)
{
    const CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(multi, &left)) != NULL) {
        struct call *c;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        note(c, m->data.result);
    }
}

static void wait_for_all(CURLM *multi)
{
    int running = 1;

    while (running) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return;
        take_results(multi);
        if (running)
            (void)curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

void fan_ask(struct fan *f, const struct fan_request *q, const bool *only)
{
    struct call *call = calloc(f->n, sizeof *call);
    struct curl_slist *headers = curl_slist_append(NULL,
                                                   "Content-Type: application/json");
    char *body = json_dumps(q->body, JSON_COMPACT);
    CURLM *multi = curl_multi_init();

    if (f->auth[0])
        headers = curl_slist_append(headers, f->auth);
    for (size_t i = 0; i < f->n; i++) {
        if (only && !only[i])
            continue;
        forget(&f->peer[i]);
        call[i].peer = &f->peer[i];
        call[i].easy = prepare(f, &call[i], q, body ? body : "{}", headers);
        curl_multi_add_handle(multi, call[i].easy);
    }
    wait_for_all(multi);
    for (size_t i = 0; i < f->n; i++)
        if (call[i].easy) {
            curl_multi_remove_handle(multi, call[i].easy);
            curl_easy_cleanup(call[i].easy);
            free(call[i].text);
        }
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    free(body);
    free(call);
}

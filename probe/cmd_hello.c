/* cmd_hello.c -- `sunder hello`: is anybody there, who is it, and what is its mystery?
 *
 *   HELLO ─── not known (before Redis 6) ──► INFO ──► GET mystery ──► said
 *     └─────────────────────────────────────────────────┘
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "probe.h"

#define FIELD_MAX 64

#define HELLO_TEXT "*1\r\n$5\r\nHELLO\r\n"
#define INFO_TEXT  "*1\r\n$4\r\nINFO\r\n"
#define GET_TEXT   "*2\r\n$3\r\nGET\r\n$7\r\nmystery\r\n"

struct hello {
    struct url url;
    struct pool pool;
    struct client *client;
    struct ask ask;
    nsec timeout;
    char server[FIELD_MAX], version[FIELD_MAX], mode[FIELD_MAX], role[FIELD_MAX];
    char *mystery;                /* printable; NULL = there is none */
    char trouble[CLIENT_WHY_MAX]; /* of reading it */
    int failure;
    struct err err;
};

static void ask(struct hello *h, const char *text, void (*answered)(struct ask *))
{
    h->ask = (struct ask){.text = text,
                          .len = strlen(text),
                          .timeout = h->timeout,
                          .answered = answered,
                          .data = h};
    client_ask(h->client, &h->ask);
}

static void fail(struct hello *h, const struct ask *a)
{
    char url[URL_TEXT_MAX];

    url_print(&h->url, url, sizeof url);
    h->failure = -ENOTCONN;
    if (a->reply && a->reply->type == REDIS_REPLY_ERROR)
        err_set(&h->err, -EACCES, "%s answers: %s", url, a->reply->str);
    else if (a->reply)
        err_set(&h->err, -EPROTO, "%s answers what no Redis does", url);
    else
        err_set(&h->err, -ENOTCONN, "cannot connect to %s: %s", url,
                client_why(h->client));
    if (a->trouble == TROUBLE_NOAUTH || a->trouble == TROUBLE_WRONGPASS)
        err_hint(&h->err,
                 "redis://user:password@host:port, or redis://:password@host:port");
    else if (a->trouble == TROUBLE_PROTOCOL)
        err_hint(&h->err, "is it a Redis, and without TLS?");
    else
        err_hint(&h->err, "is a server running there? URL_M or an argument says where");
    pool_close(&h->pool);
}

/* Bytes as text: what is no plain ASCII letter or sign becomes \xNN. */
static char *printable(const char *p, size_t n)
{
    char *text = malloc(4 * n + 1), *at = text;

    for (size_t i = 0; text && i < n; i++)
        if (isprint((unsigned char)p[i]) && p[i] != '\\')
            *at++ = p[i];
        else
            at += sprintf(at, "\\x%02x", (unsigned char)p[i]);
    if (text)
        *at = '\0';
    return text;
}

static char *readable(const char *p, size_t n)
{
    json_t *utf8 = json_stringn(p, n);
    bool plain = utf8 != NULL;

    for (size_t i = 0; i < n; i++)
        plain = plain && !iscntrl((unsigned char)p[i]);
    json_decref(utf8);
    return plain ? strndup(p, n) : printable(p, n);
}

/* What a server says of itself is to be a word; it goes to a terminal, and into JSON. */
static void plain(char *text)
{
    for (; *text; text++)
        if (!isprint((unsigned char)*text))
            *text = '?';
}

static void on_mystery(struct ask *a)
{
    struct hello *h = a->data;

    if (a->reply == NULL)
        snprintf(h->trouble, sizeof h->trouble, "%s", client_why(h->client));
    else if (a->reply->type == REDIS_REPLY_ERROR)
        snprintf(h->trouble, sizeof h->trouble, "%s", a->reply->str);
    else if (a->reply->type == REDIS_REPLY_STRING)
        h->mystery = readable(a->reply->str, (size_t)a->reply->len);
    plain(h->trouble);
    pool_close(&h->pool);
}

static void keep(char *field, const char *text, size_t n)
{
    snprintf(field, FIELD_MAX, "%.*s", (int)(n < FIELD_MAX ? n : FIELD_MAX - 1), text);
    plain(field);
}

/* The field of INFO that is called so: "redis_version:7.0.15\r\n". */
static void keep_info(char *field, const char *info, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = info; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, name, n) == 0 && at[n] == ':') {
            keep(field, at + n + 1, strcspn(at + n + 1, "\r\n"));
            return;
        }
    }
}

static void on_info(struct ask *a)
{
    struct hello *h = a->data;

    if (a->trouble || a->reply->type != REDIS_REPLY_STRING) {
        fail(h, a);
        return;
    }
    keep(h->server, "redis", 5);
    keep_info(h->server, a->reply->str, "server_name");
    keep_info(h->version, a->reply->str, "redis_version");
    keep_info(h->mode, a->reply->str, "redis_mode");
    keep_info(h->role, a->reply->str, "role");
    ask(h, GET_TEXT, on_mystery);
}

static void on_hello(struct ask *a)
{
    struct hello *h = a->data;
    const struct {
        const char *name;
        char *field;
    } wanted[] = {{"server", h->server},
                  {"version", h->version},
                  {"mode", h->mode},
                  {"role", h->role}};

    if (a->trouble == TROUBLE_OTHER && a->reply) {
        ask(h, INFO_TEXT, on_info); /* older than HELLO, or not allowed it */
        return;
    }
    if (a->trouble || a->reply->type != REDIS_REPLY_ARRAY) {
        fail(h, a);
        return;
    }
    for (size_t i = 0; i + 1 < a->reply->elements; i += 2) {
        const redisReply *k = a->reply->element[i], *v = a->reply->element[i + 1];

        for (size_t w = 0; w < sizeof wanted / sizeof *wanted; w++)
            if (k->type == REDIS_REPLY_STRING && v->type == REDIS_REPLY_STRING &&
                strcmp(k->str, wanted[w].name) == 0)
                keep(wanted[w].field, v->str, (size_t)v->len);
    }
    ask(h, GET_TEXT, on_mystery);
}

static int talk(struct hello *h)
{
    struct client_spec spec = {&h->url, NULL, h->timeout, 0};
    uv_loop_t loop;
    int err;

    signal(SIGPIPE, SIG_IGN);
    if ((err = uv_loop_init(&loop)) < 0 || (err = pool_open(&h->pool, &loop)) < 0)
        return err_set(&h->err, err, "cannot start: %s", uv_strerror(err));
    if ((h->client = client_open(&h->pool, &spec)) == NULL)
        return err_set(&h->err, -ENOMEM, "out of memory");
    ask(h, HELLO_TEXT, on_hello);
    uv_run(&loop, UV_RUN_DEFAULT);
    err = uv_loop_close(&loop);
    assert(err == 0);
    return h->failure;
}

static void say_text(const struct hello *h)
{
    char at[ADDR_TEXT_MAX];

    printf("server   %s %s at %s\n", h->server, h->version,
           addr_print(&h->url.at, at, sizeof at));
    printf("mode     %s\nrole     %s\n", h->mode, h->role);
    if (h->trouble[0])
        printf("mystery  (%s)\n", h->trouble);
    else
        printf("mystery  %s\n", h->mystery ? h->mystery : "(there is none)");
}

static int say_json(const struct hello *h)
{
    char url[URL_TEXT_MAX];
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s?}", "url",
                          url_print(&h->url, url, sizeof url), "server", h->server,
                          "version", h->version, "mode", h->mode, "role", h->role,
                          "mystery", h->mystery);
    int failed;

    if (o && h->trouble[0])
        json_object_set_new(o, "mystery_error", json_string(h->trouble));
    failed = o == NULL || json_dumpf(o, stdout, JSON_COMPACT) < 0;
    putchar('\n');
    json_decref(o);
    return failed ? STATUS_ENVIRONMENT : STATUS_MET;
}

static int run_hello(const struct usage *u, struct hello *h, const char *given, bool json)
{
    const char *url = url_or_env(given, "URL_M", &h->err);
    int status = STATUS_MET;

    if (url == NULL || url_parse(url, &h->url, &h->err) < 0)
        return cli_fail(u, STATUS_USAGE, &h->err);
    if (talk(h) < 0)
        return cli_fail(u, STATUS_ENVIRONMENT, &h->err);
    if (json)
        status = say_json(h);
    else
        say_text(h);
    free(h->mystery);
    return status;
}

int cmd_hello(int argc, char **argv)
{
    struct hello h = {.timeout = SEC(5)};
    const char *output = "text";
    const struct opt opts[] = {
        {"timeout", 0, OPT_TIME, &h.timeout, "TIME", "to connect, and for each answer"},
        {"output", 'o', OPT_TEXT, &output, "FORMAT", "text or json"},
        {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
    };
    const struct usage u = {
        .command = "hello",
        .line = "[URL]",
        .about =
            "Connect to a Redis (URL, or URL_M of the environment), and say what it is "
            "and what its key 'mystery' holds.",
        .example = "sunder hello redis://127.0.0.1:6379",
        .opts = opts,
    };
    int status, rest = cli_parse(&u, argc, argv, &status);

    if (rest < 0)
        return status;
    if (argc > rest + 1)
        return cli_usage(&u, "one URL is enough");
    if (h.timeout < MSEC(1))
        return cli_usage(&u, "--timeout is at least 1ms");
    if (strcmp(output, "text") != 0 && strcmp(output, "json") != 0)
        return cli_usage(&u, "'%s' is no output: text or json", output);
    return run_hello(&u, &h, argv[rest], strcmp(output, "json") == 0);
}

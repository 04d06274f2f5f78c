/* surfaces.c -- see surfaces.h. */
#include "surfaces.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "http.h"
#include "log.h"
#include "token.h"
#include "tox.h"

static bool is_off(const char *asked)
{
    return asked && strcmp(asked, "off") == 0;
}

static int read_address(const char *asked, const char *standard, struct addr *at,
                        struct err *e)
{
    int err = addr_parse(asked ? asked : standard, at, e);

    if (err == 0 && at->kind != ADDR_IP)
        err = err_set(e, -EINVAL, "'%.60s' is not an address to listen on", asked);
    return err;
}

/* It has no token to ask for: who opens it to others is to know what that means. */
static void warn_of_strangers(const struct addr *at)
{
    struct sockaddr_storage sa;

    (void)addr_sockaddr(at, &sa);
    if (!addr_is_loopback((struct sockaddr *)&sa))
        log_warn("console",
                 "reason=\"whoever reaches it may change the rules\""
                 " hint=\"--console 127.0.0.1:PORT, or the API with a token\"");
}

static int open_console(struct surfaces *s, const char *asked, uv_loop_t *loop,
                        struct proxy *p, struct err *e)
{
    struct addr at;
    char text[ADDR_TEXT_MAX];
    int err = read_address(asked, CONSOLE_STANDARD, &at, e);

    if (err == 0)
        err = console_open(loop, &at, p, s->on_shutdown, s->arg, &s->console, e);
    if (err == 0 && console_address(s->console, &at) == 0) {
        log_info("console", "address=%s", addr_print(&at, text, sizeof text));
        warn_of_strangers(&at);
    }
    if (err == 0 || asked)
        return err;
    log_warn("console", "state=off reason=\"%s\"", e->text);
    return 0;
}

/* toxiproxy-server's -host and -port, each with its default. */
static const char *joined(const struct surface_flags *f, char *buf, size_t size)
{
    const char *host = f->host && strcmp(f->host, "localhost") != 0 ? f->host
                                                                    : "127.0.0.1";

    if (f->api || (!f->host && !f->port))
        return f->api;
    snprintf(buf, size, strchr(host, ':') && host[0] != '[' ? "[%s]:%s" : "%s:%s", host,
             f->port ? f->port : "8474");
    return buf;
}

static int open_http(struct surfaces *s, const struct surface_flags *f, uv_loop_t *loop,
                     struct proxy *p, struct err *e)
{
    char text[ADDR_TEXT_MAX], token[TOKEN_MAX], both[ADDR_TEXT_MAX];
    const char *asked = joined(f, both, sizeof both);
    struct addr at;
    int err = f->token_file ? token_read(f->token_file, token, e) : 0;

    if (err)
        return err;
    err = read_address(asked, HTTP_STANDARD, &at, e);
    if (err == 0)
        err = http_open(loop, &at, f->token_file ? token : NULL,
                        f->host && !f->token_file, p, &s->http, e);
    if (err == 0 && http_address(s->http, &at) == 0)
        log_info("api", "address=%s", addr_print(&at, text, sizeof text));
    if (err == 0 && f->populate)
        err = tox_populate_file(http_tox(s->http), f->populate, e);
    return err;
}

static int open_health(struct surfaces *s, const char *asked, uv_loop_t *loop,
                       struct proxy *p, struct err *e)
{
    char text[ADDR_TEXT_MAX];
    struct addr at;
    int err = read_address(asked, "", &at, e);

    if (err == 0)
        err = http_open_health(loop, &at, p, &s->health, e);
    if (err == 0 && http_address(s->health, &at) == 0)
        log_info("health", "address=%s", addr_print(&at, text, sizeof text));
    return err;
}

int surfaces_open(struct surfaces *s, const struct surface_flags *f, uv_loop_t *loop,
                  struct proxy *p, struct err *e)
{
    int err = 0;

    if (!is_off(f->console))
        err = open_console(s, f->console, loop, p, e);
    if (err == 0 && !is_off(f->api))
        err = open_http(s, f, loop, p, e);
    if (err == 0 && f->health)
        err = open_health(s, f->health, loop, p, e);
    return err;
}

void surfaces_close(struct surfaces *s)
{
    if (s->console)
        console_close(s->console, NULL, NULL);
    if (s->http)
        http_close(s->http, NULL, NULL);
    s->console = NULL;
    s->http = NULL;
}

void surfaces_close_health(struct surfaces *s)
{
    if (s->health)
        http_close(s->health, NULL, NULL);
    s->health = NULL;
}

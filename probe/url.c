/* url.c -- see url.h. The place itself is addr.c's to read. */
#include "url.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

#define STANDARD_PORT ":6379"
#define DB_MAX        1000000

#define SUCH_AS "such as redis://127.0.0.1:6379 or redis://user:password@host:6379/0"

/* The URL itself is not repeated in errors: it may hold a password. */
static int bad(struct err *e, const char *what, const char *hint)
{
    err_set(e, -EINVAL, "wrong URL: %s", what);
    err_hint(e, "%s", hint);
    return -EINVAL;
}

static int hex(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Undo the %-encoding of s[0..n) into out, which has URL_AUTH_MAX bytes. */
static int decode(const char *s, size_t n, char *out, struct err *e)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        if (k == URL_AUTH_MAX - 1)
            return bad(e, "user or password is too long", "255 bytes at most");
        out[k] = s[i];
        if (s[i] == '%') {
            if (i + 2 >= n || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
                return bad(e, "'%' begins no %-encoded byte", "write % itself as %25");
            out[k] = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
            i += 2;
        }
        if (out[k++] == '\0')
            return bad(e, "user or password has a zero byte", SUCH_AS);
    }
    out[k] = '\0';
    return 0;
}

/* "user:password" or ":password" in s[0..n). */
static int parse_auth(const char *s, size_t n, struct url *out, struct err *e)
{
    const char *colon = memchr(s, ':', n);
    size_t before;

    if (colon == NULL)
        return bad(e, "there is a user but no password",
                   "redis://user:password@host, or redis://:password@host");
    before = (size_t)(colon - s);
    if (decode(s, before, out->user, e) < 0 ||
        decode(colon + 1, n - before - 1, out->password, e) < 0)
        return -EINVAL;
    if (out->password[0] == '\0')
        return bad(e, "the password is empty", SUCH_AS);
    return 0;
}

/* "host", "host:port", "[::1]", "[::1]:port" in s[0..n). */
static int parse_place(const char *s, size_t n, struct url *out, struct err *e)
{
    char text[ADDR_TEXT_MAX];
    const char *port;

    if (n == 0)
        return bad(e, "the host is missing", SUCH_AS);
    if (n + sizeof STANDARD_PORT > sizeof text)
        return bad(e, "the host is too long", SUCH_AS);
    snprintf(text, sizeof text, "%.*s", (int)n, s);
    port = strchr(text, ']') ? strchr(text, ']') : text;
    if (strchr(port, ':') == NULL)
        strcat(text, STANDARD_PORT);
    if (addr_parse(text, &out->at, e) < 0)
        return -EINVAL;
    if (out->at.kind != ADDR_UNIX && out->at.port == 0)
        return bad(e, "port 0 cannot be connected to", SUCH_AS);
    return 0;
}

static int parse_db(const char *s, struct url *out, struct err *e)
{
    uint64_t db = 0;

    if (*s && (value_count(s, &db, NULL) < 0 || db > DB_MAX))
        return bad(e, "after the '/' comes the number of a database", SUCH_AS);
    out->db = (unsigned)db;
    return 0;
}

/* What follows redis:// */
static int parse_redis(const char *s, struct url *out, struct err *e)
{
    size_t n = strcspn(s, "/");
    const char *at = memrchr(s, '@', n), *place = at ? at + 1 : s;

    if (s[strcspn(s, "?#")] != '\0')
        return bad(e, "'?' and '#' mean nothing here", SUCH_AS);
    if (at && parse_auth(s, (size_t)(at - s), out, e) < 0)
        return -EINVAL;
    if (parse_place(place, n - (size_t)(place - s), out, e) < 0)
        return -EINVAL;
    return parse_db(s[n] ? s + n + 1 : s + n, out, e);
}

static const char *after(const char *s, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncasecmp(s, prefix, n) == 0 ? s + n : NULL;
}

int url_parse(const char *s, struct url *out, struct err *e)
{
    char path[ADDR_TEXT_MAX];
    const char *rest;

    memset(out, 0, sizeof *out);
    if ((rest = after(s, "redis://")) != NULL)
        return parse_redis(rest, out, e);
    if (after(s, "rediss://"))
        return bad(e, "rediss:// is TLS, which the probe does not speak",
                   "point it at a port without TLS");
    if ((rest = after(s, "unix://")) != NULL) {
        snprintf(path, sizeof path, "unix:%s", rest);
        return addr_parse(path, &out->at, e);
    }
    if (strncmp(s, "unix:", 5) == 0)
        return addr_parse(s, &out->at, e);
    if (strstr(s, "://"))
        return bad(e, "it is no Redis URL", SUCH_AS);
    if (strchr(s, '/') || strchr(s, '@'))
        return bad(e, "'redis://' is missing before it", SUCH_AS);
    return parse_place(s, strlen(s), out, e);
}

const char *url_print(const struct url *u, char *buf, size_t size)
{
    char place[ADDR_TEXT_MAX], db[16] = "";

    addr_print(&u->at, place, sizeof place);
    if (u->db)
        snprintf(db, sizeof db, "/%u", u->db);
    if (u->at.kind == ADDR_UNIX)
        snprintf(buf, size, "%s", place);
    else
        snprintf(buf, size, "redis://%s%s%s%s%s", u->user, u->password[0] ? ":***" : "",
                 u->password[0] ? "@" : "", place, db);
    return buf;
}

const char *url_or_env(const char *given, const char *variable, struct err *e)
{
    if (given == NULL)
        given = getenv(variable);
    if (given && *given)
        return given;
    err_set(e, -EINVAL, "no URL given, and %s is not set", variable);
    err_hint(e, "export %s=redis://127.0.0.1:%s", variable,
             strcmp(variable, "URL_S") == 0 ? "26379" : "6379");
    return NULL;
}

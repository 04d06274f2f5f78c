/* addr.c -- addresses and ranges of them, as text and as the kernel has them. */
#include "addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "value.h"

#define SHOWN "'%.80s'"
#define UNIX  "unix:"

static int bad(const char *s, struct err *e, const char *why, const char *hint)
{
    err_set(e, -EINVAL, "address " SHOWN ": %s", s, why);
    err_hint(e, "%s", hint);
    return -EINVAL;
}

static int parse_unix(const char *s, struct addr *out, struct err *e)
{
    const char *path = s + strlen(UNIX);
    size_t room = sizeof((struct sockaddr_un *)NULL)->sun_path;

    if (*path == '\0')
        return bad(s, e, "no path", "such as unix:/run/redis.sock");
    if (strlen(path) >= room)
        return bad(s, e, "the path is too long", "the system allows 107 bytes");
    out->kind = ADDR_UNIX;
    memcpy(out->host, path, strlen(path) + 1);
    return 0;
}

static int parse_port(const char *s, const char *port, struct addr *out, struct err *e)
{
    uint64_t n;

    if (value_count(port, &n, NULL) < 0 || n > UINT16_MAX)
        return bad(s, e, "the port is wrong", "a number from 0 to 65535");
    out->port = (uint16_t)n;
    return 0;
}

static bool is_ip(const char *host)
{
    uint8_t bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* A name as DNS and /etc/hosts have them. A last label of digits only is a mistyped
 * IPv4 address, which a resolver would look up at length. */
static bool is_name(const char *host)
{
    const char *last = strrchr(host, '.');

    last = last ? last + 1 : host;
    if (strspn(last, "0123456789") == strlen(last))
        return false;
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789.-_") == strlen(host) &&
           host[0] != '.' && host[0] != '-';
}

/* Sets apart what is before the port; answers where the port begins, or NULL. */
static const char *split(const char *s, const char **host, size_t *n)
{
    const char *colon = strrchr(s, ':'), *bracket = strchr(s, ']');

    *host = s;
    if (s[0] != '[') {
        *n = colon ? (size_t)(colon - s) : 0;
        return colon ? colon + 1 : NULL;
    }
    if (bracket == NULL || bracket[1] != ':')
        return NULL;
    *host = s + 1;
    *n = (size_t)(bracket - s - 1);
    return bracket + 2;
}

static int parse_host(const char *s, struct addr *out, struct err *e)
{
    bool colon = strchr(out->host, ':') != NULL;

    if (colon && s[0] != '[')
        return bad(s, e, "an IPv6 address needs brackets", "such as [::1]:6379");
    if (strcmp(out->host, "*") == 0)
        return bad(s, e, "'*' is no host", "0.0.0.0 or [::] listen everywhere");
    out->kind = is_ip(out->host) ? ADDR_IP : ADDR_NAME;
    if (s[0] == '[' && (out->kind != ADDR_IP || !colon))
        return bad(s, e, "no IPv6 address in the brackets", "such as [::1]:6379");
    if (out->kind == ADDR_NAME && !is_name(out->host))
        return bad(s, e, "not an IP address or host name", "such as 127.0.0.1:6379");
    return 0;
}

int addr_parse(const char *s, struct addr *out, struct err *e)
{
    const char *host, *port;
    size_t n;

    memset(out, 0, sizeof *out);
    if (strncmp(s, UNIX, strlen(UNIX)) == 0)
        return parse_unix(s, out, e);
    port = split(s, &host, &n);
    if (port == NULL)
        return bad(s, e, "no port", "host:port, such as 127.0.0.1:6379");
    if (n >= sizeof out->host)
        return bad(s, e, "the host is too long", "at most 255 bytes");
    memcpy(out->host, host, n);
    if (n == 0)
        memcpy(out->host, "127.0.0.1", sizeof "127.0.0.1");
    if (parse_host(s, out, e) < 0)
        return -EINVAL;
    return parse_port(s, port, out, e);
}

socklen_t addr_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    int ok;

    assert(a->kind == ADDR_IP);
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, a->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(a->port);
        return sizeof *v4;
    }
    ok = inet_pton(AF_INET6, a->host, &v6->sin6_addr);
    assert(ok == 1);
    (void)ok;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(a->port);
    return sizeof *v6;
}

const char *addr_print(const struct addr *a, char *buf, size_t size)
{
    if (a->kind == ADDR_UNIX)
        snprintf(buf, size, UNIX "%s", a->host);
    else if (strchr(a->host, ':'))
        snprintf(buf, size, "[%s]:%u", a->host, (unsigned)a->port);
    else
        snprintf(buf, size, "%s:%u", a->host, (unsigned)a->port);
    return buf;
}

/* The address of a peer as bytes. An IPv4 peer of a dual-stack listener is IPv4, so
 * that people meet the address they know. False for other families. */
static bool peer(const struct sockaddr *sa, int *family, const uint8_t **bytes,
                 uint16_t *port)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;

    *family = sa->sa_family;
    if (sa->sa_family == AF_INET) {
        *bytes = (const uint8_t *)&v4->sin_addr;
        *port = ntohs(v4->sin_port);
        return true;
    }
    if (sa->sa_family != AF_INET6)
        return false;
    *bytes = v6->sin6_addr.s6_addr;
    *port = ntohs(v6->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        *family = AF_INET;
        *bytes += 12;
    }
    return true;
}

const char *addr_print_sockaddr(const struct sockaddr *sa, char *buf, size_t size)
{
    struct addr a = {.kind = ADDR_IP};
    const uint8_t *bytes;
    int family;

    if (!peer(sa, &family, &bytes, &a.port)) {
        snprintf(buf, size, "%s", sa->sa_family == AF_UNIX ? "unix:" : "?");
        return buf;
    }
    inet_ntop(family, bytes, a.host, sizeof a.host);
    return addr_print(&a, buf, size);
}

/* Set all bits after the first `bits` to 0; answers whether one was not. */
static bool clear_tail(uint8_t *bytes, size_t n, unsigned bits)
{
    bool changed = false;

    for (size_t i = 0; i < n; i++) {
        unsigned before = (unsigned)i * 8, keep = bits > before ? bits - before : 0;
        uint8_t mask = (uint8_t)(keep >= 8 ? 0xffu : 0xff00u >> keep);

        changed = changed || (bytes[i] & (uint8_t)~mask);
        bytes[i] = (uint8_t)(bytes[i] & mask);
    }
    return changed;
}

static int bad_range(const char *s, struct err *e, const char *why)
{
    err_set(e, -EINVAL, "source " SHOWN ": %s", s, why);
    err_hint(e, "an address or a range, such as 127.0.1.1 or 10.1.0.0/16");
    return -EINVAL;
}

/* ::ffff:10.0.0.0/104 is what 10.0.0.0/8 is. */
static void unmap(struct addr_range *r)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

    if (r->family != AF_INET6 || r->bits < 96 || memcmp(r->bytes, prefix, 12) != 0)
        return;
    r->family = AF_INET;
    r->bits = (uint8_t)(r->bits - 96);
    memmove(r->bytes, r->bytes + 12, 4);
    memset(r->bytes + 4, 0, 12);
}

static int finish_range(const char *s, struct addr_range *r, struct err *e)
{
    size_t n = r->family == AF_INET ? 4 : 16;
    char text[INET6_ADDRSTRLEN];

    if (clear_tail(r->bytes, n, r->bits)) {
        inet_ntop(r->family, r->bytes, text, sizeof text);
        err_set(e, -EINVAL, "source " SHOWN ": bits are set after the first %u", s,
                (unsigned)r->bits);
        err_hint(e, "did you mean '%s/%u'?", text, (unsigned)r->bits);
        return -EINVAL;
    }
    unmap(r);
    return 0;
}

int addr_range_parse(const char *s, struct addr_range *out, struct err *e)
{
    char host[INET6_ADDRSTRLEN];
    size_t n = strcspn(s, "/");
    uint64_t bits, most;

    memset(out, 0, sizeof *out);
    if (n >= sizeof host)
        return bad_range(s, e, "not an IP address");
    memcpy(host, s, n);
    host[n] = '\0';
    out->family = strchr(host, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(out->family, host, out->bytes) != 1)
        return bad_range(s, e, "not an IP address");
    most = out->family == AF_INET ? 32 : 128;
    bits = most;
    if (s[n] == '/' && (value_count(s + n + 1, &bits, NULL) < 0 || bits > most))
        return bad_range(s, e, "the prefix length is wrong");
    out->bits = (uint8_t)bits;
    return finish_range(s, out, e);
}

bool addr_range_has(const struct addr_range *r, const struct sockaddr *sa)
{
    uint8_t masked[16] = {0};
    const uint8_t *bytes;
    uint16_t port;
    int family;

    if (!peer(sa, &family, &bytes, &port) || family != r->family)
        return false;
    memcpy(masked, bytes, family == AF_INET ? 4 : 16);
    clear_tail(masked, sizeof masked, r->bits);
    return memcmp(masked, r->bytes, sizeof masked) == 0;
}

bool addr_is_loopback(const struct sockaddr *sa)
{
    static const char *const ranges[] = {"127.0.0.0/8", "::1"};
    struct addr_range r;

    for (size_t i = 0; i < 2; i++)
        if (addr_range_parse(ranges[i], &r, NULL) == 0 && addr_range_has(&r, sa))
            return true;
    return false;
}

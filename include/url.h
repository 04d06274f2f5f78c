/* url.h -- where a Redis is, as people and their environment write it.
 *
 *   redis://[user:password@]host[:port][/db]     redis://:password@host
 *   host:port     [::1]:6379     unix:/run/redis.sock     unix:///run/redis.sock
 *
 * User and password may be %-encoded. TLS (rediss://) is refused with a reason.
 */
#ifndef URL_H
#define URL_H

#include "addr.h"

#define URL_AUTH_MAX 256
#define URL_TEXT_MAX (ADDR_TEXT_MAX + URL_AUTH_MAX + 48)

struct url {
    struct addr at;
    char        user[URL_AUTH_MAX];     /* "" = the default user */
    char        password[URL_AUTH_MAX]; /* "" = none */
    unsigned    db;
};

int url_parse(const char *s, struct url *out, struct err *e) MUST_CHECK;

/* Reads back as the same place, but for the password, which is shown as "***". */
const char *url_print(const struct url *u, char *buf, size_t size);

/* For the eyes of a command: the URL that was given, or the one in the environment.
 * NULL, and *e, when there is neither. */
const char *url_or_env(const char *given, const char *variable, struct err *e);

#endif

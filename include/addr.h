/* addr.h -- addresses as people write them, and ranges of source addresses.
 *
 *   127.0.0.1:6379   [::1]:6379   redis-0.redis:6379   :6379   unix:/run/redis.sock
 */
#ifndef ADDR_H
#define ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "err.h"

#define ADDR_HOST_MAX 256
#define ADDR_TEXT_MAX (ADDR_HOST_MAX + 16)

enum addr_kind { ADDR_IP, ADDR_NAME, ADDR_UNIX };

struct addr {
    enum addr_kind kind;
    char           host[ADDR_HOST_MAX]; /* literal, name, or path of a unix socket */
    uint16_t       port;                /* 0 for unix */
};

/* ":port" means 127.0.0.1 when listening and connecting alike: nothing is opened to
 * the world by leaving a word out. Port 0 is accepted (any free port). */
int addr_parse(const char *s, struct addr *out, struct err *e) MUST_CHECK;

/* Only for ADDR_IP: the socket address. Answers its length. */
socklen_t addr_sockaddr(const struct addr *a, struct sockaddr_storage *out);

const char *addr_print(const struct addr *a, char *buf, size_t size);
const char *addr_print_sockaddr(const struct sockaddr *sa, char *buf, size_t size);

/* 10.1.0.0/16, 127.0.1.1, fd00::/8. IPv4-mapped IPv6 peers match IPv4 ranges. */
struct addr_range {
    int     family; /* AF_INET or AF_INET6 */
    uint8_t bytes[16];
    uint8_t bits;
};

int  addr_range_parse(const char *s, struct addr_range *out, struct err *e) MUST_CHECK;
bool addr_range_has(const struct addr_range *r, const struct sockaddr *sa);

/* Can only this machine reach it? */
bool addr_is_loopback(const struct sockaddr *sa);

#endif

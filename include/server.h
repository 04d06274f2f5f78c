/* server.h -- the redis-server or valkey-server a lab runs. */
#ifndef SERVER_H
#define SERVER_H

#include "topology.h"

struct server {
    char                  path[4096]; /* absolute */
    struct server_version version;
};

/* Find it and ask for its version. name is a path or a name in PATH; NULL = redis-server,
 * or else valkey-server. Waits for the program to say its version, 5 s at most. 0, or a
 * negative errno other than -EINVAL and *e. */
int server_find(struct server *s, const char *name, struct err *e) MUST_CHECK;

#define SERVER_CONF "server.conf" /* what its configuration is called, in its directory */

/* Make the directory a server is to be started in, with its configuration. 0, or a
 * negative errno other than -EINVAL and *e. */
int server_prepare(const char *dir, const char *conf, struct err *e) MUST_CHECK;

/* "redis-server 7.0.15". Answers buf. */
const char *server_print(const struct server *s, char *buf, size_t size);

#endif

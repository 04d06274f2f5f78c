/* console.h -- the control of a running proxy in Redis' own protocol.
 *
 * `redis-cli -p 8475` is its user interface, and any Redis client library in a test.
 * RESP2, and RESP3 after HELLO 3. A client that does not read its answers is dropped
 * when CONSOLE_UNREAD bytes wait for it; one that sends no end of a request after
 * CONSOLE_REQUEST bytes.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "proxy.h"

#define CONSOLE_STANDARD "127.0.0.1:8475"

#define CONSOLE_REQUEST 65536
#define CONSOLE_UNREAD  ((size_t)4 << 20)
#define CONSOLE_CLIENTS 64

struct console;

/* 0, or a negative errno and *e: a taken port is an error here, at start. */
int console_open(uv_loop_t *loop, const struct addr *at, struct proxy *p,
                 void (*on_shutdown)(void *arg), void *arg, struct console **out,
                 struct err *e) MUST_CHECK;

/* Asynchronous; done(arg) is called when nothing of it is left on the loop. Close it
 * before the proxy. */
void console_close(struct console *c, void (*done)(void *arg), void *arg);

int console_address(const struct console *c, struct addr *out);

#endif

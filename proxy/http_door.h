/* http_door.h -- where those come in who ask over HTTP: private to http.c.
 *
 * A listening socket of our own. libmicrohttpd spins when it is out of descriptors, or
 * takes nobody in for as long as one stays; here who comes then waits in the backlog.
 */
#ifndef HTTP_DOOR_H
#define HTTP_DOOR_H

#include <uv.h>

#include "clock.h"
#include "err.h"
#include "mhd.h"

struct http_door { /* zero it, and fill in the first part */
    struct MHD_Daemon *daemon;
    unsigned most;              /* connections at a time */
    void (*entered)(void *arg); /* somebody has: let the daemon run */
    void *arg;

    uv_poll_t poll; /* private; its data is the owner's */
    nsec shut;      /* private: until then; NSEC_NEVER = until one leaves; 0 = open */
    int fd;         /* private */
};

/* 0, or a negative errno and there is nothing to close. *at is told the port. */
int http_door_open(struct http_door *d, uv_loop_t *loop,
                   struct sockaddr_storage *at) MUST_CHECK;

/* To be called when the daemon has run. Answers when to call again. */
nsec http_door_turn(struct http_door *d, nsec now);

void http_door_close(struct http_door *d, uv_close_cb closed);

#endif

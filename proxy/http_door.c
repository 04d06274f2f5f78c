/* http_door.c -- see http_door.h. */
#include "http_door.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint.h"

#define LOOK_AGAIN MSEC(100) /* for descriptors */

static bool is_full(const struct http_door *d)
{
    const union MHD_DaemonInfo *info = mhd.get_daemon_info(
        d->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info && info->num_connections >= d->most;
}

static void shut(struct http_door *d, nsec until)
{
    (void)uv_poll_stop(&d->poll);
    d->shut = until;
}

static void on_knock(uv_poll_t *h, int status, int events)
{
    struct http_door *d = (struct http_door *)((char *)h -
                                               offsetof(struct http_door, poll));

    (void)status, (void)events;
    for (;;) {
        struct sockaddr_storage peer;
        socklen_t n = sizeof peer;
        int fd;

        if (is_full(d)) {
            shut(d, NSEC_NEVER);
            break;
        }
        fd = accept4(d->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) /* which is the daemon's from here on */
            (void)mhd.add_connection(d->daemon, fd, (struct sockaddr *)&peer, n);
        else if (endpoint_lacks(-errno))
            shut(d, uv_hrtime() + LOOK_AGAIN);
        if (fd < 0)
            break;
    }
    d->entered(d->arg);
}

static int keep_open(struct http_door *d)
{
    d->shut = 0;
    return uv_poll_start(&d->poll, UV_READABLE, on_knock);
}

int http_door_open(struct http_door *d, uv_loop_t *loop, struct sockaddr_storage *at)
{
    socklen_t n = at->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                            : sizeof(struct sockaddr_in);
    int err = d->fd = endpoint_listen(at, &n);

    if (err < 0)
        return err;
    err = uv_poll_init(loop, &d->poll, d->fd);
    if (err < 0)
        close(d->fd);
    return err < 0 ? err : keep_open(d);
}

nsec http_door_turn(struct http_door *d, nsec now)
{
    if (d->shut && (d->shut == NSEC_NEVER ? !is_full(d) : d->shut <= now))
        (void)!keep_open(d);
    return d->shut ? d->shut : NSEC_NEVER;
}

void http_door_close(struct http_door *d, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&d->poll, closed);
    close(d->fd);
}

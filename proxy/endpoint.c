/* endpoint.c -- see endpoint.h. */
#include "endpoint.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "filter.h"
#include "host.h"

#define BACKLOG 4096
#define FLAGS   (MSG_DONTWAIT | MSG_NOSIGNAL)

static void nodelay(int fd)
{
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

void endpoint_open(struct endpoint *e, int fd, void (*ready)(struct endpoint *, uint32_t))
{
    *e = (struct endpoint){.fd = fd, .ready = ready};
}

int endpoint_connect(struct endpoint *e, const struct sockaddr *to, socklen_t n)
{
    e->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (e->fd < 0)
        return -errno;
    if (to->sa_family != AF_UNIX)
        nodelay(e->fd);
    if (connect(e->fd, to, n) < 0 && errno != EINPROGRESS && errno != EINTR) {
        int err = -errno;

        close(e->fd);
        e->fd = -1;
        return err;
    }
    return 0;
}

int endpoint_connected(const struct endpoint *e)
{
    socklen_t n = sizeof(int);
    int err;

    return getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0 ? -errno : -err;
}

ssize_t endpoint_recv(struct endpoint *e, void *p, size_t n)
{
    ssize_t got = recv(e->fd, p, n, MSG_DONTWAIT);

    if (got >= 0)
        return got;
    return errno == EINTR ? -EAGAIN : -errno;
}

ssize_t endpoint_send(struct endpoint *e, const struct iovec *iov, size_t n)
{
    struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n};
    ssize_t sent = n == 1 ? send(e->fd, iov->iov_base, iov->iov_len, FLAGS)
                          : sendmsg(e->fd, &m, FLAGS);

    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
}

void endpoint_close(struct endpoint *e, struct hub *hub, enum close_how how,
                    bool filtered)
{
    struct linger now_and_hard = {.l_onoff = 1, .l_linger = 0};

    if (e->fd < 0)
        return;
    if (filtered)
        (void)!filter_set(e->fd, &(struct wire){0});
    if (how == CLOSE_KILL)
        (void)!host_kill(e->fd);
    if (how >= CLOSE_RST)
        (void)setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &now_and_hard,
                         sizeof now_and_hard);
    hub_forget(hub, e);
    close(e->fd);
    e->fd = -1;
}

int endpoint_shut(struct endpoint *e)
{
    return shutdown(e->fd, SHUT_WR) < 0 ? -errno : 0;
}

size_t endpoint_unsent(const struct endpoint *e)
{
    int unsent = 0;

    if (ioctl(e->fd, SIOCOUTQ, &unsent) < 0 || unsent < 0)
        return 0;
    return (size_t)unsent;
}

static struct tcp_info info_of(const struct endpoint *e)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;

    if (getsockopt(e->fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
        memset(&info, 0, sizeof info);
    return info;
}

void endpoint_facts(const struct endpoint *e, struct endpoint_facts *out)
{
    struct tcp_info info = info_of(e);

    *out = (struct endpoint_facts){
        .rtt_us = info.tcpi_rtt,
        .retransmits = info.tcpi_total_retrans,
        .cwnd = info.tcpi_snd_cwnd,
        .unacked = info.tcpi_unacked,
        .unsent = (uint32_t)endpoint_unsent(e),
    };
}

uint32_t endpoint_retransmits(const struct endpoint *e)
{
    return info_of(e).tcpi_total_retrans;
}

int endpoint_filter(struct endpoint *e, const struct wire *w)
{
    return filter_set(e->fd, w);
}

int endpoint_priority(struct endpoint *e, uint32_t priority)
{
    int value = (int)priority;

    return setsockopt(e->fd, SOL_SOCKET, SO_PRIORITY, &value, sizeof value) < 0 ? -errno
                                                                                : 0;
}

int endpoint_peer(const struct endpoint *e, struct sockaddr_storage *out)
{
    socklen_t n = sizeof *out;

    return getpeername(e->fd, (struct sockaddr *)out, &n) < 0 ? -errno : 0;
}

int endpoint_here(const struct endpoint *e, struct sockaddr_storage *out)
{
    socklen_t n = sizeof *out;

    return getsockname(e->fd, (struct sockaddr *)out, &n) < 0 ? -errno : 0;
}

int endpoint_listen(struct sockaddr_storage *at, socklen_t *n)
{
    int on = 1, fd = socket(at->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    nodelay(fd); /* what it accepts inherits that */
    if (bind(fd, (struct sockaddr *)at, *n) < 0 || listen(fd, BACKLOG) < 0) {
        int err = -errno;

        close(fd);
        return err;
    }
    (void)getsockname(fd, (struct sockaddr *)at, n);
    return fd;
}

bool endpoint_lacks(int err)
{
    return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM ||
           err == -EADDRNOTAVAIL;
}

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

static int descriptor(const union endpoint *e)
{
    uv_os_fd_t fd;

    return uv_fileno(&e->handle, &fd) == 0 ? fd : -1;
}

/* SO_LINGER by hand: uv_tcp_close_reset refuses in states where this works. */
void endpoint_close(union endpoint *e, enum close_how how, bool filtered,
                    void (*closed)(uv_handle_t *))
{
    struct linger now_and_hard = {.l_onoff = 1, .l_linger = 0};
    int fd = descriptor(e);

    if (filtered && fd >= 0)
        (void)!filter_set(fd, &(struct wire){0});
    if (how == CLOSE_KILL && fd >= 0)
        (void)!host_kill(fd);
    if (how >= CLOSE_RST && fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_and_hard, sizeof now_and_hard);
    uv_close(&e->handle, closed);
}

int endpoint_shut(union endpoint *e)
{
    int fd = descriptor(e);

    if (fd < 0)
        return -EBADF;
    return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

size_t endpoint_unsent(const union endpoint *e)
{
    int fd = descriptor(e), unsent = 0;

    if (fd < 0 || ioctl(fd, SIOCOUTQ, &unsent) < 0 || unsent < 0)
        return 0;
    return (size_t)unsent;
}

void endpoint_facts(const union endpoint *e, struct endpoint_facts *out)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    int fd = descriptor(e);

    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
        memset(&info, 0, sizeof info);
    *out = (struct endpoint_facts){
        .rtt_us = info.tcpi_rtt,
        .retransmits = info.tcpi_total_retrans,
        .cwnd = info.tcpi_snd_cwnd,
        .unacked = info.tcpi_unacked,
        .unsent = (uint32_t)endpoint_unsent(e),
    };
}

int endpoint_filter(union endpoint *e, const struct wire *w)
{
    int fd = descriptor(e);

    return fd < 0 ? -EBADF : filter_set(fd, w);
}

int endpoint_priority(union endpoint *e, uint32_t priority)
{
    int fd = descriptor(e), value = (int)priority;

    if (fd < 0)
        return -EBADF;
    return setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &value, sizeof value) < 0 ? -errno : 0;
}

int endpoint_peer(const union endpoint *e, struct sockaddr_storage *out)
{
    socklen_t n = sizeof *out;
    int fd = descriptor(e);

    if (fd < 0)
        return -EBADF;
    return getpeername(fd, (struct sockaddr *)out, &n) < 0 ? -errno : 0;
}

int endpoint_listen(struct sockaddr_storage *at, socklen_t *n)
{
    int on = 1, fd = socket(at->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
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

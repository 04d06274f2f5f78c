/* host_sock.c -- destroy sockets, by NETLINK_SOCK_DIAG; see host.h.
 *
 * Asked for the socket of two addresses the kernel also answers with a listener that
 * would take such a connection. So a socket is looked up first, and then destroyed by
 * its cookie: no other can be meant.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

struct diag {
    struct nl_sock *sk;
    int error;
    bool done, any;
    struct inet_diag_msg found;
};

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
    struct diag *d = arg;

    (void)from;
    d->error = e->error;
    d->done = true;
    return NL_STOP;
}

static int on_ack(struct nl_msg *m, void *arg)
{
    struct diag *d = arg;

    (void)m;
    d->done = true;
    return NL_STOP;
}

static int on_found(struct nl_msg *m, void *arg)
{
    struct diag *d = arg;
    struct nlmsghdr *h = nlmsg_hdr(m);

    if (nlmsg_datalen(h) >= (int)sizeof d->found) {
        memcpy(&d->found, nlmsg_data(h), sizeof d->found);
        d->any = true;
    }
    return NL_OK;
}

static int diag_open(struct diag *d)
{
    *d = (struct diag){.sk = nl_socket_alloc()};
    if (d->sk == NULL)
        return -ENOMEM;
    if (nl_connect(d->sk, NETLINK_SOCK_DIAG) < 0) {
        nl_socket_free(d->sk);
        return -EPROTONOSUPPORT;
    }
    (void)nl_socket_modify_err_cb(d->sk, NL_CB_CUSTOM, on_error, d);
    (void)nl_socket_modify_cb(d->sk, NL_CB_VALID, NL_CB_CUSTOM, on_found, d);
    (void)nl_socket_modify_cb(d->sk, NL_CB_ACK, NL_CB_CUSTOM, on_ack, d);
    return 0;
}

static int ask(struct diag *d, int type, struct inet_diag_req_v2 *q)
{
    int rc = nl_send_simple(d->sk, type, NLM_F_ACK, q, sizeof *q);

    d->error = 0;
    d->any = d->done = false;
    while (rc >= 0 && !d->done)
        rc = nl_recvmsgs_default(d->sk);
    return d->error < 0 ? d->error : d->done ? 0 : -EIO;
}

static void put_address(const struct sockaddr_storage *a, __be32 ip[4], __be16 *port)
{
    const struct sockaddr_in *in = (const void *)a;
    const struct sockaddr_in6 *in6 = (const void *)a;

    memset(ip, 0, 4 * sizeof *ip);
    *port = a->ss_family == AF_INET ? in->sin_port : in6->sin6_port;
    if (a->ss_family == AF_INET)
        ip[0] = in->sin_addr.s_addr;
    else
        memcpy(ip, &in6->sin6_addr, 16);
}

static int destroy(struct diag *d, const struct sockaddr_storage *local,
                   const struct sockaddr_storage *remote)
{
    struct inet_diag_req_v2 q = {
        .sdiag_family = (uint8_t)local->ss_family,
        .sdiag_protocol = IPPROTO_TCP,
        .idiag_states = ~0u,
        .id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
    };
    int rc;

    put_address(local, q.id.idiag_src, &q.id.idiag_sport);
    put_address(remote, q.id.idiag_dst, &q.id.idiag_dport);
    rc = ask(d, SOCK_DIAG_BY_FAMILY, &q);
    if (rc < 0 || !d->any)
        return rc < 0 ? rc : -ENOENT;
    if (d->found.idiag_state == TCP_LISTEN && remote != local)
        return -ENOENT;
    memcpy(q.id.idiag_cookie, d->found.id.idiag_cookie, sizeof q.id.idiag_cookie);
    return ask(d, SOCK_DESTROY, &q);
}

int host_kill(int fd)
{
    struct sockaddr_storage local = {0}, remote = {0};
    socklen_t n = sizeof local, m = sizeof remote;
    struct diag d;
    int rc;

    if (getsockname(fd, (struct sockaddr *)&local, &n) < 0 ||
        getpeername(fd, (struct sockaddr *)&remote, &m) < 0)
        return -errno;
    if (local.ss_family != AF_INET && local.ss_family != AF_INET6)
        return -EAFNOSUPPORT;
    rc = diag_open(&d);
    if (rc < 0)
        return rc;
    (void)!destroy(&d, &remote, &local); /* his end: if it is here */
    rc = destroy(&d, &local, &remote);   /* the reset of that may have been faster */
    nl_socket_free(d.sk);
    return rc == -ENOENT ? 0 : rc;
}

/* A listening socket of our own, on a port that nobody knows. */
static int try_it(void)
{
    struct sockaddr_storage local = {.ss_family = AF_INET};
    struct sockaddr_in *in = (void *)&local;
    socklen_t n = sizeof local;
    struct diag d;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = fd < 0 ? -errno : 0;

    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (rc == 0 &&
        (bind(fd, (struct sockaddr *)in, sizeof *in) < 0 || listen(fd, 1) < 0 ||
         getsockname(fd, (struct sockaddr *)&local, &n) < 0))
        rc = -errno;
    if (rc == 0 && (rc = diag_open(&d)) == 0) {
        rc = destroy(&d, &local, &local);
        nl_socket_free(d.sk);
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

int host_kill_check(struct err *e)
{
    int rc = try_it();

    if (rc == 0)
        return 0;
    if (rc == -EPERM) {
        err_set(e, rc, "only CAP_NET_ADMIN may destroy sockets");
        err_hint(e, "run it as root or with that capability; 'do reset' comes near "
                    "without");
    } else if (rc == -EOPNOTSUPP || rc == -EPROTONOSUPPORT || rc == -EINVAL) {
        err_set(e, -ENOSYS, "this kernel has no SOCK_DESTROY");
        err_hint(e, "it takes CONFIG_INET_DIAG_DESTROY; 'do reset' comes near and needs "
                    "none");
    } else {
        err_set(e, rc, "cannot destroy a socket: %s", strerror(-rc));
        err_hint(e, "'do reset' comes near");
    }
    return e && e->code ? e->code : rc;
}

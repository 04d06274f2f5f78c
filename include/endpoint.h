/* endpoint.h -- one side of a session: a socket that is ours.
 *
 * What is to be waited for is said to the set that it is in; see hub.h.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "fault.h"
#include "hub.h"

struct endpoint {
    int     fd;           /* -1: none */
    uint8_t wanted, told; /* private to hub.c: by us, to the kernel */
    void (*ready)(struct endpoint *e, uint32_t events); /* EPOLLIN, EPOLLOUT or both */
};

/* Take a connected, non-blocking descriptor, and let what is sent leave at once: or the
 * proxy is a fault of its own. */
void endpoint_open(struct endpoint *e, int fd,
                   void (*ready)(struct endpoint *, uint32_t));

/* Begin to connect; e is ready for writing when that has succeeded or failed, and
 * endpoint_connected tells which. 0 or a negative errno, and then there is no socket. */
int endpoint_connect(struct endpoint *e, const struct sockaddr *to,
                     socklen_t n) MUST_CHECK;
int endpoint_connected(const struct endpoint *e) MUST_CHECK;

/* Read once: bytes, 0 at the end, or a negative errno, which is -EAGAIN when there are
 * none now. */
ssize_t endpoint_recv(struct endpoint *e, void *p, size_t n) MUST_CHECK;

/* Write once: as many bytes as the socket takes, which may be none, or an errno < 0. */
ssize_t endpoint_send(struct endpoint *e, const struct iovec *iov, size_t n) MUST_CHECK;

/* Close it, with a reset if so asked, or have the kernel kill it before. A packet filter
 * is taken off first, or what ends the connection would be lost too. */
void endpoint_close(struct endpoint *e, struct hub *hub, enum close_how how,
                    bool filtered);

/* Send a FIN; the other direction stays open. 0 or a negative errno. */
int endpoint_shut(struct endpoint *e) MUST_CHECK;

/* Bytes still in the kernel's send queue: an RST would throw them away. */
size_t endpoint_unsent(const struct endpoint *e);

/* What the kernel knows of it; all zero where that is not TCP. */
struct endpoint_facts {
    uint32_t rtt_us, retransmits;
    uint32_t cwnd, unacked; /* the congestion window, and what is under way: segments */
    uint32_t unsent;        /* bytes */
};

void     endpoint_facts(const struct endpoint *e, struct endpoint_facts *out);
uint32_t endpoint_retransmits(const struct endpoint *e); /* that alone */

/* Let the packets coming in suffer w. 0 or a negative errno. */
int endpoint_filter(struct endpoint *e, const struct wire *w) MUST_CHECK;

/* Which class of a device the packets going out are in; 0 = none. 0 or an errno < 0. */
int endpoint_priority(struct endpoint *e, uint32_t priority) MUST_CHECK;

/* Who is at the other end, and at this. 0 or a negative errno. */
int endpoint_peer(const struct endpoint *e, struct sockaddr_storage *out) MUST_CHECK;
int endpoint_here(const struct endpoint *e, struct sockaddr_storage *out) MUST_CHECK;

/* A socket that listens on *at, of *n bytes, and then tells where that is if port 0 was
 * asked for. A descriptor, or a negative errno. */
int endpoint_listen(struct sockaddr_storage *at, socklen_t *n) MUST_CHECK;

/* Is it we who lack something -- descriptors, memory, ports -- rather than that there is
 * something the matter with the peer? */
bool endpoint_lacks(int err);

#endif

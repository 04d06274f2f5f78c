/* endpoint.h -- one side of a session: a libuv stream, and what libuv has no words for.
 *
 * Resets, half-closes, unsent bytes and packet filters are asked of the socket itself.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <uv.h>

#include "fault.h"

union endpoint {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t    tcp;
    uv_pipe_t   pipe;
};

/* Close the handle, with a reset if so asked, or have the kernel kill the
 * socket before; closed() is called later, once. A packet filter is taken off first, or
 * what ends the connection would be lost too. */
void endpoint_close(union endpoint *e, enum close_how how, bool filtered,
                    void (*closed)(uv_handle_t *));

/* Send a FIN; the other direction stays open. 0 or a negative errno. */
int endpoint_shut(union endpoint *e) MUST_CHECK;

/* Bytes still in the kernel's send queue: an RST would throw them away. */
size_t endpoint_unsent(const union endpoint *e);

/* What the kernel knows of it; all zero where that is not TCP. */
struct endpoint_facts {
    uint32_t rtt_us, retransmits;
    uint32_t cwnd, unacked; /* the congestion window, and what is under way: segments */
    uint32_t unsent;        /* bytes */
};

void endpoint_facts(const union endpoint *e, struct endpoint_facts *out);

/* Let the packets coming in suffer w. 0 or a negative errno. */
int endpoint_filter(union endpoint *e, const struct wire *w) MUST_CHECK;

/* Which class of a device the packets going out are in; 0 = none. 0 or an errno < 0. */
int endpoint_priority(union endpoint *e, uint32_t priority) MUST_CHECK;

/* Who is at the other end. 0 or a negative errno. */
int endpoint_peer(const union endpoint *e, struct sockaddr_storage *out) MUST_CHECK;

/* A socket that listens on *at, of *n bytes, and then tells where that is if port 0 was
 * asked for. A descriptor, or a negative errno. */
int endpoint_listen(struct sockaddr_storage *at, socklen_t *n) MUST_CHECK;

/* Is it we who lack something -- descriptors, memory, ports -- rather than that there is
 * something the matter with the peer? */
bool endpoint_lacks(int err);

#endif

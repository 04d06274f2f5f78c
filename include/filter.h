/* filter.h -- lose packets: classic BPF on our own sockets.
 *
 * TCP runs a socket's filter on each packet coming in, before it processes it; a verdict
 * of 0 drops it, and nothing is acknowledged. SO_ATTACH_FILTER needs no capability (see
 * socket(7), and Documentation/networking/filter.rst for the extensions used), but newer
 * kernels ask for CAP_NET_ADMIN where the socket is TCP (seen on 6.18); one's own network
 * namespace (unshare -rn) gives it.
 */
#ifndef FILTER_H
#define FILTER_H

#include "addr.h"
#include "fault.h"

/* Can this kernel do it at all? 0, or a negative errno and *e. */
int filter_check(struct err *e) MUST_CHECK;

/* Let the packets coming in to a connected socket suffer w, instead of what they
 * suffered before; all zero takes the filter off. 0 or a negative errno. */
int filter_set(int fd, const struct wire *w) MUST_CHECK;

/* A range of source addresses, and whether what it sends to a listener is lost. */
struct filter_source {
    const struct addr_range *range;
    bool                     lost;
};

#define FILTER_SOURCES 200

/* The first range that holds the source decides; `rest` is for those in none. 0, or
 * -E2BIG beyond FILTER_SOURCES, or what the kernel says. */
int filter_listener(int fd, const struct filter_source *s, size_t n,
                    bool rest) MUST_CHECK;

#endif

/* netns.h -- a network of our own, where one who is not root may lose packets.
 *
 * Newer kernels (seen with 6.18.44) let only the administrator of a network (who has
 * CAP_NET_ADMIN) put a packet filter on a TCP socket, and blackhole and loss need one. If
 * the system allows user namespaces, everybody may have a network in which he is the
 * administrator: nothing is in it but its loopback, which is all that a lab needs.
 */
#ifndef NETNS_H
#define NETNS_H

#include "err.h"

/* Move this process into a new network, for good, and so all that it starts from now on.
 * Call it before anything is opened and while there is but one thread. 0, or a negative
 * errno and *e; then nothing has changed, or the process is good for nothing but to say
 * so and end. */
int netns_own(struct err *e) MUST_CHECK;

#endif

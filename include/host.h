/* host.h -- let the kernel do things to the packets of our own sockets, and undo it.
 *
 * An HTB goes to the root of each device that such packets leave by; a socket picks its
 * class there with SO_PRIORITY, so no other traffic is touched. All of it is gone when
 * the last class is, or with host_close; what a process leaves behind that dies without
 * that, the next host_clean removes: the root carries a mark, and the numbers of a
 * class say which process made it, alive or not. Up to HOST_OWNERS processes share the
 * devices of a network namespace.
 */
#ifndef HOST_H
#define HOST_H

#include <sys/socket.h>
#include <sys/types.h>

#include "egress.h"
#include "err.h"

#define HOST_OWNERS 8

struct host;

/* Errors that are to be shown are -EPERM: not by us; -ENOSYS: not with this kernel; and
 * -EOPNOTSUPP: not with this device as it is. */

/* Touches nothing yet. replace: a root somebody else put on a device may go, for good. */
int host_open(struct host **out, bool replace) MUST_CHECK;

/* Leave the devices as they were. Sets *h to NULL; NULL is fine. */
void host_close(struct host **h);

/* The device that packets to this address leave by: > 0, or a negative errno and *e. */
int host_device(struct host *h, const struct sockaddr *to, struct err *e) MUST_CHECK;

/* Do x once on a device, to nothing, and undo it: can it be done? 0, or a negative errno
 * and *e that names what is missing. */
int host_try(struct host *h, int device, const struct egress *x,
             struct err *e) MUST_CHECK;

/* A class for sockets that share `key` and are connected to `to`: there when this
 * returns. prio: what is to be their SO_PRIORITY; give what it is now. When a class of
 * the key is out of use since host_begin it is changed, and what it holds stays. 0, or a
 * negative errno and *e. */
int host_class(struct host *h, const void *key, const struct sockaddr *to,
               const struct egress *x, uint32_t *prio, struct err *e) MUST_CHECK;

/* Between these two all sockets ask for their class again; what none asked for goes. */
void host_begin(struct host *h);
void host_sweep(struct host *h);

/* ---- what others left ---- */

#define HOST_CLEANED 16

struct host_cleaned {
    size_t n; /* devices with something of ours, alive or dead */
    struct {
        char   name[16];
        bool   whole; /* all of it was removed, and the default is back */
        size_t classes;
        pid_t  used_by; /* or a live process still needs it */
    } device[HOST_CLEANED];
};

/* Remove what processes that are dead left on the devices. 0, or a negative errno and
 * *e. */
int host_clean(struct host_cleaned *out, struct err *e) MUST_CHECK;

/* What that would do; nothing is touched. */
int host_left(struct host_cleaned *out, struct err *e) MUST_CHECK;

/* ---- sockets ---- */

/* Destroy a connected TCP socket in the kernel, and its other end where that is on this
 * machine. 0 or a negative errno. */
int host_kill(int fd) MUST_CHECK;

/* Could it? 0, or a negative errno and *e that names what is missing. */
int host_kill_check(struct err *e) MUST_CHECK;

#endif

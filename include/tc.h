/* tc.h -- the kernel's traffic control, as far as host.c needs it: one HTB per device at
 * its root, a class for each lane, netem below a class.
 *
 * A socket chooses its class by itself: SO_PRIORITY is TC_PRIORITY(minor), and HTB asks
 * nothing else. All other traffic of the device passes at once. Everything here speaks
 * netlink, through libnl-3, and answers 0 or a negative errno as the kernel gave it.
 */
#ifndef TC_H
#define TC_H

#include <sys/socket.h>

#include "egress.h"
#include "err.h"

#define TC_MAJOR           0x5d
#define TC_PRIORITY(minor) ((uint32_t)TC_MAJOR << 16 | (minor))

struct tc;

int  tc_open(struct tc **out) MUST_CHECK; /* needs no capability */
void tc_close(struct tc **t);             /* sets *t to NULL; NULL is fine */

/* The device that packets to this address leave by: its index, > 0. */
int tc_device(struct tc *t, const struct sockaddr *to) MUST_CHECK;

/* What is at the root of a device. */
enum tc_root {
    TC_ROOT_DEFAULT, /* what the kernel puts there by itself */
    TC_ROOT_OURS,    /* told by its kind, its handle and a mark in its r2q */
    TC_ROOT_FOREIGN, /* somebody wants it */
};

#define TC_NAME 48

/* An enum tc_root; name becomes what tc(8) calls it: "tbf 8001:". */
int tc_root(struct tc *t, int device, char name[TC_NAME]) MUST_CHECK;

/* In place of what is there, for good; CAP_NET_ADMIN, sch_htb (-ENOENT: no such kind).
 * After the deletion the kernel puts its default back. */
int tc_root_add(struct tc *t, int device) MUST_CHECK;
int tc_root_del(struct tc *t, int device) MUST_CHECK;

/* Does the kernel know this kind of qdisc? Changes nothing: it is asked for one without
 * the options that it cannot do without. 0, -ENOENT, or -EPERM when we may not ask. */
int tc_kind(struct tc *t, int device, const char *kind) MUST_CHECK;

/* Devices with our root: fills in at most max, answers how many there are. */
int tc_devices(struct tc *t, int *device, size_t max) MUST_CHECK;

/* Classes below our root, by minor; the same. */
int tc_classes(struct tc *t, int device, uint16_t *minor, size_t max) MUST_CHECK;

/* Put a class there, or change the one that is; what it holds stays. -ENOENT: the kernel
 * has no sch_netem. When this fails for a new class, delete it. */
int tc_class_set(struct tc *t, int device, uint16_t minor,
                 const struct egress *x) MUST_CHECK;
int tc_class_del(struct tc *t, int device, uint16_t minor) MUST_CHECK;

#endif

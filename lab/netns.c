/* netns.c -- see netns.h. Who we are stays who we are: our user is mapped onto itself, so
 * that files belong to whom they belonged to.
 */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

/* A group may only be mapped by who has given up setting groups. */
static int map_ids(uid_t uid, gid_t gid)
{
    char map[64];
    int rc = put("/proc/self/setgroups", "deny");

    snprintf(map, sizeof map, "%u %u 1", (unsigned)gid, (unsigned)gid);
    rc = rc < 0 ? rc : put("/proc/self/gid_map", map);
    snprintf(map, sizeof map, "%u %u 1", (unsigned)uid, (unsigned)uid);
    return rc < 0 ? rc : put("/proc/self/uid_map", map);
}

/* With it comes 127.0.0.1/8. */
static int loopback_up(void)
{
    struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

    if (fd < 0)
        return -errno;
    if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

int netns_own(struct err *e)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int rc = unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -errno : 0;

    if (rc == 0)
        rc = map_ids(uid, gid);
    if (rc == 0)
        rc = loopback_up();
    if (rc == 0)
        return 0;
    err_set(e, rc, "cannot have a network of our own: %s", strerror(-rc));
    err_hint(e, "run it as root, or allow user namespaces (sysctl "
                "kernel.unprivileged_userns_clone, or user.max_user_namespaces)");
    return rc;
}

/* owner.c -- see owner.h. */
#include "owner.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static socklen_t address(int place, struct sockaddr_un *a)
{
    int n;

    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    n = snprintf(a->sun_path + 1, sizeof a->sun_path - 1, "sunder-host-%d", place);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static int hold(int place)
{
    struct sockaddr_un a;
    socklen_t n = address(place, &a);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 64) == 0)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

/* Who holds it; 0 when he is gone, or does not say. */
static pid_t holder(int place)
{
    struct sockaddr_un a;
    socklen_t n = address(place, &a), size = sizeof(struct ucred);
    struct ucred who = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return 0;
    if (connect(fd, (struct sockaddr *)&a, n) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
        who.pid = 0;
    close(fd);
    return who.pid;
}

static int take(struct owner *o, pid_t *other)
{
    for (int i = 0; i < OWNERS; i++) {
        int fd = hold(i);

        if (fd >= 0) {
            *o = (struct owner){fd, i};
            return 0;
        }
        if (fd != -EADDRINUSE)
            return fd;
        *other = holder(i);
    }
    return -EUSERS;
}

/* Somebody who cleans up holds all that are free, for the blink of an eye. */
int owner_take(struct owner *o, pid_t *other)
{
    const struct timespec blink = {.tv_nsec = 2000000};
    int rc = take(o, other);

    for (int i = 0; i < 5 && rc == -EUSERS; i++) {
        (void)nanosleep(&blink, NULL);
        rc = take(o, other);
    }
    return rc;
}

void owner_release(struct owner *o)
{
    if (o->fd >= 0)
        close(o->fd);
    *o = OWNER_NONE;
}

uint16_t owner_minor(const struct owner *o, uint16_t n)
{
    return (uint16_t)(o->place * OWNER_MINORS + n);
}

bool owners_absent(struct owners *all, const struct owner *own)
{
    bool absent = true;

    all->alive = 0;
    for (int i = 0; i < OWNERS; i++) {
        all->fd[i] = -1;
        if (own && own->fd >= 0 && own->place == i)
            continue;
        all->fd[i] = hold(i);
        if (all->fd[i] >= 0)
            continue;
        absent = false;
        all->alive = holder(i);
    }
    return absent;
}

bool owners_have(const struct owners *all, uint16_t minor)
{
    int place = minor / OWNER_MINORS;

    return place < OWNERS && all->fd[place] >= 0;
}

void owners_release(struct owners *all)
{
    for (int i = 0; i < OWNERS; i++)
        if (all->fd[i] >= 0)
            close(all->fd[i]);
}

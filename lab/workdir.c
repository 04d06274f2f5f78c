/* workdir.c -- a private directory that goes away with us, and the ports of a lab.
 *
 * The janitor is a process that waits at the end of a pipe which nobody writes to. When
 * we die, by whatever means, the kernel closes our end; the janitor removes the directory
 * and ends. It is in a session of its own, so that what is aimed at us does not hit it.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workdir.h"

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    remove(path);
    return 0;
}

static bool remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return access(path, F_OK) < 0;
}

/* The servers die in the same moment as we do, and may still write a file. */
static _Noreturn void janitor(const char *path, int lifeline)
{
    char byte;

    setsid();
    prctl(PR_SET_NAME, "sunder-janitor");
    dup2(lifeline, 0);
    close_range(1, ~0u, 0);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_IGN);
    while (read(0, &byte, 1) > 0)
        continue;
    for (int i = 0; i < 100 && !remove_tree(path); i++)
        usleep(20000);
    _exit(0);
}

static int start_janitor(struct workdir *w)
{
    sigset_t all, before;
    int fd[2], rc;

    if (pipe2(fd, O_CLOEXEC) < 0)
        return -errno;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    w->janitor = fork();
    if (w->janitor == 0)
        janitor(w->path, fd[0]);
    rc = w->janitor < 0 ? -errno : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(fd[0]);
    if (rc < 0)
        close(fd[1]);
    w->lifeline = rc < 0 ? -1 : fd[1];
    return rc;
}

static int open_private(struct workdir *w, struct err *e)
{
    const char *tmp = getenv("TMPDIR");
    int n, rc;

    if (tmp == NULL || *tmp != '/')
        tmp = "/tmp";
    n = snprintf(w->path, sizeof w->path, "%s/sunder-lab.XXXXXX", tmp);
    if (n < 0 || (size_t)n >= sizeof w->path)
        return err_set(e, -ENAMETOOLONG, "the name in TMPDIR is too long");
    if (mkdtemp(w->path) == NULL) {
        err_set(e, -errno, "cannot make a directory in '%s': %s", tmp, strerror(errno));
        err_hint(e, "TMPDIR says where it goes");
        return e->code;
    }
    rc = start_janitor(w);
    if (rc == 0)
        return 0;
    rmdir(w->path);
    return err_set(e, rc, "cannot start a process: %s", strerror(-rc));
}

/* What an earlier run left in it would be loaded by this one. */
static int must_be_empty(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *entry;
    unsigned n = 0;

    if (d == NULL)
        return -errno;
    while ((entry = readdir(d)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            n++;
    closedir(d);
    return n > 0 ? -ENOTEMPTY : 0;
}

static int open_kept(struct workdir *w, const char *keep, struct err *e)
{
    int rc = mkdir(keep, 0700) < 0 ? -errno : 0;

    if (rc == -EEXIST)
        rc = must_be_empty(keep);
    if (rc == 0 && realpath(keep, w->path) == NULL)
        rc = -errno;
    if (rc == 0)
        return 0;
    err_set(e, rc, "cannot use '%s': %s", keep, strerror(-rc));
    if (rc == -ENOTEMPTY)
        err_hint(e, "name a new or an empty directory");
    return rc;
}

int workdir_open(struct workdir *w, const char *keep, struct err *e)
{
    *w = (struct workdir){.lifeline = -1};
    return keep != NULL ? open_kept(w, keep, e) : open_private(w, e);
}

void workdir_close(struct workdir *w)
{
    if (w->janitor <= 0)
        return;
    remove_tree(w->path);
    close(w->lifeline);
    waitpid(w->janitor, NULL, 0);
    *w = (struct workdir){.lifeline = -1};
}

/* A socket bound there, or a negative errno. */
static int hold(const char *ip, uint16_t port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return -errno;
    rc = inet_pton(AF_INET, ip, &sin.sin_addr);
    assert(rc == 1);
    if (bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

static int is_free(const char *ip, uint16_t port)
{
    int fd = hold(ip, port);

    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : 0;
}

static int free_everywhere(const struct topology *t, uint16_t port)
{
    int rc = 0;

    for (size_t i = 0; i < t->n && rc == 0; i++) {
        rc = is_free(t->node[i].real, port);
        if (rc == 0)
            rc = is_free(t->node[i].known, port);
    }
    return rc;
}

/* Below the ports that the kernel gives to outgoing connections: one of those could sit
 * on a server's port while that server is being restarted. */
#define PORT_FIRST 16400
#define PORT_LAST  32700

/* What a lab holds while it runs, so that no other takes its port before its servers
 * have bound it. No client ever uses this address. */
#define PORT_HOLDER "127.0.3.254"

int workdir_port(struct topology *t, struct err *e)
{
    const unsigned span = PORT_LAST - PORT_FIRST;
    unsigned at;
    int fd, rc = 0;

    if (getrandom(&at, sizeof at, 0) != (ssize_t)sizeof at)
        at = (unsigned)getpid();
    for (unsigned i = 0; i < 1000; i++) {
        t->port = (uint16_t)(PORT_FIRST + (at + i * 7) % span);
        fd = hold(PORT_HOLDER, t->port);
        rc = fd < 0 ? fd : free_everywhere(t, t->port);
        if (rc == 0)
            return fd;
        if (fd >= 0)
            close(fd);
        if (rc != -EADDRINUSE)
            break;
    }
    err_set(e, rc, "cannot find a port that is free on 127.0.1.1 to 127.0.3.254: %s",
            strerror(-rc));
    if (rc == -EADDRNOTAVAIL)
        err_hint(e, "a lab needs all of 127.0.0.0/8 on the loopback, as Linux has it");
    return rc;
}

/* program.c -- the small facts about programs: where one is, how one ended, what it said.
 *
 * The part of process.h that needs no loop.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

const char *process_status(int status, char *buf, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(buf, size, "signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
    return buf;
}

int process_exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int runnable(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
        return -EACCES;
    return 0;
}

/* dir is not terminated; an empty one is the current directory. */
static int join(const char *dir, size_t n, const char *name, char *buf, size_t size)
{
    int len = snprintf(buf, size, "%.*s%s%s", (int)n, dir, n ? "/" : "./", name);

    return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

int process_find(const char *name, char *buf, size_t size)
{
    const char *dirs = getenv("PATH");
    int rc, worst = -ENOENT;

    if (strchr(name, '/') != NULL)
        return strlen(name) >= size ? -ENAMETOOLONG : runnable(strcpy(buf, name));
    if (dirs == NULL)
        dirs = "/usr/local/bin:/usr/bin:/bin";
    for (const char *p = dirs;; p++) {
        size_t n = strcspn(p, ":");

        rc = join(p, n, name, buf, size);
        if (rc == 0)
            rc = runnable(buf);
        if (rc == 0)
            return 0;
        if (rc == -EACCES)
            worst = rc;
        p += n;
        if (*p == '\0')
            return worst;
    }
}

/* Where the last so many lines of p[0..n) begin. */
static size_t lines_from(const char *p, size_t n, unsigned lines)
{
    size_t i = n > 0 && p[n - 1] == '\n' ? n - 1 : n;

    for (; i > 0; i--)
        if (p[i - 1] == '\n' && lines-- == 1)
            return i;
    return 0;
}

void process_last_lines(const char *path, unsigned lines, char *buf, size_t size)
{
    FILE *f = fopen(path, "re");
    size_t n, from;

    *buf = '\0';
    if (f == NULL)
        return;
    if (fseek(f, -(long)(size - 2), SEEK_END) < 0)
        rewind(f);
    n = fread(buf, 1, size - 2, f);
    fclose(f);
    if (n > 0 && buf[n - 1] != '\n')
        buf[n++] = '\n';
    from = lines_from(buf, n, lines);
    memmove(buf, buf + from, n - from);
    buf[n - from] = '\0';
}

/* server.c -- the redis-server or valkey-server a lab runs.
 *
 * Its version is asked for on a loop of its own, so that the answer is there when
 * server_find returns: nothing can be configured before it is known.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"
#include "server.h"

#define PATIENCE SEC(5) /* for it to say its version */

struct answer {
    char text[256];
    size_t n;
    int status;
    bool ended, late;
    struct process *process;
};

static void on_output(void *arg, const char *p, size_t n)
{
    struct answer *a = arg;
    size_t room = sizeof a->text - 1 - a->n;

    memcpy(a->text + a->n, p, n < room ? n : room);
    a->n += n < room ? n : room;
}

static void on_exit_seen(void *arg, int status)
{
    struct answer *a = arg;

    a->status = status;
    a->ended = true;
}

static void on_deadline(uv_timer_t *t)
{
    struct answer *a = t->data;

    a->late = true;
    process_signal(a->process, SIGKILL);
}

/* Run `path --version` to its end. */
static int ask_version(const char *path, struct answer *a, struct err *e)
{
    const char *argv[] = {path, "--version", NULL};
    struct process_spec spec = {
        .argv = argv,
        .log = "/dev/null",
        .on_output = on_output,
        .on_exit = on_exit_seen,
        .arg = a,
    };
    uv_timer_t deadline;
    uv_loop_t loop;
    int rc = uv_loop_init(&loop);

    if (rc < 0)
        return err_set(e, rc, "cannot make a loop: %s", strerror(-rc));
    uv_timer_init(&loop, &deadline);
    deadline.data = a;
    rc = process_spawn(&loop, &spec, &a->process, e);
    if (rc == 0)
        uv_timer_start(&deadline, on_deadline, PATIENCE / MSEC(1), 0);
    while (rc == 0 && !a->ended)
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&deadline, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return rc;
}

static int find(struct server *s, const char *name, struct err *e)
{
    int rc;

    if (name != NULL) {
        rc = process_find(name, s->path, sizeof s->path);
        if (rc == 0)
            return 0;
        err_set(e, rc, "cannot run '%s': %s", name, strerror(-rc));
        err_hint(e, "--redis-server is the path of a redis-server or valkey-server");
        return rc;
    }
    if (process_find("redis-server", s->path, sizeof s->path) == 0 ||
        process_find("valkey-server", s->path, sizeof s->path) == 0)
        return 0;
    err_set(e, -ENOENT, "there is no redis-server, and no valkey-server, in PATH");
    err_hint(e, "apt-get install redis-server, or name one with --redis-server");
    return -ENOENT;
}

/* Servers are started in directories of their own. Symbolic links are left alone: a
 * server may look at the name it was called by. */
static int make_absolute(struct server *s, struct err *e)
{
    char here[PATH_MAX], path[sizeof s->path];

    if (s->path[0] == '/')
        return 0;
    if (getcwd(here, sizeof here) == NULL)
        return err_set(e, -errno, "cannot tell where we are: %s", strerror(errno));
    snprintf(path, sizeof path, "%s", s->path);
    if (strlen(here) + 1 + strlen(path) >= sizeof s->path)
        return err_set(e, -ENAMETOOLONG, "the path of '%.100s' is too long", path);
    strcpy(s->path, here);
    strcat(s->path, "/");
    strcat(s->path, path);
    return 0;
}

int server_find(struct server *s, const char *name, struct err *e)
{
    struct answer a = {.n = 0};
    struct err why;
    char how[64];
    int rc = find(s, name, e);

    if (rc == 0)
        rc = make_absolute(s, e);
    if (rc == 0)
        rc = ask_version(s->path, &a, e);
    if (rc < 0)
        return rc;
    a.text[a.n] = '\0';
    if (server_version_parse(a.text, &s->version, &why) == 0)
        return 0;
    if (a.late)
        err_set(&why, -ETIMEDOUT, "it has not said its --version within %d s",
                (int)(PATIENCE / SEC(1)));
    else if (a.n == 0)
        err_set(&why, -EINVAL, "asked for its --version it ended with %s",
                process_status(a.status, how, sizeof how));
    return err_set(e, -ENOEXEC, "'%s' will not do: %.180s", name ? name : s->path,
                   why.text);
}

int server_prepare(const char *dir, const char *conf, struct err *e)
{
    char path[8192];
    FILE *f;
    bool ok;

    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_set(e, -errno, "cannot make '%s': %s", dir, strerror(errno));
    snprintf(path, sizeof path, "%s/" SERVER_CONF, dir);
    f = fopen(path, "we");
    ok = f != NULL && fputs(conf, f) >= 0;
    if (f != NULL && fclose(f) != 0)
        ok = false;
    return ok ? 0 : err_set(e, -errno, "cannot write '%s': %s", path, strerror(errno));
}

const char *server_print(const struct server *s, char *buf, size_t size)
{
    snprintf(buf, size, "%s-server %u.%u.%u", s->version.valkey ? "valkey" : "redis",
             s->version.major, s->version.minor, s->version.patch);
    return buf;
}

/* process.c -- child processes that cannot outlive us.
 *
 * libuv's own uv_spawn has no place for prctl() between fork and exec, so this forks by
 * hand. Between the two only async-signal-safe calls are made: libuv may have threads.
 *
 *   spawn --> running --SIGCHLD--> reaped --end of output--> handles closed --> on_exit
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

struct process {
    struct process_spec spec; /* only on_output, on_exit and arg outlive the spawn */
    uv_signal_t child;
    uv_timer_t patience;
    uv_pipe_t output;
    unsigned open; /* handles not yet closed */
    pid_t pid;
    bool grouped, reading, exited;
    int status;
    char buf[4096];
};

/* What the child needs and may not allocate. */
struct launch {
    const char *path, *dir;
    char *const *argv;
    char *const *env;
    int in, out, err; /* become 0, 1, 2; -1 = leave */
    int report;       /* errno of a failed exec goes here */
    pid_t parent;
    bool grouped;
};

static void child_reset_signals(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        sigaction(sig, &plain, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool child_descriptors(const struct launch *l)
{
    const int from[] = {l->in, l->out, l->err};

    for (int to = 0; to < 3; to++)
        if (from[to] >= 0 && dup2(from[to], to) < 0)
            return false;
    return true;
}

/* The report survives until exec; all else we open is close-on-exec, and this is for
 * what we inherited ourselves. */
static void child_close_rest(const struct launch *l)
{
    close_range(3, (unsigned)l->report - 1, 0);
    close_range((unsigned)l->report + 1, ~0u, 0);
}

static _Noreturn void child(const struct launch *l)
{
    int error;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != l->parent) /* it died before the line above */
        _exit(127);
    child_reset_signals();
    if (l->grouped)
        setsid();
    if (child_descriptors(l) && (l->dir == NULL || chdir(l->dir) == 0)) {
        child_close_rest(l);
        execve(l->path, l->argv, l->env);
    }
    error = errno;
    if (write(l->report, &error, sizeof error) < 0)
        _exit(126);
    _exit(127);
}

/* Signals are held back around the fork: a handler of libuv's that ran in the child
 * would write into the parent's pipe. */
static pid_t fork_child(const struct launch *l)
{
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        child(l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* The errno of a failed exec, or 0 when the report was closed by a successful one. */
static int exec_result(int report)
{
    int error = 0;
    ssize_t n;

    do
        n = read(report, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof error ? error : 0;
}

/* Fork and exec; the pid, or a negative errno. */
static pid_t launch(struct launch *l)
{
    int report[2];
    pid_t pid;
    int error;

    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    l->report = report[1];
    l->parent = getpid();
    pid = fork_child(l);
    error = pid < 0 ? errno : 0;
    close(report[1]);
    if (pid > 0)
        error = exec_result(report[0]);
    close(report[0]);
    if (error == 0)
        return pid;
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return -error;
}

static bool same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");

    return strncmp(a, b, n) == 0 && b[n] == '=';
}

static bool overridden(const char *var, const char *const *by)
{
    for (; by != NULL && *by != NULL; by++)
        if (same_name(*by, var))
            return true;
    return false;
}

static size_t count(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

/* Our environment with some of it replaced. Only the array is allocated. */
static char **environment(const char *const *extra)
{
    size_t ours = count((const char *const *)environ), more = count(extra), n = 0;
    char **env = calloc(ours + more + 1, sizeof *env);

    assert(env != NULL);
    for (size_t i = 0; i < ours; i++)
        if (!overridden(environ[i], extra))
            env[n++] = environ[i];
    for (size_t i = 0; i < more; i++)
        env[n++] = (char *)(uintptr_t)extra[i];
    return env;
}

static void on_closed(uv_handle_t *h)
{
    struct process *p = h->data;
    struct process_spec spec = p->spec;
    int status = p->status;

    if (--p->open > 0)
        return;
    free(p);
    if (spec.on_exit != NULL)
        spec.on_exit(spec.arg, status);
}

static void close_handles(struct process *p)
{
    uv_close((uv_handle_t *)&p->child, on_closed);
    uv_close((uv_handle_t *)&p->patience, on_closed);
    if (p->spec.on_output != NULL)
        uv_close((uv_handle_t *)&p->output, on_closed);
}

static void turn(struct process *p)
{
    if (p->exited && !p->reading && !uv_is_closing((uv_handle_t *)&p->child))
        close_handles(p);
}

/* Its group goes with it: while it is a zombie, its number cannot be anyone else's. */
static void on_child(uv_signal_t *h, int sig)
{
    struct process *p = h->data;
    siginfo_t info = {0};

    (void)sig;
    if (p->exited ||
        waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        info.si_pid != p->pid)
        return;
    if (p->grouped)
        kill(-p->pid, SIGKILL);
    waitpid(p->pid, &p->status, 0);
    p->exited = true;
    turn(p);
}

static void on_impatient(uv_timer_t *h)
{
    process_signal(h->data, SIGKILL);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
    struct process *p = h->data;

    (void)size;
    *buf = uv_buf_init(p->buf, sizeof p->buf);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct process *p = s->data;

    if (n > 0)
        p->spec.on_output(p->spec.arg, buf->base, (size_t)n);
    if (n >= 0)
        return;
    uv_read_stop(s);
    p->reading = false;
    turn(p);
}

static struct process *process_new(uv_loop_t *loop, const struct process_spec *spec)
{
    struct process *p = calloc(1, sizeof *p);

    assert(p != NULL);
    p->spec = *spec;
    p->grouped = spec->log != NULL;
    p->child.data = p->patience.data = p->output.data = p;
    uv_signal_init(loop, &p->child);
    uv_timer_init(loop, &p->patience);
    p->open = 2;
    uv_signal_start(&p->child, on_child, SIGCHLD); /* before there is a child to miss */
    if (spec->on_output == NULL)
        return p;
    uv_pipe_init(loop, &p->output, 0);
    p->open = 3;
    return p;
}

static void close_all(const int *fd, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fd[i] >= 0)
            close(fd[i]);
}

/* fd: 0 = /dev/null, 1 = the log, 2 and 3 = a pipe's ends. 0 or a negative errno. */
static int open_descriptors(const struct process_spec *spec, int fd[4])
{
    const int append = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;

    if (spec->log != NULL && ((fd[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0 ||
                              (fd[1] = open(spec->log, append, 0600)) < 0))
        return -errno;
    if (spec->on_output != NULL && pipe2(fd + 2, O_CLOEXEC) < 0)
        return -errno;
    return 0;
}

static void start_reading(struct process *p, int fd)
{
    int rc = uv_pipe_open(&p->output, fd);

    if (rc == 0)
        rc = uv_read_start((uv_stream_t *)&p->output, on_alloc, on_read);
    assert(rc == 0);
    p->reading = true;
}

static int spawn(struct process *p, const struct process_spec *spec)
{
    int fd[4] = {-1, -1, -1, -1};
    char path[4096];
    struct launch l = {.path = path, .dir = spec->dir, .grouped = p->grouped};
    char **env = environment(spec->env);
    int rc = open_descriptors(spec, fd);

    if (rc == 0)
        rc = process_find(spec->argv[0], path, sizeof path);
    if (rc == 0) {
        l.argv = (char *const *)(uintptr_t)spec->argv;
        l.env = env;
        l.in = fd[0];
        l.out = spec->on_output != NULL ? fd[3] : fd[1];
        l.err = fd[1];
        rc = p->pid = launch(&l);
    }
    free(env);
    if (rc > 0 && spec->on_output != NULL) {
        start_reading(p, fd[2]);
        fd[2] = -1;
    }
    close_all(fd, 4);
    return rc < 0 ? rc : 0;
}

int process_spawn(uv_loop_t *loop, const struct process_spec *spec, struct process **out,
                  struct err *e)
{
    struct process *p = process_new(loop, spec);
    int rc = spawn(p, spec);

    *out = NULL;
    if (rc < 0) {
        p->spec.on_exit = NULL;
        close_handles(p);
        return err_set(e, rc, "cannot run '%s': %s", spec->argv[0], strerror(-rc));
    }
    *out = p;
    return 0;
}

pid_t process_pid(const struct process *p)
{
    return p->pid;
}

int process_signal(struct process *p, int sig)
{
    if (p->exited) /* its number may be someone else's by now */
        return -ESRCH;
    return kill(p->pid, sig) < 0 ? -errno : 0;
}

void process_stop(struct process *p, nsec grace)
{
    if (process_signal(p, SIGTERM) < 0)
        return;
    process_signal(p, SIGCONT);
    uv_timer_start(&p->patience, on_impatient, (grace + MSEC(1) - 1) / MSEC(1), 0);
}

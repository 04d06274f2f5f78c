/* process.h -- child processes that cannot outlive us.
 *
 * A child is killed by the kernel when we die, however we die, and is never started at
 * all when we die before it was set up. It inherits no descriptor but the three it is
 * given, no signal mask and no ignored signal.
 *
 * A process object is there from process_spawn until its on_exit has been called, and is
 * gone after that. To start the same thing again is to spawn another.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <sys/types.h>
#include <uv.h>

#include "clock.h"
#include "err.h"

struct process;

struct process_spec {
    const char *const *argv; /* argv[0] is a path, or is looked for in PATH */
    const char *const *env;  /* "NAME=value", over ours; ends with NULL; may be NULL */
    const char        *dir;  /* where it starts; NULL = where we are */

    /* A file that its output is appended to. Such a child belongs to us alone: no
     * standard input, and a session of its own, so that a Ctrl-C at our terminal does not
     * reach it before we have decided what it means. NULL = it has our three descriptors
     * and stays in our process group. */
    const char *log;

    /* Its standard output, if wanted. */
    void (*on_output)(void *arg, const char *p, size_t n);

    /* Once, when it is gone (with all of its group if it had one), its output has been
     * delivered and none of its handles is left on the loop. status is wait's. */
    void (*on_exit)(void *arg, int status);
    void *arg;
};

/* The spec may be forgotten afterwards. 0, or a negative errno and *e ("cannot run
 * 'x': No such file or directory"); then there is no process and on_exit is not
 * called. */
int process_spawn(uv_loop_t *loop, const struct process_spec *spec, struct process **out,
                  struct err *e) MUST_CHECK;

pid_t process_pid(const struct process *p);

/* -ESRCH when it has ended and on_exit is still to come. */
int process_signal(struct process *p, int sig);

/* Ask it to end, also if it is stopped; after `grace` it is killed. May be repeated. */
void process_stop(struct process *p, nsec grace);

/* "exit status 1", "signal 9 (Killed)". Answers buf. */
const char *process_status(int status, char *buf, size_t size);

/* What a shell would exit with: the status, or 128 + the signal. */
int process_exit_code(int status);

/* Find a program as a shell does: a name with a slash is a path. 0, or -ENOENT,
 * -EACCES. */
int process_find(const char *name, char *buf, size_t size) MUST_CHECK;

/* The last lines of a file, each ended by a newline; "" when there are none. */
void process_last_lines(const char *path, unsigned lines, char *buf, size_t size);

#endif

/* stage.h -- a loop with a lab and a program on it, played in a straight line.
 *
 * What `sunder lab` and the exercises are written on: every function runs the loop until
 * what it asks for has come, so that an exercise reads from top to bottom. None may be
 * called from a callback. All answer 0 or a negative errno, and hand back early when
 *
 *   -EINTR   Ctrl-C, SIGTERM or SIGHUP came (stage_fail knows which)
 *   -ECHILD  a server has died that should not have
 *
 * Afterwards stage_fail says what it was, and stage_close takes everything down, from
 * wherever it had got to: no process, no file, no handle is left.
 */
#ifndef STAGE_H
#define STAGE_H

#include <uv.h>

#include "cli.h"
#include "lab.h"

struct process;

struct stage {
    uv_loop_t          loop;
    struct lab        *lab;      /* NULL while there is none */
    struct process    *program;  /* NULL while none runs */
    struct lab_trouble trouble;  /* of the last answer that was < 0 */
    bool               tolerant; /* the death of a server is told, not an error */

    /* Private to stage.c. */
    uv_signal_t signal[3];
    uv_timer_t  tick, pause;
    bool        passed; /* the pause is over */
    int         came;   /* the signal that came, or 0 */
    bool        done;   /* what we wait for has come */
    bool        failed; /* and it is trouble */
    bool        interactive;
    int         status;
    void (*on_output)(void *arg, const char *p, size_t n);
    void *output_arg;
};

void stage_open(struct stage *s);
void stage_close(struct stage *s);

/* Open a lab; there must be none. On a terminal it says how far it is. */
int  stage_lab(struct stage *s, const struct lab_options *o) MUST_CHECK;
void stage_lab_close(struct stage *s); /* none is fine */

/* Until all replicas have what the master has. */
int stage_sync(struct stage *s) MUST_CHECK;

/* Put a rule into force, until the lab is closed. */
int stage_rule(struct stage *s, const char *sentence) MUST_CHECK;

/* Kill a server, and see it dead; stop it (it hangs) and let it go on; end it in order if
 * it runs, start it again, and hear it answer. Nodes by name. */
int stage_kill(struct stage *s, const char *node) MUST_CHECK;
int stage_stop(struct stage *s, const char *node) MUST_CHECK;
int stage_cont(struct stage *s, const char *node) MUST_CHECK;
int stage_restart(struct stage *s, const char *node) MUST_CHECK;

/* Until *flag is set by some callback of the caller's. */
int stage_until(struct stage *s, const bool *flag) MUST_CHECK;

/* For so long. */
int stage_for(struct stage *s, nsec time) MUST_CHECK;

/* Run a program to its end; *status is wait's. env is added to ours, on_output gets
 * its standard output; both may be NULL. An interactive one shares our terminal:
 * Ctrl-C is its business, and SIGTERM is passed on to it; so it is always waited for. */
int stage_run(struct stage *s, const char *const *argv, const char *const *env,
              void (*on_output)(void *arg, const char *p, size_t n), void *arg,
              bool interactive, int *status) MUST_CHECK;

/* Until a signal comes: always -EINTR. */
int stage_idle(struct stage *s) MUST_CHECK;

/* Say on stderr what ended it; answers what to exit with: 128 + the signal, STATUS_USAGE
 * for -EINVAL (a wrong rule), else STATUS_ENVIRONMENT. */
int stage_fail(const struct stage *s, const struct usage *u, int rc);

/* The trouble, its hint, and the last lines of the log it came with, on stderr. */
void stage_tell(const struct usage *u, const struct lab_trouble *t);

#endif

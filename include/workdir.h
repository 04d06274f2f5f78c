/* workdir.h -- a private directory that goes away with us, and the ports of a lab.
 *
 * Both are promises to the machine we run on: a lab leaves nothing behind, even when it
 * is killed with kill -9, and takes no port from anyone, not even from a second lab that
 * starts in the same moment.
 */
#ifndef WORKDIR_H
#define WORKDIR_H

#include <sys/types.h>

#include "topology.h"

#define WORKDIR_PATH 4096 /* what realpath may write */

struct workdir {
    char  path[WORKDIR_PATH]; /* absolute */
    pid_t janitor;            /* removes it should we be killed; 0 = it is kept */
    int   lifeline;           /* its other end is the janitor's; -1 = none */
};

/* A new directory, for us alone: under $TMPDIR, or `keep` itself when that is given (it
 * is made, or must be empty). 0, or a negative errno and *e. */
int workdir_open(struct workdir *w, const char *keep, struct err *e) MUST_CHECK;

/* Remove it, unless it is to be kept. Waits for the janitor, which takes no time. */
void workdir_close(struct workdir *w);

/* Find a port that is free on every address of the topology and set t->port. Answers a
 * descriptor that holds it against other labs until it is closed; or a negative errno. */
int workdir_port(struct topology *t, struct err *e) MUST_CHECK;

#endif

/* watch.h -- `sunder status --watch`: what a running proxy does, again and again.
 *
 * On a terminal each picture takes the place of the one before, on a screen of its own
 * that is gone afterwards; elsewhere, and on one that can do nothing, they follow one
 * another. Ctrl-C ends it in order.
 */
#ifndef WATCH_H
#define WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "clock.h"
#include "err.h"

struct watch {
    const char *where;    /* the proxy, for the first line */
    nsec        interval; /* between two pictures */
    uint64_t    count;    /* so many; 0 = until Ctrl-C */

    /* What is there now: a new reference; or a negative errno and *e. */
    int (*fetch)(void *arg, json_t **out, struct err *e);
    void (*draw)(void *arg, FILE *f, const json_t *now, const json_t *before,
                 double seconds); /* between the two; before may be NULL */
    void *arg;
};

/* 0, or what the first fetch answered. A later one that fails is told in the picture. */
int watch_run(const struct watch *w, struct err *e) MUST_CHECK;

/* The picture of GET /status: who is connected to whom, what moves there and what acts
 * on it. */
void watch_status(FILE *f, const json_t *now, const json_t *before, double seconds);

#endif

/* writes.h -- a row of `sunder probe writes`: to r1, numbers into a set. */
#ifndef WRITES_H
#define WRITES_H

#include "course.h"

#define WRITES_KEY "acknowledged" /* the set; it stays */

struct writes {
    unsigned ops, rate; /* how many, and at most so many a second */
    unsigned wait;      /* after each, WAIT for so many replicas; 0 = none */
    bool     patient; /* 5 s, where WAIT should be met; not 0.1 s, where it should not */
};

/* The replicas need not be in sync. */
int writes_row(struct stage *s, struct exercise_outcome *o, const char *row,
               const struct writes *w) MUST_CHECK;

#endif

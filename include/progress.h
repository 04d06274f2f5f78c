/* progress.h -- one line on a terminal that says how far a run is. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdio.h>

#include "clock.h"

struct progress {
    uint64_t done, total, reads, stale;
    nsec     elapsed, limit; /* limit 0 = none */
};

void progress_draw(FILE *f, const struct progress *p);
void progress_clear(FILE *f);

/* The line itself, without moving the cursor. Answers buf. */
const char *progress_print(const struct progress *p, char *buf, size_t size);

#endif

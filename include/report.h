/* report.h -- what a run of the stale-read probe says, to people and to programs. */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "claim.h"
#include "stale.h"

struct report {
    const struct stale_conf   *conf;
    const struct stale_result *result;
    const struct claim        *claims;
    size_t                     nclaims;
};

/* A table, coloured on a terminal; or one JSON object on one line: 0 or -ENOMEM. */
void report_text(FILE *f, const struct report *r);
int  report_json(FILE *f, const struct report *r) MUST_CHECK;

/* How many of the claims are not met; each is said in a line to f, if there is an f. */
size_t report_unmet(FILE *f, const struct report *r);

/* The lines of the tutorial, to stdout. */
void report_wrong(uint64_t client, uint64_t got, uint64_t expected);
void report_done(uint64_t client, uint64_t reads, uint64_t stale);
void report_all_done(uint64_t clients);

#endif

/* claim.h -- what a run is asserted to show: stale<=0.1%, settle.p99<60ms, future==0.
 *
 * A claim about something that was not measured (no read was made, nothing settled) is
 * not met: silence proves nothing.
 */
#ifndef CLAIM_H
#define CLAIM_H

#include <stdbool.h>

#include "err.h"
#include "stale.h"

enum claim_op { CLAIM_LT, CLAIM_LE, CLAIM_GT, CLAIM_GE, CLAIM_EQ };

struct claim {
    const char   *text;   /* as it was written; not copied */
    int           metric; /* private: which */
    double        q;      /* private: of a histogram, which quantile */
    bool          share;  /* private: a count is taken as a share of all reads */
    enum claim_op op;
    double        bound; /* fractions, milliseconds or counts */
};

struct claim_verdict {
    bool   known; /* it was measured */
    double value; /* in the units of bound */
    bool   met;
};

int claim_parse(const char *text, struct claim *c, struct err *e) MUST_CHECK;

struct claim_verdict claim_check(const struct claim *c, const struct stale_result *r);

/* "0.3%", "52.1ms", "12". Answers buf. */
const char *claim_print(const struct claim *c, double value, char *buf, size_t size);

#endif

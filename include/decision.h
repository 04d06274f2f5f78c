/* decision.h -- what a rule has decided, and what became of the bytes: for the journal
 * and for those who watch.
 */
#ifndef DECISION_H
#define DECISION_H

#include "rule.h"

struct dialog;

/* What a rule decided on. */
enum decided_at {
    DECIDED_FRAME, /* a frame, when its head was known */
    DECIDED_BYTES, /* a run of bytes of it */
    DECIDED_OPEN,  /* the session, as it began */
    DECIDED_LIVE,  /* the session, that was there before the rule */
    DECIDED_END,   /* the end of a lane */
};

/* One verdict of one rule that was not "let it pass". */
struct decision {
    const struct rule    *rule;
    const struct dialog  *dialog;
    enum lane_id          lane;
    uint64_t              frame;   /* ordinal on its lane, from 1 */
    const char           *command; /* of the frame, or of the request it answers; or "" */
    const struct verdict *orders;  /* this rule's part of the verdict */
    nsec                  now;
    enum decided_at       at;
};

/* Bytes of a lane that a rule has lost or invented, since it was last told. */
struct account {
    const struct rule   *rule;
    const struct dialog *dialog;
    enum lane_id         lane;
    uint64_t             frame; /* the one that passed meanwhile */
    uint64_t             dropped, added;
};

#endif

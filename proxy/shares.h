/* shares.h -- what the sessions of a link share of a rule. Private to the dialog.
 *
 * It outlives the sessions: a replica that comes back is no stranger. It goes with its
 * rule.
 */
#ifndef SHARES_H
#define SHARES_H

#include "dialog.h"

struct share;

/* Join what the rule's fault keeps for all sessions of d's link: *out, or NULL when it
 * keeps nothing. False: no memory. */
bool share_join(struct dialog *d, const struct rule *r, uint64_t serial,
                struct share **out) MUST_CHECK;
void share_leave(struct share *s);
void *share_bytes(struct share *s); /* zero at first */

/* This plan is in force: forget what belongs to no rule of it, and nobody uses. */
void shares_sweep(struct core *c, const struct plan *plan);
void shares_release(struct core *c);

#endif

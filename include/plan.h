/* plan.h -- the ordered list of rules in force; immutable, counted, swapped whole.
 *
 * A change makes a new plan that shares the rules of the old one; a session takes it up
 * at its next frame. A rule keeps its entry's serial and slot for as long as it lives.
 */
#ifndef PLAN_H
#define PLAN_H

#include "rule.h"

#define PLAN_SLOTS 64 /* rules on lane replies with conditions on the request */

struct plan_entry {
    struct rule *rule;
    uint64_t     serial; /* unique for the life of the process, from 1, rising */
    int          slot;   /* 0..PLAN_SLOTS-1 when rule_needs_request, else -1 */
    nsec         until;  /* when 'for' ends; NSEC_NEVER */
};

struct plan {
    uint64_t          serial; /* of the newest rule ever seen when it was made */
    size_t            n;
    unsigned          refs;
    bool              triggers; /* some rule waits for, or ends with, an act of a rule */
    struct plan_entry entry[];
};

struct plan *plan_empty(void);
struct plan *plan_ref(struct plan *p);
void         plan_unref(struct plan **p); /* sets *p to NULL; NULL is fine */

/* A new plan with the rule at its end. The rule's reference moves into the plan on
 * success. A rule without a name is named rule-1, rule-2, ...; a taken name is refused
 * (-EEXIST), and so is a 65th rule that needs a slot (-ENOSPC). old is not changed. */
int plan_with(const struct plan *old, struct rule *r, nsec now, struct plan **out,
              struct err *e) MUST_CHECK;

/* A new plan of these rules, in this order, whose references move into it on success. One
 * that old has too, word for word, is that of old: it goes on with its counts, its state
 * and the rest of its life. Errors as of plan_with; *bad, unless NULL, says of which. */
int plan_set(const struct plan *old, struct rule **rules, size_t n, nsec now,
             struct plan **out, size_t *bad, struct err *e) MUST_CHECK;

/* A new plan without the rules whose name matches the glob; -ENOENT when none does. */
int plan_without(const struct plan *old, const char *glob, struct plan **out,
                 struct err *e) MUST_CHECK;

/* r has acted: rules that wait for that begin, or are over. Answers whether any did:
 * then sessions are to be told, and plan_expire may have work. */
bool plan_fired(const struct plan *p, struct rule *r);

/* A new plan without what has expired at `now`; NULL when nothing has. */
struct plan *plan_expire(const struct plan *old, nsec now);
nsec         plan_due(const struct plan *p); /* when plan_expire will have work */

#endif

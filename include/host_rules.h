/* host_rules.h -- the rules whose faults are the kernel's, in a running proxy. */
#ifndef HOST_RULES_H
#define HOST_RULES_H

#include "rule.h"

struct proxy;

void hosts_clean(void); /* what dead processes left behind */

/* May it be added? Faults that are not the kernel's always may. 0, or a negative errno
 * and *e that names what is missing. */
int hosts_check(struct proxy *p, const struct rule *r, struct err *e) MUST_CHECK;

/* All sessions are about to be told of the plan again, and have been. */
void hosts_begin(struct proxy *p);
void hosts_end(struct proxy *p);

void hosts_undo(struct proxy *p); /* for good */

#endif

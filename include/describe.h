/* describe.h -- a running proxy as JSON: what is there, and how it fares.
 *
 * Each answers a new reference, or NULL when out of memory. Cheap enough to be asked
 * ten times a second of a proxy with thousands of sessions; lists of sessions are cut at
 * DESCRIBE_SESSIONS and say so.
 */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include <jansson.h>

#include "proxy.h"

#define DESCRIBE_SESSIONS 1000

json_t *describe_nodes(const struct proxy *p);
json_t *describe_links(const struct proxy *p); /* those that have or had a session */
json_t *describe_sessions(const struct proxy *p);
json_t *describe_rules(const struct proxy *p);
json_t *describe_rule(const struct plan_entry *e);
json_t *describe_stats(const struct proxy *p);

/* The last lines of the journal, at most so many; NULL and *e when there is none. */
json_t *describe_journal(const struct proxy *p, size_t lines, struct err *e);
json_t *describe_event(const struct proxy_event *ev);

#endif

/* describe_parts.h -- what is shown of replication links. Private to describe.c,
 * describe_repl.c and metrics.c.
 */
#ifndef DESCRIBE_PARTS_H
#define DESCRIBE_PARTS_H

#include <jansson.h>

#include "answer.h"
#include "session_parts.h"

/* null when s is NULL, or no replica. */
json_t *describe_repl(const struct session *s);
void describe_repl_event(const struct repl *r, json_t *into);
void metrics_repl(const struct proxy *p, struct answer *a);

/* Of the sockets of each link, in metrics_sockets.c. */
void metrics_sockets(const struct proxy *p, struct answer *a);

#endif

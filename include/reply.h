/* reply.h -- what a server has said, which need not be what was asked for: somebody else
 * may listen there, or a fault has moved every answer by one.
 */
#ifndef REPLY_H
#define REPLY_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

/* Its text, "" where it has none: a number, nil, an array. The reply's own. */
static inline const char *reply_text(const redisReply *r)
{
    return r->str ? r->str : "";
}

/* Is it an array of two texts: a host and its port? */
static inline bool reply_is_place(const redisReply *r)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
           r->element[0]->str != NULL && r->element[1]->str != NULL;
}

#endif

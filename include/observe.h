/* observe.h -- what is true of a node of the lab, asked of the node itself.
 *
 * Straight to its real address, past the proxy and whatever rules are in force: ground
 * truth for an exercise. As all of a stage's functions these wait, and answer 0 or a
 * negative errno: -EIO when the node does not answer within 5 s.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#include <hiredis/hiredis.h>

#include "stage.h"

/* Ask with an inline command ("CONFIG GET save"); hear gets the reply, whatever it is. */
int observe(struct stage *s, const char *node, const char *command,
            void (*hear)(void *arg, const redisReply *r), void *arg) MUST_CHECK;

/* A text, a number or a nil ("(nil)") into buf; of an array "". An error reply is
 * -EPROTO, and its text is in buf. */
int observe_text(struct stage *s, const char *node, const char *command, char *buf,
                 size_t size) MUST_CHECK;

/* A field of INFO: "" when there is none, and the number 0. */
int observe_info(struct stage *s, const char *node, const char *field, char *buf,
                 size_t size) MUST_CHECK;
int observe_number(struct stage *s, const char *node, const char *field,
                   double *out) MUST_CHECK;

/* Until that field says so, or time is over: -ETIMEDOUT. */
int observe_until(struct stage *s, const char *node, const char *field, const char *value,
                  nsec within) MUST_CHECK;

/* Until that number has grown beyond, or -ETIMEDOUT. */
int observe_beyond(struct stage *s, const char *node, const char *field, double beyond,
                   nsec within) MUST_CHECK;

/* Until a replica has applied what the master has now, over a link that is up. */
int observe_sync(struct stage *s, const char *master, const char *replica,
                 nsec within) MUST_CHECK;

/* Tell it something that it answers with OK or a number; an error reply is -EPROTO with
 * s->trouble saying what. The command is formatted, at most 250 letters. */
int observe_order(struct stage *s, const char *node, const char *fmt, ...) MUST_CHECK
    PRINTF_LIKE(3, 4);

/* Which of the numbers 1..n are in the set: in[number - 1]. */
int observe_members(struct stage *s, const char *node, const char *key, bool *in,
                    size_t n) MUST_CHECK;

/* Make a replica the master, and replica `follower` (NULL = none) its replica; until both
 * say so and are in sync. */
int observe_promote(struct stage *s, const char *node, const char *follower) MUST_CHECK;

#endif

/* question.h -- ask one Redis one question, once. For readiness and ground truth in a
 * lab.
 *
 * A connection of its own for each question, so that an answer never belongs to
 * another, and a server that is hung costs its deadline and nothing else.
 */
#ifndef QUESTION_H
#define QUESTION_H

#include <uv.h>

#include "clock.h"

struct question;
struct redisReply; /* hiredis' */

/* Ask with an inline command ("PING"). Answers at once. done is called exactly once,
 * from the loop, unless question_cancel is called before: status is 0 and reply is the
 * answer, which may be an error reply, or status is a negative errno and reply is
 * NULL. Both are gone when it returns. */
struct question *question_open(
    uv_loop_t *loop, const char *ip, uint16_t port, const char *command, nsec deadline,
    void (*done)(void *arg, int status, const struct redisReply *reply), void *arg);

void question_cancel(struct question **q); /* sets *q to NULL; NULL is fine */

/* The value of a field in what INFO answers: "up" for "master_link_status". Answers buf,
 * "" when there is no such field or it does not fit. */
const char *question_info(const char *info, const char *field, char *buf, size_t size);

#endif

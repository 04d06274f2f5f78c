/* merge.h -- the answers of several proxies to one question, as one answer.
 *
 * What all say alike is said once. Counts are added up; of what cannot be added, such as
 * the most that was ever held, the greatest is told, and of how much is done the least.
 * Lists of things with a name (or with ends, "from" and "to") are put together by it,
 * other lists one after the other. Where texts differ all are told, with commas between.
 */
#ifndef MERGE_H
#define MERGE_H

#include <jansson.h>

/* answer[i] is what at[i] said; NULL = it had nothing to say. A rule that not all have
 * says on how many it is, "proxies"; a session, on which, "proxy". Answers a new
 * reference, NULL when none said anything. n > 0. */
json_t *merge_answers(json_t *const *answer, const char *const *at, size_t n);

#endif

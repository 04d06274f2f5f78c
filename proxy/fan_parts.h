/* fan_parts.h -- what fan_change.c and fan_play.c have in common. */
#ifndef FAN_PARTS_H
#define FAN_PARTS_H

#include "fan.h"

/* How many did not answer, or refused; *first is the first of them. */
size_t fan_failed(const struct fan *f, size_t *first);

/* How many have refused, in so many words: they have not done it. */
size_t fan_refused(const struct fan *f);

/* Ask all. 0, or *e: nothing is changed, because of those that do not answer. */
int fan_look(struct fan *f, const char *path, struct err *e) MUST_CHECK;

/* Keep in each peer the rules that it has. */
int fan_remember(struct fan *f, struct err *e) MUST_CHECK;

/* Ask one, again and again if need be. What it refuses need not be repeated. */
int fan_insist(struct fan *f, size_t at, const struct fan_request *q) MUST_CHECK;

/* Give back the rules that they had to those that are not spared. Answers which could not
 * be reached, with commas between; "" = all are as they were. */
const char *fan_restore(struct fan *f, const bool *spared, char *lost, size_t size);

#endif

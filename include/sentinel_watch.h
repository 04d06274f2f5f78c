/* sentinel_watch.h -- `sunder sentinel watch`. */
#ifndef SENTINEL_WATCH_H
#define SENTINEL_WATCH_H

#include "cli.h"
#include "sentinel.h"
#include "sentinel_view.h"

/* Print the events of all sentinels that match one of the patterns (a list that ends with
 * NULL; empty = all), until a signal comes or `limit` is over; 0 = for ever. Answers what
 * to exit with. */
int sentinel_watch(const struct usage *u, const struct sentinels *s,
                   const struct view_how *how, const char *const *pattern, nsec limit);

#endif

/* ranges.h -- a set of numbers as people write it: "1-300,305".
 *
 * Pure. Number i, from 1, is in the set if in[i - 1].
 */
#ifndef RANGES_H
#define RANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* Answers buf, "" for no number at all; or NULL if it does not fit. size > 0. */
const char *ranges_print(const bool *in, size_t n, char *buf, size_t size);

/* Set in[0..n) to what the text says. 0, or -EINVAL: no such text, or a number that is
 * not 1 to n. */
int ranges_parse(const char *text, bool *in, size_t n) MUST_CHECK;

#endif

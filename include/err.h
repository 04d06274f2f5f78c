/* err.h -- what was wrong with something a user wrote, and where.
 *
 * For rules, flags, configuration and requests: text that a person can mend. Failures
 * of the world (sockets, files) are negative errno values and need no struct err
 * until they reach a user.
 *
 * Style: one line, lower case, no full stop, names the thing in 'quotes'; the way out
 * goes into the hint.
 */
#ifndef ERR_H
#define ERR_H

#include <stdbool.h>
#include <stddef.h>

#define ERR_MAX 512

#if defined(__GNUC__)
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define MUST_CHECK              __attribute__((warn_unused_result))
#else
#define PRINTF_LIKE(fmt, first)
#define MUST_CHECK
#endif

struct err {
    int    code;         /* a negative errno; 0 while nothing is wrong */
    size_t line, column; /* from 1; 0 = unknown */
    char   text[ERR_MAX];
    char   hint[ERR_MAX]; /* "" when there is none */
};

/* Fill *e and answer code, so that `return err_set(e, -EINVAL, ...)` is one statement.
 * e may be NULL: only the code is wanted then. Clears the place and the hint. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Add to what err_set wrote. Both do nothing when e is NULL. */
void err_hint(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
void err_place(struct err *e, size_t line, size_t column);

/* "text (line 3, column 14); hint: ..." into buf, always terminated. Answers buf. */
const char *err_print(const struct err *e, char *buf, size_t size);

/* The word of a NULL-terminated list that is nearest to what was typed (edit distance,
 * at most a third of its length off), or NULL when none is near. For "did you mean". */
const char *err_nearest(const char *typed, const char *const *words);

#endif

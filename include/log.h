/* log.h -- one line an event, in logfmt, on standard error.
 *
 *   t=12.034567 lvl=info ev=session.open sid=42 link=r2->r1 peer=127.0.1.2:40114
 *
 * Keys and values of users never appear; commands and lengths do. Text that a peer sent
 * goes through log_quote.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

#include "clock.h"
#include "err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

extern enum log_level log_level; /* LOG_INFO; higher is quieter left out */

int log_level_parse(const char *s, enum log_level *out, struct err *e) MUST_CHECK;

void log_line(enum log_level level, const char *ev, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* The level is tested before the arguments are evaluated. */
#define log_at(level, ...)                                                               \
    do {                                                                                 \
        if ((level) <= log_level)                                                        \
            log_line(level, __VA_ARGS__);                                                \
    } while (0)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* Of what may happen a thousand times a second: is it time to say it (again)? Every ten
 * seconds. *next is 0 at first. */
bool log_again(nsec *next, nsec now);

/* s as a logfmt value: quoted when it must be, everything unprintable escaped, cut at
 * size. Answers buf. */
const char *log_quote(const char *s, size_t n, char *buf, size_t size);

#endif

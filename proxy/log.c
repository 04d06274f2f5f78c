/* log.c -- see log.h. A line is written with one write(2), so that lines of several
 * processes on one terminal do not mix. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAY_AGAIN SEC(10)

enum log_level log_level = LOG_INFO;

static const char *const names[] = {"error", "warn", "info", "debug", NULL};

int log_level_parse(const char *s, enum log_level *out, struct err *e)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(s, names[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    err_set(e, -EINVAL, "unknown log level '%.20s'", s);
    err_hint(e, "one of error, warn, info, debug");
    return -EINVAL;
}

static double since_start(void)
{
    static struct timespec start;
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    if (start.tv_sec == 0)
        start = t;
    return (double)(t.tv_sec - start.tv_sec) + (double)(t.tv_nsec - start.tv_nsec) / 1e9;
}

void log_line(enum log_level level, const char *ev, const char *fmt, ...)
{
    char line[2048];
    va_list ap;
    int n = snprintf(line, sizeof line, "t=%.6f lvl=%s ev=%s ", since_start(),
                     names[level], ev);
    size_t at = (size_t)n;

    va_start(ap, fmt);
    n = vsnprintf(line + at, sizeof line - at - 1, fmt, ap);
    va_end(ap);
    at += n < 0 ? 0 : (size_t)n < sizeof line - at - 1 ? (size_t)n : sizeof line - at - 2;
    line[at++] = '\n';
    (void)!write(STDERR_FILENO, line, at);
}

bool log_again(nsec *next, nsec now)
{
    if (now < *next)
        return false;
    *next = now + SAY_AGAIN;
    return true;
}

static bool plain(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '=' || s[i] == '\\')
            return false;
    return n > 0;
}

const char *log_quote(const char *s, size_t n, char *buf, size_t size)
{
    size_t at = 0;

    if (plain(s, n)) {
        snprintf(buf, size, "%.*s", (int)n, s);
        return buf;
    }
    buf[at++] = '"';
    for (size_t i = 0; i < n && at + 6 < size; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c == '"' || c == '\\')
            buf[at++] = '\\';
        if (c >= ' ' && c <= '~')
            buf[at++] = (char)c;
        else
            at += (size_t)snprintf(buf + at, size - at, "\\x%02x", c);
    }
    buf[at++] = '"';
    buf[at] = '\0';
    return buf;
}

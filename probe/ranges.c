/* ranges.c -- see ranges.h. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ranges.h"

const char *ranges_print(const bool *in, size_t n, char *buf, size_t size)
{
    size_t at = 0, end;

    *buf = '\0';
    for (size_t i = 0; i < n; i = end + 1) {
        int wrote;

        for (end = i; end < n && in[end]; end++)
            ;
        if (end == i)
            continue;
        wrote = end == i + 1 ? snprintf(buf + at, size - at, "%s%zu", at ? "," : "", end)
                             : snprintf(buf + at, size - at, "%s%zu-%zu", at ? "," : "",
                                        i + 1, end);
        at += (size_t)wrote;
        if (at >= size)
            return NULL;
    }
    return buf;
}

/* The number at *p, which moves behind it; 0 if there is none. */
static size_t number(const char **p, size_t most)
{
    char *end;
    unsigned long long v;

    if (!isdigit((unsigned char)**p))
        return 0;
    v = strtoull(*p, &end, 10);
    *p = end;
    return v <= most ? (size_t)v : 0;
}

int ranges_parse(const char *text, bool *in, size_t n)
{
    const char *p = text;

    memset(in, 0, n * sizeof *in);
    while (*p != '\0') {
        size_t first = number(&p, n), last = first;

        if (*p == '-') {
            p++;
            last = number(&p, n);
        }
        if (first == 0 || last < first || (*p != ',' && *p != '\0'))
            return -EINVAL;
        memset(in + first - 1, 1, (last - first + 1) * sizeof *in);
        if (*p == ',' && *++p == '\0')
            return -EINVAL;
    }
    return 0;
}

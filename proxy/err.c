/* err.c -- messages about what a user wrote, and the nearest right word. */
#include "err.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 64 /* longer words are not typing errors */

/* What we quote is what somebody typed. A message stays one line whatever that was. */
static void flatten(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            *s = '?';
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    va_list ap;

    if (e == NULL)
        return code;
    e->code = code;
    e->line = e->column = 0;
    e->hint[0] = '\0';
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    flatten(e->text);
    return code;
}

void err_hint(struct err *e, const char *fmt, ...)
{
    va_list ap;

    if (e == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(e->hint, sizeof e->hint, fmt, ap);
    va_end(ap);
    flatten(e->hint);
}

void err_place(struct err *e, size_t line, size_t column)
{
    if (e == NULL)
        return;
    e->line = line;
    e->column = column;
}

static void print_place(const struct err *e, char *buf, size_t size)
{
    if (e->line && e->column)
        snprintf(buf, size, " (line %zu, column %zu)", e->line, e->column);
    else if (e->line)
        snprintf(buf, size, " (line %zu)", e->line);
    else if (e->column)
        snprintf(buf, size, " (column %zu)", e->column);
    else
        buf[0] = '\0';
}

const char *err_print(const struct err *e, char *buf, size_t size)
{
    char place[80];

    print_place(e, place, sizeof place);
    snprintf(buf, size, "%s%s%s%s", e->text, place, e->hint[0] ? "; hint: " : "",
             e->hint);
    return buf;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same(const char *a, size_t i, const char *b, size_t j)
{
    return tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
}

/* Edits (insert, delete, change, swap two neighbours) that turn a into b. Case is no
 * difference. Both are at most WORD_MAX long. */
static size_t distance(const char *a, const char *b)
{
    size_t row[3][WORD_MAX + 1];
    size_t na = strlen(a), nb = strlen(b);

    for (size_t j = 0; j <= nb; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *now = row[i % 3], *above = row[(i + 2) % 3], *two = row[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            now[j] = least(above[j], now[j - 1]) + 1;
            now[j] = least(now[j], above[j - 1] + !same(a, i, b, j));
            if (i > 1 && j > 1 && same(a, i, b, j - 1) && same(a, i - 1, b, j))
                now[j] = least(now[j], two[j - 2] + 1);
        }
    }
    return row[na % 3][nb];
}

const char *err_nearest(const char *typed, const char *const *words)
{
    const char *nearest = NULL;
    size_t n = strlen(typed), best = SIZE_MAX;

    if (n > WORD_MAX)
        return NULL;
    for (; *words; words++) {
        size_t len = strlen(*words), d;

        if (len > WORD_MAX)
            continue;
        d = distance(typed, *words);
        if (d < best && d <= (len > n ? len : n) / 3) {
            best = d;
            nearest = *words;
        }
    }
    return nearest;
}

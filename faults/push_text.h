/* push_text.h -- the text of push messages, for push.c alone. */
#ifndef PUSH_TEXT_H
#define PUSH_TEXT_H

#include <stdio.h>
#include <string.h>

#include "fault.h"

struct push {
    int message;
    uint64_t seq, after;
    char text[PARAM_TEXT_SIZE], line[2 * PARAM_TEXT_SIZE];
    size_t n;
};

static const char *const messages[] = {"MOVING",       "MIGRATING",   "MIGRATED",
                                       "FAILING_OVER", "FAILED_OVER", "invalidate",
                                       "raw",          NULL};

/* What follows its name: Sequence, seconds After, Text, the Shards, the Keys. */
static const char *const parts[] = {"SAT", "SAH", "SH", "SAH", "SH", "K", NULL};

static int print_part(const struct push *c, char part, char *p, size_t size)
{
    const char *list = part == 'K' ? "*1\r\n" : "";

    if (part == 'S' || part == 'A')
        return snprintf(p, size, ":%u\r\n", (unsigned)(part == 'S' ? c->seq : c->after));
    if (part == 'H')
        return snprintf(p, size, "*1\r\n$1\r\n1\r\n");
    if (part == 'K' && c->text[0] == '\0')
        return snprintf(p, size, "_\r\n"); /* all keys */
    return snprintf(p, size, "%s$%zu\r\n%s\r\n", list, strlen(c->text), c->text);
}

static size_t print(struct push *c)
{
    const char *name = messages[c->message], *part = parts[c->message];
    int n;

    if (part == NULL)
        return (size_t)snprintf(c->line, sizeof c->line, "%s", c->text);
    n = snprintf(c->line, sizeof c->line, ">%zu\r\n$%zu\r\n%s\r\n", strlen(part) + 1,
                 strlen(name), name);
    for (; *part; part++)
        n += print_part(c, *part, c->line + n, sizeof c->line - (size_t)n);
    return (size_t)n;
}

#endif

/* answer.c -- see answer.h. */
#include "answer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool room(struct answer *a, size_t n)
{
    size_t size = a->size ? a->size : 1024;
    char *p;

    while (size < a->n + n)
        size *= 2;
    if (size == a->size)
        return true;
    if (a->failed || (p = realloc(a->p, size)) == NULL) {
        a->failed = true;
        return false;
    }
    a->p = p;
    a->size = size;
    return true;
}

static void put(struct answer *a, const char *p, size_t n)
{
    if (!room(a, n))
        return;
    memcpy(a->p + a->n, p, n);
    a->n += n;
}

void answer_text(struct answer *a, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put(a, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

void answer_bulk(struct answer *a, const char *s, size_t n)
{
    answer_text(a, "$%zu\r\n", n);
    put(a, s, n);
    put(a, "\r\n", 2);
}

static void answer_object(struct answer *a, const json_t *v)
{
    const char *key;
    json_t *value;
    size_t n = json_object_size(v);

    answer_text(a, a->resp == 3 ? "%%%zu\r\n" : "*%zu\r\n", a->resp == 3 ? n : 2 * n);
    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        answer_bulk(a, key, strlen(key));
        answer_json(a, value);
    }
}

static void answer_number(struct answer *a, const json_t *v)
{
    char text[32];

    if (json_is_integer(v)) {
        answer_text(a, ":%lld\r\n", (long long)json_integer_value(v));
        return;
    }
    snprintf(text, sizeof text, "%.6g", json_real_value(v));
    if (a->resp == 3)
        answer_text(a, ",%s\r\n", text);
    else
        answer_bulk(a, text, strlen(text));
}

void answer_json(struct answer *a, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: answer_object(a, v); break;
    case JSON_ARRAY:
        answer_text(a, "*%zu\r\n", json_array_size(v));
        for (size_t i = 0; i < json_array_size(v); i++)
            answer_json(a, json_array_get(v, i));
        break;
    case JSON_STRING: answer_bulk(a, json_string_value(v), json_string_length(v)); break;
    case JSON_INTEGER:
    case JSON_REAL: answer_number(a, v); break;
    case JSON_TRUE: answer_text(a, a->resp == 3 ? "#t\r\n" : ":1\r\n"); break;
    case JSON_FALSE: answer_text(a, a->resp == 3 ? "#f\r\n" : ":0\r\n"); break;
    case JSON_NULL: answer_text(a, a->resp == 3 ? "_\r\n" : "$-1\r\n"); break;
    }
}

/* An error is one line whatever was quoted in it. */
void answer_error(struct answer *a, const struct err *e)
{
    char text[2 * ERR_MAX + 64];

    err_print(e, text, sizeof text);
    for (char *c = text; *c; c++)
        if (*c == '\r' || *c == '\n')
            *c = ' ';
    answer_text(a, "-ERR %s\r\n", text);
}

void answer_release(struct answer *a)
{
    free(a->p);
    *a = (struct answer){.resp = a->resp};
}

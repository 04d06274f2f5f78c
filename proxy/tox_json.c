/* tox_json.c -- JSON read as tolerantly as Toxiproxy does, written as Go writes it. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tox_parts.h"

int tox_fail(struct tox_error *e, unsigned status, const char *fmt, ...)
{
    va_list ap;

    e->status = status;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    return -1;
}

json_t *tox_field(const json_t *o, const char *key)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)o, name, value)
    {
        if (strcasecmp(name, key) == 0)
            return json_is_null(value) ? NULL : value;
    }
    return NULL;
}

static int wrong_type(struct tox_error *e, const char *key, const char *wanted)
{
    return tox_fail(e, 400, "bad request body: %s must be a %s", key, wanted);
}

int tox_text(const json_t *o, const char *key, const char **out, struct tox_error *e)
{
    const json_t *v = tox_field(o, key);

    if (v && !json_is_string(v))
        return wrong_type(e, key, "string");
    if (v)
        *out = json_string_value(v);
    return 0;
}

int tox_bool(const json_t *o, const char *key, bool *out, struct tox_error *e)
{
    const json_t *v = tox_field(o, key);

    if (v && !json_is_boolean(v))
        return wrong_type(e, key, "boolean");
    if (v)
        *out = json_is_true(v);
    return 0;
}

int tox_fraction(const json_t *o, const char *key, double *out, struct tox_error *e)
{
    const json_t *v = tox_field(o, key);

    if (v == NULL)
        return 0;
    if (!json_is_number(v))
        return wrong_type(e, key, "number");
    if (json_number_value(v) < 0 || json_number_value(v) > 1)
        return tox_fail(e, 400, "%s must be from 0 to 1", key);
    *out = json_number_value(v);
    return 0;
}

/* The shortest number that is the same 32-bit float. */
json_t *tox_number(double x)
{
    char text[32];

    if (x == floor(x))
        return json_integer((json_int_t)x);
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtof(text, NULL) == (float)x)
            break;
    }
    return json_real(strtod(text, NULL));
}

json_t *tox_parse(const char *body, size_t n, json_type type, struct tox_error *e)
{
    size_t blank = 0;
    json_error_t why;
    json_t *v;

    while (blank < n && body[blank] && strchr(" \t\r\n", body[blank]))
        blank++;
    if (blank == n) {
        tox_fail(e, 400, "bad request body: EOF");
        return NULL;
    }
    v = json_loadb(body, n, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &why);
    if (v && json_typeof(v) == type)
        return v;
    if (v)
        tox_fail(e, 400, "bad request body: it must be an %s",
                 type == JSON_ARRAY ? "array" : "object");
    else
        tox_fail(e, 400, "bad request body: %.100s", why.text);
    json_decref(v);
    return NULL;
}

/* In JSON these three stand only inside of strings. */
static const char *escape_of(char c)
{
    switch (c) {
    case '<': return "\\u003c";
    case '>': return "\\u003e";
    case '&': return "\\u0026";
    default: return NULL;
    }
}

char *tox_print(const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)),
         *out = text ? malloc(strlen(text) * 6 + 1) : NULL, *to = out;

    for (const char *from = text; out && *from; from++) {
        const char *escape = escape_of(*from);

        if (escape)
            to = stpcpy(to, escape);
        else
            *to++ = *from;
    }
    if (out)
        *to = '\0';
    free(text);
    return out;
}

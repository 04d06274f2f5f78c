/* native.c -- see native.h. */
#include "native.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "control.h"

#define BLANK " \t\r\n"

enum {
    OK = 200,
    CREATED = 201,
    NO_CONTENT = 204,
    BAD_REQUEST = 400,
    FORBIDDEN = 403,
    NOT_FOUND = 404,
    BAD_METHOD = 405,
    CONFLICT = 409,
    FAILED = 500,
    NOT_HERE = 501 /* this machine cannot do it */
};

static unsigned status_of(int err)
{
    switch (err) {
    case -ENOENT: return NOT_FOUND;
    case -EEXIST:
    case -EBUSY: return CONFLICT;
    case -EPERM: return FORBIDDEN;
    case -ENOMEM: return FAILED;
    case -EOPNOTSUPP:
    case -ENOSYS: return NOT_HERE;
    default: return BAD_REQUEST;
    }
}

json_t *native_error(unsigned status, const struct err *e)
{
    json_t *o = json_pack("{s:s, s:i}", "error", e->text, "status", (int)status);

    if (o == NULL) /* what was quoted in it is no UTF-8 */
        o = json_pack("{s:s, s:i}", "error", "no UTF-8", "status", (int)status);
    if (o && e->hint[0])
        json_object_set_new(o, "hint", json_string(e->hint));
    if (o && e->line)
        json_object_set_new(o, "line", json_integer((json_int_t)e->line));
    if (o && e->column)
        json_object_set_new(o, "column", json_integer((json_int_t)e->column));
    return o;
}

/* The rest parameter of a verb: what a body that is no JSON is taken for. */
static bool rest_param(const struct control_verb *v, char *name, size_t size)
{
    const char *dots = strstr(v->params, "..."), *from = dots;

    while (from && from > v->params && from[-1] != ' ')
        from--;
    if (dots == NULL || (size_t)(dots - from) >= size)
        return false;
    memcpy(name, from, (size_t)(dots - from));
    name[dots - from] = '\0';
    return true;
}

static int take_text(json_t *args, const char *name, const char *p, size_t n,
                     struct err *e)
{
    while (n > 0 && strchr(BLANK, p[n - 1]))
        n--;
    if (memchr(p, '\0', n))
        return err_set(e, -EINVAL, "there is a zero byte in the body");
    if (json_object_set_new(args, name, json_stringn(p, n)) < 0)
        return err_set(e, -EINVAL, "the body is no UTF-8");
    return 0;
}

static int take_body(const struct control_verb *v, const char *p, size_t n, json_t *args,
                     struct err *e)
{
    json_error_t why;
    json_t *o;
    char name[32];

    for (; n > 0 && strchr(BLANK, *p) && *p; n--)
        p++;
    if (n == 0)
        return 0;
    if (*p != '{' && rest_param(v, name, sizeof name))
        return take_text(args, name, p, n, e);
    o = json_loadb(p, n, 0, &why);
    if (o == NULL || !json_is_object(o)) {
        err_set(e, -EINVAL, "the body is no JSON object%s%.120s", o ? "" : ": ",
                o ? "" : why.text);
        json_decref(o);
        return -EINVAL;
    }
    (void)json_object_update(args, o);
    json_decref(o);
    return 0;
}

/* Numbers become the text they are written as, for the verbs. */
static void numbers_to_text(json_t *args)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(args, next, key, value)
    {
        char text[32];

        if (!json_is_integer(value))
            continue;
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
        (void)json_object_set_new(args, key, json_string(text));
    }
}

static int run(struct proxy *p, const struct control_verb *v, json_t *args,
               const char *body, size_t n, json_t **out, struct err *e)
{
    int err = take_body(v, body, n, args, e);

    if (err == 0) {
        numbers_to_text(args);
        err = control_check(v, args, e);
    }
    return err ? err : v->run(p, args, out, e);
}

unsigned native_answer(struct proxy *p, const char *method, const char *path,
                       json_t *args, const char *body, size_t n, json_t **out)
{
    struct err e = {0};
    unsigned status = BAD_REQUEST;
    bool known;
    const struct control_verb *v = control_route(method, path, args, &known);
    int err = -EINVAL;

    *out = NULL;
    if (v == NULL && !known)
        return NOT_FOUND;
    if (v == NULL) {
        status = BAD_METHOD;
        err_set(&e, err, "this path has no such method");
    } else if ((err = run(p, v, args, body, n, out, &e)) < 0) {
        status = status_of(err);
    }
    if (err) {
        *out = native_error(status, &e);
        return status;
    }
    if (*out == NULL)
        return NO_CONTENT;
    return strcmp(v->route, "POST /rules") == 0 ? CREATED : OK;
}

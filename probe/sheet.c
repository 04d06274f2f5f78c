/* sheet.c -- see sheet.h. */
#include "sheet.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

#define NAME_WIDTH 18

static struct fact *next(struct sheet *s, const char *name)
{
    struct fact *f = &s->fact[s->n++];

    assert(s->n <= SHEET_FACTS);
    *f = (struct fact){.name = name};
    return f;
}

void sheet_text(struct sheet *s, const char *name, const char *fmt, ...)
{
    struct fact *f = next(s, name);
    va_list args;

    va_start(args, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, args);
    va_end(args);
}

void sheet_number(struct sheet *s, const char *name, double value, const char *remark)
{
    struct fact *f = next(s, name);

    f->number = true;
    f->value = value;
    snprintf(f->text, sizeof f->text, "%s", remark);
}

/* -- for people ------------------------------------------------------------------- */

static bool is_time(const struct fact *f)
{
    size_t n = strlen(f->name);

    return n > 3 && strcmp(f->name + n - 3, "_ms") == 0;
}

/* "sent_again" is "sent again", and "slowest_ms" is "slowest". */
static void print_name(const struct fact *f, FILE *out)
{
    size_t n = strlen(f->name) - (is_time(f) ? 3 : 0);

    fprintf(out, "  ");
    for (size_t i = 0; i < n; i++)
        fputc(f->name[i] == '_' ? ' ' : f->name[i], out);
    fprintf(out, "%*s", n < NAME_WIDTH ? (int)(NAME_WIDTH - n) : 1, "");
}

static void print_number(const struct fact *f, FILE *out)
{
    if (isnan(f->value))
        fprintf(out, "%9s%s", "-", is_time(f) ? "   " : "");
    else if (is_time(f))
        fprintf(out, "%9.1f ms", f->value);
    else
        fprintf(out, "%9.0f", f->value);
    if (f->text[0])
        fprintf(out, "   %s", f->text);
}

static void print_errors(const struct troubles *t, FILE *out)
{
    const char *before = "";

    if (trouble_total(t) == 0)
        return;
    fprintf(out, "  %-*s", NAME_WIDTH, "errors");
    for (int i = 0; i < TROUBLE_KINDS; i++)
        if (t->n[i]) {
            fprintf(out, "%s%s %llu", before, trouble_name((enum trouble)i),
                    (unsigned long long)t->n[i]);
            before = ", ";
        }
    fputc('\n', out);
}

void sheet_print(const struct sheet *s, FILE *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct fact *f = &s->fact[i];

        print_name(f, out);
        if (f->number)
            print_number(f, out);
        else
            fputs(f->text, out);
        fputc('\n', out);
    }
    if (s->errors)
        print_errors(s->errors, out);
}

/* -- for programs ----------------------------------------------------------------- */

static json_t *json_value(const struct fact *f)
{
    if (!f->number)
        return json_string(f->text);
    if (isnan(f->value))
        return json_null();
    if (is_time(f))
        return json_real(f->value);
    return json_integer((json_int_t)f->value);
}

json_t *sheet_json(const struct sheet *s)
{
    json_t *all = json_object(), *errors;

    for (size_t i = 0; i < s->n; i++)
        json_object_set_new(all, s->fact[i].name, json_value(&s->fact[i]));
    if (s->errors == NULL)
        return all;
    errors = json_object();
    for (int i = 0; i < TROUBLE_KINDS; i++)
        if (s->errors->n[i])
            json_object_set_new(errors, trouble_name((enum trouble)i),
                                json_integer((json_int_t)s->errors->n[i]));
    json_object_set_new(all, "errors", errors);
    return all;
}

/* -- for claims ------------------------------------------------------------------- */

static int unknown(const struct sheet *s, const char *name, struct err *e)
{
    const char *words[SHEET_FACTS + 1] = {NULL}, *near;
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->fact[i].number)
            words[n++] = s->fact[i].name;
    near = err_nearest(name, words);
    err_set(e, -EINVAL, "nothing called '%.64s' is measured", name);
    if (near)
        err_hint(e, "did you mean '%s'?", near);
    else
        err_hint(e, "-o json shows all names: %s ...", n ? words[0] : "");
    return -EINVAL;
}

/* By its name; "_ms" goes without saying. */
static bool is_called(const struct fact *f, const char *name, size_t n)
{
    size_t full = strlen(f->name);

    return strncmp(f->name, name, n) == 0 && (full == n || (is_time(f) && full == n + 3));
}

static const struct fact *find(const struct sheet *s, const char *name, size_t n)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->fact[i].number && is_called(&s->fact[i], name, n))
            return &s->fact[i];
    return NULL;
}

static int read_bound(const struct fact *f, const char *s, double *out, struct err *e)
{
    char *end;
    nsec t;

    if (isdigit((unsigned char)*s)) {
        *out = strtod(s, &end);
        if (*end == '\0' && isfinite(*out))
            return 0;
    }
    if (is_time(f) && value_time(s, &t, NULL) == 0) {
        *out = (double)t / 1e6;
        return 0;
    }
    err_set(e, -EINVAL, "'%.64s' is no value for '%s'", s, f->name);
    err_hint(e, is_time(f) ? "a time such as 50ms" : "a number such as 0");
    return -EINVAL;
}

static bool compare(const char *op, size_t n, double value, double bound)
{
    if (op[0] == '=')
        return value == bound;
    if (op[0] == '<')
        return n == 2 ? value <= bound : value < bound;
    return n == 2 ? value >= bound : value > bound;
}

int sheet_claim(const struct sheet *s, const char *claim, bool *met, struct err *e)
{
    size_t n = strcspn(claim, "<>=! ");
    const char *op = claim + n + strspn(claim + n, " ");
    size_t op_n = op[0] == '\0' ? 0 : op[1] == '=' ? 2 : 1;
    const struct fact *f = find(s, claim, n);
    char name[72];
    double bound;

    snprintf(name, sizeof name, "%.*s", (int)(n < 64 ? n : 64), claim);
    if (f == NULL)
        return unknown(s, name, e);
    if (op_n == 0 || strchr("<>=", op[0]) == NULL) {
        err_set(e, -EINVAL, "no comparison in '%.64s'", claim);
        err_hint(e, "such as %s==0, with one of < <= > >= ==", f->name);
        return -EINVAL;
    }
    if (read_bound(f, op + op_n + strspn(op + op_n, " "), &bound, e) < 0)
        return -EINVAL;
    *met = !isnan(f->value) && compare(op, op_n, f->value, bound);
    return 0;
}

/* param.c -- see param.h. Every type of a parameter is known here and nowhere else. */
#include "param.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "value.h"

/* What a field of conf may hold. */
union field {
    uint64_t number; /* TIME, BYTES, RATE, COUNT */
    double fraction;
    int word;
};

static size_t field_size(enum param_type t)
{
    switch (t) {
    case PARAM_FRACTION: return sizeof(double);
    case PARAM_WORD: return sizeof(int);
    default: return sizeof(uint64_t);
    }
}

static union field get(const struct param *p, const void *conf)
{
    union field f = {0};

    memcpy(&f, (const char *)conf + p->offset, field_size(p->type));
    return f;
}

const struct param *param_named(const struct fault *f, const char *name)
{
    for (const struct param *p = f->params; p && p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

static int read_word(const struct param *p, const char *text, int *out, struct err *e)
{
    const char *near;
    char range[ERR_MAX];

    for (int i = 0; p->words[i]; i++)
        if (strcmp(p->words[i], text) == 0) {
            *out = i;
            return 0;
        }
    near = err_nearest(text, p->words);
    err_set(e, -EINVAL, "%s cannot be '%.40s'", p->name, text);
    if (near)
        err_hint(e, "did you mean '%s'?", near);
    else
        err_hint(e, "%s", param_range(p, range, sizeof range));
    return -EINVAL;
}

static int read_field(const struct param *p, const char *text, union field *f,
                      struct err *e)
{
    switch (p->type) {
    case PARAM_TIME: return value_time(text, &f->number, e);
    case PARAM_BYTES: return value_bytes(text, &f->number, e);
    case PARAM_RATE: return value_rate(text, &f->number, e);
    case PARAM_COUNT: return value_count(text, &f->number, e);
    case PARAM_FRACTION: return value_fraction(text, &f->fraction, e);
    case PARAM_WORD: return read_word(p, text, &f->word, e);
    }
    return -EINVAL;
}

static bool in_range(const struct param *p, const union field *f)
{
    if (p->type == PARAM_FRACTION || p->type == PARAM_WORD)
        return true;
    return f->number >= p->min && f->number <= p->max;
}

int param_read(const struct param *p, void *conf, const char *text, struct err *e)
{
    union field f = {0};
    char range[ERR_MAX];
    int rc = read_field(p, text, &f, e);

    if (rc < 0)
        return rc;
    if (!in_range(p, &f)) {
        err_set(e, -EINVAL, "%s=%.40s is out of range", p->name, text);
        err_hint(e, "%s", param_range(p, range, sizeof range));
        return -EINVAL;
    }
    memcpy((char *)conf + p->offset, &f, field_size(p->type));
    return 0;
}

void param_defaults(const struct fault *f, void *conf)
{
    int rc = 0;

    for (const struct param *p = f->params; p && p->name; p++)
        if (p->standard)
            rc |= param_read(p, conf, p->standard, NULL);
    assert(rc == 0); /* a default is one of the values that are allowed */
}

bool param_is_standard(const struct param *p, const void *conf)
{
    union field is = get(p, conf), standard = {0};

    if (p->standard == NULL || read_field(p, p->standard, &standard, NULL) < 0)
        return false;
    return memcmp(&is, &standard, field_size(p->type)) == 0;
}

static const char *print_number(const struct param *p, uint64_t n, char *buf, size_t size)
{
    char bytes[PARAM_TEXT_MAX];

    if (p->type == PARAM_TIME)
        return value_print_time(n, buf, size);
    if (p->type == PARAM_BYTES)
        return value_print_bytes(n, buf, size);
    if (p->type == PARAM_RATE)
        snprintf(buf, size, "%s/s", value_print_bytes(n, bytes, sizeof bytes));
    else
        snprintf(buf, size, "%llu", (unsigned long long)n);
    return buf;
}

const char *param_print(const struct param *p, const void *conf, char *buf, size_t size)
{
    union field f = get(p, conf);

    if (p->type == PARAM_FRACTION)
        return value_print_fraction(f.fraction, buf, size);
    if (p->type != PARAM_WORD)
        return print_number(p, f.number, buf, size);
    snprintf(buf, size, "%s", p->words[f.word]);
    return buf;
}

static const char *print_words(const char *const *words, char *buf, size_t size)
{
    size_t n = 0;

    buf[0] = '\0';
    for (size_t i = 0; words[i] && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s%s",
                              i == 0         ? ""
                              : words[i + 1] ? ", "
                                             : " or ",
                              words[i]);
    return buf;
}

const char *param_range(const struct param *p, char *buf, size_t size)
{
    char low[PARAM_TEXT_MAX], high[PARAM_TEXT_MAX];

    if (p->type == PARAM_WORD)
        return print_words(p->words, buf, size);
    if (p->type == PARAM_FRACTION) {
        snprintf(buf, size, "0%% to 100%%");
        return buf;
    }
    print_number(p, p->min, low, sizeof low);
    print_number(p, p->max, high, sizeof high);
    if (p->max >= SIZE_MAX / 2)
        snprintf(buf, size, "%s or more", low);
    else
        snprintf(buf, size, "%s to %s", low, high);
    return buf;
}

/* param.c -- see param.h. Every type of a parameter is known here and nowhere else. */
#include "param.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "value.h"

/* What a field of conf may hold. */
union field {
    uint64_t number; /* TIME, BYTES, RATE, COUNT */
    double fraction;
    int word;
    char text[PARAM_TEXT_SIZE];
};

static size_t field_size(enum param_type t)
{
    switch (t) {
    case PARAM_FRACTION: return sizeof(double);
    case PARAM_WORD: return sizeof(int);
    case PARAM_TEXT: return PARAM_TEXT_SIZE;
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

/* One character of a quoted text. Answers what follows, or NULL when it is no escape. */
static const char *read_escape(const char *s, char *out)
{
    static const char names[] = "rnt\\\"", meant[] = "\r\n\t\\\"";
    const char *known;
    unsigned code;

    if (*s != '\\') {
        *out = *s;
        return s + 1;
    }
    if (s[1] == 'x' && sscanf(s + 2, "%2x", &code) == 1 &&
        isxdigit((unsigned char)s[3]) && code > 0) {
        *out = (char)code;
        return s + 4;
    }
    known = s[1] ? strchr(names, s[1]) : NULL;
    if (known == NULL)
        return NULL;
    *out = meant[known - names];
    return s + 2;
}

/* Between quotes. Answers its length, or -1 when it is not sound. */
static int read_quoted(const char *s, char *out)
{
    int n = 0;

    while (*s != '"') {
        if (*s == '\0' || n == PARAM_TEXT_SIZE - 1 ||
            (s = read_escape(s, &out[n])) == NULL)
            return -1;
        n++;
    }
    out[n] = '\0';
    return s[1] ? -1 : n;
}

static int read_text(const struct param *p, const char *s, char *out, struct err *e)
{
    if (*s != '"' && strlen(s) < PARAM_TEXT_SIZE) {
        strcpy(out, s);
        return 0;
    }
    if (*s == '"' && read_quoted(s + 1, out) >= 0)
        return 0;
    err_set(e, -EINVAL, "%s is no text of at most %d bytes", p->name,
            PARAM_TEXT_SIZE - 1);
    err_hint(e, "\"...\" may hold spaces, and \\r \\n \\t \\\" \\\\ \\xNN");
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
    case PARAM_TEXT: return read_text(p, text, f->text, e);
    }
    return -EINVAL;
}

static bool in_range(const struct param *p, const union field *f)
{
    if (p->type == PARAM_FRACTION || p->type == PARAM_WORD || p->type == PARAM_TEXT)
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

static bool is_bare(const char *s)
{
    for (const char *c = s; *c; c++)
        if (!isalnum((unsigned char)*c) && strchr("._-:+/@%,*", *c) == NULL)
            return false;
    return s[0] != '\0';
}

static const char *print_text(const char *s, char *buf, size_t size)
{
    size_t n = 0;

    if (is_bare(s)) {
        snprintf(buf, size, "%s", s);
        return buf;
    }
    buf[n++] = '"';
    for (; *s && n + 6 < size; s++) {
        if (*s == '"' || *s == '\\')
            n += (size_t)snprintf(buf + n, size - n, "\\%c", *s);
        else if (*s >= ' ' && *s <= '~')
            buf[n++] = *s;
        else
            n += (size_t)snprintf(buf + n, size - n, "\\x%02x", (unsigned char)*s);
    }
    buf[n++] = '"';
    buf[n] = '\0';
    return buf;
}

const char *param_print(const struct param *p, const void *conf, char *buf, size_t size)
{
    union field f = get(p, conf);

    if (p->type == PARAM_FRACTION)
        return value_print_fraction(f.fraction, buf, size);
    if (p->type == PARAM_TEXT)
        return print_text(f.text, buf, size);
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

    if (p->type == PARAM_TEXT)
        return snprintf(buf, size, "a text"), buf;
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

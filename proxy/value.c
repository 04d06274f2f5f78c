/* value.c -- quantities as text.
 *
 * Numbers are read digit by digit into integers: no locale, no exponent, no nan or inf
 * to refuse. What a person types in decimals comes out exact; what is finer than the
 * smallest unit (a nanosecond, a byte) is cut off.
 */
#include "value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SHOWN     "'%.40s'" /* as much of a bad value as fits a line */
#define UNITS_MAX 12

struct scale { /* a table of them ends with .unit == NULL */
    const char *unit;
    uint64_t size;
};

/* Largest first: printing takes the first of several that are equally short. */
static const struct scale times[] = {
    {"h", SEC(3600)}, {"m", SEC(60)}, {"s", SEC(1)}, {"ms", MSEC(1)},
    {"us", USEC(1)},  {"ns", 1},      {NULL, 0},
};

static const struct scale sizes[] = {
    {"gb", 1u << 30}, {"g", 1000000000}, {"mb", 1u << 20}, {"m", 1000000},
    {"kb", 1u << 10}, {"k", 1000},       {"b", 1},         {NULL, 0},
};

static const struct scale rates[] = {
    {"gb", 1u << 30}, {"g", 1000000000}, {"mb", 1u << 20}, {"m", 1000000},
    {"kb", 1u << 10}, {"k", 1000},       {"b", 1},         {"gbit", 125000000},
    {"mbit", 125000}, {"kbit", 125},     {NULL, 0},
};

struct kind {
    const char *a; /* "a time" */
    const char *hint;
    const struct scale *scales;
    uint64_t bare;      /* size of one when no unit is given; 0 = refused */
    const char *suffix; /* may follow the unit */
};

static const struct kind time_kind = {"a time", "a time such as 50ms (h m s ms us ns)",
                                      times, 0, ""};
static const struct kind size_kind = {"a size", "a size such as 64kb (b k kb m mb g gb)",
                                      sizes, 1, ""};
static const struct kind rate_kind = {
    "a rate", "a rate such as 100kb/s or 10mbit (b k kb m mb g gb kbit mbit gbit)", rates,
    1, "/s"};

/* A number as typed: digits, perhaps a dot and digits. */
struct number {
    const char *whole, *fraction;
    size_t nwhole, nfraction;
    const char *rest; /* what follows */
};

static bool read_number(const char *s, struct number *n)
{
    bool dot;

    *n = (struct number){.whole = s, .nwhole = strspn(s, "0123456789")};
    n->rest = s + n->nwhole;
    dot = *n->rest == '.';
    if (dot) {
        n->fraction = n->rest + 1;
        n->nfraction = strspn(n->fraction, "0123456789");
        n->rest = n->fraction + n->nfraction;
    }
    return n->nwhole > 0 && (!dot || n->nfraction > 0);
}

static bool add_digit(uint64_t *v, char digit)
{
    uint64_t d = (uint64_t)(digit - '0');

    if (*v > (UINT64_MAX - d) / 10)
        return false;
    *v = *v * 10 + d;
    return true;
}

/* number * size, cut off at the decimal point. False when it is too large; UINT64_MAX
 * is, because as a time it would mean never. */
static bool scaled(const struct number *n, uint64_t size, uint64_t *out)
{
    uint64_t whole = 0, part = 0;

    for (size_t i = 0; i < n->nwhole; i++)
        if (!add_digit(&whole, n->whole[i]))
            return false;
    for (size_t i = n->nfraction; i-- > 0;)
        part = (part + (uint64_t)(n->fraction[i] - '0') * size) / 10;
    if (whole > (UINT64_MAX - 1 - part) / size)
        return false;
    *out = whole * size + part;
    return true;
}

static bool is_zero(const struct number *n)
{
    return strspn(n->whole, "0.") == (size_t)(n->rest - n->whole);
}

/* The size of one unit, "" included; 0 when there is no such unit. */
static uint64_t unit_size(const struct kind *k, const char *unit)
{
    size_t len = strlen(unit), tail = strlen(k->suffix);

    if (tail && len >= tail && strcmp(unit + len - tail, k->suffix) == 0)
        len -= tail;
    if (len == 0)
        return k->bare;
    for (const struct scale *t = k->scales; t->unit; t++)
        if (strlen(t->unit) == len && strncasecmp(t->unit, unit, len) == 0)
            return t->size;
    return 0;
}

static int refuse_unit(const char *s, const char *unit, const struct kind *k,
                       struct err *e)
{
    const char *names[UNITS_MAX] = {NULL};
    const char *near;

    for (size_t i = 0; k->scales[i].unit; i++)
        names[i] = k->scales[i].unit;
    near = err_nearest(unit, names);
    if (*unit == '\0')
        err_set(e, -EINVAL, SHOWN " has no unit", s);
    else
        err_set(e, -EINVAL, "unknown unit '%.20s' in " SHOWN, unit, s);
    if (near)
        err_hint(e, "did you mean '%s'?", near);
    else
        err_hint(e, "%s", k->hint);
    return -EINVAL;
}

static int read_quantity(const char *s, const struct kind *k, uint64_t *out,
                         struct err *e)
{
    struct number n;
    uint64_t size;

    if (!read_number(s, &n)) {
        err_set(e, -EINVAL, SHOWN " is not %s", s, k->a);
        err_hint(e, "%s", k->hint);
        return -EINVAL;
    }
    size = unit_size(k, n.rest);
    if (size == 0 && *n.rest == '\0' && is_zero(&n))
        size = 1;
    if (size == 0)
        return refuse_unit(s, n.rest, k, e);
    if (!scaled(&n, size, out))
        return err_set(e, -EINVAL, SHOWN " is too large", s);
    return 0;
}

int value_time(const char *s, nsec *out, struct err *e)
{
    return read_quantity(s, &time_kind, out, e);
}

int value_bytes(const char *s, uint64_t *out, struct err *e)
{
    return read_quantity(s, &size_kind, out, e);
}

int value_rate(const char *s, uint64_t *out, struct err *e)
{
    return read_quantity(s, &rate_kind, out, e);
}

int value_count(const char *s, uint64_t *out, struct err *e)
{
    struct number n;

    if (!read_number(s, &n) || n.nfraction || *n.rest != '\0') {
        err_set(e, -EINVAL, SHOWN " is not a whole number", s);
        err_hint(e, "digits only, such as 100");
        return -EINVAL;
    }
    if (!scaled(&n, 1, out))
        return err_set(e, -EINVAL, SHOWN " is too large", s);
    return 0;
}

/* Kept in steps of 1e-14: such a number is a ratio of two integers that a double holds
 * exactly, so 5% is the double nearest to 0.05 and prints as 5% again. */
int value_fraction(const char *s, double *out, struct err *e)
{
    const uint64_t one = 100000000000000; /* 1e14 */
    struct number n;
    uint64_t steps;
    bool percent;

    if (!read_number(s, &n) || (*n.rest != '\0' && strcmp(n.rest, "%") != 0)) {
        err_set(e, -EINVAL, SHOWN " is not a fraction", s);
        err_hint(e, "a fraction such as 5%% or 0.05");
        return -EINVAL;
    }
    percent = *n.rest == '%';
    if (!scaled(&n, percent ? one / 100 : one, &steps) || steps > one) {
        err_set(e, -EINVAL, SHOWN " is more than all", s);
        err_hint(e, percent ? "0%% to 100%%" : "a fraction such as 5%% or 0.05");
        return -EINVAL;
    }
    *out = (double)steps / (double)one;
    return 0;
}

/* "1.5mb" when n is that, "" when it needs more than three decimals or starts with 0:
 * 0.1s would be shorter than 100ms, and nobody says so. */
static void print_scaled(uint64_t n, const struct scale *t, char *buf, size_t size)
{
    uint64_t whole = n / t->size, rest = n % t->size, digits = 0;
    int decimals = 0;

    buf[0] = '\0';
    if (whole == 0)
        return;
    for (; rest && decimals < 3; decimals++) {
        digits = digits * 10 + rest * 10 / t->size;
        rest = rest * 10 % t->size;
    }
    if (rest)
        return;
    if (decimals)
        snprintf(buf, size, "%llu.%0*llu%s", (unsigned long long)whole, decimals,
                 (unsigned long long)digits, t->unit);
    else
        snprintf(buf, size, "%llu%s", (unsigned long long)whole, t->unit);
}

/* The shortest of all units; on a tie the one without a dot. Best may come filled. */
static void print_shortest(uint64_t n, const struct scale *t, char *best, size_t size)
{
    char text[48];

    for (; t->unit; t++) {
        size_t len, was = strlen(best);

        print_scaled(n, t, text, sizeof text);
        len = strlen(text);
        if (len == 0)
            continue;
        if (was == 0 || len < was || (len == was && strchr(best, '.')))
            snprintf(best, size, "%s", text);
    }
}

const char *value_print_time(nsec t, char *buf, size_t size)
{
    char best[48] = "";

    if (t == NSEC_NEVER)
        snprintf(best, sizeof best, "never");
    else if (t == 0)
        snprintf(best, sizeof best, "0");
    else
        print_shortest(t, times, best, sizeof best);
    snprintf(buf, size, "%s", best);
    return buf;
}

const char *value_print_bytes(uint64_t n, char *buf, size_t size)
{
    char best[48];

    snprintf(best, sizeof best, "%llu", (unsigned long long)n);
    print_shortest(n, sizes, best, sizeof best);
    snprintf(buf, size, "%s", best);
    return buf;
}

/* 12 decimals of a percent are the steps that value_fraction reads. */
const char *value_print_fraction(double x, char *buf, size_t size)
{
    char text[32];
    size_t n;

    snprintf(text, sizeof text, "%.12f", x * 100);
    n = strlen(text);
    while (text[n - 1] == '0')
        n--;
    if (text[n - 1] == '.')
        n--;
    snprintf(buf, size, "%.*s%%", (int)n, text);
    return buf;
}

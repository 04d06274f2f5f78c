/* failover_spread.c -- many runs; see failover_report.h. One run proves nothing. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "failover_report.h"

struct spread {
    double median, least, most;
    size_t n;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of the runs in which it was measured. */
static struct spread spread_of(const struct sheet *s, size_t n, size_t fact)
{
    double *v = calloc(n, sizeof *v);
    struct spread p = {.median = (double)NAN, .least = (double)NAN, .most = (double)NAN};

    assert(v != NULL);
    for (size_t i = 0; i < n; i++)
        if (!isnan(s[i].fact[fact].value))
            v[p.n++] = s[i].fact[fact].value;
    qsort(v, p.n, sizeof *v, by_value);
    if (p.n > 0) {
        p.median = (v[(p.n - 1) / 2] + v[p.n / 2]) / 2;
        p.least = v[0];
        p.most = v[p.n - 1];
    }
    free(v);
    return p;
}

void failover_median(const struct sheet *s, size_t n, struct sheet *out)
{
    *out = s[n - 1];
    for (size_t i = 0; i < out->n; i++)
        if (out->fact[i].number)
            out->fact[i].value = spread_of(s, n, i).median;
}

static bool is_time(const char *name)
{
    size_t n = strlen(name);

    return n > 3 && strcmp(name + n - 3, "_ms") == 0;
}

static void print_value(FILE *f, const struct fact *fact, double value)
{
    if (isnan(value))
        fprintf(f, "  %10s", "-");
    else if (is_time(fact->name))
        fprintf(f, "  %8.2f s", value / 1e3);
    else
        fprintf(f, "  %10.6g", value);
}

void failover_spread(FILE *f, const struct sheet *s, size_t n)
{
    fprintf(f, "  %-22s  %10s  %10s  %10s  %s\n", "of all runs", "median", "least",
            "greatest", "runs");
    for (size_t i = 0; i < s[0].n; i++) {
        const struct fact *fact = &s[0].fact[i];
        struct spread p;

        if (!fact->number)
            continue;
        p = spread_of(s, n, i);
        fprintf(f, "  %-22s", fact->name);
        print_value(f, fact, p.median);
        print_value(f, fact, p.least);
        print_value(f, fact, p.most);
        fprintf(f, "  %4zu\n", p.n);
    }
}

json_t *failover_spread_json(const struct sheet *s, size_t n)
{
    json_t *all = json_object();

    for (size_t i = 0; i < s[0].n; i++) {
        struct spread p;

        if (!s[0].fact[i].number)
            continue;
        p = spread_of(s, n, i);
        json_object_set_new(all, s[0].fact[i].name,
                            p.n == 0 ? json_null()
                                     : json_pack("{s:f, s:f, s:f, s:I}", "median",
                                                 p.median, "min", p.least, "max", p.most,
                                                 "runs", (json_int_t)p.n));
    }
    return all;
}

/* stats.c -- see stats.h. */
#include "stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define Z 1.959963984540054 /* of 95 % */

struct rate stats_rate(uint64_t hits, uint64_t total)
{
    double n = (double)total, p, middle, half, whole = 1 + Z * Z / n;

    if (total == 0)
        return (struct rate){0, 0, 1};
    p = (double)hits / n;
    middle = (p + Z * Z / (2 * n)) / whole;
    half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / whole;
    /* Exact at the ends, where rounding would leave 1e-18. */
    return (struct rate){p, hits == 0 ? 0 : middle - half,
                         hits == total ? 1 : middle + half};
}

static double stale_share(const struct age_bucket *b)
{
    return b->reads ? (double)b->stale / (double)b->reads : 0;
}

/* Pool bucket `at` into those before it as long as they are better than it. Answers how
 * many buckets the pool has; the first of them holds the sums. */
static void pool(struct age_bucket *sum, size_t *width, size_t *n)
{
    while (*n > 1 && stale_share(&sum[*n - 2]) <= stale_share(&sum[*n - 1])) {
        sum[*n - 2].reads += sum[*n - 1].reads;
        sum[*n - 2].stale += sum[*n - 1].stale;
        width[*n - 2] += width[*n - 1];
        --*n;
    }
}

double stats_crossing(const struct age_bucket *b, size_t n, double still)
{
    struct age_bucket *sum = calloc(n + 1, sizeof *sum);
    size_t *width = calloc(n + 1, sizeof *width), pools = 0, at = 0;
    double found = STATS_NEVER;

    for (size_t i = 0; sum && width && i < n; i++) {
        if (b[i].reads == 0 && pools) {
            width[pools - 1]++;
            continue;
        }
        sum[pools] = b[i];
        width[pools++] = 1;
        pool(sum, width, &pools);
    }
    for (size_t i = 0; i < pools && found < 0; at += width[i++])
        if (sum[i].reads && stale_share(&sum[i]) <= still)
            found = (double)at;
    free(sum);
    free(width);
    return found;
}

const char *stats_print_shortest(double x, char *buf, size_t size)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buf, size, "%.*g", digits, x);
        if (strtod(buf, NULL) == x)
            break;
    }
    if (strpbrk(buf, ".en") == NULL)
        snprintf(buf + strlen(buf), size - strlen(buf), ".0");
    return buf;
}

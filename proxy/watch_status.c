/* watch_status.c -- see watch.h: a status as a picture.
 *
 *   sunder 127.0.0.1:8474   3 sessions   0 b held   12 decisions, 4.0/s   1 rule
 *
 *            r1         r2
 *            master     replica
 *   client   2 latency  1
 *   r2       1          .
 *
 *   link          sessions  requests/s  replies/s  lag
 *   client -> r1  2         1.2k        30.4k      -
 */
#include <string.h>

#include "watch.h"

#define CELL 24

static const char *text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    return s ? s : "";
}

static double number_of(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

/* 1234 is 1.2k. Answers buf. */
static const char *short_number(double n, char *buf, size_t size)
{
    static const char units[] = " kMGT";
    int unit = 0;

    for (; n >= 1000 && unit < 4; unit++)
        n /= 1000;
    snprintf(buf, size, unit ? "%.1f%c" : "%.0f", n, units[unit]);
    return buf;
}

/* How much more of something there is than before, in a second. */
static const char *rate_of(const json_t *now, const json_t *before, const char *name,
                           double seconds, char *buf, size_t size)
{
    double more = number_of(now, name) - number_of(before, name);

    if (before == NULL || seconds <= 0 || more < 0)
        snprintf(buf, size, "-");
    else
        short_number(more / seconds, buf, size);
    return buf;
}

static const json_t *find_link(const json_t *status, const char *from, const char *to)
{
    const json_t *links = json_object_get(status, "links"), *l;
    size_t i;

    json_array_foreach(links, i, l)
    {
        if (strcmp(text_of(l, "from"), from) == 0 && strcmp(text_of(l, "to"), to) == 0)
            return l;
    }
    return NULL;
}

static const json_t *find_rule(const json_t *status, const char *name)
{
    const json_t *rules = json_object_get(status, "rules"), *r;
    size_t i;

    json_array_foreach(rules, i, r)
    {
        if (strcmp(text_of(r, "name"), name) == 0)
            return r;
    }
    return NULL;
}

static void put_head(FILE *f, const json_t *now, const json_t *before, double seconds)
{
    const json_t *info = json_object_get(now, "info");
    size_t rules = json_array_size(json_object_get(now, "rules"));
    char held[16], fired[16], rate[16];

    fprintf(f, "%.0f sessions   %s bytes held   %s decisions, %s/s   %zu rule%s\n",
            number_of(info, "sessions"),
            short_number(number_of(info, "held"), held, sizeof held),
            short_number(number_of(info, "decisions"), fired, sizeof fired),
            rate_of(info, json_object_get(before, "info"), "decisions", seconds, rate,
                    sizeof rate),
            rules, rules == 1 ? "" : "s");
}

/* ---- who is connected to whom ---- */

/* "2 latency", "." for a link that was never used. */
static const char *link_cell(const json_t *l, char *buf, size_t size)
{
    const json_t *faults = json_object_get(l, "faults");
    size_t n = json_array_size(faults);

    if (l == NULL)
        snprintf(buf, size, ".");
    else if (n < 2)
        snprintf(buf, size, "%.0f%s%s", number_of(l, "sessions"), n ? " " : "",
                 n ? json_string_value(json_array_get(faults, 0)) : "");
    else
        snprintf(buf, size, "%.0f %s+%zu", number_of(l, "sessions"),
                 json_string_value(json_array_get(faults, 0)), n - 1);
    return buf;
}

/* The dialers, each once: nodes, and whoever else has dialed. Answers how many. */
#define DIALERS 64
static size_t dialers_of(const json_t *now, const char *name[DIALERS])
{
    const json_t *links = json_object_get(now, "links"), *l;
    size_t n = 0, i;

    json_array_foreach(links, i, l)
    {
        const char *from = text_of(l, "from");
        size_t k = 0;

        while (k < n && strcmp(name[k], from) != 0)
            k++;
        if (k == n && n < DIALERS)
            name[n++] = from;
    }
    return n;
}

static const char *node_state(const json_t *node)
{
    return json_is_true(json_object_get(node, "listening")) ? text_of(node, "role")
                                                            : "not listening";
}

static void put_matrix(FILE *f, const json_t *now)
{
    const json_t *nodes = json_object_get(now, "nodes");
    const char *dialer[DIALERS];
    size_t n = dialers_of(now, dialer), columns = json_array_size(nodes);
    char cell[CELL];

    fprintf(f, "\n%-14s", "");
    for (size_t i = 0; i < columns; i++)
        fprintf(f, " %-14.14s", text_of(json_array_get(nodes, i), "name"));
    fprintf(f, "\n%-14s", "");
    for (size_t i = 0; i < columns; i++)
        fprintf(f, " %-14.14s", node_state(json_array_get(nodes, i)));
    fputc('\n', f);
    for (size_t d = 0; d < n; d++) {
        fprintf(f, "%-14.14s", dialer[d]);
        for (size_t i = 0; i < columns; i++) {
            const char *to = text_of(json_array_get(nodes, i), "name");

            link_cell(find_link(now, dialer[d], to), cell, sizeof cell);
            fprintf(f, " %-14.14s", cell);
        }
        fputc('\n', f);
    }
}

/* ---- what moves, and what acts on it ---- */

/* Bytes of a replication stream that are here or on the way, and for how long. */
static const char *lag_of(const json_t *l, char *buf, size_t size)
{
    const json_t *r = json_object_get(l, "replication");
    char bytes[16];

    if (!json_is_object(r))
        return snprintf(buf, size, "-"), buf;
    snprintf(buf, size, "%s, %.3f s",
             short_number(number_of(r, "held_bytes") + number_of(r, "flight_bytes"),
                          bytes, sizeof bytes),
             number_of(r, "unacknowledged_seconds"));
    return buf;
}

static void put_links(FILE *f, const json_t *now, const json_t *before, double seconds)
{
    const json_t *links = json_object_get(now, "links"), *l;
    size_t i;

    fprintf(f, "\n%-28s %8s %10s %10s  %s\n", "link", "sessions", "requests/s",
            "replies/s", "lag");
    json_array_foreach(links, i, l)
    {
        const json_t *was = find_link(before, text_of(l, "from"), text_of(l, "to"));
        char name[80], in[16], out[16], lag[48];

        if (number_of(l, "sessions") <= 0)
            continue;
        snprintf(name, sizeof name, "%s -> %s", text_of(l, "from"), text_of(l, "to"));
        fprintf(f, "%-28s %8.0f %10s %10s  %s\n", name, number_of(l, "sessions"),
                rate_of(l, was, "bytes_requests", seconds, in, sizeof in),
                rate_of(l, was, "bytes_replies", seconds, out, sizeof out),
                lag_of(l, lag, sizeof lag));
    }
}

static void put_rules(FILE *f, const json_t *now, const json_t *before, double seconds)
{
    const json_t *rules = json_object_get(now, "rules"), *r;
    size_t i;

    if (json_array_size(rules))
        fprintf(f, "\n%8s %8s %8s  %s\n", "acted", "per s", "left", "rule");
    json_array_foreach(rules, i, r)
    {
        const json_t *was = find_rule(before, text_of(r, "name"));
        char fired[16], rate[16], left[16] = "-";

        if (json_is_real(json_object_get(r, "seconds_left")))
            snprintf(left, sizeof left, "%.1f s", number_of(r, "seconds_left"));
        fprintf(f, "%8s %8s %8s  %s\n",
                short_number(number_of(r, "fired"), fired, sizeof fired),
                rate_of(r, was, "fired", seconds, rate, sizeof rate), left,
                text_of(r, "rule"));
    }
}

void watch_status(FILE *f, const json_t *now, const json_t *before, double seconds)
{
    put_head(f, now, before, seconds);
    put_matrix(f, now);
    put_links(f, now, before, seconds);
    put_rules(f, now, before, seconds);
}

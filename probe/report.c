/* report.c -- the table; see report.h. */
#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli.h"

#define ROW      "  %-16s "
#define AGE_ROWS 25
#define BAR      32

struct paint {
    const char *bold, *red, *green, *plain;
};

static struct paint paint_for(FILE *f)
{
    if (cli_colour(f))
        return (struct paint){"\033[1m", "\033[31m", "\033[32m", "\033[0m"};
    return (struct paint){"", "", "", ""};
}

/* "0.041%": three digits that matter, never rounded up to all or down to nothing. */
static const char *percent(double share, char *buf, size_t size)
{
    double p = share * 100;

    if (p >= 99.9 && p < 100)
        snprintf(buf, size, "%.*f%%", (int)fmin(9, ceil(-log10(100 - p) - 1e-6)), p);
    else
        snprintf(buf, size, "%.3g%%", p);
    return buf;
}

static const char *ms(uint64_t ns, char *buf, size_t size)
{
    double t = (double)ns / 1e6;

    snprintf(buf, size, t < 0.1 ? "%.3f ms" : t < 10 ? "%.2f ms" : "%.1f ms", t);
    return buf;
}

static void head(FILE *f, const struct report *r)
{
    const struct stale_conf *c = r->conf;
    const struct stale_result *s = r->result;
    struct paint p = paint_for(f);
    double seconds = (double)s->elapsed / 1e9;
    char url[URL_TEXT_MAX];

    fprintf(f, "%sstale reads%s of %s", p.bold, p.plain,
            url_print(&c->write, url, sizeof url));
    for (size_t i = 0; i < c->nread; i++)
        fprintf(f, "%s%s", i ? ", " : " at ", url_print(&c->read[i], url, sizeof url));
    fprintf(f, "\n%" PRIu64 " pairs, %" PRIu64 " operations each", c->load.pairs, c->ops);
    if (c->wait)
        fprintf(f, ", WAIT %" PRIu64, c->wait);
    if (c->load.rate)
        fprintf(f, ", %" PRIu64 " a second", c->load.rate);
    fprintf(f, "; run %s, seed %" PRIu64 "; %.2f s, %.0f reads/s\n\n", s->run,
            c->load.seed, seconds, seconds > 0 ? (double)s->reads.total / seconds : 0);
}

static void count_row(FILE *f, const char *name, uint64_t n, const char *note)
{
    fprintf(f, ROW "%12" PRIu64 "%s%s\n", name, n, *note ? "   " : "", note);
}

static void stale_row(FILE *f, const struct stale_result *s)
{
    struct rate rate = stats_rate(s->reads.stale, s->reads.total);
    struct paint p = paint_for(f);
    char at[24], low[24], high[24];

    fprintf(f, ROW "%s%12" PRIu64 "   %s%s   (95%% interval %s to %s)\n", "stale",
            s->reads.stale ? p.red : p.green, s->reads.stale,
            percent(rate.at, at, sizeof at), p.plain, percent(rate.low, low, sizeof low),
            percent(rate.high, high, sizeof high));
}

static void node_rows(FILE *f, const struct report *r)
{
    char url[URL_TEXT_MAX], name[24], text[ADDR_TEXT_MAX + 64], share[24];

    for (size_t i = 0; r->conf->nread > 1 && i < r->conf->nread; i++) {
        const struct stale_node *n = &r->result->node[i];

        snprintf(name, sizeof name, "  of %" PRIu64, n->reads);
        snprintf(text, sizeof text, "%s   at %.*s",
                 percent(stats_rate(n->stale, n->reads).at, share, sizeof share),
                 ADDR_TEXT_MAX, url_print(&r->conf->read[i], url, sizeof url));
        count_row(f, name, n->stale, text);
    }
}

static void read_rows(FILE *f, const struct report *r)
{
    const struct stale_result *s = r->result;
    char note[64] = "";

    if (s->reads.failed)
        snprintf(note, sizeof note, "and %" PRIu64 " failed", s->reads.failed);
    count_row(f, "reads", s->reads.total, note);
    stale_row(f, s);
    node_rows(f, r);
    count_row(f, "not own write", s->reads.not_own, "");
    count_row(f, "not monotonic", s->reads.not_monotonic, "");
    count_row(f, "from the future", s->reads.future, "");
}

static void behind_row(FILE *f, const struct hist *h)
{
    if (h->n)
        fprintf(f, ROW "p50 %8" PRIu64 "   max %8" PRIu64 "   versions\n", "behind",
                hist_at(h, 0.5), h->max);
}

static void time_row(FILE *f, const char *name, const struct hist *h, const char *note)
{
    char p50[24], p99[24], max[24];

    if (h->n)
        fprintf(f, ROW "p50 %11s   p99 %11s   max %11s%s%s\n", name,
                ms(hist_at(h, 0.5), p50, sizeof p50),
                ms(hist_at(h, 0.99), p99, sizeof p99), ms(h->max, max, sizeof max),
                *note ? "   " : "", note);
}

static void settle_row(FILE *f, const struct stale_result *s)
{
    char note[64];

    snprintf(note, sizeof note, "(%" PRIu64 " samples%s)", s->settle.n,
             s->unsettled ? ", and some never settled" : "");
    time_row(f, "settled after", &s->settle, note);
    if (s->unsettled)
        count_row(f, "never settled", s->unsettled, "samples");
}

static void socket_row(FILE *f, const struct sockets *s)
{
    if (s->retransmits)
        count_row(f, "sent again", s->retransmits, "segments, by TCP");
}

static void write_rows(FILE *f, const struct stale_result *s)
{
    count_row(f, "writes", s->writes.acknowledged, "acknowledged");
    if (s->writes.failed)
        count_row(f, "", s->writes.failed, "failed");
    if (s->writes.unknown)
        count_row(f, "", s->writes.unknown, "indeterminate: sent, never answered");
    if (s->writes.wait_short)
        count_row(f, "", s->writes.wait_short, "with too few replicas for WAIT");
}

static void error_rows(FILE *f, const struct troubles *t)
{
    const char *name = "errors";

    for (int i = 0; i < TROUBLE_KINDS; i++)
        if (t->n[i]) {
            count_row(f, name, t->n[i], trouble_name((enum trouble)i));
            name = "";
        }
}

static void age_row(FILE *f, double from_ms, const struct age_bucket *b)
{
    static const char bar[BAR + 1] = "################################";
    double share = b->reads ? (double)b->stale / (double)b->reads : 0;
    char text[24];

    if (b->reads)
        fprintf(f, "  %9.2f ms %8" PRIu64 " %9s  %.*s\n", from_ms, b->reads,
                percent(share, text, sizeof text), (int)ceil(share * BAR), bar);
}

static void crossing(FILE *f, const struct report *r, double fresh, const char *name)
{
    double width = (double)r->conf->load.ages / 1e6 / STALE_AGES;
    double at = stats_crossing(r->result->ages, STALE_AGES, 1 - fresh + 1e-12);

    if (at == STATS_NEVER)
        fprintf(f, "  %s of reads fresh: at no age looked at\n", name);
    else
        fprintf(f, "  %s of reads fresh: from %.2f ms on\n", name, at * width);
}

static void age_table(FILE *f, const struct report *r)
{
    double width = (double)r->conf->load.ages / 1e6 / STALE_AGES;
    int each = STALE_AGES / AGE_ROWS;

    if (r->conf->load.ages == 0)
        return;
    fprintf(f, "\n  %12s %8s %9s\n", "age of write", "reads", "stale");
    for (int i = 0; i < STALE_AGES; i += each) {
        struct age_bucket sum = {0, 0};

        for (int k = i; k < i + each; k++) {
            sum.reads += r->result->ages[k].reads;
            sum.stale += r->result->ages[k].stale;
        }
        age_row(f, i * width, &sum);
    }
    crossing(f, r, 0.5, "  50%");
    crossing(f, r, 0.99, "  99%");
    crossing(f, r, 0.999, "99.9%");
}

static void claim_row(FILE *f, const struct claim *c, const struct claim_verdict *v)
{
    struct paint p = paint_for(f);
    char value[32] = "not measured";

    if (v->known)
        claim_print(c, v->value, value, sizeof value);
    fprintf(f, "%s%s%s  %s  (%s)\n", v->met ? p.green : p.red, v->met ? "met" : "not met",
            p.plain, c->text, value);
}

size_t report_unmet(FILE *f, const struct report *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->nclaims; i++) {
        struct claim_verdict v = claim_check(&r->claims[i], r->result);

        n += !v.met;
        if (!v.met && f)
            claim_row(f, &r->claims[i], &v);
    }
    return n;
}

void report_text(FILE *f, const struct report *r)
{
    const struct stale_result *s = r->result;

    head(f, r);
    read_rows(f, r);
    behind_row(f, &s->behind);
    time_row(f, "stale for", &s->age, "");
    settle_row(f, s);
    socket_row(f, &s->sockets);
    write_rows(f, s);
    time_row(f, "write latency", &s->writes.latency, "");
    time_row(f, "read latency", &s->reads.latency, "");
    error_rows(f, &s->troubles);
    age_table(f, r);
    if (r->nclaims)
        fputc('\n', f);
    for (size_t i = 0; i < r->nclaims; i++) {
        struct claim_verdict v = claim_check(&r->claims[i], s);

        claim_row(f, &r->claims[i], &v);
    }
}

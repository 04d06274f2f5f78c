/* failover_report.c -- one run; see failover_report.h. */
#include "failover_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 8192

static double ms(nsec t)
{
    return t == NSEC_NEVER ? (double)NAN : (double)t / 1e6;
}

static double since(const struct failover_result *r, nsec t)
{
    return t == NSEC_NEVER || r->broken == NSEC_NEVER
               ? (double)NAN
               : ((double)t - (double)r->broken) / 1e6;
}

/* -- numbers ---------------------------------------------------------------------- */

/* The worst of those that find their way by themselves. */
static double worst(const struct failover_result *r, bool reader, bool pinned)
{
    nsec most = 0;
    bool any = false;

    for (size_t i = 0; i < r->clients; i++) {
        const struct failover_client *c = &r->client[i];

        if (c->reader != reader || c->pinned != pinned)
            continue;
        any = true;
        most = c->outage > most ? c->outage : most;
    }
    return any ? ms(most) : (double)NAN;
}

static uint64_t backwards(const struct failover_result *r)
{
    uint64_t n = 0;

    for (size_t i = 0; i < r->clients; i++)
        n += r->client[i].backwards;
    return n;
}

static uint64_t reads(const struct failover_result *r)
{
    uint64_t n = 0;

    for (size_t i = 0; i < r->clients; i++)
        n += r->client[i].reader ? r->client[i].ok : 0;
    return n;
}

/* Of each sentinel, how often it told of a new master; the most that one did. */
static unsigned count_switches(const struct failover_result *r)
{
    unsigned n[SENTINELS_MAX] = {0}, most = 0;

    for (size_t i = 0; i < r->events; i++)
        if (strcmp(r->event[i].name, "+switch-master") == 0 &&
            r->event[i].at >= r->broken && ++n[r->event[i].sentinel] > most)
            most = n[r->event[i].sentinel];
    return most;
}

static unsigned count_events(const struct failover_result *r, const char *name)
{
    unsigned n = 0;

    for (size_t i = 0; i < r->events; i++)
        n += strncmp(r->event[i].name, name, strlen(name)) == 0 &&
             strncmp(r->event[i].text, "master ", 7) == 0 && r->event[i].at >= r->broken;
    return n;
}

static const char *name_of(const struct failover_result *r, size_t node)
{
    return node < r->nodes ? r->node[node].known : "-";
}

static void add_times(const struct failover_result *r, struct sheet *s)
{
    nsec end = r->ended == NSEC_NEVER ? 0 : r->ended;
    nsec dual = r->broken == NSEC_NEVER ? NSEC_NEVER
                                        : roles_dual(&r->roles, r->broken, end);

    sheet_number(s, "detection_ms", since(r, failover_first(r, "+sdown")),
                 "first +sdown of the master");
    sheet_number(s, "agreement_ms", since(r, failover_first(r, "+odown")),
                 "first +odown");
    sheet_number(s, "election_ms", since(r, failover_first(r, "+elected-leader")),
                 "a sentinel was elected to lead");
    sheet_number(s, "promotion_ms", since(r, r->promotion), "another node is a master");
    sheet_number(s, "told_ms", since(r, failover_first(r, "+promoted-slave")),
                 "the leader has seen it: +promoted-slave");
    sheet_number(s, "published_ms", since(r, failover_first(r, "+switch-master")),
                 "first +switch-master");
    sheet_number(s, "published_last_ms", since(r, failover_last(r, "+switch-master")),
                 "the last sentinel's");
    sheet_number(s, "unavailable_ms", worst(r, false, false),
                 "longest without an acknowledged write, worst client");
    sheet_number(s, "read_unavailable_ms", worst(r, true, false), "the same of readers");
    sheet_number(s, "pinned_unavailable_ms", worst(r, false, true), "and of pinned ones");
    sheet_number(s, "mended_ms", since(r, r->mended), "");
    sheet_number(s, "demoted_ms", since(r, r->demotion), "the old master is a replica");
    sheet_number(s, "dual_master_ms", ms(dual), "two nodes or more were masters");
    sheet_number(s, "whole_ms", since(r, r->whole), "one master, all others linked");
}

static double known(const struct failover_result *r, uint64_t n)
{
    return r->counted ? (double)n : (double)NAN;
}

static void add_writes(const struct failover_result *r, struct sheet *s)
{
    struct ledger_sum l;
    nsec zombie;

    ledger_sum(&r->ledger, r->promotion, r->promoted, &l);
    zombie = l.by_old > 0 ? l.old_last - l.old_first : NSEC_NEVER;
    sheet_text(s, "tally",
               "%" PRIu64 " acknowledged / %" PRIu64 " surviving / %" PRIu64
               " lost / %" PRIu64 " indeterminate (%" PRIu64 " of them there)",
               l.acked, l.acked - l.lost, l.lost, l.unknown, l.unknown_found);
    sheet_number(s, "writes", (double)l.begun, "sent");
    sheet_number(s, "acknowledged", (double)l.acked, "");
    sheet_number(s, "surviving", known(r, l.acked - l.lost), "");
    sheet_number(s, "lost", known(r, l.lost), "acknowledged, and gone");
    sheet_number(s, "indeterminate", (double)l.unknown, "sent, and never answered");
    sheet_number(s, "indeterminate_there", known(r, l.unknown_found), "of those");
    sheet_number(s, "refused", (double)l.refused, "surely not carried out");
    sheet_number(s, "refused_there", known(r, l.refused_found), "of those: must be 0");
    sheet_number(s, "new_side", (double)l.by_new,
                 "acknowledged after the promotion, by the new master");
    sheet_number(s, "old_side", (double)l.by_old, "and by the old one");
    sheet_number(s, "lost_old_side", known(r, l.lost_by_old), "of those");
    sheet_number(s, "zombie_ms", ms(zombie), "from the first of them to the last");
}

void failover_sheet(const struct failover_conf *c, const struct failover_result *r,
                    struct sheet *s)
{
    sheet_text(s, "probe", "failover");
    sheet_text(s, "run", "%s", c->run);
    sheet_text(s, "cause", "%s", failover_causes[c->cause]);
    sheet_text(s, "old_master", "%s", name_of(r, r->master));
    sheet_text(s, "new_master", "%s", name_of(r, r->promoted));
    sheet_number(s, "failovers", count_switches(r), "");
    sheet_number(s, "sdowns", count_events(r, "+sdown"), "of the master, all sentinels");
    sheet_number(s, "odowns", count_events(r, "+odown"), "");
    sheet_number(s, "aborted", count_events(r, "-failover-abort"),
                 "failovers that were given up");
    add_times(r, s);
    add_writes(r, s);
    sheet_number(s, "reads", (double)reads(r), "answered");
    sheet_number(s, "backwards", (double)backwards(r), "found fewer values than before");
    sheet_number(s, "full_syncs", (double)r->syncs.full, "");
    sheet_number(s, "partial_syncs", (double)r->syncs.partial, "");
    sheet_number(s, "partial_refused", (double)r->syncs.refused, "");
    s->errors = &r->troubles;
}

/* -- the timeline ----------------------------------------------------------------- */

struct line {
    nsec at;
    char who[80], what[40], text[128];
};

struct lines {
    struct line *line;
    size_t n;
};

static struct line *add(struct lines *l, nsec at, const char *who, const char *what)
{
    struct line *line = &l->line[l->n];

    if (at == NSEC_NEVER || l->n + 1 == LINES_MAX)
        return NULL;
    l->n++;
    line->at = at;
    snprintf(line->who, sizeof line->who, "%s", who);
    snprintf(line->what, sizeof line->what, "%s", what);
    line->text[0] = '\0';
    return line;
}

/* What says something about the course of a failover. */
static bool tells(const struct failover_event *e)
{
    static const char *const told[] = {"+sdown",          "-sdown",
                                       "+odown",          "-odown",
                                       "+try-failover",   "+elected-leader",
                                       "+selected-slave", "+promoted-slave",
                                       "+switch-master",  "+convert-to-slave",
                                       "+reboot",         "+tilt",
                                       "-tilt",           "+vote-for-leader"};

    if (strncmp(e->name, "-failover-abort", 15) == 0)
        return true;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (strcmp(e->name, told[i]) == 0)
            return true;
    return false;
}

static void add_events(const struct failover_result *r, struct lines *l)
{
    char who[32];

    for (size_t i = 0; i < r->events; i++) {
        const struct failover_event *e = &r->event[i];
        struct line *line;

        if (!tells(e) || e->at < r->broken)
            continue;
        snprintf(who, sizeof who, "sentinel %zu", e->sentinel + 1);
        line = add(l, e->at, who, e->name);
        if (line != NULL)
            snprintf(line->text, sizeof line->text, "%.100s", e->text);
    }
}

static void add_roles(const struct failover_result *r, struct lines *l)
{
    for (size_t i = 0; i < r->roles.n; i++) {
        const struct role_change *c = &r->roles.change[i];

        if (c->at >= r->broken && c->node < r->nodes)
            add(l, c->at, r->node[c->node].known, roles_names[c->role]);
    }
}

static void add_clients(const struct failover_result *r, struct lines *l)
{
    char who[32];

    for (size_t i = 0; i < r->clients; i++) {
        const struct failover_client *c = &r->client[i];

        if (c->outage == 0)
            continue;
        snprintf(who, sizeof who, "client %zu", i + 1);
        add(l, c->outage_at, who, "last good answer");
        if (!c->cut)
            add(l, c->outage_at + c->outage, who, "good answers again");
    }
}

static int by_time(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

static struct lines lines_of(const struct failover_result *r)
{
    struct lines l = {calloc(LINES_MAX, sizeof *l.line), 0};

    if (l.line == NULL || r->broken == NSEC_NEVER)
        return l;
    add(&l, r->broken, "probe", "breaks it");
    add(&l, r->mended, "probe", "mends it");
    add_events(r, &l);
    add_roles(r, &l);
    add_clients(r, &l);
    qsort(l.line, l.n, sizeof *l.line, by_time);
    return l;
}

void failover_timeline(FILE *f, const struct failover_result *r)
{
    struct lines l = lines_of(r);

    for (size_t i = 0; i < l.n; i++)
        fprintf(f, "  %9.3f s  %-18s %s%s%s\n", since(r, l.line[i].at) / 1e3,
                l.line[i].who, l.line[i].what, l.line[i].text[0] ? "  " : "",
                l.line[i].text);
    free(l.line);
}

/* -- clients ---------------------------------------------------------------------- */

static const char *kind_of(const struct failover_client *c)
{
    return c->reader ? "reader" : c->pinned ? "pinned writer" : "writer";
}

void failover_clients(FILE *f, const struct failover_result *r)
{
    fprintf(f, "  %-8s  %-13s  %8s  %8s  %8s  %s\n", "client", "", "good", "failed",
            "unknown", "longest without a good answer");
    for (size_t i = 0; i < r->clients; i++) {
        const struct failover_client *c = &r->client[i];

        fprintf(f,
                "  client %zu  %-13s  %8" PRIu64 "  %8" PRIu64 "  %8" PRIu64
                "  %.2f s%s\n",
                i + 1, kind_of(c), c->ok, c->failed, c->unknown, ms(c->outage) / 1e3,
                c->cut ? ", to the end" : "");
    }
}

static json_t *json_clients(const struct failover_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->clients; i++) {
        const struct failover_client *c = &r->client[i];

        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:b}",
                                              "kind", kind_of(c), "ok", (json_int_t)c->ok,
                                              "failed", (json_int_t)c->failed, "unknown",
                                              (json_int_t)c->unknown, "backwards",
                                              (json_int_t)c->backwards, "unavailable_ms",
                                              ms(c->outage), "since_ms",
                                              c->outage ? since(r, c->outage_at) : 0.0,
                                              "to_the_end", (int)c->cut));
    }
    return list;
}

json_t *failover_json(const struct failover_result *r, const struct sheet *s)
{
    json_t *all = sheet_json(s), *timeline = json_array();
    struct lines l = lines_of(r);

    for (size_t i = 0; i < l.n; i++)
        json_array_append_new(timeline,
                              json_pack("{s:f, s:s, s:s, s:s}", "ms",
                                        since(r, l.line[i].at), "who", l.line[i].who,
                                        "what", l.line[i].what, "text", l.line[i].text));
    free(l.line);
    json_object_set_new(all, "clients", json_clients(r));
    json_object_set_new(all, "timeline", timeline);
    return all;
}

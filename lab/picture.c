/* picture.c -- see picture.h. */
#include "picture.h"

#include <string.h>

#define PAST ", past the proxy"

static const char *address(const struct addr *a, char *buf)
{
    return a->host[0] ? addr_print(a, buf, ADDR_TEXT_MAX) : "?";
}

static const char *role_of(const struct survey_server *v)
{
    if (v->sentinel)
        return "sentinel";
    return v->replica ? "replica" : "master";
}

/* ---- a tree of masters and replicas, and the sentinels below ---- */

static const struct listing *link_of(const struct survey *s, size_t server)
{
    for (size_t i = 0; i < s->listings; i++)
        if (s->listing[i].by == server && (s->listing[i].kind == FOLLOWS_MASTER ||
                                           s->listing[i].kind == WATCHES_MASTER))
            return &s->listing[i];
    return NULL;
}

static size_t count(const struct survey *s, size_t by, enum listing_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < s->listings; i++)
        n += s->listing[i].by == by && s->listing[i].kind == kind;
    return n;
}

static void draw_link(FILE *f, const struct survey *s, size_t i)
{
    const struct survey_server *v = &s->server[i];
    const struct listing *l = link_of(s, i);
    char at[ADDR_TEXT_MAX];

    if (l == NULL)
        return;
    if (v->sentinel)
        fprintf(f, "watches %s%s: %zu replicas, %zu other sentinels, quorum %u",
                address(&l->at, at), s->spot[l->spot].way == WAY_DIRECT ? PAST : "",
                count(s, i, WATCHES_REPLICA), count(s, i, WATCHES_SENTINEL), l->quorum);
    else
        fprintf(f, "follows %s%s, link %s", address(&l->at, at),
                s->spot[l->spot].way == WAY_DIRECT ? PAST : "", l->state);
}

static int width_of(const struct survey *s)
{
    size_t width = 8;

    for (size_t i = 0; i < s->servers; i++)
        if (strlen(s->server[i].name) > width)
            width = strlen(s->server[i].name);
    return (int)width + 4;
}

/* A number and a port at least; in a cluster they are names. */
static int address_width(const struct survey *s, bool real)
{
    char at[ADDR_TEXT_MAX];
    size_t width = 21, len;

    for (size_t i = 0; i < s->servers; i++) {
        len = strlen(address(real ? &s->server[i].real : &s->server[i].known, at));
        width = len > width ? len : width;
    }
    return (int)width;
}

static void draw(FILE *f, const struct survey *s, size_t i, int depth)
{
    const struct survey_server *v = &s->server[i];
    char known[ADDR_TEXT_MAX], real[ADDR_TEXT_MAX], name[ADDR_TEXT_MAX + 16];

    snprintf(name, sizeof name, "%*s%s%s", depth * 2, "", depth ? "- " : "", v->name);
    fprintf(f, "%-*s %-9s %-*s %-*s ", width_of(s), name, role_of(v),
            address_width(s, false), address(&v->known, known), address_width(s, true),
            address(&v->real, real));
    draw_link(f, s, i);
    fprintf(f, "\n");
}

static size_t master_of(const struct survey *s, size_t i)
{
    const struct listing *l = s->server[i].replica ? link_of(s, i) : NULL;

    return l ? s->spot[l->spot].server : SURVEY_NOBODY;
}

static void draw_below(FILE *f, const struct survey *s, size_t master, int depth)
{
    for (size_t i = 0; i < s->servers; i++)
        if (!s->server[i].sentinel && s->server[i].replica && master_of(s, i) == master) {
            draw(f, s, i, depth);
            /* Two that follow each other would have no end. */
            if (master != SURVEY_NOBODY && depth < 4)
                draw_below(f, s, i, depth + 1);
        }
}

static bool is_listed(const struct survey *s, size_t spot)
{
    for (size_t i = 0; i < s->listings; i++)
        if (s->listing[i].spot == spot)
            return true;
    return places_known(s->places, &s->spot[spot].at) != NULL;
}

static void draw_silent(FILE *f, const struct survey *s)
{
    char at[ADDR_TEXT_MAX];

    for (size_t i = 0; i < s->spots; i++)
        if (s->spot[i].state != SPOT_ANSWERS && is_listed(s, i))
            fprintf(f, "%-22s does not answer: %s\n", address(&s->spot[i].at, at),
                    s->spot[i].why);
}

void picture_servers(FILE *f, const struct survey *s)
{
    fprintf(f, "%-*s %-9s %-*s %-*s %s\n", width_of(s), "node", "role",
            address_width(s, false), "through the proxy", address_width(s, true),
            "really at", s->service);
    for (size_t i = 0; i < s->servers; i++)
        if (!s->server[i].sentinel && !s->server[i].replica) {
            draw(f, s, i, 0);
            draw_below(f, s, i, 1);
        }
    draw_below(f, s, SURVEY_NOBODY, 0);
    for (size_t i = 0; i < s->servers; i++)
        if (s->server[i].sentinel)
            draw(f, s, i, 0);
    draw_silent(f, s);
    for (size_t i = 0; i < s->notes; i++)
        fprintf(f, "note: %s\n", s->note[i]);
}

/* ---- traps ---- */

static void print_lines(FILE *f, const struct trap *t)
{
    const char *line = t->line;

    if (strcmp(t->file, "redis-cli") == 0)
        fprintf(f, "  to each sentinel, by redis-cli:\n");
    else if (strcmp(t->file, "sunder.yaml") == 0)
        fprintf(f, "  the proxy's configuration:\n");
    else
        fprintf(f, "  %s of %s:\n", t->file, t->node);
    while (*line) {
        int n = (int)strcspn(line, "\n");

        fprintf(f, "      %.*s\n", n, line);
        line += n + (line[n] == '\n');
    }
}

/* What comes of it is said once for each kind. */
void picture_traps(FILE *f, const struct traps *t, bool colour)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct trap *trap = &t->trap[i];

        fprintf(f, "\n%strap %s%s: %s\n", colour ? "\033[33m" : "",
                trap_words[trap->kind].name, colour ? "\033[0m" : "", trap->what);
        if (i == 0 || t->trap[i - 1].kind != trap->kind)
            fprintf(f, "  %s\n", trap_words[trap->kind].why);
        print_lines(f, trap);
    }
    if (t->more)
        fprintf(f, "\nand more: only %d are told\n", TRAPS_MAX);
    if (t->n == 0)
        fprintf(f, "\nno trap\n");
    else
        fprintf(f, "\n%zu %s\n", t->n, t->n == 1 ? "trap" : "traps");
}

/* survey.c -- see survey.h. */
#include "survey.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum spot_way way_of_places(const struct survey *s, const struct addr *at)
{
    if (places_known(s->places, at))
        return WAY_PROXIED;
    return places_real(s->places, at) ? WAY_DIRECT : WAY_UNKNOWN;
}

size_t survey_spot(struct survey *s, const struct addr *at)
{
    for (size_t i = 0; i < s->spots; i++)
        if (addr_same(&s->spot[i].at, at))
            return i;
    if (s->spots == SURVEY_SPOTS)
        return SURVEY_SPOTS;
    s->spot[s->spots] = (struct spot){.at = *at,
                                      .state = SPOT_SILENT,
                                      .way = way_of_places(s, at),
                                      .server = SURVEY_NOBODY};
    return s->spots++;
}

size_t survey_server(struct survey *s, const char *run_id)
{
    for (size_t i = 0; i < s->servers; i++)
        if (strcmp(s->server[i].run_id, run_id) == 0)
            return i;
    if (s->servers == SURVEY_SERVERS)
        return SURVEY_NOBODY;
    s->server[s->servers] = (struct survey_server){0};
    snprintf(s->server[s->servers].run_id, SURVEY_ID, "%s", run_id);
    return s->servers++;
}

size_t survey_list(struct survey *s, enum listing_kind kind, size_t by,
                   const struct addr *at)
{
    size_t spot = survey_spot(s, at);

    if (spot == SURVEY_SPOTS || s->listings == SURVEY_LISTINGS)
        return SURVEY_LISTINGS;
    s->listing[s->listings] = (struct listing){
        .kind = kind, .by = by, .at = *at, .spot = spot};
    return s->listings++;
}

void survey_dialer(struct survey *s, const char *ip)
{
    for (size_t i = 0; i < s->dialers; i++)
        if (strcmp(s->dialer[i], ip) == 0)
            return;
    if (s->dialers < SURVEY_DIALERS)
        snprintf(s->dialer[s->dialers++], ADDR_HOST_MAX, "%s", ip);
}

void survey_note(struct survey *s, const char *fmt, ...)
{
    va_list args;

    if (s->notes == SURVEY_NOTES)
        return;
    va_start(args, fmt);
    vsnprintf(s->note[s->notes++], sizeof s->note[0], fmt, args);
    va_end(args);
}

static void name_by(struct survey_server *v, const struct addr *at)
{
    addr_print(at, v->name, sizeof v->name);
}

static void name_after(struct survey_server *v, const struct place *p)
{
    snprintf(v->name, sizeof v->name, "%s", p->name);
    v->real = p->real;
    if (p->known.host[0])
        v->known = p->known;
}

void survey_reached(struct survey *s, size_t spot, size_t server, enum spot_way way)
{
    struct spot *at = &s->spot[spot];
    struct survey_server *v = &s->server[server];
    const struct place *p = places_known(s->places, &at->at);

    at->server = server;
    if (at->way == WAY_UNKNOWN)
        at->way = way;
    if (at->way == WAY_PROXIED && v->known.host[0] == '\0')
        v->known = at->at;
    if (at->way == WAY_DIRECT && v->real.host[0] == '\0')
        v->real = at->at;
    if (p == NULL)
        p = places_real(s->places, at->way == WAY_DIRECT ? &at->at : &v->real);
    if (p)
        name_after(v, p);
    else
        name_by(v, v->known.host[0] ? &v->known : &at->at);
}

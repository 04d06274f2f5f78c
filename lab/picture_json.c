/* picture_json.c -- see picture.h. */
#include "picture.h"

static const char *const ways[] = {NULL, "proxied", "direct"};
static const char *const kinds[] = {"replica", "follows", "master", "replica",
                                    "sentinel"};

static json_t *address(const struct addr *a)
{
    char text[ADDR_TEXT_MAX];

    return a->host[0] ? json_string(addr_print(a, text, sizeof text)) : json_null();
}

static json_t *of_servers(const struct survey *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < s->servers; i++) {
        const struct survey_server *v = &s->server[i];
        const char *role = v->replica ? "replica" : "master";
        char version[48];

        snprintf(version, sizeof version, "%s %u.%u", v->valkey ? "valkey" : "redis",
                 v->major, v->minor);
        json_array_append_new(all, json_pack("{s:s, s:s, s:o, s:o, s:s}", "name", v->name,
                                             "role", v->sentinel ? "sentinel" : role,
                                             "address", address(&v->known), "real",
                                             address(&v->real), "server", version));
    }
    return all;
}

static json_t *of_listings(const struct survey *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < s->listings; i++) {
        const struct listing *l = &s->listing[i];
        size_t who = s->spot[l->spot].server;

        json_array_append_new(
            all,
            json_pack("{s:s, s:s, s:o, s:s?, s:s?, s:s}", "by", s->server[l->by].name,
                      "as", kinds[l->kind], "address", address(&l->at), "is",
                      who == SURVEY_NOBODY ? NULL : s->server[who].name, "way",
                      ways[s->spot[l->spot].way], "state", l->state));
    }
    return all;
}

static json_t *of_silent(const struct survey *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < s->spots; i++)
        if (s->spot[i].state != SPOT_ANSWERS)
            json_array_append_new(all, json_pack("{s:o, s:s}", "address",
                                                 address(&s->spot[i].at), "why",
                                                 s->spot[i].why));
    return all;
}

static json_t *of_traps(const struct traps *t)
{
    json_t *all = json_array();

    for (size_t i = 0; i < t->n; i++) {
        const struct trap *trap = &t->trap[i];

        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "trap",
                                             trap_words[trap->kind].name, "node",
                                             trap->node, "what", trap->what, "why",
                                             trap_words[trap->kind].why, "file",
                                             trap->file, "line", trap->line));
    }
    return all;
}

json_t *picture_json(const struct survey *s, const struct traps *t)
{
    json_t *notes = json_array();

    for (size_t i = 0; i < s->notes; i++)
        json_array_append_new(notes, json_string(s->note[i]));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "master", s->service, "servers",
                     of_servers(s), "listings", of_listings(s), "silent", of_silent(s),
                     "traps", of_traps(t), "notes", notes);
}

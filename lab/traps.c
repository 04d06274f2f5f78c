/* traps.c -- see traps.h.
 *
 * A setting that we are told is better evidence than an address that somebody lists: it
 * says whose it is. So settings are looked at first, and an address that belongs to
 * nobody is told of only when no setting explains it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "traps_parts.h"

#define UNKNOWN_HOST "<the proxy's address for it>"
#define UNKNOWN_PORT "<its port there>"

const struct trap_words trap_words[TRAP_KINDS] = {
    [TRAP_REPLICA_ANNOUNCE] = {"replica-announce",
                               "the master knows it by the address that its link comes "
                               "from, which is the proxy's: when the master is lost, "
                               "Sentinel finds no good replica and no failover happens"},
    [TRAP_SENTINEL_ANNOUNCE] = {"sentinel-announce",
                                "the other sentinels reach it past the proxy: failover "
                                "works, but sentinels cannot be cut off from each other"},
    [TRAP_ANNOUNCE_PORT] = {"announce-port",
                            "it announces its own port at the proxy's address, where the "
                            "proxy has another one for it"},
    [TRAP_REAL_ADDRESS] = {"real-address",
                           "its link goes past the proxy; a sentinel that knows the "
                           "master so will also point the replicas there, once "
                           "failover-timeout is over, without a word"},
    [TRAP_PROTECTED_MODE] = {"protected-mode",
                             "without a password it denies every connection that is not "
                             "local to it, and only 127.0.0.1 and ::1 are (from 7.2 on "
                             "all of 127.0.0.0/8)"},
    [TRAP_HOSTNAMES] = {"hostnames",
                        "names must be allowed in every sentinel: else it has no "
                        "replicas, or knows each of them twice"},
    [TRAP_MANY_ADDRESSES] = {"many-addresses",
                             "a sentinel says no when it is asked about an address that "
                             "it does not know: the master is +sdown for each of them "
                             "and never +odown"},
    [TRAP_MASTER_ANNOUNCE] = {"master-announce",
                              "all is well until it comes back as a replica: then nobody "
                              "finds it, and the next failover has one choice less"},
    [TRAP_GHOST_REPLICA] = {"ghost-replica",
                            "a second connection for full syncs does not announce: the "
                            "master lists it under the proxy's address, and sentinels "
                            "never forget it"},
    [TRAP_DEAD_ACCEPTS] = {"dead-accepts",
                           "clients and replicas see a connection that is closed where "
                           "they should see one that is refused, and go other ways"},
    [TRAP_REUSED_CONF] = {"reused-conf",
                          "servers rewrite their files: what an earlier run left in them "
                          "(replicaof, known-replica, known-sentinel, myid) is still "
                          "there"},
};

/* ---- writing them down ---- */

struct trap *trap_add(struct traps *out, enum trap_kind kind, const char *node)
{
    static struct trap spare;
    struct trap *t = out->n < TRAPS_MAX ? &out->trap[out->n++] : &spare;

    out->more |= t == &spare;
    *t = (struct trap){.kind = kind};
    snprintf(t->node, sizeof t->node, "%s", node);
    return t;
}

void trap_say(struct trap *t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(t->what, sizeof t->what, fmt, args);
    va_end(args);
}

void trap_mend(struct trap *t, const char *file, const char *fmt, ...)
{
    va_list args;

    snprintf(t->file, sizeof t->file, "%s", file);
    va_start(args, fmt);
    vsnprintf(t->line, sizeof t->line, fmt, args);
    va_end(args);
}

bool trap_found(const struct traps *out, enum trap_kind kind, const char *node)
{
    for (size_t i = 0; i < out->n; i++)
        if (out->trap[i].kind == kind && (!node || !strcmp(out->trap[i].node, node)))
            return true;
    return false;
}

/* ---- words for addresses ---- */

struct known_text known_of(const struct survey_server *v)
{
    struct known_text t = {UNKNOWN_HOST, UNKNOWN_PORT};

    if (v && v->known.host[0]) {
        snprintf(t.host, sizeof t.host, "%s", v->known.host);
        snprintf(t.port, sizeof t.port, "%u", v->known.port);
    }
    return t;
}

const struct survey_server *listed(const struct survey *s, const struct listing *l)
{
    size_t server = s->spot[l->spot].server;

    return server == SURVEY_NOBODY ? NULL : &s->server[server];
}

bool setting_is(const struct setting *t, const char *text)
{
    return t->known && strcmp(t->text, text) == 0;
}

/* ---- what servers announce ---- */

void trap_mend_announce(struct trap *t, const struct survey_server *v)
{
    struct known_text known = known_of(v);

    if (v && v->sentinel)
        trap_mend(t, TRAPS_SENTINEL, "sentinel announce-ip %s\nsentinel announce-port %s",
                  known.host, known.port);
    else
        trap_mend(t, TRAPS_REDIS, "replica-announce-ip %s\nreplica-announce-port %s",
                  known.host, known.port);
}

static void find_no_announce(const struct survey *s, struct traps *out,
                             enum trap_kind kind, bool sentinel, bool replica)
{
    for (size_t i = 0; i < s->servers; i++) {
        const struct survey_server *v = &s->server[i];
        struct trap *t;

        if (v->sentinel != sentinel || v->replica != replica ||
            !setting_is(&v->announce_ip, ""))
            continue;
        t = trap_add(out, kind, v->name);
        trap_say(t, "%s announces no address", v->name);
        trap_mend_announce(t, v);
    }
}

/* Who is listed where it cannot be reached through the proxy, and does not say why. */
static void find_listed_direct(const struct survey *s, struct traps *out,
                               enum listing_kind listing, enum trap_kind kind)
{
    for (size_t i = 0; i < s->listings; i++) {
        const struct listing *l = &s->listing[i];
        const struct survey_server *v = listed(s, l);
        char address[ADDR_TEXT_MAX];
        struct trap *t;

        if (l->kind != listing || s->spot[l->spot].way != WAY_DIRECT || v == NULL ||
            trap_found(out, kind, v->name))
            continue;
        t = trap_add(out, kind, v->name);
        trap_say(t, "%s lists %s at its real address %s", s->server[l->by].name, v->name,
                 addr_print(&l->at, address, sizeof address));
        trap_mend_announce(t, v);
    }
}

static void find_announce_port(const struct survey *s, struct traps *out)
{
    for (size_t i = 0; i < s->servers; i++) {
        const struct survey_server *v = &s->server[i];
        struct known_text known = known_of(v);
        struct trap *t;

        if (!v->announce_ip.known || setting_is(&v->announce_ip, "") ||
            !setting_is(&v->announce_port, "0") || v->known.host[0] == '\0' ||
            v->real.host[0] == '\0' || v->known.port == v->real.port)
            continue;
        t = trap_add(out, TRAP_ANNOUNCE_PORT, v->name);
        trap_say(t,
                 "%s announces %s without a port: it is taken to be at port %u, and the "
                 "proxy has it at %u",
                 v->name, v->announce_ip.text, v->real.port, v->known.port);
        if (v->sentinel)
            trap_mend(t, TRAPS_SENTINEL, "sentinel announce-port %s", known.port);
        else
            trap_mend(t, TRAPS_REDIS, "replica-announce-port %s", known.port);
    }
}

/* ---- who looks where ---- */

static void find_real_master(const struct survey *s, struct traps *out)
{
    for (size_t i = 0; i < s->listings; i++) {
        const struct listing *l = &s->listing[i];
        const struct survey_server *by = &s->server[l->by];
        struct known_text known = known_of(listed(s, l));
        char address[ADDR_TEXT_MAX];
        struct trap *t;

        if ((l->kind != WATCHES_MASTER && l->kind != FOLLOWS_MASTER) ||
            s->spot[l->spot].way != WAY_DIRECT)
            continue;
        t = trap_add(out, TRAP_REAL_ADDRESS, by->name);
        trap_say(t, "%s %s the master at its real address %s", by->name,
                 by->sentinel ? "watches" : "follows",
                 addr_print(&l->at, address, sizeof address));
        if (by->sentinel)
            trap_mend(t, TRAPS_SENTINEL, "sentinel monitor %s %s %s %u", s->service,
                      known.host, known.port, l->quorum);
        else
            trap_mend(t, TRAPS_REDIS, "replicaof %s %s", known.host, known.port);
    }
}

/* ---- being let in ---- */

/* Does this server take everybody for local who can reach it there? */
static bool all_local(const struct survey_server *v)
{
    bool wide = v->valkey || v->major > 7 || (v->major == 7 && v->minor >= 2);

    if (strcmp(v->real.host, "127.0.0.1") == 0 || strcmp(v->real.host, "::1") == 0)
        return true;
    return wide && strncmp(v->real.host, "127.", 4) == 0;
}

static void find_protected(const struct survey *s, struct traps *out)
{
    struct trap *t;

    for (size_t i = 0; i < s->servers; i++) {
        const struct survey_server *v = &s->server[i];

        if (!setting_is(&v->protected_mode, "yes") || !v->no_password || all_local(v))
            continue;
        t = trap_add(out, TRAP_PROTECTED_MODE, v->name);
        trap_say(t, "%s is in protected mode, and asks for no password", v->name);
        trap_mend(t, TRAPS_REDIS, "protected-mode no");
    }
    for (size_t i = 0; i < s->spots; i++) {
        const struct spot *spot = &s->spot[i];
        const struct place *p = places_known(s->places, &spot->at);
        char name[ADDR_TEXT_MAX];

        addr_print(&spot->at, name, sizeof name);
        if (p == NULL)
            p = places_real(s->places, &spot->at);
        if (spot->state != SPOT_DENIES ||
            trap_found(out, TRAP_PROTECTED_MODE, p ? p->name : name))
            continue;
        t = trap_add(out, TRAP_PROTECTED_MODE, p ? p->name : name);
        trap_say(t, "%s denies us, being in protected mode", name);
        trap_mend(t, TRAPS_REDIS, "protected-mode no");
    }
}

/* By kind, and as they were found within one. */
static void sort(struct traps *out)
{
    for (size_t i = 1; i < out->n; i++) {
        struct trap t = out->trap[i];
        size_t j = i;

        for (; j > 0 && out->trap[j - 1].kind > t.kind; j--)
            out->trap[j] = out->trap[j - 1];
        out->trap[j] = t;
    }
}

void traps_find(const struct survey *s, struct traps *out)
{
    *out = (struct traps){0};
    find_no_announce(s, out, TRAP_REPLICA_ANNOUNCE, false, true);
    find_listed_direct(s, out, LISTS_REPLICA, TRAP_REPLICA_ANNOUNCE);
    find_no_announce(s, out, TRAP_SENTINEL_ANNOUNCE, true, false);
    find_listed_direct(s, out, WATCHES_SENTINEL, TRAP_SENTINEL_ANNOUNCE);
    find_announce_port(s, out);
    find_real_master(s, out);
    find_protected(s, out);
    find_no_announce(s, out, TRAP_MASTER_ANNOUNCE, false, false);
    traps_hostnames(s, out);
    traps_many_addresses(s, out);
    traps_second_channel(s, out);
    traps_strangers(s, out);
    traps_dead(s, out);
    sort(out);
}

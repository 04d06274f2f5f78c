/* traps_listed.c -- traps that show in what servers say of each other: addresses where
 * nobody is, several for one server, and names.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "traps_parts.h"

/* ---- names ---- */

static bool is_name(const char *host)
{
    unsigned char bytes[16];

    return host[0] && inet_pton(AF_INET, host, bytes) != 1 &&
           inet_pton(AF_INET6, host, bytes) != 1;
}

/* Somebody who goes by a name, or NULL. */
static const struct survey_server *named(const struct survey *s)
{
    for (size_t i = 0; i < s->servers; i++)
        if (s->server[i].announce_ip.known && is_name(s->server[i].announce_ip.text))
            return &s->server[i];
    return NULL;
}

void traps_hostnames(const struct survey *s, struct traps *out)
{
    const struct survey_server *who = named(s);

    for (size_t i = 0; who && i < s->servers; i++) {
        const struct survey_server *v = &s->server[i];
        bool resolves = !setting_is(&v->resolve_hostnames, "no");
        struct trap *t;

        if (!v->sentinel || (resolves && !setting_is(&v->announce_hostnames, "no")))
            continue;
        t = trap_add(out, TRAP_HOSTNAMES, v->name);
        trap_say(t, "%s announces the name %s, which %s does not %s", who->name,
                 who->announce_ip.text, v->name, resolves ? "pass on" : "resolve");
        trap_mend(t, TRAPS_SENTINEL,
                  "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes");
    }
}

/* ---- one master, several addresses ---- */

static size_t watchers(const struct survey *s, const struct listing *l)
{
    size_t n = 0;

    for (size_t i = 0; i < s->listings; i++)
        n += s->listing[i].kind == WATCHES_MASTER && s->listing[i].spot == l->spot;
    return n;
}

/* How good it is for all to know the master so: proxied, and by as many as possible. */
static size_t merit(const struct survey *s, const struct listing *l)
{
    return watchers(s, l) + (s->spot[l->spot].way == WAY_PROXIED ? SURVEY_SERVERS : 0);
}

static bool same_master(const struct survey *s, const struct listing *a,
                        const struct listing *b)
{
    size_t who = s->spot[a->spot].server;

    if (b->kind != WATCHES_MASTER)
        return false;
    if (who != SURVEY_NOBODY)
        return who == s->spot[b->spot].server;
    return a->id[0] && strcmp(a->id, b->id) == 0;
}

static const struct listing *best_for(const struct survey *s, const struct listing *l)
{
    const struct listing *best = l;

    for (size_t i = 0; i < s->listings; i++)
        if (same_master(s, l, &s->listing[i]) &&
            merit(s, &s->listing[i]) > merit(s, best))
            best = &s->listing[i];
    return best;
}

/* Where two are as good, the one that comes first. */
static const struct listing *agreed(const struct survey *s, const struct listing *l)
{
    const struct listing *best = best_for(s, l);

    for (size_t i = 0; i < s->listings; i++)
        if (same_master(s, l, &s->listing[i]) &&
            merit(s, &s->listing[i]) == merit(s, best))
            return &s->listing[i];
    return best;
}

void traps_many_addresses(const struct survey *s, struct traps *out)
{
    for (size_t i = 0; i < s->listings; i++) {
        const struct listing *l = &s->listing[i], *best;
        const char *name = s->server[l->by].name;
        char one[ADDR_TEXT_MAX], other[ADDR_TEXT_MAX];
        struct trap *t;

        if (l->kind != WATCHES_MASTER || (best = agreed(s, l))->spot == l->spot)
            continue;
        t = trap_add(out, TRAP_MANY_ADDRESSES, name);
        trap_say(t, "%s watches the master at %s, and %s the same one at %s", name,
                 addr_print(&l->at, one, sizeof one), s->server[best->by].name,
                 addr_print(&best->at, other, sizeof other));
        trap_mend(t, TRAPS_SENTINEL, "sentinel monitor %s %s %u %u", s->service,
                  best->at.host, best->at.port, l->quorum);
    }
}

/* ---- addresses where nobody is ---- */

static bool is_told(const struct survey *s, const struct addr *a)
{
    return places_known(s->places, a) || places_real(s->places, a);
}

static bool is_own_port(const struct survey *s, uint16_t port)
{
    for (size_t i = 0; i < s->servers; i++)
        if (!s->server[i].sentinel && s->server[i].real.port == port)
            return true;
    return false;
}

/* Is it made of the address where the proxy's connections come from, and the port that a
 * replica says it listens at? */
static bool is_ghost(const struct survey *s, const struct addr *a)
{
    for (size_t i = 0; i < s->dialers; i++)
        if (strcmp(s->dialer[i], a->host) == 0)
            return is_own_port(s, a->port);
    return false;
}

static bool is_listed_by_master(const struct survey *s, const struct listing *l)
{
    for (size_t i = 0; i < s->listings; i++)
        if (s->listing[i].kind == LISTS_REPLICA && s->listing[i].spot == l->spot)
            return true;
    return false;
}

static bool nobody_of_ours(const struct survey *s, const struct listing *l)
{
    const struct survey_server *v = listed(s, l);

    return v == NULL || v->sentinel || v == &s->server[l->by];
}

static void ghost(const struct survey *s, const struct listing *l, struct traps *out)
{
    char at[ADDR_TEXT_MAX];
    struct trap *t;

    addr_print(&l->at, at, sizeof at);
    if (trap_found(out, TRAP_GHOST_REPLICA, at))
        return;
    t = trap_add(out, TRAP_GHOST_REPLICA, at);
    trap_say(t, "%s lists a replica at %s, where the proxy's connections come from",
             s->server[l->by].name, at);
    trap_mend(t, TRAPS_COMMAND, "SENTINEL RESET %s", s->service);
}

/* A master has a replica, in sync, at an address where there is none. If a replica or a
 * sentinel has told why, it is known already. */
static void unreachable(const struct survey *s, const struct listing *l,
                        struct traps *out)
{
    char at[ADDR_TEXT_MAX];
    struct trap *t;

    if (trap_found(out, TRAP_REPLICA_ANNOUNCE, NULL) ||
        trap_found(out, TRAP_HOSTNAMES, NULL) ||
        trap_found(out, TRAP_ANNOUNCE_PORT, NULL))
        return;
    addr_print(&l->at, at, sizeof at);
    t = trap_add(out, TRAP_REPLICA_ANNOUNCE, at);
    trap_say(t, "%s lists a replica at %s, where none is", s->server[l->by].name, at);
    trap_mend_announce(t, NULL);
}

/* What an earlier run has left: in a file once, in a sentinel's memory until now. Only
 * for those who are told which nodes there are: to others, one that is dead looks the
 * same. A run id proves nothing, for an old master has none when it is listed as a
 * replica. */
static void leftover(const struct survey *s, const struct listing *l, const char *what,
                     struct traps *out)
{
    const char *name = s->server[l->by].name;
    char at[ADDR_TEXT_MAX];
    struct trap *t;

    t = trap_add(out, TRAP_REUSED_CONF, name);
    trap_say(t, "%s lists a %s at %s, which is none of this set-up", name, what,
             addr_print(&l->at, at, sizeof at));
    trap_mend(t, TRAPS_COMMAND, "SENTINEL RESET %s", s->service);
}

/* What was announced once is remembered, also when something else is announced now. */
static void remembered(const struct survey *s, const struct listing *l, struct traps *out)
{
    const char *name = s->server[l->by].name;
    char at[ADDR_TEXT_MAX];
    struct trap *t;

    t = trap_add(out, TRAP_REUSED_CONF, name);
    trap_say(t, "%s lists a replica at %s, a real address that no master lists", name,
             addr_print(&l->at, at, sizeof at));
    trap_mend(t, TRAPS_COMMAND, "SENTINEL RESET %s", s->service);
}

static void stray_replica(const struct survey *s, const struct listing *l,
                          struct traps *out)
{
    if (l->kind == WATCHES_REPLICA && s->spot[l->spot].way == WAY_DIRECT &&
        !is_listed_by_master(s, l))
        remembered(s, l, out);
    if (is_told(s, &l->at) || !nobody_of_ours(s, l))
        return;
    if (l->kind == LISTS_REPLICA && strcmp(l->state, "online") == 0)
        unreachable(s, l, out);
    else if (is_ghost(s, &l->at) && !is_listed_by_master(s, l))
        ghost(s, l, out);
    else if (l->kind == WATCHES_REPLICA && s->places->n > 0 && !is_listed_by_master(s, l))
        leftover(s, l, "replica", out);
}

static void stray_sentinel(const struct survey *s, const struct listing *l,
                           struct traps *out)
{
    if (s->places->n > 0 && listed(s, l) == NULL && !is_told(s, &l->at))
        leftover(s, l, "sentinel", out);
}

static const struct survey_server *watched_master(const struct survey *s)
{
    for (size_t i = 0; i < s->listings; i++)
        if (s->listing[i].kind == WATCHES_MASTER && listed(s, &s->listing[i]))
            return listed(s, &s->listing[i]);
    return NULL;
}

/* A replica that follows an address which nobody else has ever heard of. */
static void stray_link(const struct survey *s, const struct listing *l, struct traps *out)
{
    const char *name = s->server[l->by].name;
    struct known_text known = known_of(watched_master(s));
    char at[ADDR_TEXT_MAX];
    struct trap *t;

    if (listed(s, l) || is_told(s, &l->at))
        return;
    for (size_t i = 0; i < s->listings; i++)
        if (s->listing[i].spot == l->spot && s->listing[i].kind != FOLLOWS_MASTER)
            return;
    t = trap_add(out, TRAP_REUSED_CONF, name);
    trap_say(t, "%s follows %s, which is none of this set-up", name,
             addr_print(&l->at, at, sizeof at));
    trap_mend(t, TRAPS_REDIS, "replicaof %s %s", known.host, known.port);
}

static void twins(const struct survey *s, struct traps *out)
{
    for (size_t i = 0; i < s->servers; i++)
        for (size_t j = 0; j < i; j++) {
            const struct survey_server *a = &s->server[j], *b = &s->server[i];
            struct trap *t;

            if (b->my_id[0] == '\0' || strcmp(a->my_id, b->my_id) != 0)
                continue;
            t = trap_add(out, TRAP_REUSED_CONF, b->name);
            trap_say(t, "%s and %s have one myid: they are one sentinel for all others",
                     a->name, b->name);
            trap_mend(t, TRAPS_SENTINEL,
                      "# without the lines that begin with: sentinel myid, sentinel "
                      "known-");
        }
}

void traps_strangers(const struct survey *s, struct traps *out)
{
    for (size_t i = 0; i < s->listings; i++) {
        const struct listing *l = &s->listing[i];

        if (l->kind == LISTS_REPLICA || l->kind == WATCHES_REPLICA)
            stray_replica(s, l, out);
        else if (l->kind == WATCHES_SENTINEL)
            stray_sentinel(s, l, out);
        else if (l->kind == FOLLOWS_MASTER)
            stray_link(s, l, out);
    }
    twins(s, out);
}

/* ---- a proxy in front of a dead node ---- */

/* Is there word, from the kernel or from a sentinel, that nobody is behind it? */
static bool is_dead(const struct survey *s, size_t spot)
{
    const struct place *p = places_known(s->places, &s->spot[spot].at);

    for (size_t i = 0; p && i < s->spots; i++)
        if (addr_same(&s->spot[i].at, &p->real))
            return s->spot[i].state == SPOT_REFUSES;
    for (size_t i = 0; i < s->listings; i++)
        if (s->listing[i].spot == spot && strstr(s->listing[i].state, "s_down"))
            return true;
    return false;
}

void traps_dead(const struct survey *s, struct traps *out)
{
    for (size_t i = 0; i < s->spots; i++) {
        const struct place *p = places_known(s->places, &s->spot[i].at);
        char at[ADDR_TEXT_MAX];
        struct trap *t;

        if (s->spot[i].state != SPOT_CLOSES || !is_dead(s, i))
            continue;
        addr_print(&s->spot[i].at, at, sizeof at);
        t = trap_add(out, TRAP_DEAD_ACCEPTS, p ? p->name : at);
        trap_say(t, "%s accepts, and closes: nobody is behind it", at);
        trap_mend(t, TRAPS_PROXY, "when-down: refuse");
    }
}

/* ---- a second connection for full syncs ---- */

/* Before Redis 8.6 and Valkey 9.1 it does not announce itself. */
static bool is_mended(const struct survey_server *v)
{
    unsigned version = v->major * 100 + v->minor;

    return version >= (v->valkey ? 901u : 806u);
}

void traps_second_channel(const struct survey *s, struct traps *out)
{
    for (size_t i = 0; i < s->servers; i++) {
        const struct survey_server *v = &s->server[i];
        struct trap *t;

        if (v->sentinel || is_mended(v) || !setting_is(&v->second_channel, "yes"))
            continue;
        t = trap_add(out, TRAP_GHOST_REPLICA, v->name);
        trap_say(t, "%s uses a second connection for full syncs", v->name);
        trap_mend(t, TRAPS_REDIS, "%s no",
                  v->valkey ? "dual-channel-replication-enabled" : "repl-rdb-channel");
    }
}

/* survey_read.c -- ask everybody, one after the other: see survey.h.
 *
 *   first addresses ──► spot ── who is it? ──► server ── what does it say? ──► listings
 *                        ▲                                                       │
 *                        └──────────────── an address that is new ◄──────────────┘
 *
 * Is there a proxy between? The server tells at which address it sees us (CLIENT INFO).
 * If that is not where our socket is, somebody stands between; translated destinations,
 * as a service of Kubernetes has them, do not change it.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "question.h"
#include "survey.h"
#include "talk.h"

#define WORD 256

struct visit {
    struct survey *s;
    struct talk t;
    const struct url *login;
    size_t spot, server;
    bool no_password;
    int signal; /* -EINTR once it came */
};

/* ---- questions ---- */

static redisReply *ask(struct visit *v, int words, const char *const *word)
{
    redisReply *r = NULL;
    int rc;

    if (v->t.ctx == NULL)
        return NULL;
    rc = talk_ask(&v->t, v->s->timeout, words, word, &r);
    if (rc == -EINTR)
        v->signal = rc;
    if (rc == 0 && talk_judge(&v->t, r) < 0) {
        freeReplyObject(r);
        r = NULL;
    }
    return rc == 0 ? r : NULL;
}

#define ASK(v, ...)                                                                      \
    ask(v, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                \
        (const char *[]){__VA_ARGS__})

/* The value of a field in a flat list of names and values, "" when it is not there. */
static const char *field(const redisReply *r, const char *name)
{
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2)
        if (r->element[i]->type == REDIS_REPLY_STRING &&
            r->element[i + 1]->type == REDIS_REPLY_STRING &&
            strcmp(r->element[i]->str, name) == 0)
            return r->element[i + 1]->str;
    return "";
}

static void keep(struct setting *to, const redisReply *r, const char *name)
{
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i += 2)
        if (r->element[i]->type == REDIS_REPLY_STRING &&
            strcmp(r->element[i]->str, name) == 0) {
            to->known = true;
            snprintf(to->text, sizeof to->text, "%s", field(r, name));
        }
}

static bool address(const char *host, const char *port, struct addr *out)
{
    unsigned long n = strtoul(port, NULL, 10);

    *out = (struct addr){.port = (uint16_t)n};
    if (*host == '\0' || strcmp(host, "?") == 0 || n == 0 || n > UINT16_MAX ||
        strlen(host) >= sizeof out->host)
        return false;
    strcpy(out->host, host);
    return true;
}

/* ---- a redis ---- */

static const char *in_line(const char *line, const char *name, char *buf, size_t size)
{
    size_t n = strlen(name);

    buf[0] = '\0';
    for (const char *at = line; (at = strstr(at, name)) != NULL; at += n)
        if ((at == line || strchr(" ,:", at[-1])) && at[n] == '=') {
            snprintf(buf, size, "%.*s", (int)strcspn(at + n + 1, " ,\r\n"), at + n + 1);
            break;
        }
    return buf;
}

/* slave0:ip=127.0.2.3,port=23709,state=online,offset=878,lag=1 */
static void list_replicas(struct visit *v, const char *info)
{
    char name[24], line[WORD], ip[WORD], port[16];
    struct addr at;

    for (unsigned i = 0; i < SURVEY_SERVERS; i++) {
        size_t listing;

        snprintf(name, sizeof name, "slave%u", i);
        question_info(info, name, line, sizeof line);
        if (!address(in_line(line, "ip", ip, sizeof ip),
                     in_line(line, "port", port, sizeof port), &at))
            continue;
        listing = survey_list(v->s, LISTS_REPLICA, v->server, &at);
        if (listing < SURVEY_LISTINGS)
            in_line(line, "state", v->s->listing[listing].state,
                    sizeof v->s->listing[listing].state);
    }
}

static void list_master(struct visit *v, const char *info)
{
    struct survey_server *server = &v->s->server[v->server];
    char host[WORD], port[16], link[16];
    struct addr at;
    size_t listing;

    question_info(info, "master_link_status", link, sizeof link);
    server->replica = true;
    server->link_up = strcmp(link, "up") == 0;
    if (!address(question_info(info, "master_host", host, sizeof host),
                 question_info(info, "master_port", port, sizeof port), &at))
        return;
    listing = survey_list(v->s, FOLLOWS_MASTER, v->server, &at);
    if (listing < SURVEY_LISTINGS)
        snprintf(v->s->listing[listing].state, sizeof link, "%s", link);
}

static void read_settings(struct visit *v)
{
    struct survey_server *server = &v->s->server[v->server];
    redisReply *r = ASK(v, "CONFIG", "GET", "*announce*");

    if (r == NULL) {
        survey_note(v->s, "%s does not tell its configuration: %s", server->name,
                    v->t.why);
        return;
    }
    keep(&server->announce_ip, r, "replica-announce-ip");
    keep(&server->announce_port, r, "replica-announce-port");
    freeReplyObject(r);
    if ((r = ASK(v, "CONFIG", "GET", "protected-mode")) != NULL) {
        keep(&server->protected_mode, r, "protected-mode");
        freeReplyObject(r);
    }
    if ((r = ASK(v, "CONFIG", "GET", "*-channel*")) != NULL) {
        keep(&server->second_channel, r, "repl-rdb-channel");
        keep(&server->second_channel, r, "dual-channel-replication-enabled");
        freeReplyObject(r);
    }
}

static void read_redis(struct visit *v, const char *info)
{
    char role[16];

    if (strcmp(question_info(info, "role", role, sizeof role), "slave") == 0)
        list_master(v, info);
    list_replicas(v, info);
    read_settings(v);
}

/* ---- a sentinel ---- */

static void list_watched(struct visit *v, enum listing_kind kind, const redisReply *r)
{
    struct listing *l;
    struct addr at;
    size_t i;

    if (r->type != REDIS_REPLY_ARRAY || !address(field(r, "ip"), field(r, "port"), &at) ||
        (i = survey_list(v->s, kind, v->server, &at)) == SURVEY_LISTINGS)
        return;
    l = &v->s->listing[i];
    snprintf(l->id, sizeof l->id, "%s", field(r, "runid"));
    snprintf(l->state, sizeof l->state, "%s", field(r, "flags"));
    l->quorum = (unsigned)strtoul(field(r, "quorum"), NULL, 10);
}

static void list_all_watched(struct visit *v, enum listing_kind kind, const char *of)
{
    redisReply *r = ASK(v, "SENTINEL", of, v->s->service);

    if (r == NULL)
        survey_note(v->s, "%s does not tell its %s: %s", v->s->server[v->server].name, of,
                    v->t.why);
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        list_watched(v, kind, r->element[i]);
    if (r)
        freeReplyObject(r);
}

/* Which of the masters is meant? -EINVAL and *e when that is not clear. */
static int choose(struct survey *s, const redisReply *masters, struct err *e)
{
    char names[ERR_MAX] = "";
    size_t n = 0;

    if (s->service[0])
        return 0;
    for (size_t i = 0; i < masters->elements; i++) {
        const char *name = field(masters->element[i], "name");

        if (strcmp(name, s->master) == 0 || (*s->master == 0 && masters->elements == 1))
            snprintf(s->service, sizeof s->service, "%s", name);
        if (n < sizeof names)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s'%s'", i ? ", " : "",
                                  name);
    }
    if (s->service[0] || masters->elements == 0)
        return 0;
    if (*s->master)
        err_set(e, -EINVAL, "no master is called '%s' there", s->master);
    else
        err_set(e, -EINVAL, "the sentinels watch more than one master");
    err_hint(e, "--master NAME, one of %s", names);
    return -EINVAL;
}

static int read_masters(struct visit *v, struct err *e)
{
    redisReply *r = ASK(v, "SENTINEL", "MASTERS");
    size_t before = v->s->listings;
    int rc = 0;

    if (r && r->type == REDIS_REPLY_ARRAY)
        rc = choose(v->s, r, e);
    for (size_t i = 0; rc == 0 && r && i < r->elements; i++)
        if (strcmp(field(r->element[i], "name"), v->s->service) == 0)
            list_watched(v, WATCHES_MASTER, r->element[i]);
    if (r)
        freeReplyObject(r);
    if (rc == 0 && v->s->listings == before)
        survey_note(v->s, "%s does not watch %s", v->s->server[v->server].name,
                    v->s->service[0] ? v->s->service : "any master");
    return rc;
}

static int read_sentinel(struct visit *v, struct err *e)
{
    struct survey_server *server = &v->s->server[v->server];
    redisReply *r = ASK(v, "SENTINEL", "MYID");
    int rc;

    if (r && r->type == REDIS_REPLY_STRING)
        snprintf(server->my_id, sizeof server->my_id, "%s", r->str);
    if (r)
        freeReplyObject(r);
    if ((r = ASK(v, "SENTINEL", "CONFIG", "GET", "*")) != NULL) {
        keep(&server->announce_ip, r, "announce-ip");
        keep(&server->announce_port, r, "announce-port");
        keep(&server->resolve_hostnames, r, "resolve-hostnames");
        keep(&server->announce_hostnames, r, "announce-hostnames");
        freeReplyObject(r);
    }
    rc = read_masters(v, e);
    if (rc == 0 && v->s->service[0]) {
        list_all_watched(v, WATCHES_REPLICA, "REPLICAS");
        list_all_watched(v, WATCHES_SENTINEL, "SENTINELS");
    }
    return rc;
}

/* ---- who is it? ---- */

/* source: the address to come from, or NULL. */
static int open_as(struct visit *v, const struct url *login, const char *source)
{
    struct url u = *login;
    struct talk_conf c = {.url = &u, .source = source, .timeout = v->s->timeout};
    int rc;

    u.at = v->s->spot[v->spot].at;
    u.db = 0;
    v->no_password = u.password[0] == '\0';
    rc = talk_open(&v->t, &c);
    /* A password where none is set is an error of its own. */
    if (rc == -EPROTO && strstr(v->t.why, "without any password")) {
        u.password[0] = u.user[0] = '\0';
        v->no_password = true;
        rc = talk_open(&v->t, &c);
    }
    return rc;
}

static const char *our_end(const struct talk *t, char ours[ADDR_TEXT_MAX])
{
    struct sockaddr_storage ss;
    socklen_t n = sizeof ss;

    if (t->ctx == NULL || getsockname((int)t->ctx->fd, (struct sockaddr *)&ss, &n) < 0)
        return "";
    return addr_print_sockaddr((struct sockaddr *)&ss, ours, ADDR_TEXT_MAX);
}

/* Where the server sees us come from, and at which of its addresses; "" when it does not
 * say. */
static void ask_ends(struct visit *v, char seen[WORD], char at[WORD])
{
    redisReply *r = ASK(v, "CLIENT", "INFO");

    seen[0] = at[0] = '\0';
    if (r && r->type == REDIS_REPLY_STRING) {
        in_line(r->str, "addr", seen, WORD);
        in_line(r->str, "laddr", at, WORD);
    }
    if (r)
        freeReplyObject(r);
}

/* A proxy on this host may dial from the very port that we dialed from: the kernel deals
 * them out in step. One that we have bound ourselves is drawn by lot. */
static bool is_us_again(const struct visit *first, const char *seen)
{
    struct visit v = {.s = first->s, .spot = first->spot};
    char ours[ADDR_TEXT_MAX], again[WORD], at[WORD];
    struct addr local;
    bool us = true;

    if (addr_parse(seen, &local, NULL) == 0 &&
        open_as(&v, first->login, local.host) == 0) {
        ask_ends(&v, again, at);
        us = again[0] && strcmp(our_end(&v.t, ours), again) == 0;
    }
    talk_close(&v.t);
    return us;
}

/* Not for those who may not ask CLIENT INFO, or are older than it: they stay unknown. */
static enum spot_way read_way(struct visit *v, struct survey_server *server)
{
    char seen[WORD], at[WORD], ours[ADDR_TEXT_MAX];
    struct addr a = {0};
    bool us;

    ask_ends(v, seen, at);
    if (seen[0] == '\0' || v->t.ctx == NULL)
        return WAY_UNKNOWN;
    if (addr_parse(at, &a, NULL) == 0 && server->real.host[0] == '\0')
        server->real = a;
    us = strcmp(our_end(&v->t, ours), seen) == 0;
    if (us && !addr_same(&a, &v->s->spot[v->spot].at))
        us = is_us_again(v, seen);
    if (!us && addr_parse(seen, &a, NULL) == 0)
        survey_dialer(v->s, a.host);
    return us ? WAY_DIRECT : WAY_PROXIED;
}

static int read_server(struct visit *v, const char *info, struct err *e)
{
    struct survey *s = v->s;
    char text[WORD], mode[16];
    struct survey_server *server;
    size_t before = s->servers;

    question_info(info, "run_id", text, sizeof text);
    v->server = survey_server(s, text);
    if (v->server == SURVEY_NOBODY) {
        survey_note(s, "more than %d servers: the rest is not looked at", SURVEY_SERVERS);
        return 0;
    }
    server = &s->server[v->server];
    survey_reached(s, v->spot, v->server, read_way(v, server));
    if (s->servers == before)
        return 0;
    server->no_password = v->no_password;
    server->valkey = *question_info(info, "valkey_version", text, sizeof text) != '\0';
    if (!server->valkey)
        question_info(info, "redis_version", text, sizeof text);
    sscanf(text, "%4u.%4u", &server->major, &server->minor);
    question_info(info, "redis_mode", mode, sizeof mode);
    server->sentinel = strcmp(mode, "sentinel") == 0;
    if (server->sentinel)
        return read_sentinel(v, e);
    read_redis(v, info);
    return 0;
}

/* ---- one address ---- */

static enum spot_state state_of(const struct talk *t)
{
    switch ((int)t->trouble) {
    case TROUBLE_REFUSED: return SPOT_REFUSES;
    case TROUBLE_EOF:
    case TROUBLE_RESET: return SPOT_CLOSES;
    case TROUBLE_DENIED: return SPOT_DENIES;
    case TROUBLE_NOAUTH:
    case TROUBLE_WRONGPASS:
    case TROUBLE_NOPERM: return SPOT_LOCKED;
    default: return SPOT_SILENT;
    }
}

static bool is_sentinels(const struct survey *s, size_t spot)
{
    const struct place *p = places_known(s->places, &s->spot[spot].at);

    for (size_t i = 0; i < s->listings; i++)
        if (s->listing[i].spot == spot)
            return s->listing[i].kind == WATCHES_SENTINEL;
    p = p ? p : places_real(s->places, &s->spot[spot].at);
    return p && p->sentinel;
}

static int visit(struct survey *s, size_t spot, const struct url *login, struct err *e)
{
    struct visit v = {.s = s, .spot = spot, .login = login};
    redisReply *r = NULL;
    int rc = open_as(&v, login, NULL);

    if (rc == 0)
        r = ASK(&v, "INFO");
    if (rc == -EINTR)
        v.signal = rc;
    rc = 0;
    if (r && r->type == REDIS_REPLY_STRING) {
        s->spot[spot].state = SPOT_ANSWERS;
        rc = read_server(&v, r->str, e);
    } else {
        s->spot[spot].state = state_of(&v.t);
        snprintf(s->spot[spot].why, sizeof s->spot[spot].why, "%s", v.t.why);
    }
    if (r)
        freeReplyObject(r);
    talk_close(&v.t);
    if (v.signal)
        return err_set(e, -EINTR, "interrupted");
    return rc;
}

/* The real address is looked at only where the other one does not answer. */
static void go_round(struct survey *s, size_t spot)
{
    const struct place *p = places_known(s->places, &s->spot[spot].at);

    if (p && s->spot[spot].state != SPOT_ANSWERS)
        survey_spot(s, &p->real);
}

static void begin(struct survey *s, const struct url *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        survey_spot(s, &from[i].at);
    for (size_t i = 0; i < s->places->n; i++) {
        const struct place *p = &s->places->place[i];

        survey_spot(s, p->known.host[0] ? &p->known : &p->real);
    }
}

static int nobody(const struct survey *s, struct err *e)
{
    const struct spot *first = &s->spot[0];
    char at[ADDR_TEXT_MAX];

    addr_print(&first->at, at, sizeof at);
    if (first->state == SPOT_LOCKED)
        err_set(e, -ENOTCONN, "%.100s does not let us in: %s", at, first->why);
    else
        err_set(e, -ENOTCONN, "nobody answers at %.100s: %s", at, first->why);
    if (first->state == SPOT_LOCKED)
        err_hint(e, "redis://user:password@host:port, or redis://:password@host:port");
    else
        err_hint(e, "is a sentinel running there? URL_S or an argument says where");
    return -ENOTCONN;
}

int survey_read(struct survey *s, const struct url *from, size_t n, struct err *e)
{
    begin(s, from, n);
    for (size_t i = 0; i < s->spots; i++) {
        const struct url *login = i < n || is_sentinels(s, i) ? s->sentinel_login
                                                              : s->data_login;
        int rc = visit(s, i, login, e);

        if (rc < 0)
            return rc;
        go_round(s, i);
    }
    if (s->spots == SURVEY_SPOTS)
        survey_note(s, "more than %d addresses: the rest is not looked at", SURVEY_SPOTS);
    return s->servers ? 0 : nobody(s, e);
}

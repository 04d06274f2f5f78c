/* sentinel.c -- see sentinel.h. */
#include "sentinel.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reply.h"

int sentinels_parse(struct sentinels *s, const char *given, struct err *e)
{
    const char *at = url_or_env(given, "URL_S", e), *m = getenv("URL_M");
    struct err why;
    char one[URL_TEXT_MAX];

    s->n = 0;
    if (m == NULL || url_parse(m, &s->login, NULL) < 0)
        s->login = (struct url){.db = 0};
    for (; at != NULL && *at != '\0'; at += *at == ',') {
        size_t n = strcspn(at, ",");

        if (s->n == SENTINELS_MAX)
            return err_set(e, -EINVAL, "more than %d sentinels", SENTINELS_MAX);
        snprintf(one, sizeof one, "%.*s", (int)n, at);
        if (url_parse(one, &s->url[s->n], &why) < 0) {
            err_set(e, why.code, "--sentinel: %s", why.text);
            err_hint(e, "%s", why.hint);
            return why.code;
        }
        s->n++;
        at += n;
    }
    if (at != NULL && s->n == 0)
        err_set(e, -EINVAL, "--sentinel: no address");
    return s->n > 0 ? 0 : -EINVAL;
}

void sentinels_close(struct sentinels *s)
{
    for (size_t i = 0; i < s->n; i++)
        talk_close(&s->talk[i]);
}

int sentinels_ask(struct sentinels *s, size_t i, int words, const char *const *word,
                  redisReply **out)
{
    const struct talk_conf conf = {.url = &s->url[i], .timeout = s->patience};
    bool fresh = s->talk[i].ctx == NULL;
    int rc = fresh ? talk_open(&s->talk[i], &conf) : 0;

    if (rc == 0)
        rc = talk_ask(&s->talk[i], s->patience, words, word, out);
    if (rc == 0 || fresh || rc == -ETIME || rc == -EINTR)
        return rc;
    /* What was kept has gone stale meanwhile. */
    rc = talk_open(&s->talk[i], &conf);
    return rc < 0 ? rc : talk_ask(&s->talk[i], s->patience, words, word, out);
}

/* -- what they answer ------------------------------------------------------------- */

static bool is_number(const char *name, const char *s)
{
    size_t n = strlen(s), sign = s[0] == '-';

    return n > sign && n < 16 && strspn(s + sign, "0123456789") == n - sign &&
           strcmp(name, "name") != 0 && strcmp(name, "runid") != 0;
}

json_t *sentinel_object(const redisReply *r)
{
    json_t *o = json_object();

    for (size_t i = 0; i + 1 < (size_t)r->elements; i += 2) {
        const char *name = r->element[i]->str, *value = r->element[i + 1]->str;

        if (name == NULL || value == NULL)
            continue;
        json_object_set_new(o, name,
                            is_number(name, value) ? json_integer(atoll(value))
                                                   : json_string(value));
    }
    return o;
}

json_t *sentinel_objects(const redisReply *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < (size_t)r->elements; i++)
        if (r->element[i]->type == REDIS_REPLY_ARRAY)
            json_array_append_new(list, sentinel_object(r->element[i]));
    return list;
}

/* -- the master ------------------------------------------------------------------- */

struct answer {
    bool answers, knows;
    long long epoch;
    char address[SENTINEL_ADDRESS_MAX];
};

static long long epoch_of(const redisReply *r)
{
    json_t *o = sentinel_object(r);
    long long epoch = json_integer_value(json_object_get(o, "config-epoch"));

    json_decref(o);
    return epoch;
}

static int ask_one(struct sentinels *s, size_t i, struct answer *a)
{
    const char *address[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", s->master};
    const char *master[] = {"SENTINEL", "MASTER", s->master};
    redisReply *r = NULL;
    int rc = sentinels_ask(s, i, 3, address, &r);

    if (rc < 0)
        return rc;
    a->answers = true;
    a->knows = reply_is_place(r);
    if (a->knows)
        snprintf(a->address, sizeof a->address,
                 strchr(r->element[0]->str, ':') ? "[%s]:%s" : "%s:%s",
                 r->element[0]->str, r->element[1]->str);
    freeReplyObject(r);
    if (!a->knows || sentinels_ask(s, i, 3, master, &r) < 0)
        return 0;
    if (r->type == REDIS_REPLY_ARRAY)
        a->epoch = epoch_of(r);
    freeReplyObject(r);
    return 0;
}

static int none(const struct sentinels *s, bool any, struct err *e)
{
    char url[URL_TEXT_MAX];

    if (any) {
        err_set(e, -ENOENT, "no sentinel knows a master called '%s'", s->master);
        err_hint(e, "name it with --master");
        return -ENOENT;
    }
    err_set(e, -ENOTCONN, "no sentinel answers: %s: %s",
            url_print(&s->url[0], url, sizeof url), s->talk[0].why);
    err_hint(e, "are they running there? `sunder lab --sentinels 3` prints a URL_S");
    return -ENOTCONN;
}

int sentinels_find_master(struct sentinels *s, char *address, struct err *e)
{
    bool any = false, found = false;
    long long best = 0;

    for (size_t i = 0; i < s->n; i++) {
        struct answer a = {.epoch = 0};

        if (ask_one(s, i, &a) == -EINTR)
            return -EINTR;
        any |= a.answers;
        if (!a.knows || (found && a.epoch <= best))
            continue;
        found = true;
        best = a.epoch;
        snprintf(address, SENTINEL_ADDRESS_MAX, "%s", a.address);
    }
    return found ? 0 : none(s, any, e);
}

void sentinels_login(const struct sentinels *s, struct url *u)
{
    memcpy(u->user, s->login.user, sizeof u->user);
    memcpy(u->password, s->login.password, sizeof u->password);
}

/* -- the process behind an address ------------------------------------------------ */

/* What INFO says of a field, as a number. */
static long info_number(const char *info, const char *field)
{
    const char *at = strstr(info, field);

    return at != NULL ? strtol(at + strlen(field), NULL, 10) : 0;
}

/* Numbers of processes are of use on one machine only, and may have been taken by others:
 * so it must call itself a Redis, and name the port. */
static bool looks_right(long pid, long port)
{
    char path[48], words[256], number[16];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
    f = fopen(path, "re");
    n = f != NULL ? fread(words, 1, sizeof words - 1, f) : 0;
    if (f != NULL)
        fclose(f);
    words[n] = '\0';
    for (size_t i = 0; i < n; i++)
        words[i] = words[i] == '\0' ? ' ' : words[i];
    snprintf(number, sizeof number, "%ld", port);
    return (strstr(words, "redis-server") || strstr(words, "valkey-server")) &&
           strstr(words, number);
}

pid_t sentinel_find_process(const struct sentinels *s, const char *address, nsec patience,
                            struct err *e)
{
    struct url url;
    struct talk t = {.ctx = NULL};
    const struct talk_conf conf = {.url = &url, .timeout = patience};
    redisReply *r = NULL;
    long pid = 0, port = 0;
    int rc = url_parse(address, &url, e);

    if (rc < 0)
        return rc;
    sentinels_login(s, &url);
    if ((rc = talk_open(&t, &conf)) == 0)
        rc = talk_ask(&t, patience, 2, (const char *[]){"INFO", "server"}, &r);
    if (rc == 0)
        rc = talk_judge(&t, r);
    if (rc == 0 && r->str != NULL) {
        pid = info_number(r->str, "process_id:");
        port = info_number(r->str, "tcp_port:");
    }
    freeReplyObject(r);
    talk_close(&t);
    if (rc < 0) {
        err_set(e, rc, "the master at %s does not say which process it is: %s", address,
                t.why);
        if (t.trouble == TROUBLE_NOAUTH)
            err_hint(e, "URL_M has the password: redis://:password@%s", address);
        return rc;
    }
    if (pid > 1 && looks_right(pid, port))
        return (pid_t)pid;
    err_set(e, -ESRCH, "the master at %s is process %ld, and not on this machine",
            address, pid);
    err_hint(e, "name it with --pid, or with --pod");
    return -ESRCH;
}

/* failover_ask.c -- what the failover probe asks before its load and after, in a straight
 * line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "reply.h"

#define ANSWER SEC(2)
#define LOOK   MSEC(50)

/* -- who is there? ---------------------------------------------------------------- */

static int add_node(const struct failover_conf *c, struct failover_result *r,
                    const char *known, struct err *e)
{
    struct failover_node *n = &r->node[r->nodes];
    int rc;

    if (r->nodes == FAILOVER_NODES)
        return err_set(e, -E2BIG, "more than %d nodes", FAILOVER_NODES);
    snprintf(n->known, sizeof n->known, "%s", known);
    rc = url_parse(known, &n->url, e);
    if (rc < 0)
        return rc;
    n->real = n->url;
    for (size_t i = 0; i < c->places; i++)
        if (strcmp(c->place[i].known, known) == 0)
            n->real = c->place[i].real;
    sentinels_login(c->group, &n->url);
    if (n->real.password[0] == '\0')
        sentinels_login(c->group, &n->real);
    r->nodes++;
    return 0;
}

static int add_replicas(const struct failover_conf *c, struct failover_result *r,
                        const redisReply *list, struct err *e)
{
    json_t *all = sentinel_objects(list);
    int rc = 0;

    for (size_t i = 0; i < json_array_size(all) && rc == 0; i++) {
        const json_t *o = json_array_get(all, i);
        const char *ip = json_string_value(json_object_get(o, "ip"));
        char known[ADDR_TEXT_MAX];

        snprintf(known, sizeof known, ip && strchr(ip, ':') ? "[%s]:%lld" : "%s:%lld",
                 ip ? ip : "?",
                 (long long)json_integer_value(json_object_get(o, "port")));
        rc = add_node(c, r, known, e);
    }
    json_decref(all);
    return rc;
}

int ask_nodes(const struct failover_conf *c, struct failover_result *r, struct err *e)
{
    const char *word[] = {"SENTINEL", "SLAVES", c->group->master};
    char master[SENTINEL_ADDRESS_MAX];
    redisReply *list = NULL;
    int rc = sentinels_find_master(c->group, master, e);

    if (rc == 0)
        rc = add_node(c, r, master, e);
    for (size_t i = 0; i < c->group->n && rc == 0 && r->nodes == 1; i++) {
        if (sentinels_ask(c->group, i, 3, word, &list) < 0)
            continue;
        if (list->type == REDIS_REPLY_ARRAY)
            rc = add_replicas(c, r, list, e);
        freeReplyObject(list);
    }
    if (rc == 0 && r->nodes == 1)
        return err_set(e, -ENOENT, "the sentinels know no replica of %s", master);
    return rc;
}

/* -- is it ready for another? ----------------------------------------------------- */

/* The problem that a sentinel has with a list of nodes, or NULL. */
static const char *unfit(const json_t *all, const char *flags, char *buf, size_t size)
{
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *o = json_array_get(all, i);
        const char *state = json_string_value(json_object_get(o, "flags"));
        const char *link = json_string_value(json_object_get(o, "master-link-status"));

        if (state != NULL && strcmp(state, flags) == 0 &&
            (link == NULL || strcmp(link, "ok") == 0))
            continue;
        snprintf(buf, size, "%s is '%s'%s%s",
                 json_string_value(json_object_get(o, "name")), state ? state : "?",
                 link ? ", its link " : "", link ? link : "");
        return buf;
    }
    return NULL;
}

static const char *problem_of(struct sentinels *s, size_t i, const char *what,
                              const char *flags, char *buf, size_t size)
{
    const char *word[] = {"SENTINEL", what, s->master}, *problem = NULL;
    redisReply *r = NULL;
    json_t *all;

    if (sentinels_ask(s, i, 3, word, &r) < 0) {
        snprintf(buf, size, "it does not answer: %s", s->talk[i].why);
        return buf;
    }
    if (talk_judge(&s->talk[i], r) < 0) {
        snprintf(buf, size, "%s", s->talk[i].why);
        freeReplyObject(r);
        return buf;
    }
    all = strcmp(what, "MASTER") == 0 ? json_pack("[o]", sentinel_object(r))
                                      : sentinel_objects(r);
    problem = unfit(all, flags, buf, size);
    json_decref(all);
    freeReplyObject(r);
    return problem;
}

/* Every sentinel takes the master for healthy, and all replicas for linked to it: else
 * the next failover could find no good replica. */
int ask_settled(const struct failover_conf *c, struct err *e)
{
    nsec end = nsec_add(talk_now(), c->within);
    const char *problem = "";
    char buf[400], url[URL_TEXT_MAX];
    size_t i = 0;

    while (i < c->group->n) {
        problem = problem_of(c->group, i, "MASTER", "master", buf, sizeof buf);
        if (problem == NULL)
            problem = problem_of(c->group, i, "SLAVES", "slave", buf, sizeof buf);
        if (problem == NULL) {
            i++;
            continue;
        }
        if (talk_signal || talk_sleep(LOOK) < 0)
            return -EINTR;
        if (talk_now() < end)
            continue;
        url_print(&c->group->url[i], url, sizeof url);
        err_set(e, -ETIME, "%.80s does not find all well: %.150s", url, problem);
        err_hint(e, "a failover can be measured only where there is peace before");
        return -ETIME;
    }
    return 0;
}

/* -- resyncs ---------------------------------------------------------------------- */

static uint64_t field(const char *info, const char *name)
{
    const char *at = strstr(info, name);

    return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void sync_of(const struct url *url, struct failover_syncs *out)
{
    const struct talk_conf conf = {.url = url, .timeout = ANSWER};
    const char *word[] = {"INFO", "stats"};
    struct talk t = {.ctx = NULL};
    redisReply *r = NULL;

    if (talk_open(&t, &conf) == 0 && talk_ask(&t, ANSWER, 2, word, &r) == 0 &&
        r->str != NULL) {
        out->full += field(r->str, "sync_full:");
        out->partial += field(r->str, "sync_partial_ok:");
        out->refused += field(r->str, "sync_partial_err:");
    }
    freeReplyObject(r);
    talk_close(&t);
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Before (sign < 0) and after: what all nodes count. One that was started anew counts
 * from nothing, so the difference is at least what is said. */
void ask_syncs(const struct failover_conf *c, struct failover_result *r, int sign)
{
    static struct failover_syncs before;
    struct failover_syncs sum = {0};

    (void)c;
    talk_go_on();
    for (size_t i = 0; i < r->nodes; i++)
        sync_of(&r->node[i].real, &sum);
    if (sign < 0)
        before = sum;
    r->syncs.full = less(sum.full, before.full);
    r->syncs.partial = less(sum.partial, before.partial);
    r->syncs.refused = less(sum.refused, before.refused);
}

/* -- what has survived? ----------------------------------------------------------- */

static int read_back(struct failing *f, struct talk *t, const char *key)
{
    const char *word[] = {"SMEMBERS", key};
    redisReply *r = NULL;
    int rc = talk_ask(t, SEC(10), 2, word, &r);

    if (rc == 0)
        rc = talk_judge(t, r);
    for (size_t i = 0; rc == 0 && i < (size_t)r->elements; i++)
        ledger_found(&f->result->ledger, strtoull(reply_text(r->element[i]), NULL, 10));
    freeReplyObject(r);
    return rc;
}

/* Of the one who is the master now; and leave nothing there. */
void ask_survivors(struct failing *f)
{
    size_t master = roles_master(&f->result->roles, f->result->nodes), writers;
    struct talk t = {.ctx = NULL};
    struct talk_conf conf = {.timeout = SEC(10)};
    char key[64];
    redisReply *r = NULL;
    int rc;

    if (master == f->result->nodes)
        return;
    conf.url = &f->result->node[master].real;
    rc = talk_open(&t, &conf);
    writers = (size_t)(f->conf->writers + f->conf->pinned);
    for (size_t i = 0; i < writers && rc == 0; i++) {
        snprintf(key, sizeof key, "%s", f->follower[i].key);
        rc = read_back(f, &t, key);
        if (rc == 0 && talk_ask(&t, SEC(10), 2, (const char *[]){"DEL", key}, &r) == 0)
            freeReplyObject(r);
    }
    f->result->counted = rc == 0;
    talk_close(&t);
}

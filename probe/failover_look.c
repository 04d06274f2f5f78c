/* failover_look.c -- the observer: what each node says it is, and what Sentinels tell. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"

#define ANSWER MSEC(250) /* of a node; who is later is silent */

/* -- nodes ------------------------------------------------------------------------ */

static enum node_role role_of(const redisReply *r)
{
    const char *role = r->elements > 0 ? r->element[0]->str : NULL;

    if (role == NULL)
        return ROLES_SILENT;
    if (strcmp(role, "master") == 0)
        return ROLES_MASTER;
    if (r->elements > 3 && r->element[3]->str != NULL &&
        strcmp(r->element[3]->str, "connected") == 0)
        return ROLES_REPLICA;
    return ROLES_UNLINKED;
}

static void on_role(struct ask *a)
{
    struct observed *o = a->data;
    struct failing *f = o->all;

    o->pending = false;
    if (f->phase == OVER)
        return;
    f->locked |= a->trouble == TROUBLE_NOAUTH || a->trouble == TROUBLE_WRONGPASS;
    roles_note(&f->result->roles, since_begin(f, a->ended), o->node,
               a->trouble == TROUBLE_NONE ? role_of(a->reply) : ROLES_SILENT);
}

void look_tick(struct failing *f)
{
    for (size_t i = 0; i < f->result->nodes; i++) {
        struct observed *o = &f->observed[i];

        if (o->pending)
            continue;
        o->pending = true;
        o->ask = (struct ask){
            .text = f->role_text,
            .len = f->role_len,
            .timeout = ANSWER,
            .answered = on_role,
            .data = o,
        };
        client_ask(o->client, &o->ask);
    }
}

/* -- sentinels -------------------------------------------------------------------- */

static void on_heard(void *arg, const char *name, const char *text)
{
    struct heard *h = arg;
    struct failover_result *r = h->all->result;
    struct failover_event *e = &r->event[r->events];

    if (r->events == FAILOVER_EVENTS)
        return;
    r->events++;
    e->at = since_begin(h->all, uv_hrtime());
    e->sentinel = h->sentinel;
    snprintf(e->name, sizeof e->name, "%s", name);
    snprintf(e->text, sizeof e->text, "%s", text);
    if (h->all->phase >= BROKEN && strcmp(name, "+switch-master") == 0)
        h->switched = true;
}

bool look_hears(const struct failing *f)
{
    for (size_t i = 0; i < f->conf->group->n; i++)
        if (!f->heard[i].ear.listens)
            return false;
    return true;
}

/* -- opening and closing ---------------------------------------------------------- */

static int listen_to(struct failing *f, size_t i)
{
    static const char *const all[] = {"*"};
    struct heard *h = &f->heard[i];
    const struct client_spec spec = {
        .url = &f->conf->group->url[i],
        .timeout = MSEC(500),
        .patience = MSEC(100),
    };

    h->all = f;
    h->sentinel = i;
    h->conf = (struct ear_conf){
        .url = spec.url,
        .pattern = all,
        .patterns = 1,
        .heard = on_heard,
        .arg = h,
    };
    h->client = client_open(&f->pool, &spec);
    return h->client == NULL ? -ENOMEM : ear_open(&h->ear, &f->pool, &h->conf);
}

int look_open(struct failing *f)
{
    int rc = 0;

    for (size_t i = 0; i < f->result->nodes; i++) {
        struct observed *o = &f->observed[i];
        const struct client_spec spec = {
            .url = &f->result->node[i].real,
            .timeout = ANSWER,
            .patience = MSEC(20),
        };

        *o = (struct observed){.all = f, .node = i};
        o->client = client_open(&f->pool, &spec);
        if (o->client == NULL)
            return -ENOMEM;
    }
    for (size_t i = 0; i < f->conf->group->n && rc == 0; i++)
        rc = listen_to(f, i);
    return rc;
}

void look_close(struct failing *f)
{
    for (size_t i = 0; i < f->conf->group->n; i++)
        ear_close(&f->heard[i].ear);
}

/* -- what was heard --------------------------------------------------------------- */

/* Is it about the master, or, for +switch-master and the like, tells it of one? */
static bool is_about_master(const struct failover_event *e)
{
    return strncmp(e->text, "slave ", 6) != 0 && strncmp(e->text, "sentinel ", 9) != 0;
}

static bool is_called(const struct failover_result *r, const struct failover_event *e,
                      const char *name)
{
    return strcmp(e->name, name) == 0 && r->broken != NSEC_NEVER && e->at >= r->broken &&
           (is_about_master(e) || strcmp(name, "+promoted-slave") == 0);
}

nsec failover_first(const struct failover_result *r, const char *name)
{
    for (size_t i = 0; i < r->events; i++)
        if (is_called(r, &r->event[i], name))
            return r->event[i].at;
    return NSEC_NEVER;
}

nsec failover_last(const struct failover_result *r, const char *name)
{
    bool said[SENTINELS_MAX] = {false};
    nsec last = NSEC_NEVER;

    for (size_t i = 0; i < r->events; i++)
        if (is_called(r, &r->event[i], name) && !said[r->event[i].sentinel]) {
            said[r->event[i].sentinel] = true;
            last = r->event[i].at;
        }
    return last;
}

/* failover_load.c -- the clients of the failover probe.
 *
 *   WAIT ──► ASKED a sentinel ──► ROLE of what it named ──► READY
 *    ▲           │ none answers        │ no master            │ it fails, or is a replica
 *    └───────────┴─────────────────────┴──────────────────────┘
 *
 * As the guidelines for clients of Sentinel have it: a client that loses its master asks
 * the Sentinels in turn, and believes what they say only when the node itself says that
 * it is a master. Operations that fall due meanwhile fail; none is put off, and none is
 * sent twice.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "reply.h"

#define SEEK_AGAIN MSEC(20)
#define ANSWER     MSEC(500) /* of a sentinel */

struct op {
    struct ask ask;
    struct follower *f;
    size_t node;
    uint64_t value; /* 0 = it reads */
    char text[160];
};

/* -- where is the master? --------------------------------------------------------- */

static void seek_later(struct follower *f)
{
    f->seek = SEEK_WAIT;
    f->seek_at = uv_hrtime() + SEEK_AGAIN;
    f->sentinel = (f->sentinel + 1) % f->all->conf->group->n;
}

static struct client *client_of(struct follower *f, size_t node)
{
    struct failing *all = f->all;
    const struct client_spec spec = {
        .url = &all->result->node[node].url,
        .source = f->seen->pinned && all->conf->pinned_source ? all->conf->pinned_source
                                                              : all->conf->source,
        .timeout = all->conf->timeout,
        .patience = MSEC(50),
    };

    if (f->client[node] == NULL)
        f->client[node] = client_open(&all->pool, &spec);
    assert(f->client[node] != NULL);
    return f->client[node];
}

static size_t node_called(const struct failover_result *r, const redisReply *reply)
{
    char known[ADDR_TEXT_MAX];
    size_t i = 0;

    snprintf(known, sizeof known,
             strchr(reply->element[0]->str, ':') ? "[%s]:%s" : "%s:%s",
             reply->element[0]->str, reply->element[1]->str);
    while (i < r->nodes && strcmp(known, r->node[i].known) != 0)
        i++;
    return i;
}

static void on_role(struct ask *a)
{
    struct follower *f = a->data;
    const redisReply *r = a->reply;

    if (f->all->phase == OVER)
        return;
    if (a->trouble == TROUBLE_NONE && r->elements > 0 && r->element[0]->str != NULL &&
        strcmp(r->element[0]->str, "master") == 0)
        f->seek = SEEK_READY;
    else
        seek_later(f);
}

static void on_where(struct ask *a)
{
    struct follower *f = a->data;
    const redisReply *r = a->reply;
    size_t node = f->all->result->nodes;

    if (f->all->phase == OVER)
        return;
    if (a->trouble == TROUBLE_NONE && reply_is_place(r))
        node = node_called(f->all->result, r);
    if (node == f->all->result->nodes) {
        seek_later(f);
        return;
    }
    f->node = node;
    f->seek = SEEK_ROLE;
    f->ask = (struct ask){
        .text = f->all->role_text,
        .len = f->all->role_len,
        .timeout = f->all->conf->timeout,
        .answered = on_role,
        .data = f,
    };
    client_ask(client_of(f, node), &f->ask);
}

static void seek(struct follower *f)
{
    f->seek = SEEK_ASKED;
    f->ask = (struct ask){
        .text = f->all->where_text,
        .len = f->all->where_len,
        .timeout = ANSWER,
        .answered = on_where,
        .data = f,
    };
    client_ask(f->all->heard[f->sentinel].client, &f->ask);
}

/* -- operations ------------------------------------------------------------------- */

static void went_well(struct follower *f, nsec now)
{
    struct failover_client *seen = f->seen;
    nsec broken = f->all->result->broken;

    seen->ok++;
    if (broken != NSEC_NEVER && since_begin(f->all, now) >= broken &&
        now - f->last_ok > seen->outage) {
        seen->outage = now - f->last_ok;
        seen->outage_at = since_begin(f->all, f->last_ok);
    }
    f->last_ok = now;
}

/* Errors that say: it is no master, or not there. */
static bool is_away(enum trouble t)
{
    return t != TROUBLE_NONE && t != TROUBLE_NOREPLICAS && t != TROUBLE_OOM &&
           t != TROUBLE_MISCONF && t != TROUBLE_BUSY;
}

static void remember(const struct op *op, enum outcome outcome)
{
    const struct follower *f = op->f;
    struct deed d = {
        .invoked = since_begin(f->all, op->ask.begun),
        .completed = since_begin(f->all, op->ask.ended),
        .client = f->id,
        .node = f->all->quoted[op->node],
        .op = op->value ? "sadd" : "scard",
        .key = f->key,
        .value = op->value ? op->value : f->card,
        .outcome = outcome,
        .trouble = op->ask.trouble,
    };

    if (f->all->conf->history != NULL)
        history_add(f->all->conf->history, &d);
}

static void on_answer(struct ask *a)
{
    struct op *op = a->data;
    struct follower *f = op->f;
    bool error = a->reply != NULL || !a->sent; /* then it was not carried out */
    enum fate fate = a->trouble == TROUBLE_NONE ? FATE_ACKED
                     : error                    ? FATE_REFUSED
                                                : FATE_UNKNOWN;

    f->all->outstanding--;
    f->all->result->troubles.n[a->trouble] += a->trouble != TROUBLE_NONE;
    if (fate == FATE_ACKED && !op->value) {
        f->seen->backwards += (uint64_t)a->reply->integer < f->card;
        f->card = (uint64_t)a->reply->integer;
    }
    if (op->value)
        ledger_end(&f->all->result->ledger, op->value, fate,
                   since_begin(f->all, a->ended));
    if (fate == FATE_ACKED)
        went_well(f, a->ended);
    f->seen->failed += fate == FATE_REFUSED;
    f->seen->unknown += fate == FATE_UNKNOWN;
    remember(op, fate == FATE_ACKED     ? OUTCOME_OK
                 : fate == FATE_REFUSED ? OUTCOME_FAIL
                                        : OUTCOME_INFO);
    if (!f->seen->pinned && f->seek == SEEK_READY && op->node == f->node &&
        is_away(a->trouble)) {
        f->seek = SEEK_WAIT;
        f->seek_at = 0;
    }
    free(op);
}

static void begin(struct follower *f, nsec now)
{
    struct op *op = calloc(1, sizeof *op);
    char value[24];
    int n;

    assert(op != NULL);
    op->f = f;
    op->node = f->node;
    if (f->seen->reader) {
        n = snprintf(op->text, sizeof op->text, "*2\r\n$5\r\nSCARD\r\n$%zu\r\n%s\r\n",
                     strlen(f->key), f->key);
    } else {
        op->value = ledger_begin(&f->all->result->ledger, f->id, (uint8_t)f->node,
                                 since_begin(f->all, now));
        snprintf(value, sizeof value, "%llu", (unsigned long long)op->value);
        n = snprintf(op->text, sizeof op->text,
                     "*3\r\n$4\r\nSADD\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(f->key),
                     f->key, strlen(value), value);
    }
    op->ask = (struct ask){
        .text = op->text,
        .len = (size_t)n,
        .timeout = f->all->conf->timeout,
        .answered = on_answer,
        .data = op,
    };
    f->all->outstanding++;
    client_ask(client_of(f, f->node), &op->ask);
}

static nsec interval(const struct failing *f)
{
    return SEC(1) / f->conf->rate;
}

/* An operation is due. Who does not know a master can only fail. */
static void on_due(struct wake_node *n, nsec now)
{
    struct follower *f = (struct follower *)((char *)n - offsetof(struct follower, wake));

    if (!f->all->loading)
        return;
    f->op++;
    if (f->seek == SEEK_READY)
        begin(f, now);
    else
        f->seen->failed++;
    wake_set(&f->all->wake, n, n->due + interval(f->all));
}

/* -- all of them ------------------------------------------------------------------ */

static void open_one(struct failing *f, size_t i)
{
    const struct failover_conf *c = f->conf;
    struct follower *one = &f->follower[i];

    *one = (struct follower){.all = f, .id = (uint32_t)i + 1, .node = f->result->master};
    one->seen = &f->result->client[i];
    one->seen->reader = i >= c->writers + c->pinned;
    one->seen->pinned = i >= c->writers && !one->seen->reader;
    one->sentinel = i % c->group->n;
    /* A reader looks at what a writer writes. */
    snprintf(one->key, sizeof one->key, "failover:%s:%zu", c->run,
             one->seen->reader && c->writers ? (i % c->writers) + 1 : i + 1);
    one->wake.call = on_due;
    (void)client_of(one, one->node);
    if (one->seen->pinned)
        one->seek = SEEK_READY;
}

int load_open(struct failing *f)
{
    const char *where[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", f->conf->group->master};

    f->where_text = client_format(&f->where_len, 3, where);
    f->role_text = client_format(&f->role_len, 1, (const char *[]){"ROLE"});
    if (f->where_text == NULL || f->role_text == NULL)
        return -ENOMEM;
    f->result->clients = (size_t)(f->conf->writers + f->conf->pinned + f->conf->readers);
    for (size_t i = 0; i < f->result->clients; i++)
        open_one(f, i);
    return 0;
}

bool load_ready(const struct failing *f)
{
    for (size_t i = 0; i < f->result->clients; i++)
        if (f->follower[i].seek != SEEK_READY ||
            !client_was_up(f->follower[i].client[f->result->master]))
            return false;
    return true;
}

void load_start(struct failing *f, nsec now)
{
    f->loading = true;
    for (size_t i = 0; i < f->result->clients; i++) {
        f->follower[i].last_ok = now;
        wake_set(&f->wake, &f->follower[i].wake,
                 now + interval(f) * i / f->result->clients);
    }
}

void load_tick(struct failing *f, nsec now)
{
    for (size_t i = 0; i < f->result->clients; i++)
        if (f->follower[i].seek == SEEK_WAIT && now >= f->follower[i].seek_at)
            seek(&f->follower[i]);
}

/* Those that are still waiting for a good answer have been since their last one. */
void load_stop(struct failing *f)
{
    f->loading = false;
    for (size_t i = 0; i < f->result->clients; i++)
        wake_set(&f->wake, &f->follower[i].wake, NSEC_NEVER);
}

void load_finish(struct failing *f, nsec now)
{
    for (size_t i = 0; i < f->result->clients; i++) {
        struct follower *one = &f->follower[i];

        if (f->result->broken == NSEC_NEVER || now - one->last_ok < one->seen->outage ||
            now - one->last_ok < 5 * interval(f) + MSEC(50))
            continue;
        one->seen->outage = now - one->last_ok;
        one->seen->outage_at = since_begin(f, one->last_ok);
        one->seen->cut = true;
    }
}

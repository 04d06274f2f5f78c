/* pair.c -- one writer, one reader, one key.
 *
 *         ┌───────────────────────── next ◄────────────────────────┐
 *         ▼ (when due)                ▲ failed                     │ judged
 *        SET ── acknowledged ──► (WAIT) ── (at its age) ──► GET ───┤
 *                                                            ▲     │ a sample, not fresh
 *                                                            └ GET ◄┘
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"
#include "report.h"
#include "run.h"

static void read_now(struct pair *p);

static void wake_at(struct pair *p, nsec due, void (*call)(struct wake_node *, nsec))
{
    p->idle = true;
    p->wake.call = call;
    wake_set(&p->run->wake, &p->wake, due);
}

static struct pair *pair_of(struct wake_node *n)
{
    return (struct pair *)((char *)n - offsetof(struct pair, wake));
}

/* what happened, for the history */

static void note(struct pair *p, const struct ask *a, const char *op, uint64_t value,
                 enum outcome outcome)
{
    struct run *r = p->run;
    bool writer = a != &p->get;
    struct deed d = {
        .invoked = a->begun - r->began,
        .completed = a->ended - r->began,
        .client = p->id,
        .node = writer ? r->write_name : r->read_name[p->node],
        .op = op,
        .key = p->key,
        .value = value,
        .outcome = outcome,
        .trouble = a->trouble,
    };

    if (r->conf->history)
        history_add(r->conf->history, &d);
}

/* An error reply says that it was not done. No reply after sending says nothing. */
static enum outcome outcome_of(const struct ask *a)
{
    if (a->trouble == TROUBLE_NONE)
        return OUTCOME_OK;
    return a->reply || !a->sent ? OUTCOME_FAIL : OUTCOME_INFO;
}

/* settling */

static void settled(struct pair *p, nsec at)
{
    hist_add(&p->run->result->settle, at - p->acked);
    p->settling = false;
    pair_next(p);
}

static void give_up_settling(struct pair *p, bool hopeless)
{
    p->run->result->unsettled += !p->run->stopping;
    p->settling = false;
    p->hopeless = hopeless;
    pair_next(p);
}

static void on_poll(struct pair *p, const struct ask *a, uint64_t version)
{
    bool fresh = version >= p->op && version != CHECK_CORRUPT;

    note(p, a, "poll", version, outcome_of(a));
    if (a->trouble || p->run->stopping) {
        give_up_settling(p, false);
        return;
    }
    check_seen(&p->check, version);
    if (fresh)
        settled(p, a->ended);
    else if (a->ended - p->acked > p->run->conf->settle_limit)
        give_up_settling(p, true);
    else
        read_now(p);
}

/* reading */

static uint64_t version_of(const struct pair *p, const struct ask *a)
{
    if (a->reply == NULL || a->trouble)
        return HISTORY_NO_VALUE;
    if (a->reply->type == REDIS_REPLY_NIL)
        return 0;
    if (a->reply->type != REDIS_REPLY_STRING)
        return CHECK_CORRUPT;
    return payload_read(a->reply->str, (size_t)a->reply->len, p->run->conf->value_size);
}

static void count_age(struct pair *p, nsec age, bool stale)
{
    nsec most = p->run->conf->load.ages;
    struct age_bucket *b = p->run->result->ages;

    if (most == 0 || age >= most)
        return;
    b += age * STALE_AGES / most;
    b->reads++;
    b->stale += stale;
}

static void count_read(struct pair *p, const struct ask *a, const struct finding *f)
{
    struct stale_result *r = p->run->result;

    p->reads++;
    p->stale += f->stale;
    r->reads.total++;
    r->reads.stale += f->stale;
    r->reads.future += f->future;
    r->reads.not_own += f->not_own;
    r->reads.not_monotonic += f->not_monotonic;
    r->node[p->node].reads++;
    r->node[p->node].stale += f->stale;
    hist_add(&r->reads.latency, a->ended - a->begun);
    count_age(p, a->begun - p->acked, f->stale);
    if (f->stale) {
        hist_add(&r->behind, f->behind);
        hist_add(&r->age, f->age);
    }
}

static void on_read(struct pair *p, const struct ask *a, uint64_t version)
{
    struct run *r = p->run;
    struct finding f;

    note(p, a, "get", version, outcome_of(a));
    if (a->trouble) {
        r->result->reads.failed++;
        pair_next(p);
        return;
    }
    f = check_read(&p->check, version, a->begun);
    count_read(p, a, &f);
    if (r->conf->lines && (f.stale || f.future))
        report_wrong(p->id, version, p->op);
    if (!f.stale)
        p->hopeless = false;
    if (p->hopeless || r->stopping || !load_settles(&r->conf->load, p->id, p->op)) {
        pair_next(p);
    } else if (version == p->op) {
        settled(p, a->ended);
    } else {
        p->settling = true;
        read_now(p);
    }
}

static void on_get(struct ask *a)
{
    struct pair *p = a->data;

    if (p->settling)
        on_poll(p, a, version_of(p, a));
    else
        on_read(p, a, version_of(p, a));
}

static void read_now(struct pair *p)
{
    client_ask(p->reader, &p->get);
}

static void on_read_due(struct wake_node *n, nsec now)
{
    struct pair *p = pair_of(n);

    (void)now;
    p->idle = false;
    read_now(p);
    pool_flush(&p->run->pool);
}

/* writing */

static void acknowledged(struct pair *p, nsec at)
{
    struct run *r = p->run;
    nsec age = load_age(&r->conf->load, p->id, p->op);

    p->acked = at;
    p->left_key = true;
    check_acked(&p->check, at);
    r->result->writes.acknowledged++;
    hist_add(&r->result->writes.latency, at - p->due);
    if (r->stopping) {
        pair_next(p);
    } else if (age) {
        wake_at(p, at + age, on_read_due);
    } else {
        read_now(p);
    }
}

/* However WAIT ends, the write itself was acknowledged before. */
static void on_wait(struct ask *a)
{
    struct pair *p = a->data;
    bool answered = a->trouble == TROUBLE_NONE && a->reply->type == REDIS_REPLY_INTEGER;
    uint64_t n = answered ? (uint64_t)a->reply->integer : HISTORY_NO_VALUE;

    note(p, a, "wait", n, outcome_of(a));
    if (!answered || n < p->run->conf->wait)
        p->run->result->writes.wait_short++;
    acknowledged(p, a->ended);
}

static void on_set(struct ask *a)
{
    struct pair *p = a->data;
    struct run *r = p->run;
    enum outcome outcome = outcome_of(a);

    note(p, a, "set", p->op, outcome);
    switch (outcome) {
    case OUTCOME_OK:
        if (r->conf->wait)
            client_ask(p->writer, &p->wait);
        else
            acknowledged(p, a->ended);
        return;
    case OUTCOME_FAIL:
        check_refused(&p->check);
        r->result->writes.failed++;
        break;
    case OUTCOME_INFO:
        check_unknown(&p->check);
        p->left_key = true;
        r->result->writes.unknown++;
        break;
    }
    pair_next(p);
}

static void write_now(struct pair *p)
{
    char value[PAYLOAD_DIGITS + 1], *at = p->set_text + p->set_head;
    size_t size = p->run->conf->value_size, n = payload_write(p->op, 0, value);

    at += sprintf(at, "$%zu\r\n", n > size ? n : size);
    at += payload_write(p->op, size, at);
    memcpy(at, "\r\n", 2);
    p->set.len = (size_t)(at + 2 - p->set_text);
    check_begin(&p->check, p->op);
    client_ask(p->writer, &p->set);
}

static void on_write_due(struct wake_node *n, nsec now)
{
    struct pair *p = pair_of(n);

    (void)now;
    p->idle = false;
    write_now(p);
    pool_flush(&p->run->pool);
}

/* the life of a pair */

static void end(struct pair *p)
{
    p->ended = true;
    if (p->run->conf->lines && !p->run->stopping)
        report_done(p->id, p->reads, p->stale);
    run_pair_ended(p->run);
}

void pair_next(struct pair *p)
{
    struct run *r = p->run;
    nsec now = uv_hrtime();

    if (r->stopping || p->op == r->conf->ops) {
        end(p);
        return;
    }
    p->op++;
    p->due = now;
    if (r->conf->load.rate)
        p->due = r->began + load_due(&r->conf->load, p->id, p->op);
    if (p->due <= now)
        write_now(p);
    else
        wake_at(p, p->due, on_write_due);
}

void pair_stop(struct pair *p)
{
    if (p->ended || !p->idle)
        return;
    p->idle = false;
    wake_set(&p->run->wake, &p->wake, NSEC_NEVER);
    end(p);
}

static void on_del(struct ask *a)
{
    struct pair *p = a->data;

    p->left_key = a->trouble != TROUBLE_NONE;
    run_cleaned(p->run);
}

void pair_clean(struct pair *p)
{
    if (!p->left_key)
        return;
    p->run->cleaning++;
    client_ask(p->writer, &p->del);
}

static struct ask ask_with(struct pair *p, nsec timeout, void (*answered)(struct ask *))
{
    return (struct ask){.timeout = timeout, .answered = answered, .data = p};
}

static int make_texts(struct pair *p, size_t value_size)
{
    size_t head;
    char *set = client_format(&head, 2, (const char *[]){"SET", p->key});

    p->get_text = client_format(&p->get.len, 2, (const char *[]){"GET", p->key});
    p->del_text = client_format(&p->del.len, 2, (const char *[]){"DEL", p->key});
    if (set)
        p->set_text = realloc(set, head + value_size + 2 * PAYLOAD_DIGITS + 8);
    if (p->set_text == NULL || p->get_text == NULL || p->del_text == NULL)
        return -1;
    p->set_text[1] = '3'; /* the third word, the value, follows each time anew */
    p->set_head = head;
    p->set.text = p->set_text;
    p->get.text = p->get_text;
    p->del.text = p->del_text;
    return 0;
}

int pair_init(struct pair *p, struct run *r, uint64_t id)
{
    const struct stale_conf *c = r->conf;

    p->run = r;
    p->id = id;
    p->node = id % c->nread;
    snprintf(p->key, sizeof p->key, "k:%s:%llu", r->result->run, (unsigned long long)id);
    p->set = ask_with(p, c->timeout, on_set);
    p->get = ask_with(p, c->timeout, on_get);
    p->del = ask_with(p, c->timeout, on_del);
    p->wait = ask_with(p, nsec_add(c->timeout, c->wait_timeout), on_wait);
    p->wait.text = r->wait_text;
    p->wait.len = r->wait_len;
    return make_texts(p, c->value_size);
}

void pair_release(struct pair *p)
{
    free(p->set_text);
    free(p->get_text);
    free(p->del_text);
}

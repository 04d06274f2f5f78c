/* failover.c -- see failover.h. Conducts one run: each tick of the pool, some hundred
 * times a second, looks whether it is time for the next phase.
 */
#include "failover.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"

#define PREPARE SEC(15) /* for all to be connected */

const char *const failover_causes[] = {"failover", "kill", "stop", "mark", NULL};

/* -- breaking it, and mending it -------------------------------------------------- */

static void fail(struct failing *f, int code, const char *why)
{
    if (f->failure == 0)
        f->failure = err_set(f->err, code, "%s", why);
    f->phase = OVER;
}

static void say_mark(void)
{
    printf("mark\n");
    fflush(stdout);
}

static void on_ordered(struct ask *a)
{
    struct failing *f = a->data;
    char why[ERR_MAX];

    if (f->phase == OVER || a->trouble == TROUBLE_NONE)
        return;
    snprintf(why, sizeof why, "SENTINEL FAILOVER was refused: %.200s",
             a->reply != NULL ? a->reply->str : trouble_name(a->trouble));
    fail(f, -EIO, why);
}

static void order_failover(struct failing *f)
{
    const char *word[] = {"SENTINEL", "FAILOVER", f->conf->group->master};

    f->order_text = client_format(&f->order_len, 3, word);
    assert(f->order_text != NULL);
    f->order = (struct ask){
        .text = f->order_text,
        .len = f->order_len,
        .timeout = SEC(2),
        .answered = on_ordered,
        .data = f,
    };
    client_ask(f->heard[0].client, &f->order);
}

static void do_break(struct failing *f)
{
    switch (f->conf->cause) {
    case CAUSE_FAILOVER: order_failover(f); break;
    case CAUSE_KILL: (void)kill(f->victim, SIGKILL); break;
    case CAUSE_STOP: (void)kill(f->victim, SIGSTOP); break;
    case CAUSE_MARK: say_mark(); break;
    }
}

static void do_mend(struct failing *f)
{
    if (f->conf->cause == CAUSE_STOP)
        (void)kill(f->victim, SIGCONT);
    else if (f->conf->cause == CAUSE_MARK)
        say_mark();
}

/* -- phases ----------------------------------------------------------------------- */

static void enter(struct failing *f, enum phase phase, nsec now)
{
    f->phase = phase;
    f->since = now;
}

/* Somebody else is a master, and every sentinel that we hear has said so. */
static bool has_switched(struct failing *f)
{
    struct failover_result *r = f->result;

    if (r->promotion == NSEC_NEVER)
        r->promotion = roles_promotion(&r->roles, r->broken, r->master, &r->promoted);
    for (size_t i = 0; i < f->conf->group->n; i++)
        if (f->heard[i].ear.listens && !f->heard[i].switched)
            return false;
    return r->promotion != NSEC_NEVER;
}

static bool broken_long_enough(struct failing *f, nsec spent)
{
    bool switched = has_switched(f);

    if (f->conf->watch > 0)
        return spent >= f->conf->watch;
    return switched || spent >= f->conf->within;
}

static void say_unready(struct failing *f)
{
    if (f->locked) {
        fail(f, -EACCES, "the servers ask for a password, or have another one");
        err_hint(f->err, "URL_M has it: redis://user:password@host:port");
    } else if (!look_hears(f)) {
        fail(f, -ETIME, "not all sentinels can be listened to");
    } else if (!roles_whole(&f->result->roles, f->result->nodes, false)) {
        fail(f, -ETIME, "there is not one master with all others linked to it");
    } else {
        fail(f, -ETIME, "not all clients could connect to the master");
    }
}

static void connect_phase(struct failing *f, nsec now)
{
    bool ready = look_hears(f) && load_ready(f) &&
                 roles_whole(&f->result->roles, f->result->nodes, false);

    if (ready) {
        load_start(f, now);
        enter(f, BEFORE, now);
    } else if (f->locked || now - f->since >= PREPARE) {
        say_unready(f);
    }
}

static void mended_phase(struct failing *f, nsec now)
{
    if (f->result->whole != NSEC_NEVER || now - f->since >= f->conf->within)
        enter(f, AFTER, now);
}

static void finish(struct failing *f, nsec now)
{
    f->result->ended = since_begin(f, now);
    load_finish(f, now);
    load_stop(f);
    enter(f, DRAINING, now);
}

/* Since when it has been whole, without a break. */
static void note_whole(struct failing *f, nsec now)
{
    struct failover_result *r = f->result;
    bool dead = f->conf->cause == CAUSE_KILL; /* nobody promised to bring it back */

    if (!roles_whole(&r->roles, r->nodes, dead))
        r->whole = NSEC_NEVER;
    else if (r->whole == NSEC_NEVER && f->phase >= BROKEN)
        r->whole = since_begin(f, now);
}

static void advance(struct failing *f, nsec now)
{
    nsec spent = now - f->since;

    note_whole(f, now);
    switch (f->phase) {
    case CONNECTING: connect_phase(f, now); break;
    case BEFORE:
        if (spent < f->conf->before)
            break;
        f->result->broken = since_begin(f, now);
        do_break(f);
        if (f->phase != OVER)
            enter(f, BROKEN, now);
        break;
    case BROKEN:
        if (broken_long_enough(f, spent))
            enter(f, HELD, now);
        break;
    case HELD:
        if (spent < f->conf->hold && f->conf->watch == 0)
            break;
        f->result->mended = since_begin(f, now);
        do_mend(f);
        enter(f, MENDED, now);
        break;
    case MENDED: mended_phase(f, now); break;
    case AFTER:
        if (spent >= f->conf->after)
            finish(f, now);
        break;
    case DRAINING:
        if (f->outstanding == 0)
            enter(f, OVER, now);
        break;
    case OVER: break;
    }
}

static void on_wake_closed(void *arg)
{
    (void)arg;
}

static void close_all(struct failing *f)
{
    if (f->pool.on_tick == NULL)
        return;
    f->pool.on_tick = NULL;
    load_stop(f);
    look_close(f);
    pool_close(&f->pool);
    wake_close(&f->wake, on_wake_closed, NULL);
}

/* A signal ends the load; what was broken is mended first. */
static void interrupt(struct failing *f)
{
    if (f->phase == BROKEN || f->phase == HELD)
        do_mend(f);
    f->failure = -EINTR;
    f->phase = OVER;
}

static void on_tick(struct pool *p, nsec now)
{
    struct failing *f = p->data;

    if (talk_signal && f->phase < OVER)
        interrupt(f);
    if (f->phase < OVER) {
        look_tick(f);
        load_tick(f, now);
        advance(f, now);
    }
    if (f->phase == OVER)
        close_all(f);
}

/* -- a run ------------------------------------------------------------------------ */

static int open_all(struct failing *f)
{
    char known[64];
    int rc = pool_open(&f->pool, &f->loop);

    assert(rc == 0);
    rc = wake_open_alone(&f->wake, &f->loop, false);
    if (rc == 0)
        rc = wake_reserve(&f->wake, FAILOVER_CLIENTS);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < f->result->nodes; i++) {
        snprintf(known, sizeof known, "%.63s", f->result->node[i].known);
        f->quoted[i] = history_quote(known);
    }
    f->pool.data = f;
    f->pool.on_tick = on_tick;
    f->began = f->since = uv_hrtime();
    rc = look_open(f);
    return rc < 0 ? rc : load_open(f);
}

static void free_all(struct failing *f)
{
    for (size_t i = 0; i < FAILOVER_NODES; i++)
        free(f->quoted[i]);
    free(f->role_text);
    free(f->where_text);
    free(f->order_text);
    free(f);
}

static int play(struct failing *f)
{
    int rc = uv_loop_init(&f->loop);

    assert(rc == 0);
    rc = open_all(f);
    assert(rc == 0); /* only memory and descriptors can lack */
    uv_run(&f->loop, UV_RUN_DEFAULT);
    rc = uv_loop_close(&f->loop);
    assert(rc == 0);
    return f->failure;
}

static int prepare(struct failing *f, struct err *e)
{
    const struct failover_conf *c = f->conf;
    char master[SENTINEL_ADDRESS_MAX];
    int rc = sentinels_find_master(c->group, master, e);

    if (rc == 0)
        rc = ask_settled(c, e);
    if (rc == 0)
        rc = ask_nodes(c, f->result, e);
    if (rc == 0 && (c->cause == CAUSE_KILL || c->cause == CAUSE_STOP))
        rc = f->victim = sentinel_find_process(c->group, f->result->node[0].known, SEC(2),
                                               e);
    if (rc < 0)
        return rc;
    ask_syncs(c, f->result, -1);
    return 0;
}

static void conclude(struct failing *f)
{
    struct failover_result *r = f->result;

    if (r->broken != NSEC_NEVER && r->promotion == NSEC_NEVER)
        r->promotion = roles_promotion(&r->roles, r->broken, r->master, &r->promoted);
    if (r->promotion != NSEC_NEVER)
        r->demotion = roles_demotion(&r->roles, r->promotion, r->master);
    ask_survivors(f);
    ask_syncs(f->conf, r, 1);
}

int failover_run(const struct failover_conf *c, struct failover_result *out,
                 struct err *e)
{
    struct failing *f = calloc(1, sizeof *f);
    int rc;

    *out = (struct failover_result){.event = calloc(FAILOVER_EVENTS, sizeof *out->event)};
    assert(f != NULL && out->event != NULL);
    out->broken = out->mended = out->promotion = NSEC_NEVER;
    out->demotion = out->whole = out->ended = NSEC_NEVER;
    f->conf = c;
    f->result = out;
    f->err = e;
    rc = prepare(f, e);
    out->promoted = out->nodes;
    if (rc == 0)
        rc = play(f);
    if (rc == 0 || rc == -EINTR)
        conclude(f);
    free_all(f);
    return rc;
}

void failover_release(struct failover_result *r)
{
    roles_release(&r->roles);
    ledger_release(&r->ledger);
    free(r->event);
    r->event = NULL;
}

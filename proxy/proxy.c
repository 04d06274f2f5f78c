/* proxy.c -- see proxy.h: holds the plan, and counts what must be gone before it is. */
#include "proxy.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "filter.h"
#include "host_rules.h"
#include "log.h"
#include "script.h"
#include "shell.h"

#define OWN_DESCRIPTORS 64   /* that are neither sessions nor nodes: loop, journal, API */
#define CROWD           1000 /* sessions */

/* ---- the plan ---- */

/* What the plan has for the packets of a link, whether or not it has sessions. */
struct wire proxy_wire(const struct proxy *p, const struct party *from,
                       const struct party *to, enum lane_id lane)
{
    struct wire w = {0};

    for (size_t i = 0; i < p->plan->n; i++) {
        const struct rule *r = p->plan->entry[i].rule;

        if (r->fault->wire && rule_in_force(r) && match_lane(r, lane) &&
            match_link(r, from, to))
            r->fault->wire(r->conf, &w);
    }
    return w;
}

static void filter_listeners(struct proxy *p)
{
    for (size_t i = 0; i < p->nodes; i++) {
        int err = listener_filter(&p->node[i]->listener);

        if (err)
            log_error("filter", "node=%s reason=\"%s\"", p->node[i]->party.name,
                      strerror(-err));
    }
}

static void replan_sessions(struct proxy *p)
{
    nsec now = uv_hrtime();

    hosts_begin(p);
    for (struct session *s = p->sessions, *next; s; s = next) {
        next = session_next(s);
        session_replan(s, now);
    }
    hosts_end(p);
}

/* Takes over the reference to `plan`. */
static void adopt(struct proxy *p, struct plan *plan)
{
    struct plan *old = p->plan;

    assert(!p->telling); /* a frame may be under way: see proxy_watch */
    p->plan = plan;
    wake_set(&p->wake, &p->expiry, plan_due(plan));
    events_plan(p, old);
    plan_unref(&old);
    filter_listeners(p);
    replan_sessions(p);
}

/* A plan with one rule more. */
static int plan_and(struct proxy *p, const struct plan *old, struct rule *r,
                    struct plan **out, struct err *e)
{
    int err = r->fault->wire ? filter_check(e) : hosts_check(p, r, e);

    return err ? err : plan_with(old, r, uv_hrtime(), out, e);
}

static int plan_and_sentence(struct proxy *p, struct plan **plan, const char *sentence,
                             struct err *e)
{
    struct plan *more;
    struct rule *r;
    int err = rule_parse(sentence, &r, e);

    if (err)
        return err;
    err = plan_and(p, *plan, r, &more, e);
    if (err) {
        rule_unref(&r);
        return err;
    }
    plan_unref(plan);
    *plan = more;
    return 0;
}

int proxy_rules_add(struct proxy *p, const char *const *sentences, size_t n,
                    struct err *e)
{
    struct plan *plan = plan_ref(p->plan);
    size_t had = plan->n;

    for (size_t i = 0; i < n; i++) {
        int err = plan_and_sentence(p, &plan, sentences[i], e);

        if (err) {
            if (n > 1 && e)
                err_place(e, i + 1, e->column);
            plan_unref(&plan);
            return err;
        }
    }
    for (size_t i = had; i < plan->n; i++)
        log_info("rule.add", "rule=%s fault=%s", plan->entry[i].rule->name,
                 plan->entry[i].rule->fault->name);
    if (n > 0)
        adopt(p, plan);
    else
        plan_unref(&plan);
    return 0;
}

/* The rules that the sentences say, or -- all freed again -- an error that says where. */
static int parse_all(struct rule **rules, const char *const *sentences, size_t n,
                     struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        int err = rule_parse(sentences[i], &rules[i], e);

        if (err == 0 && rules[i]->fault->wire && (err = filter_check(e)) < 0)
            rule_unref(&rules[i]);
        if (err == 0)
            continue;
        if (e)
            err_place(e, i + 1, e->column);
        while (i-- > 0)
            rule_unref(&rules[i]);
        return err;
    }
    return 0;
}

int proxy_rules_set(struct proxy *p, const char *const *sentences, size_t n,
                    struct err *e)
{
    struct rule **rules = calloc(n + 1, sizeof *rules);
    struct plan *plan;
    size_t bad = 0;
    int err = rules ? parse_all(rules, sentences, n, e)
                    : err_set(e, -ENOMEM, "out of memory");

    if (err == 0) {
        err = plan_set(p->plan, rules, n, uv_hrtime(), &plan, &bad, e);
        for (size_t i = 0; err && i < n; i++)
            rule_unref(&rules[i]);
        if (err && e)
            err_place(e, bad + 1, e->column);
    }
    free(rules);
    if (err)
        return err;
    log_info("rule.set", "rules=%zu", plan->n);
    adopt(p, plan);
    return 0;
}

int proxy_rule_add(struct proxy *p, const char *sentence, struct err *e)
{
    return proxy_rules_add(p, &sentence, 1, e);
}

int proxy_rule_del(struct proxy *p, const char *glob, struct err *e)
{
    struct plan *plan;
    int err = plan_without(p->plan, glob, &plan, e);

    if (err)
        return err;
    log_info("rule.del", "rules=%zu", p->plan->n - plan->n);
    adopt(p, plan);
    return 0;
}

int proxy_rule_swap(struct proxy *p, const char *const *names, size_t n,
                    const char *sentence, struct err *e)
{
    struct plan *plan = plan_ref(p->plan), *less;
    int err = 0;

    for (size_t i = 0; i < n && err == 0; i++) {
        err = plan_without(plan, names[i], &less, e);
        if (err == 0) {
            plan_unref(&plan);
            plan = less;
        } else if (err == -ENOENT) {
            err = 0;
        }
    }
    if (err == 0 && sentence)
        err = plan_and_sentence(p, &plan, sentence, e);
    if (err)
        plan_unref(&plan);
    else
        adopt(p, plan);
    return err;
}

void proxy_rule_clear(struct proxy *p)
{
    struct err e;

    if (p->plan->n)
        (void)!proxy_rule_del(p, "*", &e);
}

const struct plan *proxy_plan(const struct proxy *p)
{
    return p->plan;
}

static void on_expiry(struct wake_node *n, nsec now)
{
    struct proxy *p = (struct proxy *)((char *)n - offsetof(struct proxy, expiry));
    struct plan *plan = plan_expire(p->plan, now);

    if (plan) {
        log_info("rule.expire", "rules=%zu", p->plan->n - plan->n);
        adopt(p, plan);
        return;
    }
    wake_set(&p->wake, &p->expiry, plan_due(p->plan));
    filter_listeners(p); /* a rule that waited for another may have begun */
    replan_sessions(p);
}

static void roles_changed(struct proxy *p)
{
    p->replan = true;
    wake_set(&p->wake, &p->feed, uv_hrtime());
}

static bool replicates(const struct proxy *p, const struct node *n)
{
    for (size_t to = 0; to < p->nodes; to++) {
        const struct link *l = nodes_link_seen(p->node[to], n->who);

        if (l && l->replicating > 0)
            return true;
    }
    return false;
}

/* A node that dials PSYNC is a replica; one that grants it, and does not replicate
 * itself, is a master. */
void proxy_replicating(struct proxy *p, struct link *l, bool granted)
{
    for (size_t i = 0; i < p->nodes; i++) {
        struct node *n = p->node[i];

        if (&n->party == l->from)
            n->party.replica = true;
        else if (granted && &n->party == l->to && !replicates(p, n))
            n->party.replica = false;
    }
    roles_changed(p);
}

void proxy_promoted(struct proxy *p, struct node *n)
{
    log_info("node.promoted", "node=%s", n->party.name);
    n->party.replica = false;
    roles_changed(p);
}

/* ---- sessions, room, descriptors ---- */

void proxy_room(struct proxy *p)
{
    if (p->starved && p->core.pool.held < p->core.pool.limit - p->core.pool.limit / 8)
        wake_set(&p->wake, &p->feed, uv_hrtime());
}

static void on_feed(struct wake_node *n, nsec now)
{
    struct proxy *p = (struct proxy *)((char *)n - offsetof(struct proxy, feed));

    if (p->replan) {
        p->replan = false;
        filter_listeners(p);
        replan_sessions(p);
    }
    session_feed_starved(p, now);
}

/* What is freed below what is in use stays ours unless it is given back. That takes up to
 * a millisecond: it is done when a crowd has gone, and not for each of them. */
static void give_back(struct proxy *p)
{
    uint64_t now = p->stats.sessions;

    if (p->crowd <= now)
        p->crowd = now + 1;
    if (p->crowd - now < CROWD || now > p->crowd / 2)
        return;
    p->crowd = now;
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

void proxy_session_gone(struct proxy *p)
{
    give_back(p);
    for (size_t i = 0; !p->closing && i < p->nodes; i++)
        listener_resume(&p->node[i]->listener);
    nodes_reap(p);
    proxy_room(p);
}

/* Two descriptors a session, one a node; the rest is ours. */
void proxy_reckon(struct proxy *p)
{
    uint64_t ours = OWN_DESCRIPTORS + p->nodes;
    rlim_t want = p->sessions_asked * 2 + ours;
    struct rlimit r;

    p->session_limit = p->sessions_asked;
    if (getrlimit(RLIMIT_NOFILE, &r) < 0)
        return;
    if (r.rlim_cur < want) {
        r.rlim_cur = r.rlim_max == RLIM_INFINITY || r.rlim_max > want ? want : r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
        (void)getrlimit(RLIMIT_NOFILE, &r);
    }
    if (r.rlim_cur < want)
        p->session_limit = r.rlim_cur > ours + 2 ? (r.rlim_cur - ours) / 2 : 1;
}

void proxy_limits(struct proxy *p, const struct config *c)
{
    p->core.lane_limit = c->lane_limit;
    p->core.pool.limit = c->total_limit;
    p->connect_timeout = c->connect_timeout;
    p->when_down = c->when_down;
    p->sessions_asked = c->session_limit;
    proxy_reckon(p);
    if (p->session_limit < p->sessions_asked)
        log_info("limit",
                 "sessions=%" PRIu64 " reason=\"too few descriptors\" "
                 "hint=\"raise ulimit -n\"",
                 p->session_limit);
    for (size_t i = 0; i < p->nodes; i++)
        listener_resume(&p->node[i]->listener);
    proxy_room(p);
}

/* ---- life ---- */

static void free_proxy(struct proxy *p)
{
    nodes_free(p);
    free(p->buffer);
    free(p->retired);
    plan_unref(&p->plan);
    core_release(&p->core);
    journal_close(&p->journal);
    replay_close(&p->replay);
    script_free(&p->script);
    free(p);
}

static void gone(void *arg)
{
    struct proxy *p = arg;
    void (*done)(void *) = p->done;
    void *done_arg = p->arg;

    free_proxy(p);
    if (done)
        done(done_arg);
}

static void on_wake_closed(void *arg)
{
    struct proxy *p = arg;

    if (p->hub == &p->own)
        hub_leave(&p->own, gone, p);
    else
        gone(p);
}

static void on_over(struct later *l)
{
    struct proxy *p = (struct proxy *)((char *)l - offsetof(struct proxy, over));

    wake_close(&p->wake, on_wake_closed, p);
}

void proxy_unhold(struct proxy *p)
{
    assert(p->open > 0);
    if (--p->open == 0)
        hub_later(p->hub, &p->over);
}

static void on_drained(struct wake_node *n, nsec now)
{
    struct proxy *p = (struct proxy *)((char *)n - offsetof(struct proxy, drain));

    (void)now;
    for (struct session *s = p->sessions; s; s = session_next(s))
        session_close(s, CLOSE_RST);
}

void proxy_close(struct proxy *p, nsec drain, void (*done)(void *arg), void *arg)
{
    nsec until = nsec_add(uv_hrtime(), drain);

    if (done) {
        p->done = done;
        p->arg = arg;
    }
    if (drain == 0)
        on_drained(&p->drain, 0);
    else if (p->drain.at == 0 || until < p->drain.due)
        wake_set(&p->wake, &p->drain, until);
    if (p->closing)
        return;
    p->closing = true;
    hosts_undo(p);
    wake_set(&p->wake, &p->expiry, NSEC_NEVER);
    wake_set(&p->wake, &p->rerun, NSEC_NEVER);
    if (p->script)
        (void)!script_stop(p, &(struct err){0});
    names_stop(p);
    for (size_t i = 0; i < p->nodes; i++)
        listener_close(&p->node[i]->listener);
    proxy_unhold(p); /* our own: the rest is sessions and listeners */
}

/* Some rule's life has begun or ended with what just happened: that takes effect when the
 * loop is back, not in the middle of a frame. */
static void on_changed(void *arg)
{
    struct proxy *p = arg;

    wake_set(&p->wake, &p->expiry, uv_hrtime());
}

static int setup(struct proxy *p, const struct config *c, struct err *e)
{
    int err = nodes_build(p, c);

    proxy_limits(p, c);
    if (err == 0 &&
        ((p->buffer = malloc(SHELL_READ)) == NULL || (p->plan = plan_empty()) == NULL ||
         (p->retired = calloc(fault_count(), sizeof *p->retired)) == NULL))
        err = -ENOMEM;
    if (err == 0)
        err = wake_reserve(&p->wake, c->nnodes + 8);
    if (err)
        return err_set(e, err, "cannot start: %s", strerror(-err));
    if (c->journal && (err = journal_open(&p->journal, c->journal, c->seed, e)) < 0)
        return err;
    if (p->journal)
        journal_config(p->journal, c);
    p->core.changed = on_changed;
    p->core.arg = p;
    events_init(p);
    for (size_t i = 0; i < c->nrules && err == 0; i++) {
        struct rule *r = rule_ref(c->rules[i]);
        struct plan *plan;

        err = plan_and(p, p->plan, r, &plan, e);
        if (err)
            rule_unref(&r);
        else
            adopt(p, plan);
    }
    if (err == 0 && c->replay)
        err = rerun_open(p, c->replay, e);
    return err;
}

static int open_on(struct proxy *p, struct hub *hub, const struct config *c,
                   struct proxy **out, struct err *e)
{
    int err;

    p->hub = hub;
    p->open = 1;
    p->over.call = on_over;
    p->core.seed = c->seed;
    p->replace_qdisc = c->replace_qdisc;
    p->expiry.call = on_expiry;
    p->feed.call = on_feed;
    p->drain.call = on_drained;
    if ((err = wake_open(&p->wake, hub, c->precise)) < 0) {
        on_wake_closed(p);
        return err_set(e, err, "cannot start: %s", strerror(-err));
    }
    hosts_clean();
    if ((err = setup(p, c, e)) < 0 || (err = nodes_listen(p, c, e)) < 0) {
        proxy_close(p, 0, NULL, NULL);
        return err;
    }
    *out = p;
    return 0;
}

int proxy_open(struct hub *hub, const struct config *c, struct proxy **out, struct err *e)
{
    struct proxy *p = calloc(1, sizeof *p);

    return p ? open_on(p, hub, c, out, e) : err_set(e, -ENOMEM, "out of memory");
}

int proxy_open_alone(uv_loop_t *loop, const struct config *c, struct proxy **out,
                     struct err *e)
{
    struct proxy *p = calloc(1, sizeof *p);
    int err = p ? hub_join(&p->own, loop) : -ENOMEM;

    if (err == 0)
        return open_on(p, &p->own, c, out, e);
    free(p);
    return err_set(e, err, "cannot start: %s", strerror(-err));
}

bool proxy_accepts(const struct proxy *p)
{
    return !p->closing;
}

void proxy_stats(const struct proxy *p, struct proxy_stats *out)
{
    *out = p->stats;
    for (int i = 0; i < 2; i++) {
        out->bytes[i] = p->core.bytes[i];
        out->frames[i] = p->core.frames[i];
    }
    out->held = p->core.pool.held;
    out->held_max = p->core.pool.held_max;
    out->opaque = p->core.opaque;
    out->pairing_lost = p->core.pairing_lost;
    out->decisions = p->core.decisions;
}

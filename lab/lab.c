/* lab.c -- real redis-server processes, wired through a proxy in this very process.
 *
 *   MASTER: r1 answers --> proxy opens, replicas start
 *   REPLICAS: all answer --> SYNC: every link is up and nothing is behind --> rules
 *     --> SENTINELS, if any: each has found all others --> UP
 *
 * The order saves seconds: a replica that finds no master, and a sentinel that finds no
 * replica, look again only after one second and after ten.
 *
 * Callbacks note a fact; lab_turn() decides.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"
#include "wiring.h"

#define PATIENCE SEC(20) /* for all to be up, and for each lab_sync */
#define PER_SEC  10240   /* keys of data that are worth a second more */
#define GRACE    SEC(2)  /* for a server to end by itself */
#define POLL_MS  10

/* -- waiting, and the end of it -------------------------------------------------- */

static void stop_asking(struct lab *l)
{
    uv_timer_stop(&l->poll);
    uv_timer_stop(&l->deadline);
    for (size_t i = 0; i < l->topology.n; i++)
        question_cancel(&l->node[i].question);
}

static void answer(struct lab *l, enum phase phase, const struct lab_trouble *t)
{
    void (*waiting)(void *, const struct lab_trouble *) = l->waiting;

    stop_asking(l);
    l->phase = phase;
    l->waiting = NULL;
    l->served = true;
    lab_await_nodes(l);
    if (waiting != NULL)
        waiting(l->arg, t);
}

static void fail(struct lab *l, const struct lab_trouble *t)
{
    answer(l, FAILED, t);
}

static const char *name_of(const struct node *n)
{
    return n->lab->topology.node[n->index].name;
}

static void about(struct lab_trouble *t, const struct node *n)
{
    memcpy(t->node, n->lab->topology.node[n->index].name, sizeof t->node);
    if (n->log != NULL)
        process_last_lines(n->log, 8, t->log, sizeof t->log);
}

/* -- servers --------------------------------------------------------------------- */

static void on_node_exit(void *arg, int status)
{
    struct node *n = arg;
    struct lab *l = n->lab;
    struct lab_trouble t = {.log = ""};
    char how[64];

    n->process = NULL;
    n->answers = n->settled = false;
    if (l->phase == CLOSING || l->phase == FAILED) {
        lab_turn(l);
        return;
    }
    if (lab_node_gone(n, &t))
        return;
    process_status(status, how, sizeof how);
    about(&t, n);
    if (t.err.code == 0)
        err_set(&t.err, -ECHILD, l->served ? "%s has died: %s" : "%s did not start: %s",
                name_of(n), how);
    if (!l->served)
        fail(l, &t);
    else if (l->died != NULL)
        l->died(l->arg, &t);
}

static void place(struct node *n)
{
    if (n->dir == NULL &&
        (asprintf(&n->dir, "%s/%s", n->lab->workdir.path, name_of(n)) < 0 ||
         asprintf(&n->log, "%s/log", n->dir) < 0))
        abort();
}

int lab_start_node(struct lab *l, size_t i, struct err *e)
{
    struct node *n = &l->node[i];
    bool first = n->dir == NULL;
    bool sentinel = l->topology.node[i].role == TOPOLOGY_SENTINEL;
    const char *argv[] = {l->server.path, SERVER_CONF, sentinel ? "--sentinel" : NULL,
                          NULL};
    struct process_spec spec = {
        .argv = argv,
        .on_exit = on_node_exit,
        .arg = n,
    };
    char conf[2048];
    int rc = 0;

    topology_conf(&l->topology, i, &l->server.version, &l->tuning, conf, sizeof conf);
    place(n);
    spec.dir = n->dir;
    spec.log = n->log;
    if (first)
        rc = server_prepare(n->dir, conf, e);
    return rc < 0 ? rc : process_spawn(l->loop, &spec, &n->process, e);
}

static int start_role(struct lab *l, enum topology_role role, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < l->topology.n && rc == 0; i++)
        if (l->topology.node[i].role == role)
            rc = lab_start_node(l, i, e);
    return rc;
}

/* -- the proxy ------------------------------------------------------------------- */

static int open_proxy(struct lab *l, struct err *e)
{
    struct config c;
    int rc;

    if (l->direct)
        return 0;
    config_init(&c);
    c.seed = l->seed;
    c.seed_given = l->seed_given;
    if (l->journal != NULL)
        c.journal = strdup(l->journal);
    if (l->lane_limit > 0)
        c.lane_limit = l->lane_limit;
    rc = wiring_nodes(&l->topology, &c, e);
    if (rc == 0)
        rc = proxy_open_alone(l->loop, &c, &l->proxy, e);
    config_release(&c);
    return rc;
}

static int apply_rules(struct lab *l, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < l->nrules && rc == 0; i++)
        rc = proxy_rule_add(l->proxy, l->rules[i], e);
    return rc;
}

/* -- patience --------------------------------------------------------------------- */

/* Whom all are waiting for. */
static const struct node *laggard(const struct lab *l)
{
    const struct node *found = &l->node[0];

    for (size_t i = l->topology.n; i-- > 0;) {
        const struct node *n = &l->node[i];

        if (n->process != NULL && !(i == 0 ? n->answers : n->settled))
            found = n;
    }
    return found;
}

static void on_poll(uv_timer_t *timer)
{
    lab_ask(timer->data);
}

static nsec patience_of(const struct lab *l)
{
    return PATIENCE + SEC(l->fill.wanted / PER_SEC);
}

static void on_deadline(uv_timer_t *timer)
{
    struct lab *l = timer->data;
    const struct node *n = laggard(l);
    struct lab_trouble t = {.log = ""};
    unsigned patience = (unsigned)(patience_of(l) / SEC(1));

    about(&t, n);
    if (!n->answers)
        err_set(&t.err, -ETIMEDOUT, "%s does not answer after %u s", name_of(n),
                patience);
    else if (l->phase == MASTER)
        err_set(&t.err, -ETIMEDOUT, "%s has not taken its data after %u s", name_of(n),
                patience);
    else if (l->topology.node[n->index].role == TOPOLOGY_SENTINEL)
        err_set(&t.err, -ETIMEDOUT, "%s has not found all others after %u s", name_of(n),
                patience);
    else
        err_set(&t.err, -ETIMEDOUT,
                "%s is not in sync after %u s: master_link_status is %s", name_of(n),
                patience, n->link[0] ? n->link : "not known");
    fail(l, &t);
}

/* -- the one place that decides -------------------------------------------------- */

static bool all_answer(const struct lab *l)
{
    for (size_t i = 0; i <= l->topology.replicas; i++)
        if (!l->node[i].answers)
            return false;
    return true;
}

/* A node that was killed by order is not waited for. */
static bool all_settled(const struct lab *l, enum topology_role role)
{
    for (size_t i = 0; i < l->topology.n; i++)
        if (l->topology.node[i].role == role && !l->node[i].settled &&
            !(l->node[i].wanted && l->node[i].process == NULL))
            return false;
    return true;
}

/* The next phase, or a negative errno and *e. */
static int advance(struct lab *l, struct err *e)
{
    bool starting = !l->served;
    int rc = 0;

    if (l->phase == MASTER && l->node[0].process == NULL)
        return start_role(l, TOPOLOGY_MASTER, e);
    if (l->phase == MASTER && l->node[0].answers && l->fill.done >= l->fill.wanted) {
        l->phase = REPLICAS;
        rc = open_proxy(l, e);
        if (rc == 0)
            rc = start_role(l, TOPOLOGY_REPLICA, e);
    }
    if (rc == 0 && l->phase == REPLICAS && all_answer(l))
        l->phase = SYNC;
    if (rc == 0 && l->phase == SYNC && l->target >= 0 &&
        all_settled(l, TOPOLOGY_REPLICA)) {
        l->phase = SENTINELS;
        if (starting)
            rc = start_role(l, TOPOLOGY_SENTINEL, e);
    }
    if (rc == 0 && l->phase == SENTINELS && all_settled(l, TOPOLOGY_SENTINEL)) {
        l->phase = UP;
        if (starting)
            rc = apply_rules(l, e);
    }
    return rc;
}

static void lab_free(struct lab *l)
{
    for (size_t i = 0; i < l->topology.n; i++) {
        free(l->node[i].dir);
        free(l->node[i].log);
    }
    for (size_t i = 0; i < l->nrules; i++)
        free(l->rules[i]);
    free(l->rules);
    free(l->journal);
    free(l);
}

static void on_timer_closed(uv_handle_t *h)
{
    struct lab *l = h->data;
    void (*closed)(void *) = l->closed;
    void *arg = l->closed_arg;

    if (--l->open > 0)
        return;
    lab_free(l);
    closed(arg);
}

static void close_rest(struct lab *l)
{
    for (size_t i = 0; i < l->topology.n; i++)
        if (l->node[i].process != NULL)
            return;
    if (l->proxy != NULL || uv_is_closing((uv_handle_t *)&l->poll))
        return;
    workdir_close(&l->workdir);
    close(l->port_holder);
    uv_close((uv_handle_t *)&l->poll, on_timer_closed);
    uv_close((uv_handle_t *)&l->deadline, on_timer_closed);
}

void lab_turn(struct lab *l)
{
    struct lab_trouble t = {.log = ""};

    if (l->phase == CLOSING)
        close_rest(l);
    if (l->phase >= UP)
        return;
    if (advance(l, &t.err) < 0)
        fail(l, &t);
    else if (l->phase == UP)
        answer(l, UP, NULL);
}

/* -- from outside ---------------------------------------------------------------- */

static void on_start(uv_timer_t *timer)
{
    struct lab *l = timer->data;

    uv_timer_start(timer, on_poll, POLL_MS, POLL_MS);
    lab_turn(l);
}

static void await(struct lab *l, uv_timer_cb first)
{
    uv_timer_start(&l->poll, first, 0, POLL_MS);
    uv_timer_start(&l->deadline, on_deadline, patience_of(l) / MSEC(1), 0);
}

static void copy_options(struct lab *l, const struct lab_options *o)
{
    topology_init(&l->topology, o->replicas, o->sentinels, o->direct);
    topology_set_watch(&l->topology, &o->watch);
    l->topology.clients = o->clients;
    l->topology.chain = o->chain;
    l->tuning = o->tuning;
    l->tuning.incompressible |= o->data > 0;
    l->fill.wanted = o->data / FILL_VALUE + (o->data % FILL_VALUE > 0);
    l->lane_limit = o->lane_limit;
    l->direct = o->direct;
    l->seed = o->seed;
    l->seed_given = o->seed_given;
    l->journal = o->journal ? strdup(o->journal) : NULL;
    l->rules = calloc(o->nrules + 1, sizeof *l->rules);
    assert(l->rules != NULL);
    for (size_t i = 0; i < o->nrules; i++)
        l->rules[l->nrules++] = strdup(o->rules[i]);
    for (size_t i = 0; i < l->topology.n; i++) {
        l->node[i].lab = l;
        l->node[i].index = i;
    }
}

/* All that can be told at once, before anything runs. */
static int prepare(struct lab *l, const struct lab_options *o, struct err *e)
{
    int rc = server_find(&l->server, o->server, e);

    if (rc == 0)
        rc = l->port_holder = workdir_port(&l->topology, e);
    if (rc >= 0 && !o->direct)
        rc = wiring_check(&l->topology, o->rules, o->nrules, e);
    if (rc >= 0)
        rc = workdir_open(&l->workdir, o->keep, e);
    return rc < 0 ? rc : 0;
}

int lab_open(uv_loop_t *loop, const struct lab_options *o,
             void (*ready)(void *arg, const struct lab_trouble *t),
             void (*died)(void *arg, const struct lab_trouble *t), void *arg,
             struct lab **out, struct err *e)
{
    struct lab *l = calloc(1, sizeof *l);
    int rc;

    assert(l != NULL && !(o->direct && o->nrules > 0));
    l->loop = loop;
    l->port_holder = -1;
    l->target = -1;
    l->waiting = ready;
    l->died = died;
    l->arg = arg;
    copy_options(l, o);
    rc = prepare(l, o, e);
    if (rc < 0) {
        if (l->port_holder >= 0)
            close(l->port_holder);
        lab_free(l);
        return rc;
    }
    l->poll.data = l->deadline.data = l;
    uv_timer_init(loop, &l->poll);
    uv_timer_init(loop, &l->deadline);
    l->open = 2;
    await(l, on_start);
    *out = l;
    return 0;
}

void lab_sync(struct lab *l, void (*done)(void *arg, const struct lab_trouble *t))
{
    assert(l->waiting == NULL && l->phase == UP);
    l->waiting = done;
    l->phase = SYNC;
    l->target = -1;
    for (size_t i = 0; i <= l->topology.replicas; i++)
        l->node[i].settled = false;
    await(l, on_poll);
}

static void on_proxy_closed(void *arg)
{
    struct lab *l = arg;

    l->proxy = NULL;
    lab_turn(l);
}

void lab_close(struct lab *l, void (*done)(void *arg), void *arg)
{
    assert(l->phase != CLOSING);
    stop_asking(l);
    l->phase = CLOSING;
    l->closed = done;
    l->closed_arg = arg;
    for (size_t i = 0; i < l->topology.n; i++)
        if (l->node[i].process != NULL)
            process_stop(l->node[i].process, GRACE);
    if (l->proxy != NULL)
        proxy_close(l->proxy, 0, on_proxy_closed, l);
    lab_turn(l);
}

const struct topology *lab_topology(const struct lab *l)
{
    return &l->topology;
}

const struct server *lab_server(const struct lab *l)
{
    return &l->server;
}

const char *lab_directory(const struct lab *l)
{
    return l->workdir.path;
}

struct proxy *lab_proxy(const struct lab *l)
{
    return l->proxy;
}

pid_t lab_pid(const struct lab *l, size_t node)
{
    return l->node[node].process != NULL ? process_pid(l->node[node].process) : 0;
}

const char *lab_progress(const struct lab *l, char *buf, size_t size)
{
    size_t settled = 0;

    for (size_t i = 1; i < l->topology.n; i++)
        settled += l->node[i].settled;
    if (l->phase == MASTER && l->fill.wanted > 0)
        snprintf(buf, size, "%u%% of the data",
                 (unsigned)(l->fill.done * 100 / l->fill.wanted));
    else if (l->phase == MASTER || l->phase == REPLICAS)
        snprintf(buf, size, "servers start");
    else
        snprintf(buf, size, "%zu of %zu in sync", settled, l->topology.n - 1);
    return buf;
}

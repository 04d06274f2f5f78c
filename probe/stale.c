/* stale.c -- a run of the stale-read probe: its pairs, its loop, its beginning and end.
 *
 *   connecting ──► running ──► cleaning ──► closing
 *     all are up     │ all pairs    │ keys are      the loop runs empty
 *     or PATIENCE    │ have ended,  │ deleted
 *                    └ or a signal  └ or GRACE after a signal
 */
#include "stale.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "progress.h"
#include "run.h"

#define PATIENCE SEC(3)    /* for the first connections */
#define GRACE    SEC(2)    /* for an orderly end after a signal */
#define REDRAW   MSEC(100) /* of the progress line */
#define SPARE_FD 32

static void on_wake_closed(void *arg)
{
    (void)arg;
}

static void close_all(struct run *r)
{
    if (r->stage == STAGE_CLOSING)
        return;
    r->stage = STAGE_CLOSING;
    r->stopping = true;
    r->result->troubles = r->pool.troubles;
    pool_close(&r->pool);
    wake_close(&r->wake, on_wake_closed, NULL);
    uv_close((uv_handle_t *)&r->interrupt, NULL);
    uv_close((uv_handle_t *)&r->terminate, NULL);
}

/* cleaning */

void run_cleaned(struct run *r)
{
    if (--r->cleaning == 0)
        close_all(r);
}

static void clean(struct run *r)
{
    r->stage = STAGE_CLEANING;
    r->cleaning = 1; /* until all have been asked for */
    for (uint64_t i = 0; i < r->conf->load.pairs; i++)
        pair_clean(&r->pair[i]);
    run_cleaned(r);
}

/* running */

void run_pair_ended(struct run *r)
{
    if (--r->active > 0)
        return;
    r->result->elapsed = uv_hrtime() - r->began;
    if (r->conf->progress)
        progress_clear(stderr);
    if (r->stage == STAGE_RUNNING)
        clean(r);
}

static void stop(struct run *r, nsec now)
{
    if (r->stopping)
        return;
    r->stopping = true;
    r->stop_at = now;
    if (r->stage == STAGE_CONNECTING) {
        close_all(r);
        return;
    }
    for (uint64_t i = 0; i < r->conf->load.pairs; i++)
        pair_stop(&r->pair[i]);
}

static void on_signal(uv_signal_t *s, int number)
{
    struct run *r = s->data;

    if (r->result->signal)
        _exit(128 + number); /* asked twice: at once, whatever is left behind */
    r->result->signal = number;
    stop(r, uv_hrtime());
}

static void begin(struct run *r, nsec now)
{
    r->stage = STAGE_RUNNING;
    r->began = now;
    r->active = r->conf->load.pairs;
    for (uint64_t i = 0; i < r->conf->load.pairs; i++)
        pair_next(&r->pair[i]);
}

static void show(struct run *r, nsec now)
{
    const struct stale_result *s = r->result;
    uint64_t done = 0;

    if (!r->conf->progress || r->stage != STAGE_RUNNING || now < r->drawn + REDRAW)
        return;
    r->drawn = now;
    for (uint64_t i = 0; i < r->conf->load.pairs; i++)
        done += r->pair[i].op;
    progress_draw(stderr, &(struct progress){
                              .done = done,
                              .total = r->conf->ops * r->conf->load.pairs,
                              .reads = s->reads.total,
                              .stale = s->reads.stale,
                              .elapsed = now - r->began,
                              .limit = r->conf->duration,
                          });
}

/* connecting */

static const struct client *first_down(const struct run *r, bool writers)
{
    for (uint64_t i = 0; i < r->conf->load.pairs; i++) {
        const struct client *c = writers ? r->pair[i].writer : r->pair[i].reader;

        if (client_was_up(c))
            return NULL;
    }
    return writers ? r->pair[0].writer : r->pair[0].reader;
}

/* Enough is up to begin: somebody can write, and somebody can read. */
static bool can_begin(struct run *r)
{
    const struct client *writer = first_down(r, true);
    const struct client *down = writer ? writer : first_down(r, false);
    char url[URL_TEXT_MAX];

    if (down == NULL)
        return true;
    url_print(writer ? &r->conf->write : &r->conf->read[0], url, sizeof url);
    r->failure = err_set(r->err, -ENOTCONN, "cannot connect to %s: %s", url,
                         client_why(down));
    err_hint(r->err, "is a server running there? try: sunder hello %s", url);
    return false;
}

static void on_tick(struct pool *p, nsec now)
{
    struct run *r = p->data;
    bool all = p->up == p->clients;

    if (r->stage == STAGE_CONNECTING && (all || now - r->opened >= PATIENCE)) {
        if (can_begin(r))
            begin(r, now);
        else
            close_all(r);
    }
    if (r->stage == STAGE_RUNNING && r->conf->duration &&
        now - r->began >= r->conf->duration)
        stop(r, now);
    if (r->stopping && r->stage != STAGE_CLOSING && now - r->stop_at >= GRACE)
        close_all(r); /* requests still open keep the end from being orderly */
    show(r, now);
}

/* setting up */

/* Two sockets a pair; the soft limit is often too low for that, and is ours to raise. */
static int raise_fd_limit(const struct stale_conf *c, struct err *e)
{
    struct rlimit l;
    rlim_t need = 2 * c->load.pairs + SPARE_FD;

    if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= need)
        return 0;
    l.rlim_cur = need < l.rlim_max ? need : l.rlim_max;
    if (l.rlim_cur == need && setrlimit(RLIMIT_NOFILE, &l) == 0)
        return 0;
    err_set(e, -EMFILE, "%llu pairs need %llu open files, and %llu are allowed",
            (unsigned long long)c->load.pairs, (unsigned long long)need,
            (unsigned long long)l.rlim_max);
    err_hint(e, "ulimit -n %llu", (unsigned long long)need);
    return -EMFILE;
}

static int make_texts(struct run *r)
{
    const struct stale_conf *c = r->conf;
    char count[24], limit[24], node[ADDR_TEXT_MAX];

    snprintf(count, sizeof count, "%llu", (unsigned long long)c->wait);
    snprintf(limit, sizeof limit, "%llu",
             (unsigned long long)(c->wait_timeout / MSEC(1)));
    r->wait_text = client_format(&r->wait_len, 3, (const char *[]){"WAIT", count, limit});
    r->write_name = history_quote(addr_print(&c->write.at, node, sizeof node));
    r->read_name = calloc(c->nread, sizeof(char *));
    if (r->wait_text == NULL || r->write_name == NULL || r->read_name == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < c->nread; i++) {
        addr_print(&c->read[i].at, node, sizeof node);
        if ((r->read_name[i] = history_quote(node)) == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int open_pair(struct run *r, struct pair *p, uint64_t id)
{
    const struct stale_conf *c = r->conf;
    struct client_spec writer = {&c->write, c->write_source, c->timeout, 0};
    struct client_spec reader = {&c->read[id % c->nread], c->read_source, c->timeout, 0};

    if (pair_init(p, r, id) < 0)
        return -ENOMEM;
    p->writer = client_open(&r->pool, &writer);
    p->reader = client_open(&r->pool, &reader);
    return p->writer && p->reader ? 0 : -ENOMEM;
}

static int open_pairs(struct run *r)
{
    r->pair = calloc(r->conf->load.pairs, sizeof *r->pair);
    if (r->pair == NULL || make_texts(r) < 0 ||
        wake_reserve(&r->wake, r->conf->load.pairs) < 0)
        return -ENOMEM;
    for (uint64_t i = 0; i < r->conf->load.pairs; i++)
        if (open_pair(r, &r->pair[i], i) < 0)
            return -ENOMEM;
    return 0;
}

static int open_handles(struct run *r)
{
    int err;

    if ((err = uv_loop_init(&r->loop)) < 0)
        return err;
    if ((err = wake_open_alone(&r->wake, &r->loop, false)) < 0 ||
        (err = pool_open(&r->pool, &r->loop)) < 0)
        return err;
    uv_signal_init(&r->loop, &r->interrupt);
    uv_signal_init(&r->loop, &r->terminate);
    r->interrupt.data = r->terminate.data = r->pool.data = r;
    r->pool.on_tick = on_tick;
    uv_signal_start(&r->interrupt, on_signal, SIGINT);
    uv_signal_start(&r->terminate, on_signal, SIGTERM);
    return 0;
}

static int prepare(struct run *r)
{
    unsigned char id[4];
    int err;

    if ((err = uv_random(NULL, NULL, id, sizeof id, 0, NULL)) < 0)
        return err;
    snprintf(r->result->run, sizeof r->result->run, "%02x%02x%02x%02x", id[0], id[1],
             id[2], id[3]);
    r->result->node = calloc(r->conf->nread, sizeof *r->result->node);
    return r->result->node ? open_handles(r) : -ENOMEM;
}

static void release(struct run *r)
{
    for (uint64_t i = 0; r->pair && i < r->conf->load.pairs; i++) {
        r->result->keys_left += r->pair[i].left_key;
        pair_release(&r->pair[i]);
    }
    for (size_t i = 0; r->read_name && i < r->conf->nread; i++)
        free(r->read_name[i]);
    free(r->read_name);
    free(r->write_name);
    free(r->wait_text);
    free(r->pair);
}

int stale_run(const struct stale_conf *c, struct stale_result *result, struct err *e)
{
    struct run r = {.conf = c, .result = result, .err = e};
    int err;

    memset(result, 0, sizeof *result);
    signal(SIGPIPE, SIG_IGN);
    if (raise_fd_limit(c, e) < 0)
        return -EMFILE;
    if ((err = prepare(&r)) < 0)
        return err_set(e, err, "cannot start: %s", uv_strerror(err));
    r.opened = uv_hrtime();
    if ((r.failure = open_pairs(&r)) < 0) {
        err_set(e, r.failure, "out of memory for %llu pairs",
                (unsigned long long)c->load.pairs);
        close_all(&r);
    }
    uv_run(&r.loop, UV_RUN_DEFAULT);
    err = uv_loop_close(&r.loop);
    assert(err == 0); /* a handle left open is a leak */
    result->sockets = r.pool.sockets;
    release(&r);
    return r.failure;
}

void stale_release(struct stale_result *r)
{
    free(r->node);
    r->node = NULL;
}

/* stage.c -- a loop with a lab and a program on it, played in a straight line.
 *
 * Callbacks only set flags; until() turns the loop until one of them ends the wait.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "process.h"
#include "stage.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

#define SIGNALS  (sizeof signals / sizeof *signals)
#define GRACE    SEC(2)
#define TICK_MS  100
#define PATIENCE SEC(20) /* for a server to end, or to answer */

static void on_signal(uv_signal_t *h, int sig)
{
    struct stage *s = h->data;

    if (s->program != NULL && s->interactive) {
        if (sig != SIGINT) /* the terminal has sent it that one already */
            process_stop(s->program, GRACE);
        return;
    }
    if (s->came == 0)
        s->came = sig;
}

/* How far the lab is, on one line that is written over and over. */
static void on_tick(uv_timer_t *t)
{
    struct stage *s = t->data;
    char text[64], line[80];

    snprintf(line, sizeof line, "lab: %s", lab_progress(s->lab, text, sizeof text));
    cli_line(stderr, line);
}

static void tick_start(struct stage *s)
{
    if (cli_redraws(stderr))
        uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
}

static void tick_stop(struct stage *s)
{
    if (uv_is_active((uv_handle_t *)&s->tick))
        cli_line(stderr, "");
    uv_timer_stop(&s->tick);
}

static void on_ready(void *arg, const struct lab_trouble *t)
{
    struct stage *s = arg;

    s->done = true;
    if (t == NULL)
        return;
    s->failed = true;
    s->trouble = *t;
}

static const struct usage died_usage = {.command = "lab"};

static void on_died(void *arg, const struct lab_trouble *t)
{
    struct stage *s = arg;

    if (s->tolerant) {
        stage_tell(&died_usage, t);
        return;
    }
    s->failed = true;
    s->trouble = *t;
}

static void on_done(void *arg)
{
    struct stage *s = arg;

    s->done = true;
}

static void on_program_output(void *arg, const char *p, size_t n)
{
    struct stage *s = arg;

    if (s->on_output != NULL)
        s->on_output(s->output_arg, p, n);
}

static void on_program_exit(void *arg, int status)
{
    struct stage *s = arg;

    s->program = NULL;
    s->status = status;
    s->done = true;
}

/* Turn the loop until the awaited has come or nothing more will. */
static int until_done(struct stage *s)
{
    while (!s->done && !s->failed && s->came == 0)
        uv_run(&s->loop, UV_RUN_ONCE);
    if (s->came != 0)
        return -EINTR;
    if (s->failed)
        return s->trouble.err.code;
    return 0;
}

void stage_open(struct stage *s)
{
    int rc;

    memset(s, 0, sizeof *s);
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that is gone is told by errno */
    rc = uv_loop_init(&s->loop);
    assert(rc == 0);
    uv_timer_init(&s->loop, &s->tick);
    uv_timer_init(&s->loop, &s->pause);
    s->tick.data = s->pause.data = s;
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(&s->loop, &s->signal[i]);
        s->signal[i].data = s;
        uv_signal_start(&s->signal[i], on_signal, signals[i]);
    }
}

int stage_lab(struct stage *s, const struct lab_options *o)
{
    int rc;

    assert(s->lab == NULL);
    s->trouble = (struct lab_trouble){.log = ""};
    s->done = false;
    rc = lab_open(&s->loop, o, on_ready, on_died, s, &s->lab, &s->trouble.err);
    if (rc < 0) { /* Ctrl-C also hits the server that was asked for its version */
        uv_run(&s->loop, UV_RUN_NOWAIT);
        return s->came != 0 ? -EINTR : rc;
    }
    tick_start(s);
    rc = until_done(s);
    tick_stop(s);
    return rc;
}

void stage_lab_close(struct stage *s)
{
    if (s->lab == NULL)
        return;
    s->done = false;
    lab_close(s->lab, on_done, s);
    s->lab = NULL;
    while (!s->done)
        uv_run(&s->loop, UV_RUN_ONCE);
}

int stage_sync(struct stage *s)
{
    int rc;

    s->done = false;
    lab_sync(s->lab, on_ready);
    tick_start(s);
    rc = until_done(s);
    tick_stop(s);
    return rc;
}

int stage_rule(struct stage *s, const char *sentence)
{
    s->trouble = (struct lab_trouble){.log = ""};
    return proxy_rule_add(lab_proxy(s->lab), sentence, &s->trouble.err);
}

/* Turn the loop until it is gone, or (up) there as another process than `was`. */
static int until_node(struct stage *s, size_t node, bool up, pid_t was)
{
    nsec end = uv_hrtime() + PATIENCE;

    while (up ? !lab_up(s->lab, node) || lab_pid(s->lab, node) == was
              : lab_pid(s->lab, node) != 0) {
        if (s->came != 0)
            return -EINTR;
        if (s->failed)
            return s->trouble.err.code;
        if (uv_hrtime() >= end)
            return err_set(&s->trouble.err, -ETIMEDOUT, "%s %s after %d s",
                           lab_topology(s->lab)->node[node].name,
                           up ? "does not answer" : "does not end",
                           (int)(PATIENCE / SEC(1)));
        uv_run(&s->loop, UV_RUN_ONCE);
    }
    return 0;
}

/* Which node is that? What could not be done to it? */
static int act(struct stage *s, const char *name, int (*action)(struct lab *, size_t),
               const char *doing)
{
    int node = lab_find(s->lab, name), rc = node;

    s->trouble = (struct lab_trouble){.log = ""};
    if (node < 0)
        return err_set(&s->trouble.err, -EINVAL, "there is no node '%.40s'", name);
    if (action != NULL)
        rc = action(s->lab, (size_t)node);
    if (rc < 0)
        return err_set(&s->trouble.err, rc, "cannot %s %s: it does not run", doing, name);
    return node;
}

int stage_kill(struct stage *s, const char *name)
{
    int node = act(s, name, lab_kill, "kill");

    return node < 0 ? node : until_node(s, (size_t)node, false, 0);
}

int stage_stop(struct stage *s, const char *name)
{
    int node = act(s, name, lab_stop, "stop");

    return node < 0 ? node : 0;
}

int stage_cont(struct stage *s, const char *name)
{
    int node = act(s, name, lab_cont, "continue");

    return node < 0 ? node : 0;
}

int stage_restart(struct stage *s, const char *name)
{
    int node = act(s, name, NULL, "restart"), rc;
    pid_t was;

    if (node < 0)
        return node;
    was = lab_pid(s->lab, (size_t)node);
    rc = lab_restart(s->lab, (size_t)node, &s->trouble.err);
    return rc < 0 ? rc : until_node(s, (size_t)node, true, was);
}

int stage_until(struct stage *s, const bool *flag)
{
    while (!*flag && !s->failed && s->came == 0)
        uv_run(&s->loop, UV_RUN_ONCE);
    if (s->came != 0)
        return -EINTR;
    return s->failed ? s->trouble.err.code : 0;
}

static void on_pause(uv_timer_t *t)
{
    struct stage *s = t->data;

    s->passed = true;
}

int stage_for(struct stage *s, nsec time)
{
    int rc;

    s->passed = false;
    uv_update_time(&s->loop);
    uv_timer_start(&s->pause, on_pause, time / MSEC(1), 0);
    rc = stage_until(s, &s->passed);
    uv_timer_stop(&s->pause);
    return rc;
}

int stage_run(struct stage *s, const char *const *argv, const char *const *env,
              void (*on_output)(void *arg, const char *p, size_t n), void *arg,
              bool interactive, int *status)
{
    struct process_spec spec = {
        .argv = argv,
        .env = env,
        .on_output = on_output != NULL ? on_program_output : NULL,
        .on_exit = on_program_exit,
        .arg = s,
    };
    int rc;

    assert(s->program == NULL);
    s->done = false;
    s->interactive = interactive;
    s->trouble = (struct lab_trouble){.log = ""};
    s->on_output = on_output;
    s->output_arg = arg;
    rc = process_spawn(&s->loop, &spec, &s->program, &s->trouble.err);
    if (rc == 0)
        rc = until_done(s);
    s->on_output = NULL; /* who listened may be gone before the program is */
    *status = s->status;
    return rc;
}

int stage_idle(struct stage *s)
{
    s->done = false;
    return until_done(s);
}

void stage_close(struct stage *s)
{
    int rc;

    if (s->program != NULL)
        process_stop(s->program, GRACE);
    while (s->program != NULL)
        uv_run(&s->loop, UV_RUN_ONCE);
    stage_lab_close(s);
    uv_close((uv_handle_t *)&s->tick, NULL);
    uv_close((uv_handle_t *)&s->pause, NULL);
    for (size_t i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&s->signal[i], NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    rc = uv_loop_close(&s->loop);
    assert(rc == 0);
}

void stage_tell(const struct usage *u, const struct lab_trouble *t)
{
    const char *p = t->log;

    cli_fail(u, 0, &t->err);
    if (*p != '\0')
        fprintf(stderr, "the last lines of its log:\n");
    for (; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
        fprintf(stderr, "  %s| %.*s\n", t->node, (int)strcspn(p, "\n"), p);
}

int stage_fail(const struct stage *s, const struct usage *u, int rc)
{
    if (rc == -EINTR)
        return 128 + s->came;
    stage_tell(u, &s->trouble);
    return rc == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT;
}

/* insync.c -- see insync.h. Round after round each node is asked once, and the answers of
 * a round are looked at together.
 */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insync.h"
#include "question.h"

#define ROUND_MS 20
#define ANSWER   SEC(1) /* a server that hangs is not in sync */

struct seen {
    struct insync *of;
    struct question *question;
    bool asked, answered, master, linked;
    long long offset;
};

struct insync {
    const struct lab *lab;
    uv_loop_t *loop;
    uv_timer_t timer;
    nsec deadline;
    struct seen node[TOPOLOGY_NODES];
    size_t waiting;   /* for so many answers */
    size_t master;    /* of the last round; TOPOLOGY_NODES = none */
    long long target; /* what it had when it was first seen; -1 = not yet */
    char problem[128];
    void (*done)(void *arg, const char *problem);
    void *arg;
};

static const char *name_of(const struct insync *s, size_t i)
{
    return lab_topology(s->lab)->node[i].name;
}

static bool is_data(const struct insync *s, size_t i)
{
    return lab_topology(s->lab)->node[i].role != TOPOLOGY_SENTINEL;
}

/* Who is the master? False, and the problem, if that is not one. */
static bool find_master(struct insync *s)
{
    size_t masters = 0, master = TOPOLOGY_NODES;

    for (size_t i = 0; i < lab_topology(s->lab)->n; i++)
        if (s->node[i].answered && s->node[i].master) {
            if (masters++ == 1)
                snprintf(s->problem, sizeof s->problem, "%s and %s are both masters",
                         name_of(s, master), name_of(s, i));
            master = i;
        }
    if (masters == 0)
        snprintf(s->problem, sizeof s->problem, "no node is a master");
    if (master != s->master)
        s->target = -1;
    s->master = master;
    if (masters == 1 && s->target < 0)
        s->target = s->node[master].offset;
    return masters == 1;
}

static bool is_fine(struct insync *s, size_t i)
{
    const struct seen *n = &s->node[i];

    if (!n->answered)
        snprintf(s->problem, sizeof s->problem, "%s does not answer", name_of(s, i));
    else if (!n->master && !n->linked)
        snprintf(s->problem, sizeof s->problem, "the link of %s to its master is down",
                 name_of(s, i));
    else if (!n->master && n->offset < s->target)
        snprintf(s->problem, sizeof s->problem, "%s is %lld bytes behind %s",
                 name_of(s, i), s->target - n->offset, name_of(s, s->master));
    else
        return true;
    return false;
}

static bool all_fine(struct insync *s)
{
    bool fine = find_master(s);

    for (size_t i = 0; fine && i < lab_topology(s->lab)->n; i++)
        fine = !s->node[i].asked || is_fine(s, i);
    return fine;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

static void finish(struct insync *s, const char *problem)
{
    void (*done)(void *, const char *) = s->done;

    s->done = NULL;
    uv_close((uv_handle_t *)&s->timer, on_closed);
    if (done)
        done(s->arg, problem);
}

static void on_round(uv_timer_t *timer);

static void round_over(struct insync *s)
{
    if (all_fine(s))
        finish(s, NULL);
    else if (uv_hrtime() >= s->deadline)
        finish(s, s->problem);
    else
        uv_timer_start(&s->timer, on_round, ROUND_MS, 0);
}

static void on_answer(void *arg, int status, const struct redisReply *r)
{
    struct seen *n = arg;
    struct insync *s = n->of;
    char text[32];

    n->question = NULL;
    if (status == 0 && r->type == REDIS_REPLY_STRING) {
        n->answered = true;
        n->master = strcmp(question_info(r->str, "role", text, sizeof text), "master") ==
                    0;
        n->linked = strcmp(question_info(r->str, "master_link_status", text, sizeof text),
                           "up") == 0;
        question_info(r->str, n->master ? "master_repl_offset" : "slave_repl_offset",
                      text, sizeof text);
        n->offset = atoll(text);
    }
    if (--s->waiting == 0)
        round_over(s);
}

static void on_round(uv_timer_t *timer)
{
    struct insync *s = timer->data;
    const struct topology *t = lab_topology(s->lab);

    for (size_t i = 0; i < t->n; i++) {
        s->node[i] = (struct seen){.of = s};
        if (!is_data(s, i) || lab_pid(s->lab, i) == 0)
            continue;
        s->node[i].asked = true;
        s->waiting++;
        s->node[i].question = question_open(s->loop, t->node[i].real, t->port,
                                            "INFO replication", ANSWER, on_answer,
                                            &s->node[i]);
    }
    if (s->waiting == 0)
        round_over(s);
}

struct insync *insync_start(uv_loop_t *loop, const struct lab *l, nsec within,
                            void (*done)(void *arg, const char *problem), void *arg)
{
    struct insync *s = calloc(1, sizeof *s);

    assert(s != NULL);
    s->lab = l;
    s->loop = loop;
    s->deadline = nsec_add(uv_hrtime(), within);
    s->master = TOPOLOGY_NODES;
    s->target = -1;
    s->done = done;
    s->arg = arg;
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    uv_timer_start(&s->timer, on_round, 0, 0);
    return s;
}

void insync_cancel(struct insync **out)
{
    struct insync *s = *out;

    *out = NULL;
    if (s == NULL)
        return;
    for (size_t i = 0; i < TOPOLOGY_NODES; i++)
        question_cancel(&s->node[i].question);
    s->done = NULL;
    finish(s, NULL);
}

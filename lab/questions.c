/* questions.c -- what a lab asks its servers while it waits for them, and what it makes
 * of the answers.
 *
 * Asked straight, not through the proxy: a lab's own questions are in no one's statistics
 * and meet no fault.
 */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

#define PATIENCE  SEC(2) /* for one answer */
#define FILL_STEP 4096   /* keys in one go: some milliseconds */

static bool linked(const struct node *n)
{
    return strcmp(n->link, "up") == 0;
}

/* A link that is up may carry nothing for a second yet: a master that has streamed its
 * data sends commands only once it has heard from the replica, and may have missed it
 * the first time. Only a command that arrives proves that commands do, so one is sent
 * when all links are up: before, it could arrive as a part of the data. */
static const char *to_ask_before_nudge(const struct node *n)
{
    const struct lab *l = n->lab;

    if (n->index > 0)
        return linked(n) ? NULL : "INFO replication";
    for (size_t i = 1; i <= l->topology.replicas; i++)
        if (!linked(&l->node[i]))
            return NULL;
    return "PUBLISH sunder-lab hello";
}

/* A sentinel is made haste with before it is asked anything else, and each time that it
 * starts anew: it forgets. */
static const char *to_ask_first(const struct node *n, bool sentinel)
{
    const struct lab *l = n->lab;
    const char *hasten = topology_hasten(&l->topology, &l->server.version);

    return sentinel && hasten != NULL ? hasten : "PING";
}

/* By a script, so that the data is in the append only file as well. */
static const char *fill(struct fill *f)
{
    f->asked = f->wanted - f->done < FILL_STEP ? f->wanted - f->done : FILL_STEP;
    if (f->asked == 0)
        return NULL;
    snprintf(f->command, sizeof f->command,
             "EVAL \"local v=string.rep('x',%d) for i=%" PRIu64 ",%" PRIu64
             " do redis.call('SET','data:'..i,v) end\" 0",
             FILL_VALUE, f->done + 1, f->done + f->asked);
    return f->command;
}

/* What there is to ask this node in this phase; NULL = nothing. */
static const char *to_ask(const struct node *n)
{
    struct lab *l = n->lab;
    bool sentinel = l->topology.node[n->index].role == TOPOLOGY_SENTINEL;

    if (n->process == NULL || n->settled)
        return NULL;
    if (!n->answers)
        return to_ask_first(n, sentinel);
    if (l->phase == MASTER)
        return fill(&l->fill);
    if (l->phase == SENTINELS && sentinel)
        return "SENTINEL MASTER " TOPOLOGY_SERVICE;
    if (l->phase != SYNC || sentinel)
        return NULL;
    if (!l->nudged)
        return to_ask_before_nudge(n);
    /* The master first: replicas are asked whether they have got as far as that. */
    return (n->index == 0) == (l->target < 0) ? "INFO replication" : NULL;
}

static void hear_master(struct lab *l, const char *info)
{
    char offset[32];

    if (*question_info(info, "master_repl_offset", offset, sizeof offset) != '\0')
        l->target = atoll(offset);
}

static void hear_replica(struct node *n, const char *info)
{
    char offset[32];

    question_info(info, "master_link_status", n->link, sizeof n->link);
    question_info(info, "slave_repl_offset", offset, sizeof offset);
    n->settled = n->lab->target >= 0 && linked(n) && atoll(offset) >= n->lab->target;
}

/* A number from the flat list of names and values that sentinels answer with. */
static size_t listed(const redisReply *r, const char *name)
{
    for (size_t i = 0; i + 1 < (size_t)r->elements; i += 2)
        if (r->element[i]->str != NULL && strcmp(r->element[i]->str, name) == 0)
            return r->element[i + 1]->str ? (size_t)atoll(r->element[i + 1]->str) : 0;
    return 0;
}

static void hear_sentinel(struct node *n, const redisReply *r)
{
    const struct topology *t = &n->lab->topology;

    n->settled = r->type == REDIS_REPLY_ARRAY && listed(r, "num-slaves") == t->replicas &&
                 listed(r, "num-other-sentinels") == t->sentinels - 1;
}

static void on_answer(void *arg, int status, const struct redisReply *r)
{
    struct node *n = arg;
    struct lab *l = n->lab;

    n->question = NULL;
    if (status < 0 || r->type == REDIS_REPLY_ERROR) /* LOADING, or not listening yet */
        return;
    if (!n->answers)
        lab_node_answers(n);
    else if (l->phase == MASTER)
        l->fill.done += l->fill.asked;
    else if (r->type == REDIS_REPLY_INTEGER)
        l->nudged = true;
    else if (r->type == REDIS_REPLY_STRING && n->index == 0)
        hear_master(l, r->str);
    else if (r->type == REDIS_REPLY_STRING)
        hear_replica(n, r->str);
    else
        hear_sentinel(n, r);
    lab_turn(l);
}

void lab_ask(struct lab *l)
{
    for (size_t i = 0; i < l->topology.n; i++) {
        struct node *n = &l->node[i];
        const char *text = to_ask(n);

        if (text != NULL && n->question == NULL)
            n->question = question_open(l->loop, l->topology.node[i].real,
                                        l->topology.port, text, PATIENCE, on_answer, n);
    }
}

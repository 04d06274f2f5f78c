/* actions.c -- what can be done to one server of a lab that is up, and who is told.
 *
 * A server that was killed by order is not mourned: lab.c looks at `wanted`. One that is
 * to start again does so when the old process is gone, with the configuration that it
 * left: a sentinel, or a master after a failover, has rewritten its own.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "inside.h"

#define GRACE   SEC(2) /* for a server to end by itself */
#define POLL_MS 10

static void on_poll(uv_timer_t *timer)
{
    lab_ask(timer->data);
}

static bool awaits_any(const struct lab *l)
{
    for (size_t i = 0; i < l->topology.n; i++)
        if (l->node[i].process != NULL && !l->node[i].answers)
            return true;
    return false;
}

void lab_await_nodes(struct lab *l)
{
    if (l->phase != UP)
        return;
    if (!awaits_any(l))
        uv_timer_stop(&l->poll);
    else if (!uv_is_active((uv_handle_t *)&l->poll))
        uv_timer_start(&l->poll, on_poll, 0, POLL_MS);
}

static void tell(struct node *n, bool up)
{
    struct lab *l = n->lab;

    if (l->served && l->on_node != NULL)
        l->on_node(l->on_node_arg, n->index, up);
}

void lab_node_answers(struct node *n)
{
    n->answers = true;
    tell(n, true);
    lab_await_nodes(n->lab);
}

static int start_again(struct node *n, struct err *e)
{
    int rc;

    n->again = n->wanted = false;
    rc = lab_start_node(n->lab, n->index, e);
    if (rc == 0)
        lab_await_nodes(n->lab);
    return rc;
}

bool lab_node_gone(struct node *n, struct lab_trouble *t)
{
    bool wanted = n->wanted;

    tell(n, false);
    if (n->again && start_again(n, &t->err) < 0)
        return false;
    return wanted;
}

/* Send it a signal, if it runs. */
static int order(struct lab *l, size_t node, int sig)
{
    if (!l->served || l->phase == CLOSING || l->phase == FAILED)
        return -EAGAIN;
    if (l->node[node].process == NULL)
        return -ESRCH;
    return process_signal(l->node[node].process, sig);
}

int lab_kill(struct lab *l, size_t node)
{
    int rc = order(l, node, SIGKILL);

    if (rc == 0)
        l->node[node].wanted = true;
    return rc;
}

int lab_stop(struct lab *l, size_t node)
{
    return order(l, node, SIGSTOP);
}

int lab_cont(struct lab *l, size_t node)
{
    return order(l, node, SIGCONT);
}

int lab_restart(struct lab *l, size_t node, struct err *e)
{
    struct node *n = &l->node[node];
    int rc = order(l, node, 0);

    if (rc == -EAGAIN)
        return err_set(e, rc, "the lab is not up");
    if (n->process == NULL)
        return start_again(n, e);
    n->wanted = n->again = true;
    process_stop(n->process, GRACE);
    return 0;
}

bool lab_up(const struct lab *l, size_t node)
{
    return l->node[node].process != NULL && l->node[node].answers;
}

void lab_watch(struct lab *l, void (*on_node)(void *arg, size_t node, bool up), void *arg)
{
    l->on_node = on_node;
    l->on_node_arg = arg;
}

int lab_find(const struct lab *l, const char *name)
{
    for (size_t i = 0; i < l->topology.n; i++)
        if (strcmp(l->topology.node[i].name, name) == 0)
            return (int)i;
    return -ENOENT;
}

/* wiring.c -- the proxy that a topology needs. */
#include <stdio.h>

#include "wiring.h"

static int add_node(const struct topology *t, size_t i, struct config *c, struct err *e)
{
    char known[TOPOLOGY_ADDRESS], real[TOPOLOGY_ADDRESS];
    struct config_node *node;
    int rc = config_add_node(c, t->node[i].name, topology_known(t, i, known),
                             topology_real(t, i, real), e);

    if (rc < 0)
        return rc;
    node = &c->nodes[c->nnodes - 1];
    if (t->node[i].role == TOPOLOGY_SENTINEL)
        node->kind = NODE_SENTINEL;
    return config_add_source(&node->party, t->node[i].real, e);
}

static int add_client(size_t i, struct config *c, struct err *e)
{
    char name[8], source[TOPOLOGY_IP];
    int rc;

    snprintf(name, sizeof name, "c%u", (unsigned)i % 100);
    snprintf(source, sizeof source, "127.0.3.%u", (unsigned)i % 256);
    rc = config_add_client(c, name, e);
    return rc < 0 ? rc : config_add_source(&c->clients[c->nclients - 1], source, e);
}

int wiring_nodes(const struct topology *t, struct config *c, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < t->n && rc == 0; i++)
        rc = add_node(t, i, c, e);
    for (size_t i = 1; i <= t->clients && rc == 0; i++)
        rc = add_client(i, c, e);
    return rc;
}

int wiring_check(const struct topology *t, const char *const *rules, size_t n,
                 struct err *e)
{
    struct config c;
    int rc;

    config_init(&c);
    rc = wiring_nodes(t, &c, e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = config_add_rule(&c, rules[i], e);
    if (rc == 0)
        rc = config_check(&c, e);
    config_release(&c);
    return rc;
}

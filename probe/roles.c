/* roles.c -- see roles.h. */
#include "roles.h"

#include <assert.h>
#include <stdlib.h>

const char *const roles_names[] = {"unknown", "silent", "master",
                                   "replica without a link", "replica"};

bool roles_note(struct roles *r, nsec at, size_t node, enum node_role role)
{
    assert(node < ROLES_NODES);
    if (r->now[node] == role)
        return false;
    if (r->n == r->size) {
        r->size = r->size ? r->size * 2 : 64;
        r->change = realloc(r->change, r->size * sizeof *r->change);
        assert(r->change != NULL);
    }
    r->now[node] = role;
    r->change[r->n++] = (struct role_change){at, node, role};
    return true;
}

void roles_release(struct roles *r)
{
    free(r->change);
    *r = (struct roles){.change = NULL};
}

static size_t masters(const enum node_role *now, size_t nodes, size_t *which)
{
    size_t n = 0;

    for (size_t i = 0; i < nodes; i++)
        if (now[i] == ROLES_MASTER) {
            *which = i;
            n++;
        }
    return n;
}

size_t roles_master(const struct roles *r, size_t nodes)
{
    size_t which = nodes;

    return masters(r->now, nodes, &which) == 1 ? which : nodes;
}

bool roles_whole(const struct roles *r, size_t nodes, bool silent_is_fine)
{
    size_t master = roles_master(r, nodes);

    for (size_t i = 0; i < nodes; i++)
        if (i != master && r->now[i] != ROLES_REPLICA &&
            !(silent_is_fine && r->now[i] == ROLES_SILENT))
            return false;
    return master < nodes;
}

nsec roles_promotion(const struct roles *r, nsec from, size_t but, size_t *who)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->change[i].at >= from && r->change[i].node != but &&
            r->change[i].role == ROLES_MASTER) {
            *who = r->change[i].node;
            return r->change[i].at;
        }
    return NSEC_NEVER;
}

nsec roles_demotion(const struct roles *r, nsec from, size_t node)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->change[i].at >= from && r->change[i].node == node &&
            (r->change[i].role == ROLES_REPLICA || r->change[i].role == ROLES_UNLINKED))
            return r->change[i].at;
    return NSEC_NEVER;
}

static nsec overlap(nsec a, nsec b, nsec from, nsec to)
{
    a = a > from ? a : from;
    b = b < to ? b : to;
    return b > a ? b - a : 0;
}

nsec roles_dual(const struct roles *r, nsec from, nsec to)
{
    enum node_role now[ROLES_NODES] = {ROLES_UNKNOWN};
    size_t which;
    nsec sum = 0;

    for (size_t i = 0; i < r->n; i++) {
        nsec end = i + 1 < r->n ? r->change[i + 1].at : to;

        now[r->change[i].node] = r->change[i].role;
        if (masters(now, ROLES_NODES, &which) >= 2)
            sum += overlap(r->change[i].at, end, from, to);
    }
    return sum;
}

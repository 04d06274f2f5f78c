/* roles.h -- which node was a master, and when: what an observer has seen. Pure.
 *
 * Times go up. A node that does not answer is silent: whatever it was before, it took no
 * writes then that anybody could have seen acknowledged.
 */
#ifndef ROLES_H
#define ROLES_H

#include <stdbool.h>
#include <stddef.h>

#include "clock.h"

#define ROLES_NODES 16

enum node_role {
    ROLES_UNKNOWN, /* not asked yet */
    ROLES_SILENT,
    ROLES_MASTER,
    ROLES_UNLINKED, /* a replica that has no link to its master */
    ROLES_REPLICA,
};

extern const char *const roles_names[]; /* "unknown", "silent", "master", ... by enum */

struct role_change {
    nsec           at;
    size_t         node;
    enum node_role role;
};

struct roles { /* zeroed is empty; free it with roles_release */
    struct role_change *change;
    size_t              n, size;
    enum node_role      now[ROLES_NODES];
};

/* Note what a node was seen to be. Is that news? */
bool roles_note(struct roles *r, nsec at, size_t node, enum node_role role);
void roles_release(struct roles *r);

/* The one master of so many nodes, or `nodes` when there is none or are several. */
size_t roles_master(const struct roles *r, size_t nodes);

/* One master, and all others linked replicas; those that are silent are left out if
 * `silent_is_fine`. */
bool roles_whole(const struct roles *r, size_t nodes, bool silent_is_fine);

/* When, from `from` on, a node other than `but` was first seen to have become a master,
 * and which; NSEC_NEVER when none has. */
nsec roles_promotion(const struct roles *r, nsec from, size_t but, size_t *who);

/* When, from `from` on, it was first seen to replicate; NSEC_NEVER. */
nsec roles_demotion(const struct roles *r, nsec from, size_t node);

/* Of the time between `from` and `to`, how much had two masters or more. */
nsec roles_dual(const struct roles *r, nsec from, nsec to);

#endif

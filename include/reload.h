/* reload.h -- a running proxy takes up a configuration that has changed.
 *
 * Nodes, clients, rules and limits follow; what did not change is not touched, and nor
 * are its sessions. Rules that came by another way than the configuration stay. Seed,
 * journal, replay, precise and replace-qdisc stay as they were at the start, and the log
 * says so when they differ.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "proxy.h"

/* From `had`, which the proxy was opened with or has taken up last, to `next`, which is
 * checked. A node that moves to another upstream keeps its sessions; one that listens
 * elsewhere, or is of another kind, loses them. Where sources have changed nobody loses
 * a session, but it may be one of another link now. 0, or a negative errno and *e: a rule
 * or a node that could not be had, and then all the others are as `next` has them. */
int reload(struct proxy *p, const struct config *had, const struct config *next,
           struct err *e) MUST_CHECK;

#endif

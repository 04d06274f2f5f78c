/* topology_parts.h -- what `sunder topology check` and `sunder topology config` share:
 * the options that say which addresses are the proxy's.
 */
#ifndef TOPOLOGY_PARTS_H
#define TOPOLOGY_PARTS_H

#include "cli.h"
#include "places.h"

struct told {
    struct texts nodes, sentinels;
    const char *config, *api, *token_file;
    nsec timeout;
};

/* clang-format off */
#define TOLD_OPTS(told)                                                                  \
    {"config", 'c', OPT_TEXT, &(told)->config, "FILE",                                   \
     "the nodes are those of the proxy's configuration"},                                \
    {"api", 0, OPT_TEXT, &(told)->api, "ADDR", "or those of a running proxy"},           \
    {"api-token-file", 0, OPT_TEXT, &(told)->token_file, "FILE",                         \
     "the token it asks for"},                                                           \
    {"node", 0, OPT_TEXTS, &(told)->nodes, "NAME,PROXY,REAL",                            \
     "or this one: the proxy's address for it, and its own; may be repeated"},           \
    {"sentinel", 0, OPT_TEXTS, &(told)->sentinels, "NAME,PROXY,REAL",                    \
     "likewise a sentinel; may be repeated"}
/* clang-format on */

/* 0, or a negative errno and *e; -EIO: the running proxy does not answer. */
int told_places(const struct told *t, struct places *p, struct err *e) MUST_CHECK;

int cmd_topology_check(int argc, char **argv);

#endif

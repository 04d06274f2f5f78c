/* traps.h -- the known ways in which a set-up behind a proxy goes wrong without a word.
 *
 * A trap is a line of configuration that is missing or says the wrong address; what
 * follows from it shows much later, mostly when a master is lost. Pure: from the facts of
 * a survey, each trap with who is in it, what was seen and the line that mends it.
 */
#ifndef TRAPS_H
#define TRAPS_H

#include "survey.h"

#define TRAPS_MAX 128

enum trap_kind {
    TRAP_REPLICA_ANNOUNCE,
    TRAP_SENTINEL_ANNOUNCE,
    TRAP_ANNOUNCE_PORT,
    TRAP_REAL_ADDRESS,
    TRAP_PROTECTED_MODE,
    TRAP_HOSTNAMES,
    TRAP_MANY_ADDRESSES,
    TRAP_MASTER_ANNOUNCE,
    TRAP_GHOST_REPLICA,
    TRAP_DEAD_ACCEPTS,
    TRAP_REUSED_CONF,
    TRAP_KINDS
};

struct trap_words {
    const char *name; /* "replica-announce" */
    const char *why;  /* what comes of it, in a sentence */
};

extern const struct trap_words trap_words[TRAP_KINDS];

struct trap {
    enum trap_kind kind;
    char           node[ADDR_TEXT_MAX]; /* who is in it; a name or an address */
    char           what[768];           /* what was seen */
    char           file[32];            /* "redis.conf", "sentinel.conf", "sunder.yaml" */
    char           line[2 * ADDR_TEXT_MAX + 128]; /* one line, or two with \n between */
};

struct traps {
    struct trap trap[TRAPS_MAX];
    size_t      n;
    bool        more; /* than there is room for */
};

/* Every trap that the survey shows, by kind, and within it by server. */
void traps_find(const struct survey *s, struct traps *out);

#endif

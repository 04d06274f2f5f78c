/* check.h -- what a read means, exactly, when one writer counts a key up.
 *
 * The writer of a key SETs 1, 2, 3, ... one at a time. Then a read needs no search to be
 * judged: it is compared with a few numbers. Versions whose fate is unknown (the answer
 * was lost) may have been written at any later time, so reading one is never held
 * against the server; versions that were refused must never be seen.
 *
 * Memory is constant. Two things are then given up, never in the server's disfavour: of
 * a read more than CHECK_RING acknowledged versions behind, the age is a lower bound; and
 * when unknown versions come in more than CHECK_SPANS separate runs, the oldest runs and
 * what lies between them are one run of unknown versions.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

#define CHECK_RING  1024
#define CHECK_SPANS 32

#define CHECK_CORRUPT UINT64_MAX /* "version" of a value that nobody wrote */

/* A run of versions that were not acknowledged. */
struct check_span {
    uint64_t from, to;
    bool     refused; /* surely not written; else unknown */
};

struct check_ack {
    uint64_t version;
    nsec     at;
};

/* One key: its writer and its reader. Zeroed is ready. */
struct check {
    uint64_t begun; /* newest version whose write was begun */
    uint64_t acked; /* newest acknowledged */
    uint64_t seen;  /* newest that the reader has read */

    /* Private to check.c. */
    uint64_t          acks;               /* how many, ever */
    struct check_ack  ring[CHECK_RING];   /* the newest of them */
    struct check_span spans[CHECK_SPANS]; /* in order */
    size_t            nspans;
    uint64_t          stuck;    /* the last stale version read, and */
    nsec              stuck_at; /* when its successor was acknowledged */
};

struct finding {
    bool     stale;         /* older than a version acknowledged before the read began */
    bool     not_own;       /* the same of the session's own writes */
    bool     not_monotonic; /* older than this reader has read before */
    bool     future;        /* never written: corrupt, refused, or not yet begun */
    uint64_t behind;        /* if stale: by how many versions */
    nsec     age;           /* if stale: how long the missed version had been there */
};

/* A write begins: versions go up, and the one before has ended. Then how it ended. */
void check_begin(struct check *c, uint64_t version);
void check_acked(struct check *c, nsec at);
void check_refused(struct check *c);
void check_unknown(struct check *c);

/* A read that began at `at` gave this version; 0 = no value. */
struct finding check_read(struct check *c, uint64_t version, nsec at);

/* A read that is not judged but counts as seen. */
void check_seen(struct check *c, uint64_t version);

#endif

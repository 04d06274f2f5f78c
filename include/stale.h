/* stale.h -- the stale-read probe: pairs of a writer and a reader, and what they saw.
 *
 * Each pair has a key of its own. Its writer counts the key up; as soon as a write is
 * acknowledged its reader reads the key from a replica, and check.h says what that read
 * was worth. Then comes the next write. Failures are counted and never end a run.
 */
#ifndef STALE_H
#define STALE_H

#include "client.h"
#include "err.h"
#include "hist.h"
#include "load.h"
#include "stats.h"
#include "trouble.h"
#include "url.h"

#define STALE_AGES    100 /* buckets from 0 to load.ages */
#define STALE_RUN_MAX 16

struct history;

struct stale_conf {
    struct url      write;
    struct url     *read; /* readers take them in turn */
    size_t          nread;
    const char     *write_source, *read_source; /* addresses to come from, or NULL */
    struct load     load;
    uint64_t        ops;  /* of each pair */
    uint64_t        wait; /* WAIT for so many replicas; 0 = do not */
    nsec            wait_timeout;
    nsec            timeout;      /* of a request, and to connect */
    nsec            settle_limit; /* give up settling after so long */
    nsec            duration;     /* stop after so long; 0 = when all is done */
    uint64_t        value_size;
    bool            lines;    /* print the lines of the tutorial */
    bool            progress; /* draw a line on stderr */
    struct history *history;  /* or NULL */
};

struct stale_node { /* one of conf->read */
    uint64_t reads, stale;
};

struct stale_result {
    char run[STALE_RUN_MAX];
    nsec elapsed;
    int  signal; /* that ended it early; 0 = none */
    struct {
        uint64_t    acknowledged, failed, unknown, wait_short;
        struct hist latency;
    } writes;
    struct {
        uint64_t    total, stale, future, not_own, not_monotonic, failed;
        struct hist latency;
    } reads;
    struct hist        behind;    /* versions, of stale reads */
    struct hist        age;       /* of the missed version, of stale reads */
    struct hist        settle;    /* acknowledgement to first fresh read */
    uint64_t           unsettled; /* samples given up */
    struct age_bucket  ages[STALE_AGES];
    struct stale_node *node; /* conf->nread of them */
    struct troubles    troubles;
    struct sockets     sockets;
    uint64_t           keys_left; /* keys that could not be deleted */
};

/* Run it, on a loop of its own, to the end or to a SIGINT or SIGTERM. 0; -ENOTCONN when
 * nothing could be connected to; or another negative errno. *r is zeroed first, and is
 * whole also then. A second signal ends the process. */
int stale_run(const struct stale_conf *c, struct stale_result *r,
              struct err *e) MUST_CHECK;

void stale_release(struct stale_result *r);

#endif

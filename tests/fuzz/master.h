/* master.h -- a master and a replica that do not exist: both lanes of a replication link,
 * and what must be known of them. Written apart from repl.c, from what redis-server 7.0
 * was seen to send and what 8 and Valkey are documented to.
 *
 * The bytes given decide: which handshake, which answer, how the RDB comes, what follows.
 */
#ifndef MASTER_H
#define MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MASTER_TEXT   65536 /* bytes of a lane at most */
#define MASTER_FRAMES 2048

enum master_part { MASTER_LINE, MASTER_RDB, MASTER_COMMAND };

struct master {
    char requests[4096], replies[MASTER_TEXT];
    size_t nrequests, nreplies;
    size_t asked[4];  /* ends of PSYNC and SYNC in requests; each is answered in turn */
    size_t answer[5]; /* where what answers them begins in replies; then its end */
    unsigned asks;

    struct {
        size_t end; /* in replies */
        enum master_part part;
        bool write;
    } frame[MASTER_FRAMES]; /* from answer[0] on */
    unsigned frames;

    /* When all of it has passed: */
    bool granted, anchored, diskless, full;
    uint64_t base, stream, commands, writes, getacks, rdb, acked;
    size_t stream_at; /* in replies */
    char id[41];
};

/* Always sound; the same for the same bytes. Answers m. */
struct master *master_make(struct master *m, const uint8_t *p, size_t n);

#endif

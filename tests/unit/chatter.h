/* chatter.h -- random traffic on a rig: a client that asks, a server that answers what
 * comes through to it. What either sees is noted with its time.
 */
#ifndef CHATTER_H
#define CHATTER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "journal.h"
#include "rig.h"
#include "rng.h"

#define CHATTER_LOG (1 << 18)

struct chatter {
    struct rig r;
    struct rng rng;
    size_t heard;   /* bytes of requests that the server has read */
    size_t seen[2]; /* bytes of out[] that are in the log */
    char *log;
    size_t n;
};

/* A file of its own for a journal. Answers path, of 64 bytes. */
char *chatter_path(char *path);

void chatter_decided(void *arg, const struct decision *d);

void chatter_accounted(void *arg, const struct account *a);

void chatter_ended(void *arg, const struct dialog *d);

/* j may be NULL. */
void chatter_open(struct chatter *c, uint64_t seed, uint64_t ordinal, struct journal *j);

void chatter_close(struct chatter *c);

/* So many rounds, in each of which somebody may ask and up to 3 ms pass. */
void chatter_run(struct chatter *c, unsigned rounds);

/* Until all that waits for a time has left. */
void chatter_drain(struct chatter *c);

/* All of a file, to be freed. */
char *chatter_slurp(const char *path);

#endif

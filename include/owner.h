/* owner.h -- which of the processes that share the devices of a network is alive.
 *
 * Each holds one of OWNERS places, by an abstract Unix socket: that is per network
 * namespace, as devices are, and gone with its process however that ends. A place has a
 * range of class numbers of its own.
 */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

#define OWNERS       8
#define OWNER_MINORS 0x1000

struct owner {
    int fd; /* -1 = holds none */
    int place;
};

#define OWNER_NONE ((struct owner){.fd = -1})

/* 0, or -EUSERS and one of those who hold them all, or what the kernel says. */
int  owner_take(struct owner *o, pid_t *other) MUST_CHECK;
void owner_release(struct owner *o);

/* The n-th class number of its range, n < OWNER_MINORS. */
uint16_t owner_minor(const struct owner *o, uint16_t n);

/* Hold the places of those who are not there, so that nobody comes meanwhile; of `own`
 * too, which may be NULL. True when that is all of them. */
struct owners {
    int   fd[OWNERS]; /* -1: somebody else's, or our own */
    pid_t alive;      /* one who is there; 0 = nobody, or nobody knows */
};

bool owners_absent(struct owners *all, const struct owner *own);
bool owners_have(const struct owners *all, uint16_t minor); /* whose it is, is dead */
void owners_release(struct owners *all);

#endif

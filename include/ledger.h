/* ledger.h -- every write of a run: who took it, what was answered, is it still there?
 * Pure.
 *
 * A write adds a value that no other write adds. When all is over, those values that the
 * master has are found in the ledger; an acknowledged one that is not was lost.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

enum fate {
    FATE_OPEN, /* not answered yet */
    FATE_ACKED,
    FATE_REFUSED, /* surely not carried out */
    FATE_UNKNOWN, /* sent, and never answered */
};

struct entry {
    uint32_t  client;
    uint8_t   node; /* that was asked */
    bool      found;
    enum fate fate;
    nsec      begun, ended;
};

struct ledger { /* zeroed is empty; free it with ledger_release */
    struct entry *entry;
    size_t        n, size;
};

/* The value to write: 1, 2, ... */
uint64_t ledger_begin(struct ledger *l, uint32_t client, uint8_t node, nsec now);
void     ledger_end(struct ledger *l, uint64_t value, enum fate fate, nsec now);
void ledger_found(struct ledger *l, uint64_t value); /* others than ours are ignored */
void ledger_release(struct ledger *l);

struct ledger_sum {
    uint64_t begun, acked, refused, unknown;
    uint64_t lost;          /* acknowledged, and not found */
    uint64_t unknown_found; /* not answered, and found */
    uint64_t refused_found; /* must be none */

    /* Acknowledged from the promotion on: by the new master, and by others. */
    uint64_t by_new, by_old, lost_by_old;
    nsec     old_first, old_last; /* of by_old; valid if there are any */
};

/* promotion is NSEC_NEVER when there was none. */
void ledger_sum(const struct ledger *l, nsec promotion, size_t promoted,
                struct ledger_sum *out);

#endif

/* gap.h -- which messages of a row of numbered ones have not arrived.
 *
 * Pure. Message i (from 0) was sent if sent[i], and arrived if got[i].
 */
#ifndef GAP_H
#define GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gaps {
    uint64_t sent, received; /* received: of those sent */
    uint64_t lost;           /* sent, and not received */
    uint64_t gaps;           /* runs of lost ones that nothing received interrupts */
    uint64_t longest;        /* lost ones in the longest of them */
};

struct gaps gaps_of(const bool *sent, const bool *got, size_t n);

#endif

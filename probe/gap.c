/* gap.c -- see gap.h. */
#include "gap.h"

/* What was never sent neither makes a gap nor ends one. */
struct gaps gaps_of(const bool *sent, const bool *got, size_t n)
{
    struct gaps g = {0};
    uint64_t run = 0;

    for (size_t i = 0; i < n; i++) {
        if (!sent[i])
            continue;
        g.sent++;
        g.received += got[i];
        g.lost += !got[i];
        run = got[i] ? 0 : run + 1;
        g.gaps += run == 1;
        g.longest = run > g.longest ? run : g.longest;
    }
    return g;
}

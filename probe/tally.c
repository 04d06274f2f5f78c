/* tally.c -- see tally.h. */
#include "tally.h"

void tally_command(struct tally *t, enum told told, uint64_t ran)
{
    t->meant++;
    t->answered += told == TOLD_DONE;
    t->unknown += told == TOLD_NOTHING;
    t->unknown_ran += told == TOLD_NOTHING && ran > 0;
    t->ran += ran;
    t->twice += ran > 1;
    t->gone += told == TOLD_DONE && ran == 0;
    t->batch++;
    t->batch_done += ran > 0;
}

void tally_batch_end(struct tally *t)
{
    t->half_done += t->batch_done > 0 && t->batch_done < t->batch;
    t->batch = t->batch_done = 0;
}

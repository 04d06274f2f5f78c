/* tally.h -- what a client was told of its commands, against what the server has done.
 *
 * Pure. Commands are added batch by batch; a batch is what was meant to happen together.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdint.h>

enum told {
    TOLD_NOTHING, /* it may have been carried out, or not */
    TOLD_DONE,
    TOLD_REFUSED, /* an error: it was not carried out */
};

struct tally {
    uint64_t meant;       /* commands */
    uint64_t answered;    /* of them, those the client knows to be done */
    uint64_t unknown;     /* and those of which it knows nothing */
    uint64_t unknown_ran; /* of which the server has carried out so many */
    uint64_t ran;         /* times the server has carried one out, all in all */
    uint64_t twice;       /* commands carried out more than once */
    uint64_t gone;        /* answered, and never carried out */
    uint64_t half_done;   /* batches of which some commands were carried out, some not */

    /* Private to tally.c: of the batch under way. */
    uint64_t batch, batch_done;
};

void tally_command(struct tally *t, enum told told, uint64_t ran);
void tally_batch_end(struct tally *t);

#endif

/* swallow_exec.c -- keep the end of a transaction from a replica.
 *
 * The replica stays in MULTI: the link is up, bytes arrive, and nothing is applied any
 * more; what it acknowledges stands still. When the rule goes the connection ends, and a
 * partial resync repeats all from the MULTI on: nothing is lost then.
 */
#include "fault.h"

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct resp_word *w = u->frame ? &u->frame->word[0] : NULL;

    (void)conf, (void)state;
    if (u->phase != PHASE_STREAM || u->frame->words == 0 || w->len != 4 ||
        (w->text[0] | 32) != 'e' || (w->text[1] | 32) != 'x')
        return;
    verdict_drop(v);
    v->owe = true;
}

const struct fault fault_swallow_exec = {
    .name = "swallow-exec",
    .help = "keep EXEC from a replica: the link is up, and nothing is applied",
    .example = "swallow-exec",
    .lane = LANE_REPLIES,
    .replicas = true,
    .poison = true,
    .skews = true,
    .on_frame = on_frame,
};

/* duplicate_reply.c -- give an answer twice: the client is one answer ahead from then on,
 * the classic mix-up of pooled connections. An answer of more than 1 MB goes out once.
 */
#include "fault.h"

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    (void)conf, (void)state;
    v->twice = u->frame != NULL;
}

const struct fault fault_duplicate_reply = {
    .name = "duplicate-reply",
    .help = "give the answer twice; later ones are taken for earlier ones",
    .example = "duplicate-reply",
    .lane = LANE_REPLIES,
    .answers = true,
    .on_frame = on_frame,
};

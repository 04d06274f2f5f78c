/* duplicate_request.c -- send the command twice; the client sees one answer.
 *
 * As a client that retries, or a proxy that does, without being told. The second answer
 * is dropped, so that the pairing of what follows is kept. A command of more than 1 MB
 * goes out once.
 */
#include "fault.h"

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    (void)conf, (void)state;
    v->twice = u->frame != NULL;
}

const struct fault fault_duplicate_request = {
    .name = "duplicate-request",
    .help = "send the command twice; the client sees one answer",
    .example = "duplicate-request",
    .lane = LANE_REQUESTS,
    .on_frame = on_frame,
};

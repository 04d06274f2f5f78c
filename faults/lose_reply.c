/* lose_reply.c -- let the command run and lose its answer.
 *
 * The case that tells whether a retry is safe: the client cannot know that the server
 * has done it. then=reset and then=close end the connection in the answer's place;
 * then=hang keeps it open and silent until the rule goes; then=skip lets the next answer
 * through, so that the client takes another command's answer for this one's.
 */
#include "fault.h"

enum then { RESET, CLOSE, HANG, SKIP };

struct lose_reply {
    int then;
};

static const char *const ways[] = {"reset", "close", "hang", "skip", NULL};

static const struct param params[] = {
    {"then", PARAM_WORD, offsetof(struct lose_reply, then), 0, 0, "reset", ways,
     "what becomes of the connection"},
    {0},
};

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct lose_reply *c = conf;

    (void)state, (void)u;
    if (c->then == RESET || c->then == CLOSE) {
        verdict_cut(v, 0);
        verdict_close(v, c->then == RESET ? CLOSE_RST : CLOSE_FIN);
        return;
    }
    verdict_drop(v);
    v->stick = c->then == HANG;
}

const struct fault fault_lose_reply = {
    .name = "lose-reply",
    .help = "let the command run and lose its answer",
    .example = "lose-reply then=hang",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct lose_reply),
    .answers = true,
    .on_frame = on_frame,
};

/* push.c -- put a RESP3 push message in front of an answer, at a frame boundary.
 *
 * Only for sessions that speak RESP3; others would take it for an answer. Presets: the
 * maintenance notifications of Redis, and CLIENT TRACKING's invalidation.
 */
#include <errno.h>

#include "push_text.h"

static const struct param params[] = {
    {"message", PARAM_WORD, offsetof(struct push, message), 0, 0, NULL, messages,
     "what is announced"},
    {"seq", PARAM_COUNT, offsetof(struct push, seq), 0, UINT32_MAX, "1", NULL,
     "its sequence number"},
    {"after", PARAM_COUNT, offsetof(struct push, after), 0, 3600, "10", NULL,
     "seconds until it happens"},
    {"text", PARAM_TEXT, offsetof(struct push, text), 0, 0, "\"\"", NULL,
     "MOVING: the new address; invalidate: the key; raw: the whole frame"},
    {0},
};

static int prepare(void *conf, struct err *e)
{
    struct push *c = conf;

    c->n = print(c);
    if (c->message == 0 && c->text[0] == '\0')
        return err_set(e, -EINVAL, "MOVING needs the new address as its text");
    if (resp_one_reply(c->line, c->n) == '>')
        return 0;
    err_set(e, -EINVAL, "the text is not one RESP3 push frame");
    err_hint(e, "such as: push raw text=\">1\\r\\n+hello\\r\\n\"");
    return -EINVAL;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct push *c = conf;

    (void)state;
    if (u->frame && u->resp == 3)
        verdict_before(v, c->line, c->n);
}

const struct fault fault_push = {
    .name = "push",
    .help = "put a RESP3 push message in front of the answer",
    .example = "push FAILING_OVER",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct push),
    .prepare = prepare,
    .answers = true,
    .on_frame = on_frame,
};

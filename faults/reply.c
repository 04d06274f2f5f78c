/* reply.c -- give an answer of one's own.
 *
 * On lane replies (the default) the command has run and its answer is replaced; on lane
 * requests it is not run. as= says how the text is sent: a status (+), a bulk string, an
 * integer, an error, nil, or raw: bytes that are RESP already.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"

enum as { STATUS, BULK, INTEGER, ERROR, NIL, RAW };

struct reply {
    int as;
    char text[PARAM_TEXT_SIZE];
    char line[PARAM_TEXT_SIZE + 32];
    size_t n;
};

static const char *const kinds[] = {"status", "bulk", "integer", "error",
                                    "nil",    "raw",  NULL};

static const struct param params[] = {
    {"text", PARAM_TEXT, offsetof(struct reply, text), 0, 0, "\"\"", NULL,
     "what it says"},
    {"as", PARAM_WORD, offsetof(struct reply, as), 0, 0, "bulk", kinds, "its type"},
    {0},
};

static int prepare(void *conf, struct err *e)
{
    static const char *const forms[] = {"+%s\r\n", NULL,      ":%s\r\n",
                                        "-%s\r\n", "$-1\r\n", "%s"};
    struct reply *c = conf;
    int n;

    if (c->as == BULK)
        n = snprintf(c->line, sizeof c->line, "$%zu\r\n%s\r\n", strlen(c->text), c->text);
    else
        n = snprintf(c->line, sizeof c->line, forms[c->as], c->text);
    c->n = (size_t)n;
    if (resp_one_reply(c->line, c->n)) /* more would shift the answers behind it */
        return 0;
    err_set(e, -EINVAL, "the reply is not one frame of RESP");
    err_hint(e, "such as: reply hello   reply 7 as=integer   reply \"*0\\r\\n\" as=raw");
    return -EINVAL;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct reply *c = conf;

    (void)state;
    if (u->frame == NULL)
        return;
    if (c->as == NIL && u->resp == 3)
        verdict_instead(v, "_\r\n", 3);
    else
        verdict_instead(v, c->line, c->n);
}

const struct fault fault_reply = {
    .name = "reply",
    .help = "replace the answer by one of your own",
    .example = "reply text=hello as=status",
    .lane = LANE_REPLIES,
    .params = params,
    .conf_size = sizeof(struct reply),
    .prepare = prepare,
    .answers = true,
    .on_frame = on_frame,
};

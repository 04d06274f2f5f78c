/* error.c -- answer with an error of Redis' own.
 *
 * On lane requests (the default) the command is not run: the error is its answer, in its
 * place among the replies of a pipeline. On lane replies it has run, and the error takes
 * the place of its answer. Texts as Redis 7 writes them (server.c, cluster.c).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"

struct error {
    int code;
    char text[PARAM_TEXT_SIZE];
    char line[PARAM_TEXT_SIZE + 32];
    size_t n;
};

#define ERROR(code, text) #code,
static const char *const codes[] = {
#include "error_texts.h"
    NULL};
#undef ERROR

#define ERROR(code, text) text,
static const char *const texts[] = {
#include "error_texts.h"
};
#undef ERROR

static const struct param params[] = {
    {"code", PARAM_WORD, offsetof(struct error, code), 0, 0, NULL, codes,
     "the first word of the error"},
    {"text", PARAM_TEXT, offsetof(struct error, text), 0, 0, "\"\"", NULL,
     "what follows it; MOVED and ASK need it: \"3999 127.0.0.1:6381\""},
    {0},
};

static int prepare(void *conf, struct err *e)
{
    struct error *c = conf;
    const char *text = c->text[0] ? c->text : texts[c->code];

    if (text == NULL) {
        err_set(e, -EINVAL, "%s needs a text", codes[c->code]);
        err_hint(e, "a slot and an address: text=\"3999 127.0.0.1:6381\"");
        return -EINVAL;
    }
    if (strpbrk(text, "\r\n"))
        return err_set(e, -EINVAL, "an error is one line");
    c->n = (size_t)snprintf(c->line, sizeof c->line, "-%s %s\r\n", codes[c->code], text);
    return 0;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    const struct error *c = conf;

    (void)state;
    if (u->frame)
        verdict_instead(v, c->line, c->n);
}

const struct fault fault_error = {
    .name = "error",
    .help = "answer with an error instead of running the command",
    .example = "error LOADING",
    .lane = LANE_REQUESTS,
    .params = params,
    .conf_size = sizeof(struct error),
    .prepare = prepare,
    .answers = true,
    .on_frame = on_frame,
};

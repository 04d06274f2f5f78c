/* control.h -- what can be asked of a running proxy: one table for every surface.
 *
 * A verb has words (the console: RULE ADD), a route (HTTP: POST /rules), parameters and
 * one function. Whoever serves a surface turns what it was sent into an object of
 * arguments, runs the verb, and writes the answer in its own form. No verb waits for
 * data to move: each returns at once.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <jansson.h>

#include "proxy.h"

struct control_verb {
    const char *words; /* upper case, "RULE ADD" */
    const char
        *params;       /* in order: "name" must be given, "[name]" may be, "name..." takes
                         * the rest, "name=WHAT" is an option, "name?" is a flag */
    const char *route; /* "POST /rules", "DELETE /rules/{name}"; NULL = console only */
    const char *help;  /* one line */

    /* 0 and *out (the caller's reference; NULL = "OK"), or a negative errno and *e. args
     * has a string for each parameter given, true for each flag. */
    int (*run)(struct proxy *p, const json_t *args, json_t **out, struct err *e);

    const char *example; /* its words after "sunder"; NULL = the verb's own are enough */
};

extern const struct control_verb control_verbs[]; /* ends with .words == NULL */

/* What a table for people shows of a verb's answer, "id from requests.bytes"; NULL = all
 * that is not nested. */
const char *control_columns(const struct control_verb *v);

/* The verb whose words these begin with, and how many words it took; NULL and *e when
 * there is none: with the nearest one as a hint. */
const struct control_verb *control_find(size_t n, const char *const *word, size_t *took,
                                        struct err *e);

/* Words that follow a verb, as arguments. 0 and a new object, or -EINVAL and *e. */
int control_args(const struct control_verb *v, size_t n, const char *const *word,
                 json_t **args, struct err *e) MUST_CHECK;

/* The verb of a request; what its path says goes into args, unless that is NULL. NULL
 * when there is none, and then *known says whether the path has another method. */
const struct control_verb *control_route(const char *method, const char *path,
                                         json_t *args, bool *known);

/* Are all parameters there that must be, and none that is not known? */
int control_check(const struct control_verb *v, const json_t *args,
                  struct err *e) MUST_CHECK;

/* One verb as a person types it: to the console, "CUT a b [FOR TIME]"; in a shell, after
 * "sunder", "cut a b [--for TIME]". Answers buf. */
const char *control_usage(const struct control_verb *v, bool shell, char *buf,
                          size_t size);

#endif

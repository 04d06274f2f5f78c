/* history.c -- see history.h. */
#include "history.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER (256 * 1024)

struct history {
    FILE *file;
    const char *path;
    int failure; /* the first, as a negative errno */
};

struct history *history_open(const char *path, struct err *e)
{
    struct history *h = calloc(1, sizeof *h);

    if (h && (h->file = fopen(path, "we")) != NULL) {
        setvbuf(h->file, NULL, _IOFBF, BUFFER);
        h->path = path;
        return h;
    }
    err_set(e, -errno, "cannot write '%s': %s", path, strerror(errno));
    err_hint(e, "--history takes the name of a file that may be written");
    free(h);
    return NULL;
}

void history_add(struct history *h, const struct deed *d)
{
    static const char *const outcomes[] = {"ok", "fail", "info"};
    char value[24] = "null", error[48] = "";

    if (h->failure)
        return;
    if (d->value != HISTORY_NO_VALUE)
        snprintf(value, sizeof value, "%" PRIu64, d->value);
    if (d->trouble)
        snprintf(error, sizeof error, ",\"error\":\"%s\"", trouble_name(d->trouble));
    if (fprintf(h->file,
                "{\"t_invoke\":%" PRIu64 ",\"t_complete\":%" PRIu64
                ",\"client\":\"client_%" PRIu64 "\",\"node\":%s,\"op\":\"%s\","
                "\"key\":\"%s\",\"value\":%s,\"outcome\":\"%s\"%s}\n",
                d->invoked, d->completed, d->client, d->node, d->op, d->key, value,
                outcomes[d->outcome], error) < 0)
        h->failure = -errno;
}

int history_close(struct history *h, struct err *e)
{
    int failure = h->failure;

    if (fclose(h->file) != 0 && failure == 0)
        failure = -errno;
    if (failure) {
        err_set(e, failure, "the history '%s' is not complete: %s", h->path,
                strerror(-failure));
        err_hint(e, "the rest of the run was not affected");
    }
    free(h);
    return failure;
}

char *history_quote(const char *text)
{
    json_t *string = json_string(text);
    char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : strdup("null");

    json_decref(string);
    return quoted;
}

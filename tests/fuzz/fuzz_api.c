/* fuzz_api.c -- any request to the HTTP API, Toxiproxy's paths and our own: "METHOD
 * /path?key=value\n", and the body after it.
 *
 * Whatever is asked is answered, and what is wrong is the caller's fault: a status below
 * 500 and a reason.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"
#include "standing.h"
#include "tox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* key=value&flag, which are cut into pieces. */
static json_t *query_args(char *s)
{
    json_t *args = json_object();
    char *save;

    for (char *p = s ? strtok_r(s, "&", &save) : NULL; p;
         p = strtok_r(NULL, "&", &save)) {
        char *value = strchr(p, '=');

        if (value)
            *value++ = '\0';
        (void)json_object_set_new(args, p, value ? json_string(value) : json_true());
    }
    return args;
}

static void check_answer(unsigned status, const json_t *out)
{
    assert(status >= 200 && status < 500);
    if (status < 400) {
        assert((out == NULL) == (status == 204));
        return;
    }
    if (status == 404 && out == NULL)
        return;
    assert(json_string_length(json_object_get(out, "error")) > 0);
    assert(json_integer_value(json_object_get(out, "status")) == (json_int_t)status);
}

/* Toxiproxy answers 500 when it cannot listen, and so do we. */
static bool is_contract(const struct tox_reply *r)
{
    return r->status == 500 && memmem(r->body, r->n, "listen tcp", 10) != NULL;
}

/* Answers false when the path is none of Toxiproxy's. What it made is there for the
 * native API too, and gone afterwards. */
static bool ask_tox(const char *method, const char *path, const char *body, size_t n)
{
    struct tox_request q = {.method = method, .path = path, .body = body, .n = n};
    struct tox_reply r;
    struct tox *tox;
    bool known;

    if (tox_open(standing_proxy(), &tox) < 0)
        abort();
    known = tox_serve(tox, &q, &r);
    if (known) {
        assert(r.status >= 200 && (r.status < 500 || is_contract(&r)));
        assert(r.status < 400 || r.n > 0 || r.status == 405);
        free(r.body);
    }
    tox_close(&tox);
    return known;
}

static void ask(char *line, const char *body, size_t n)
{
    char *path = strchr(line, ' '), *query;
    unsigned status;
    json_t *args, *out;

    if (path == NULL)
        return;
    *path++ = '\0';
    query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    if (ask_tox(line, path, body, n)) {
        standing_turn();
        return;
    }
    args = query_args(query);
    status = native_answer(standing_proxy(), line, path, args, body, n, &out);
    check_answer(status, out);
    json_decref(out);
    json_decref(args);
    standing_turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *eol = n ? memchr(data, '\n', n) : NULL;
    size_t len = eol ? (size_t)(eol - data) : n;
    char *line = strndup((const char *)data, len);

    if (line == NULL)
        return 0;
    ask(line, eol ? (const char *)eol + 1 : NULL, eol ? n - len - 1 : 0);
    free(line);
    return 0;
}

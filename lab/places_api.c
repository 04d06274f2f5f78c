/* places_api.c -- the nodes of a running proxy, by its HTTP API. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "places.h"
#include "web.h"

#define ANSWER_MAX ((size_t)1 << 20)

/* 0 and its JSON, which may be none; or a negative errno and *e. */
static int ask(const char *api, const char *token, nsec timeout, json_t **nodes,
               struct err *e)
{
    struct web_request q = {
        .method = "GET", .path = "/nodes", .timeout = timeout, .most = ANSWER_MAX};
    struct web_call call = {.at = api};
    char auth[320];
    int rc = web_load(e);

    if (rc < 0)
        return rc;
    if (token) {
        snprintf(auth, sizeof auth, "Authorization: Bearer %s", token);
        q.auth = auth;
    }
    web_ask(&q, &call, 1);
    if (call.status > 0 && call.status < 400) {
        *nodes = json_loadb(call.text ? call.text : "", call.n, 0, NULL);
    } else {
        if (call.status > 0)
            snprintf(call.why, sizeof call.why, "it says %ld", call.status);
        rc = err_set(e, -EIO, "cannot ask the proxy at %.100s for its nodes: %s", api,
                     call.why);
        err_hint(e, "is `sunder proxy` running? --config FILE does as well");
    }
    free(call.text);
    return rc;
}

int places_of_api(struct places *p, const char *api, const char *token, nsec timeout,
                  struct err *e)
{
    json_t *nodes = NULL;
    int rc = ask(api, token, timeout, &nodes, e);

    if (rc == 0)
        rc = places_of_json(p, nodes, e);
    json_decref(nodes);
    return rc;
}

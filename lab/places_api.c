/* places_api.c -- the nodes of a running proxy, by its HTTP API. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "places.h"

#define ANSWER_MAX ((size_t)1 << 20)

struct answer {
    char *p;
    size_t n;
};

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
    struct answer *a = arg;
    char *grown = a->n + n > ANSWER_MAX ? NULL : realloc(a->p, a->n + n);

    (void)size;
    if (grown == NULL)
        return 0;
    memcpy(grown + a->n, p, n);
    a->p = grown;
    a->n += n;
    return n;
}

static CURLcode get(const char *url, const char *token, nsec timeout, struct answer *a)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = NULL;
    char line[512];
    CURLcode code;

    if (curl == NULL)
        return CURLE_FAILED_INIT;
    if (token) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", token);
        headers = curl_slist_append(NULL, line);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(timeout / MSEC(1)));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
    code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return code;
}

int places_of_api(struct places *p, const char *api, const char *token, nsec timeout,
                  struct err *e)
{
    struct answer a = {0};
    char url[512];
    json_t *nodes;
    CURLcode code;
    int rc;

    snprintf(url, sizeof url, "http://%.400s/nodes", api);
    code = get(url, token, timeout, &a);
    if (code != CURLE_OK) {
        free(a.p);
        err_set(e, -EIO, "cannot ask the proxy at %.100s for its nodes: %s", api,
                curl_easy_strerror(code));
        err_hint(e, "is `sunder proxy` running? --config FILE does as well");
        return -EIO;
    }
    nodes = json_loadb(a.p ? a.p : "", a.n, 0, NULL);
    rc = places_of_json(p, nodes, e);
    json_decref(nodes);
    free(a.p);
    return rc;
}

/* web.c -- see web.h: libcurl, loaded by name, and requests by its multi interface. */
#include "web.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

/* ---- the library ---- */

#define SYMBOLS(X)                                                                       \
    X(easy_cleanup)                                                                      \
    X(easy_getinfo)                                                                      \
    X(easy_init)                                                                         \
    X(easy_setopt)                                                                       \
    X(easy_strerror)                                                                     \
    X(multi_add_handle)                                                                  \
    X(multi_cleanup)                                                                     \
    X(multi_info_read)                                                                   \
    X(multi_init)                                                                        \
    X(multi_perform)                                                                     \
    X(multi_poll)                                                                        \
    X(multi_remove_handle)                                                               \
    X(slist_append)                                                                      \
    X(slist_free_all)                                                                    \
    X(version_info)

#define MEMBER(name) __typeof__(curl_##name) *name;
static struct {
    SYMBOLS(MEMBER)
} curl;

#define NAME_AND_PLACE(name) {"curl_" #name, &curl.name},
static const struct library_symbol symbols[] = {SYMBOLS(NAME_AND_PLACE)};

static struct library library = {
    .name = "libcurl.so.4",
    .other = "libcurl-gnutls.so.4",
    .why = "cannot ask a proxy without libcurl",
    .hint = "Debian and Ubuntu have it in the package libcurl4",
    .symbol = symbols,
    .symbols = sizeof symbols / sizeof *symbols,
};

LIBRARY_NOTE(library_note, "control", "commands that ask a running proxy",
             "\"libcurl.so.4\",\"libcurl-gnutls.so.4\"");

int web_load(struct err *e)
{
    return library_load(&library, e);
}

const char *web_version(void)
{
    return library.loaded ? curl.version_info(CURLVERSION_NOW)->version : NULL;
}

/* ---- asking ---- */

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
    struct web_call *c = arg;
    char *grown = c->n + n > c->most ? NULL : realloc(c->text, c->n + n + 1);

    (void)size;
    if (grown == NULL)
        return 0;
    memcpy(grown + c->n, p, n);
    c->text = grown;
    c->n += n;
    c->text[c->n] = '\0';
    return n;
}

static void prepare(struct web_call *c, const struct web_request *q,
                    struct curl_slist *headers)
{
    CURL *easy = curl.easy_init();
    char *url = NULL;

    if (easy == NULL || asprintf(&url, "http://%s%s", c->at, q->path) < 0) {
        curl.easy_cleanup(easy);
        return;
    }
    curl.easy_setopt(easy, CURLOPT_URL, url);
    curl.easy_setopt(easy, CURLOPT_PROXY, "");
    curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(q->timeout / MSEC(1)));
    curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl.easy_setopt(easy, CURLOPT_WRITEDATA, c);
    curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, c->why);
    curl.easy_setopt(easy, CURLOPT_PRIVATE, c);
    curl.easy_setopt(easy, CURLOPT_CUSTOMREQUEST, q->method);
    curl.easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (strcmp(q->method, "GET") != 0)
        curl.easy_setopt(easy, CURLOPT_POSTFIELDS, q->body);
    free(url);
    c->easy = easy;
    c->most = q->most;
}

static void note(struct web_call *c, CURLcode code)
{
    if (code == CURLE_OK)
        curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->status);
    else if (c->why[0] == '\0')
        snprintf(c->why, sizeof c->why, "%s", curl.easy_strerror(code));
}

static void take_results(CURLM *multi)
{
    const CURLMsg *m;
    int left;

    while ((m = curl.multi_info_read(multi, &left)) != NULL) {
        struct web_call *c;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        note(c, m->data.result);
    }
}

static void wait_for_all(CURLM *multi)
{
    int running = 1;

    while (running) {
        if (curl.multi_perform(multi, &running) != CURLM_OK)
            return;
        take_results(multi);
        if (running)
            (void)curl.multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

static void finish(struct web_call *c, CURLM *multi)
{
    if (c->easy) {
        curl.multi_remove_handle(multi, c->easy);
        curl.easy_cleanup(c->easy);
        c->easy = NULL;
    }
    if (c->status == 0 && c->why[0] == '\0')
        snprintf(c->why, sizeof c->why, "out of memory");
}

void web_ask(const struct web_request *q, struct web_call *call, size_t n)
{
    struct curl_slist *headers;
    CURLM *multi;

    static_assert(CURL_ERROR_SIZE <= WEB_WHY, "libcurl writes as much");
    assert(library.loaded);
    multi = curl.multi_init();
    headers = curl.slist_append(NULL, "Content-Type: application/json");
    if (q->auth && q->auth[0])
        headers = curl.slist_append(headers, q->auth);
    for (size_t i = 0; i < n && multi; i++) {
        if (call[i].at)
            prepare(&call[i], q, headers);
        if (call[i].easy)
            curl.multi_add_handle(multi, call[i].easy);
    }
    if (multi)
        wait_for_all(multi);
    for (size_t i = 0; i < n; i++)
        if (call[i].at)
            finish(&call[i], multi);
    curl.multi_cleanup(multi);
    curl.slist_free_all(headers);
}

/* web.h -- HTTP requests to running proxies, several under way at once.
 *
 * libcurl does it, and is loaded when the first request is made, not when the program
 * starts: it brings some twenty libraries along, and the proxy, which runs for long and
 * asks nobody, need not carry them. Where there is no libcurl all else works.
 *
 * Always http://, and never through the proxies that the environment may name.
 */
#ifndef WEB_H
#define WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "clock.h"
#include "err.h"

#define WEB_WHY 256

/* What is asked, of each the same. */
struct web_request {
    const char *method, *path; /* "POST", "/cut?check"; escaped */
    const char *body;          /* JSON, for what is no GET */
    const char *auth;          /* a header; NULL or "": none */
    nsec        timeout;       /* of each request; 0 = none */
    size_t      most;          /* bytes of an answer; one that is longer is none */
};

/* Whom, and what came of it. Begin with all but `at` zero. */
struct web_call {
    const char *at;     /* "10.0.0.7:8474"; NULL: not to be asked */
    long        status; /* 200; 0 = there was no answer, see why */
    char       *text;   /* n bytes and a '\0', or NULL; the caller frees it */
    size_t      n;
    char        why[WEB_WHY]; /* one line for people */

    /* Private to web.c. */
    void  *easy;
    size_t most;
};

/* Load libcurl, unless it is. 0, or -EIO and *e, whose hint says what to install. e may
 * be NULL. */
int web_load(struct err *e) MUST_CHECK;

/* The libcurl that web_load took: "7.88.1"; NULL when there is none. */
const char *web_version(void);

/* Ask, and wait for all of them. Only once web_load said yes. */
void web_ask(const struct web_request *q, struct web_call *call, size_t n);

#endif

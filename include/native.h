/* native.h -- the native HTTP API as a function: a request in, a status and JSON out.
 *
 * It knows of no connection, header or token, so that http.c can serve it and a fuzzer
 * can drive it. Whatever is asked, the status is below 500 unless memory runs out.
 */
#ifndef NATIVE_H
#define NATIVE_H

#include <jansson.h>

#include "proxy.h"

/* args holds what stood in the query (a string each, or true) and is changed. body has
 * n bytes, and may be NULL when there are none. Answers the status; *out is what to send
 * with it, the caller's reference, or NULL for nothing at all: with 204, with 404 when
 * there is no such path, and when out of memory. */
unsigned native_answer(struct proxy *p, const char *method, const char *path,
                       json_t *args, const char *body, size_t n, json_t **out);

/* {"error": ..., "status": ...}, with hint and column where there is one. A new
 * reference, or NULL when out of memory. */
json_t *native_error(unsigned status, const struct err *e);

#endif

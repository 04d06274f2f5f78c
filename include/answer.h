/* answer.h -- JSON written as RESP, into a buffer that grows.
 *
 * An object is a map in RESP3 and a flat array of keys and values in RESP2, as Redis'
 * own commands do it; a text is a bulk string; true and false are integers in RESP2.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <jansson.h>

#include "err.h"

struct answer {
    char  *p;
    size_t n, size;
    int    resp;   /* 2 or 3 */
    bool   failed; /* out of memory: what is in it is not whole */
};

void answer_text(struct answer *a, const char *fmt, ...) PRINTF_LIKE(2, 3); /* as is */
void answer_bulk(struct answer *a, const char *s, size_t n);
void answer_json(struct answer *a, const json_t *v);
void answer_error(struct answer *a, const struct err *e); /* "-ERR text; hint: ..." */
void answer_release(struct answer *a);

#endif

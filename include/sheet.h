/* sheet.h -- what a small probe has found, once for people, for programs and for claims.
 *
 * A sheet is a list of facts in the order in which they are told: texts (where, how) and
 * numbers. The text, the JSON object and the names that --assert knows all come from it,
 * so that none of them can say what another does not. A name that ends in _ms is a time.
 */
#ifndef SHEET_H
#define SHEET_H

#include <jansson.h>
#include <stdio.h>

#include "err.h"
#include "trouble.h"

#define SHEET_FACTS    48
#define SHEET_TEXT_MAX 640

struct fact {
    const char *name;                 /* "sent_again", "slowest_ms" */
    bool        number;               /* else text[] is all there is */
    double      value;                /* NAN = it was not measured */
    char        text[SHEET_TEXT_MAX]; /* of a number: a remark for people, or "" */
};

struct sheet {
    struct fact            fact[SHEET_FACTS];
    size_t                 n;
    const struct troubles *errors; /* borrowed; NULL = this probe counts none */
};

void sheet_text(struct sheet *s, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void sheet_number(struct sheet *s, const char *name, double value, const char *remark);

void    sheet_print(const struct sheet *s, FILE *f);
json_t *sheet_json(const struct sheet *s); /* to be freed; NULL when out of memory */

/* "again==0", "slowest<50ms": a number of the sheet, one of < <= > >= == =, and a number;
 * or a time, if the name ends in _ms, which may be left out. What was not measured is not
 * met. 0 and *met, or -EINVAL and *e. */
int sheet_claim(const struct sheet *s, const char *claim, bool *met,
                struct err *e) MUST_CHECK;

#endif

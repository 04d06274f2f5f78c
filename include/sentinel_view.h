/* sentinel_view.h -- what `sunder sentinel` prints: lists of objects, as a table or JSON.
 */
#ifndef SENTINEL_VIEW_H
#define SENTINEL_VIEW_H

#include <jansson.h>
#include <stdbool.h>

#include "err.h"

enum view { VIEW_TEXT, VIEW_WIDE, VIEW_JSON };

struct view_column {
    const char *title, *field;
    bool        wide; /* only in the wide table */
};

struct view_how {
    enum view view;
    bool      pretty;
};

/* "text", "wide" or "json". 0, or -EINVAL and *e. */
int view_parse(const char *word, enum view *out, struct err *e) MUST_CHECK;

/* To stdout. Takes the reference to what it prints. The columns end with an empty one. */
void view_json(const struct view_how *how, json_t *what);
void view_list(const struct view_how *how, const struct view_column *c, json_t *list);

#endif

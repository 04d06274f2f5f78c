/* table.h -- JSON for people: a list of objects as a table, an object as names and
 * values, a list of texts as lines.
 */
#ifndef TABLE_H
#define TABLE_H

#include <jansson.h>
#include <stdio.h>

enum table_width {
    TABLE_TEXT, /* the columns asked for, or those that are not nested */
    TABLE_WIDE, /* all there is, what is nested as "requests.bytes" */
};

/* columns: "id from requests.bytes" for a table whose rows have any of them; or NULL. */
void table_print(FILE *f, const json_t *v, enum table_width width, const char *columns);

#endif

/* table.h -- JSON for people: a list of objects as a table, an object as names and
 * values, a list of texts as lines.
 */
#ifndef TABLE_H
#define TABLE_H

#include <jansson.h>
#include <stdio.h>

void table_print(FILE *f, const json_t *v);

#endif

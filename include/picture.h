/* picture.h -- a survey and its traps, drawn for people or told to programs. */
#ifndef PICTURE_H
#define PICTURE_H

#include <jansson.h>
#include <stdio.h>

#include "survey.h"
#include "traps.h"

void picture_servers(FILE *f, const struct survey *s);
void picture_traps(FILE *f, const struct traps *t, bool colour);

/* {"master", "servers", "listings", "silent", "traps", "notes"}; NULL: out of memory. */
json_t *picture_json(const struct survey *s, const struct traps *t);

/* `sunder topology` */
int cmd_topology(int argc, char **argv);

#endif

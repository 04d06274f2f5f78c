/* dialog_parts.h -- what a lane has while a frame is under way. Private to dialog.c and
 * dialog_feed.c.
 */
#ifndef DIALOG_PARTS_H
#define DIALOG_PARTS_H

#include "dialog.h"

/* A scanner in use: a lane has one only while a frame is under way. */
struct scan {
    struct scan *next;
    struct resp resp;
    size_t held; /* bytes of head[] in use */
    uint8_t head[RESP_HEAD_MAX];
};

/* A frame that is to be sent again when it is over. */
struct copy {
    size_t n, size;
    uint8_t *p;
};

/* Both take what there is, or nothing, and leave NULL behind. */
void scan_give(struct core *c, struct scan **s);
void copy_drop(struct lane *l);

#endif

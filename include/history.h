/* history.h -- every operation of a run, one JSON object a line, for others to re-check.
 *
 *   {"t_invoke":18251,"t_complete":90417,"client":"client_7","node":"127.0.0.1:6380",
 *    "op":"get","key":"k:5f3a9c21:7","value":12,"outcome":"ok"}
 *
 * Times are nanoseconds since the run began. op is set, wait (value: the replicas that
 * answered), get, or poll (a read made only to measure settling). outcome is ok; fail,
 * surely not carried out; or info, nobody knows. The last two say "error" as well.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "clock.h"
#include "err.h"
#include "trouble.h"

#define HISTORY_NO_VALUE UINT64_MAX

enum outcome { OUTCOME_OK, OUTCOME_FAIL, OUTCOME_INFO };

struct deed {
    nsec         invoked, completed;
    uint64_t     client;
    const char  *node; /* from history_quote */
    const char  *op, *key;
    uint64_t     value;
    enum outcome outcome;
    enum trouble trouble;
};

struct history;

/* Creates or empties the file. NULL and *e when that is not possible. */
struct history *history_open(const char *path, struct err *e);

/* A failure (disk full) is kept for history_close; what follows is not written. */
void history_add(struct history *h, const struct deed *d);

/* 0; or a negative errno, and *e, if not all of it was written. Frees h. */
int history_close(struct history *h, struct err *e) MUST_CHECK;

/* A text as JSON, to be freed; NULL when out of memory. */
char *history_quote(const char *text);

#endif

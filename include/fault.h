/* fault.h -- what a fault is, and all that it may do.
 *
 * A fault is shown one unit of traffic and answers with orders: wait, hold, drop, cut,
 * close. The lane carries them out. A fault owns no byte, timer or socket, so arming,
 * changing or removing one while traffic flows can lose nothing.
 *
 * To add a fault: write faults/<name>.c with one `const struct fault fault_<name>`, add
 * FAULT(<name>) to faults/list.h, and tests/unit/test_<name>.c. The rule grammar, the
 * range checks, --help and the table in README.md all follow from these.
 */
#ifndef FAULT_H
#define FAULT_H

#include "clock.h"
#include "err.h"
#include "resp.h"
#include "rng.h"

enum lane_id {
    LANE_REQUESTS, /* dialer -> dialed; Toxiproxy's upstream */
    LANE_REPLIES,  /* dialed -> dialer; Toxiproxy's downstream */
    LANE_BOTH,     /* in rules and faults only */
};

enum close_how { CLOSE_NO, CLOSE_FIN, CLOSE_RST }; /* the greater wins */

/* The orders for one unit. They start as "let it pass"; the faults of a plan add to
 * them, in the plan's order, through the functions below. */
struct verdict {
    nsec           delay; /* wait so long; NSEC_NEVER = until the rule is gone */
    bool           drop;  /* forward none of it */
    size_t         cut;   /* forward only so many bytes of it */
    size_t         slice; /* send at most so many bytes at once; 0 = as they come */
    nsec           gap;   /* pause between two slices */
    enum close_how close; /* end the connection, both ways, after the cut */
};

#define VERDICT_PASS ((struct verdict){.cut = SIZE_MAX})

static inline void verdict_delay(struct verdict *v, nsec d)
{
    v->delay = nsec_add(v->delay, d);
}

static inline void verdict_hold(struct verdict *v)
{
    v->delay = NSEC_NEVER;
}

static inline void verdict_drop(struct verdict *v)
{
    v->drop = true;
}

static inline void verdict_cut(struct verdict *v, size_t keep)
{
    if (keep < v->cut)
        v->cut = keep;
}

static inline void verdict_slice(struct verdict *v, size_t bytes, nsec gap)
{
    if (v->slice == 0 || bytes < v->slice)
        v->slice = bytes;
    if (gap > v->gap)
        v->gap = gap;
}

static inline void verdict_close(struct verdict *v, enum close_how how)
{
    if (how > v->close)
        v->close = how;
}

/* What is passing. Read-only, and valid only during the call. */
struct unit {
    nsec               now;
    const struct resp *frame; /* its head; NULL on a stream that is not RESP */
    size_t             len;   /* on_bytes: bytes in this run, > 0 */
    uint64_t           nth;   /* frames of this lane this rule acted on before this one */
    struct rng        *rng;   /* draws that belong to this rule and this frame */
};

enum param_type {
    PARAM_TIME,     /* nsec */
    PARAM_BYTES,    /* uint64_t */
    PARAM_RATE,     /* uint64_t, bytes a second */
    PARAM_COUNT,    /* uint64_t */
    PARAM_FRACTION, /* double, 0..1; written 5% */
    PARAM_WORD,     /* int: which of .words */
};

/* One parameter of a fault. A table of them ends with .name == NULL. The first of the
 * table may be written without its name: `latency 50ms jitter=10ms`. */
struct param {
    const char        *name;
    enum param_type    type;
    size_t             offset;   /* of its field in the fault's conf */
    uint64_t           min, max; /* inclusive; ignored for FRACTION and WORD */
    const char        *standard; /* text of its default; NULL = must be given */
    const char *const *words;    /* PARAM_WORD: NULL-terminated */
    const char        *help;
};

struct fault {
    const char         *name;
    const char         *help;    /* one line, imperative: "delay what matches" */
    const char         *example; /* what follows `do` in a rule: "latency 50ms" */
    enum lane_id        lane;    /* where it acts when a rule names no lane */
    const struct param *params;  /* may be NULL */
    size_t              conf_size;
    size_t              state_size; /* per lane and rule, zeroed; the lane owns it */

    /* All optional.
     * check: are the parameters sound together? 0, or -EINVAL and *e.
     * on_frame: once for a frame that matches, when its head is known; its orders hold
     *   for the whole frame. On a stream that is not RESP every run is a frame.
     * grain: the longest run of bytes it wants to judge at once, > 0.
     * on_bytes: for each such run of a matching frame, its orders hold for the run. */
    int (*check)(const void *conf, struct err *e);
    void (*on_frame)(const void *conf, void *state, const struct unit *u,
                     struct verdict *v);
    size_t (*grain)(const void *conf, const void *state);
    void (*on_bytes)(const void *conf, void *state, const struct unit *u,
                     struct verdict *v);
};

/* Every fault there is, from faults/list.h; ends with NULL. */
extern const struct fault *const faults[];

const struct fault *fault_named(const char *name); /* NULL when there is none */

#endif

/* verdict.h -- what faults order for one unit of traffic: wait, drop, cut, close.
 * The lane carries them out; where two faults order, orders add up so that their
 * order matters as little as can be.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

enum lane_id {
    LANE_REQUESTS, /* dialer -> dialed; Toxiproxy's upstream */
    LANE_REPLIES,  /* dialed -> dialer; Toxiproxy's downstream */
    LANE_BOTH,     /* in rules and faults only */
};

struct bytes {     /* borrowed */
    const char *p; /* NULL = none */
    size_t      n;
};

enum close_how { /* the greater wins */
                 CLOSE_NO,
                 CLOSE_FIN,
                 CLOSE_RST,
                 CLOSE_KILL, /* the kernel destroys the sockets; from on_open only */
};

/* Changes a whole frame in place; it may get shorter. Answers its length then, or 0 when
 * it has left it as it was. conf is that of the fault. */
typedef size_t frame_edit(const void *conf, uint8_t *p, size_t n);

/* The orders for one unit. They start as "let it pass"; the faults of a plan add to
 * them, in the plan's order, through the functions below. Bytes that an order names
 * must live as long as the rule: they belong into its conf. */
struct verdict {
    nsec           delay;  /* wait so long; NSEC_NEVER = until the rule is gone */
    bool           drop;   /* forward none of it */
    bool           owe;    /* it was dropped from a stream: close when the rule is gone */
    bool           stick;  /* hold all that follows it, until the rule is gone */
    bool           twice;  /* forward the frame again, after itself */
    bool           freeze; /* read no more from this lane's source */
    uint64_t       gate;  /* wait until the lane's tide is that high; 0 = there is none */
    uint64_t       tide;  /* and raise it to this */
    size_t         cut;   /* forward only so many bytes of it */
    size_t         slice; /* send at most so many bytes at once; 0 = as they come */
    nsec           gap;   /* pause between two slices */
    enum close_how close; /* end the connection, both ways, after the cut */
    nsec           idle;  /* close it then, unless more comes before; 0 = do not */
    struct bytes   before; /* put this in front of the reply */
    frame_edit    *edit; /* give it the frame before that is passed on, if it is short */
    const void    *conf; /* with this */
    struct bytes   instead; /* and this in its place; a request is answered so, not run */
};

#define VERDICT_PASS ((struct verdict){.cut = SIZE_MAX})

static inline bool verdict_is_pass(const struct verdict *v)
{
    return !v->delay && !v->drop && !v->owe && !v->stick && !v->twice && !v->freeze &&
           v->cut == SIZE_MAX && !v->slice && !v->gate && !v->close && !v->edit &&
           !v->instead.p && !v->before.p;
}

static inline void verdict_delay(struct verdict *v, nsec d)
{
    v->delay = nsec_add(v->delay, d);
}

static inline void verdict_hold(struct verdict *v)
{
    v->delay = NSEC_NEVER;
}

/* What passes now waits until what comes later has raised the tide so far: the lane is
 * then as far behind as the fault wants, whatever the time. A fault counts the tide as it
 * likes, or lets it be the link's offset; of two rules that order gates on a lane those
 * of the first to do so are in force. */
#define TIDE_OFFSET UINT64_MAX

static inline void verdict_gate(struct verdict *v, uint64_t gate, uint64_t tide)
{
    v->gate = gate;
    v->tide = tide;
}

/* And all that follows. */
static inline void verdict_stick(struct verdict *v)
{
    verdict_hold(v);
    v->stick = true;
}

static inline void verdict_edit(struct verdict *v, frame_edit *edit, const void *conf)
{
    v->edit = edit;
    v->conf = conf;
}

static inline void verdict_drop(struct verdict *v)
{
    v->drop = true;
}

static inline void verdict_instead(struct verdict *v, const char *p, size_t n)
{
    if (v->instead.p == NULL)
        v->instead = (struct bytes){p, n};
}

static inline void verdict_before(struct verdict *v, const char *p, size_t n)
{
    if (v->before.p == NULL)
        v->before = (struct bytes){p, n};
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

static inline void verdict_idle(struct verdict *v, nsec at)
{
    v->idle = at;
}

static inline void verdict_close(struct verdict *v, enum close_how how)
{
    if (how > v->close)
        v->close = how;
}

#endif

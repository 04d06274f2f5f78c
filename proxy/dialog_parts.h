/* dialog_parts.h -- what a lane has while a frame is under way. Private to dialog.c,
 * dialog_feed.c and seats.c.
 */
#ifndef DIALOG_PARTS_H
#define DIALOG_PARTS_H

#include "dialog.h"

/* The frame under way. An idle lane has none of this, and so costs little. */
struct scan {
    struct scan *next;
    struct resp resp;
    struct verdict verdict; /* in force for the rest of the frame */
    uint64_t by;            /* the rule that delays it most; 0 = none */
    nsec most;              /* and by how much */
    struct rule *speaker;   /* whose bytes verdict.instead are */
    struct rule *herald;    /* and verdict.before */
    struct rule *twicer;    /* who orders verdict.twice; */
    struct rule *editor;    /* and verdict.edit; all four only during the call */
    struct rule *dropper;   /* who has bytes of it dropped: a reference, or NULL */
    struct rule *blamed;    /* who is to answer for the next two: a reference, or NULL */
    uint64_t dropped, added;
    struct copy *copy;   /* of the frame, to send it again; or NULL */
    bool metered;        /* some rule wants to judge its bytes as well */
    bool begun;          /* bytes of it have left before its head was known */
    const uint8_t *pass; /* bytes that pass untouched and are not queued yet: */
    size_t passing;      /* frames that nobody acts on leave as one run, */
    uint64_t passed;     /* so many of them with their end */
    bool ends;           /* the bytes at hand end the frame, */
    uint64_t done;       /* of which so many have been dealt with */
    size_t held;         /* bytes of head[] in use */
    uint8_t head[RESP_HEAD_MAX];
};

/* A frame that is to be sent again when it is over, or only then and changed. */
struct copy {
    size_t n, size;
    uint8_t *p;
    struct rule *rule; /* who wants that: a reference */
};

#define COPY_MAX (1 << 20) /* bytes of a frame that can be sent twice, or changed */

/* Keep a copy if the verdict on the frame needs one: without memory the frame goes out
 * once, and as it is. Add to it, or give it up. */
void copy_begin(struct scan *s, const struct resp *frame);
void copy_add(struct scan *s, const uint8_t *p, size_t n);

/* dialog_edit.c: keep bytes of a frame that is to be changed; false: it is not, or has
 * become too long. It is all there. It never will be. */
bool edit_gather(struct dialog *d, enum lane_id lane, const struct leave *how,
                 const uint8_t *p, size_t n, int *err);
int edit_finish(struct dialog *d, enum lane_id lane, struct leave *how);
void edit_abandon(struct dialog *d, enum lane_id lane);

/* The bit that stands for a rule among those that hold bytes of the lane. */
uint64_t holder_bit(struct lane *l, uint64_t serial);

/* Ready for the next frame; NULL without memory. */
struct scan *scan_take(struct core *c, enum lane_id lane);

/* Both take what there is, or nothing, and leave NULL behind. */
void scan_give(struct core *c, struct scan **s);
void copy_drop(struct scan *s);

/* A rule has lost or invented bytes of the frame under way; and: tell of it. */
void account(struct dialog *d, enum lane_id lane, struct rule *r, uint64_t dropped,
             uint64_t added);
void account_tell(struct dialog *d, enum lane_id lane);

/* dialog_skim.c: pass over frames that nobody needs to look into. Answers their bytes,
 * and how they are to leave; 0 = the next frame is not of that kind. */
size_t skim(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p, size_t n,
            struct leave *how);

/* dialog_repl.c: what is different on a replication link. */
struct resp_part scan_next(struct dialog *d, enum lane_id lane, const uint8_t *p,
                           size_t n);
bool lane_idle(const struct dialog *d, enum lane_id lane); /* between two frames */

/* The frame under way; NULL when it is not RESP, or the RDB. And what it is part of. */
const struct resp *frame_of(const struct dialog *d, enum lane_id lane);
enum repl_phase phase_of(const struct dialog *d, enum lane_id lane);

bool is_atomic(const struct dialog *d, enum lane_id lane);  /* all of it or nothing */
bool is_granted(const struct dialog *d, enum lane_id lane); /* replication has begun */

void repl_hears(struct dialog *d, const struct resp *request);
/* A gate is a hold that the tide ends; only one rule's count of it makes sense. Answers
 * whether v orders one that is in force, and then it is part of *all. */
bool set_gate(struct lane *l, struct verdict *all, const struct verdict *v,
              uint64_t serial);

/* What waited for more to come behind it, and more has come, may leave. */
void raise_tide(struct dialog *d, enum lane_id lane, nsec now);

/* What a fault may know of it: see fault.h. */
void repl_show(const struct dialog *d, enum lane_id lane, struct unit *u);

/* A change of the plan is for the rest of an RDB, too. */
void repl_replan(struct dialog *d, nsec now);

void repl_guard(struct dialog *d, enum lane_id lane); /* soften the verdict just made */

/* A part of a frame is dealt with, and `rest` bytes of the read are not; bytes left. */
void repl_passed(struct dialog *d, enum lane_id lane, size_t rest);
void repl_left(struct dialog *d, nsec now);

/* Hold a reference to r instead of the one that is held; r may be NULL. */
void rule_hold(struct rule **held, struct rule *r);

#endif

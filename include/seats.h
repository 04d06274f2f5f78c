/* seats.h -- the rules that apply to one lane, and what each has done there so far.
 *
 * A seat lives as long as its rule applies to the session: counts and fault state
 * survive a change of other rules, and vanish with their own.
 */
#ifndef SEATS_H
#define SEATS_H

#include "dialog.h"

/* Seat the rules of d->plan that apply to the lane now, taking over what `old` seats
 * (of the same lane) remember. 0 or -ENOMEM, and then the lane is as it was. */
int  seats_take(struct dialog *d, enum lane_id lane, const struct plan *plan) MUST_CHECK;
void seats_release(struct dialog *d, enum lane_id lane);
bool seats_have(const struct lane *l, uint64_t serial);

/* A frame begins: which rules act on it, and what do they order? Sets l->verdict and
 * l->by. frame is NULL on a lane that is not RESP. mark is what the request left that
 * this frame answers; NULL on lane requests. */
void seats_judge(struct dialog *d, enum lane_id lane, nsec now, const struct resp *frame,
                 const struct track_mark *mark);

/* The plan has changed while a frame is under way of which so many bytes are past: judge
 * the rest of it. Rules that are new, or have come into force, act from here on; what
 * those have ordered that are gone is taken back. */
void seats_judge_rest(struct dialog *d, enum lane_id lane, nsec now, uint64_t past);

/* The frame under way is none of the rules' business. */
void seats_pass(struct lane *l);

/* The verdict on the next run of the frame; answers how long that run is, <= n. */
size_t seats_judge_bytes(struct dialog *d, enum lane_id lane, nsec now,
                         const struct resp *frame, size_t n, struct verdict *v,
                         uint64_t *by);

/* The session begins, or (live) has gained rules: what do those without a condition on
 * frames order for it as a whole? Adds to *v; *by is who makes it wait most. Asks each
 * rule once. */
void seats_open(struct dialog *d, enum lane_id lane, nsec now, bool live,
                struct verdict *v, uint64_t *by);

/* The source of the lane has shut it down: how long is that to be kept back, by which
 * rule, and is the whole connection to end with it? */
nsec seats_end(struct dialog *d, enum lane_id lane, nsec now, enum close_how *how,
               uint64_t *by);

/* What the lane's packets are to suffer. */
struct wire seats_wire(const struct lane *l);

/* And what the kernel is to do to them when they leave us. */
struct egress seats_egress(const struct lane *l);

/* What all frames of a lane are ordered alike: for rules that need not be asked one frame
 * at a time. */
struct level {
    nsec     delay;
    uint64_t by; /* the serial of who wants most of it; 0 = nobody */
};

/* Does each rule of the lane either act on certain commands only, or order the same for
 * all frames? Then *out is what those order for the rest. seats_levelled: so many frames
 * that are none of those commands have passed, under these orders. */
bool seats_level(const struct dialog *d, enum lane_id lane, struct level *out);
void seats_levelled(struct dialog *d, enum lane_id lane, uint64_t frames);

/* Is this one of the commands that rules of the lane name? */
bool seats_name(const struct lane *l, const char *command, size_t n);

/* Does seats_mark leave nothing of requests that no rule of lane replies names? */
bool seats_mark_none(const struct dialog *d);

/* What lane replies needs to remember of a request: which of its rules it meets. */
void seats_mark(const struct dialog *d, const struct resp *request, struct track_mark *m);

#endif

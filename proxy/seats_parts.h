/* seats_parts.h -- a rule on a lane, and how it decides. Private to seats.c and
 * seats_whole.c.
 */
#ifndef SEATS_PARTS_H
#define SEATS_PARTS_H

#include "replay.h"
#include "seats.h"

struct seat {
    struct rule *rule;
    struct share *share; /* the fault's, common to the link; NULL = it has none */
    uint64_t serial;     /* of its plan entry */
    int slot;
    bool fresh;     /* taken, but on_open has not been asked yet */
    bool asked;     /* the frame now passing has met its conditions */
    bool on;        /* and it acts on it */
    bool fired;     /* and has ordered something */
    bool told;      /* what it decides is in the replay */
    uint64_t key;   /* its name, for that */
    uint64_t met;   /* frames that met its conditions */
    uint64_t acted; /* frames it acted on */
    void *state;    /* the fault's own */
};

/* The draws of the rule that are about the frame under way, and what it is shown. */
struct rng seat_draws(const struct dialog *d, enum lane_id lane, const struct seat *s);
struct unit seat_unit(const struct dialog *d, enum lane_id lane, const struct seat *s,
                      nsec now, const struct resp *frame, struct rng *rng);

/* What the replay has it decide here; NULL = nothing. Then the orders are those: only the
 * bytes that they name are the fault's of today. */
const struct verdict *seat_recorded(const struct dialog *d, enum lane_id lane,
                                    const struct seat *s, enum decided_at at);
void seat_repeat(struct verdict *v, const struct verdict *told);

/* Add its orders to the whole. The rule that delays most answers for the wait, and of
 * those that hold, all do; else the first that orders a thing answers for it. */
void seat_orders(struct dialog *d, enum lane_id lane, struct verdict *all,
                 const struct verdict *v, const struct seat *s, nsec *most, uint64_t *by);

/* It has decided: for the journal, and for rules that wait for that. */
void seat_report(struct dialog *d, enum lane_id lane, nsec now, struct seat *s,
                 const char *command, const struct verdict *v, enum decided_at at);

#endif

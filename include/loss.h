/* loss.h -- rows that end with the death of the master: what of the acknowledged is left?
 *
 * A lab with a master and two replicas; a rule; writes, one after the other; then the
 * master is killed, a replica is made the master, and every node is asked what it has.
 */
#ifndef LOSS_H
#define LOSS_H

#include "writes.h"

struct loss {
    const char   *name;
    bool          direct;
    const char   *rule; /* in force from before the first write; NULL = none */
    struct tuning tuning;
    struct writes writes;
    const char   *heir, *other; /* r2 and r3, or r3 and r2 */
};

/* The row is what the probe found, and
 *
 *   behind_bytes lag_s link    before the death: of the heir, as the master's and its own
 *                              INFO say
 *   lost lost_confirmed        acknowledged (and confirmed by WAIT), and not on the heir
 *   kept_elsewhere             of the lost: on the other replica when the master died,
 *   kept                       and once that replica followed the heir
 */
int loss_row(struct stage *s, const struct course_flags *f, struct exercise_outcome *o,
             const struct loss *l) MUST_CHECK;

/* For the verdict: so many were acknowledged, and (nearly) none, or all, of them lost. A
 * master without any fault that dies may take the last one or two with it. */
void loss_check_control(struct exercise_outcome *o, size_t row, unsigned ops);
void loss_check_all_lost(struct exercise_outcome *o, size_t row, unsigned ops);

/* Cells for a table. */
const char *loss_acknowledged(const json_t *p, char *buf, size_t size);
const char *loss_refused(const json_t *p, char *buf, size_t size);
const char *loss_confirmed(const json_t *p, char *buf, size_t size);
const char *loss_behind(const json_t *p, char *buf, size_t size);
const char *loss_lag(const json_t *p, char *buf, size_t size);
const char *loss_link(const json_t *p, char *buf, size_t size);
const char *loss_lost(const json_t *p, char *buf, size_t size);
const char *loss_lost_confirmed(const json_t *p, char *buf, size_t size);
const char *loss_kept_elsewhere(const json_t *p, char *buf, size_t size);
const char *loss_kept(const json_t *p, char *buf, size_t size);

#endif

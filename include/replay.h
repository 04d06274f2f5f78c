/* replay.h -- what a journal says was decided, to be decided again.
 *
 * A decision is found by what it was about: rule, link, session, lane, frame. A rule that
 * the journal knows acts where it acted then, with the orders of then, and nowhere else;
 * chance, conditions and counts have no say. Rules that it does not know act as ever.
 *
 * Rules also come and go as they did: see replay_steps.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "dialog.h"

struct replay;

/* Read a journal. 0, or a negative errno and *e: -EINVAL with the line of what is no
 * journal. A last line without its end is left out: the writer was killed. */
int  replay_open(struct replay **out, const char *path, struct err *e) MUST_CHECK;
void replay_close(struct replay **r); /* sets it to NULL; NULL is fine */

struct replay_key {
    uint64_t        rule; /* rng_hash of its name */
    uint64_t        link; /* as in struct dialog */
    uint64_t        session, frame;
    enum lane_id    lane;
    enum decided_at at;
};

/* Does the journal know a rule of that name? */
bool replay_has(const struct replay *r, uint64_t rule);

/* The orders, or NULL: it did not act there. Of the bytes in .before and .instead there
 * is only the length. */
const struct verdict *replay_find(const struct replay *r, const struct replay_key *k);

/* A rule comes into force or goes. Counted from when the first session was accepted; 0 is
 * before that. Their lives ('for') are not in the sentences: when they went is here. */
struct replay_step {
    nsec  at;
    bool  add;
    char *text; /* the sentence; or the name of the rule that goes */
};

/* In order of time. */
size_t replay_steps(const struct replay *r, const struct replay_step **out);

/* The proxy that the journal is of. Fields are "" when it does not say. */
struct replay_party {
    char *name, *kind, *listen, *upstream;
    char *sources; /* joined by commas */
    char *said;    /* the same: what it announces, or its client names */
};

struct replay_facts {
    uint64_t                   seed;
    uint64_t                   decisions;
    const struct replay_party *party; /* nodes, and clients: those without upstream */
    size_t                     parties;
};

void replay_facts(const struct replay *r, struct replay_facts *out);

#endif

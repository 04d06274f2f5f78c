/* shape.h -- partitions: who is cut off from whom, as rules.
 *
 *   cut A B           the parties of list A from those of list B
 *   isolate A         each of A from everybody, clients and one another included
 *   split A / B / C   the groups from one another; nodes that are not named are a group
 *                     too, clients that are not named reach everyone
 *   ring [A]          each node is left with a majority, and no two with the same one
 *   bridge A          two halves of the nodes, with A between them; or: left / A / right
 *
 * A list is names, globs and the words master, replica, sentinel, client, joined by
 * commas; lists are separated by spaces or by '/'. Words and globs are looked up when the
 * shape is made, and whoever is named outright is where he was named: in "r1 / r*", r* is
 * the others.
 *
 * A cut is about bytes, not about who dials: both lanes of sessions that either opened.
 * One way, A's bytes do not reach B: requests of A -> B and replies of B -> A. With reset
 * and refuse, which are about sessions, one way means those that A dials.
 *
 * A shape named cut-1 becomes rules named cut-1.1, cut-1.2, ...: nothing else in the
 * program knows of it. Pure text; it has no state.
 */
#ifndef SHAPE_H
#define SHAPE_H

#include "match.h"
#include "plan.h"

#define SHAPE_PARTIES  128
#define SHAPE_RULES    1000
#define SHAPE_NAME_MAX (RULE_NAME_MAX - 5) /* room for ".1000" */

enum shape_kind { SHAPE_CUT, SHAPE_ISOLATE, SHAPE_SPLIT, SHAPE_RING, SHAPE_BRIDGE };

enum shape_how {
    SHAPE_HANG,      /* silence; what was held is delivered on heal */
    SHAPE_BLACKHOLE, /* the same with lost packets: connect() hangs, keepalives fail */
    SHAPE_RESET,     /* live sessions are reset, new ones refused */
    SHAPE_REFUSE,    /* live sessions go on, new ones are refused */
};

extern const char *const shape_kinds[]; /* "cut", ... by enum; ends with NULL */
extern const char *const shape_hows[];  /* "hang", ... */

struct shape {
    enum shape_kind kind;
    const char     *of; /* "r1 r2", "r1,app / r2,r3"; "" for a ring of all nodes */
    enum shape_how  how;
    bool            one_way;
    nsec            life; /* NSEC_NEVER = until healed */
    const char     *name; /* of at most SHAPE_NAME_MAX - 1 bytes */
};

#define SHAPE_INIT ((struct shape){.of = "", .life = NSEC_NEVER})

struct shape_rules { /* free it with shape_release */
    char **sentence;
    size_t n;
};

/* The rules of a shape among these parties, of which the last may be "client", meaning
 * those who have no name. 0; or -EINVAL and *e, or -E2BIG: more than SHAPE_RULES. */
int  shape_rules(const struct shape *s, const struct party *party, size_t n,
                 struct shape_rules *out, struct err *e) MUST_CHECK;
void shape_release(struct shape_rules *r);

/* "cut-1", or the next number that no rule of the plan is named after. Answers buf. */
const char *shape_name(enum shape_kind kind, const struct plan *plan, char *buf,
                       size_t size);

/* Has the plan a rule that matches the glob? */
bool shape_is_taken(const struct plan *plan, const char *glob);

/* The glob that the rules of this shape match; of all shapes when name is NULL or "*":
 * who gives a rule of his own a name like x.1 has it healed too. Answers buf. */
const char *shape_glob(const char *name, char *buf, size_t size);

#endif

/* losing.h -- what the exercises about a lost master have in common.
 *
 * A lab with two replicas and three Sentinels, the failover probe, and something that is
 * done when the probe says that it is time to break it, and then to mend it. A row is one
 * such run; rows share a lab, whoever is its master by then.
 */
#ifndef LOSING_H
#define LOSING_H

#include "course.h"

struct losing;

/* Of a row that is under way. */
struct losing_now {
    struct stage            *s;
    struct exercise_outcome *o;
    const struct losing     *row;
    size_t                   master; /* when it began: a node */
    const char              *name;   /* of that: "r1" */
    unsigned                 marks;
};

struct losing { /* a row */
    const char        *name;
    const char *const *probe;         /* words for it; ends with NULL */
    nsec               watch;         /* no failover in so long; 0 = until one is over */
    bool               many;          /* any number of failovers in that time */
    bool               fresh, direct; /* in a new lab; and that has no proxy */
    unsigned           min_replicas;  /* to write, with a max-lag of 1 s */

    /* Orders for the sentinels before it begins ("SENTINEL SET ..."), or NULL. */
    const char *order;

    /* From the loop, and may not wait: when it is to break, and when to be mended. Both
     * may be NULL. 0, or a negative errno and now->s->trouble. */
    int (*breaks)(struct losing_now *now);
    int (*mends)(struct losing_now *now);
};

struct losing_exercise {
    const struct exercise        *exercise;
    const char                   *about, *intro; /* for --help; over the table */
    const struct losing          *row;
    size_t                        rows;
    const struct exercise_column *column;
    size_t                        columns;
    void (*judge)(struct exercise_outcome *o);
};

int losing_main(const struct losing_exercise *x, int argc, char **argv);

/* With timers of Redis' own, and not those that are quick? */
bool losing_is_slow(void);

/* -- for breaks and mends -- */

int losing_kill(struct losing_now *now); /* the master */
int losing_restart(struct losing_now *now);
int losing_stop(struct losing_now *now);
int losing_cont(struct losing_now *now);
int losing_heal(struct losing_now *now); /* all rules away */

/* Add a rule, in which %s stands for the master's name, and note it for the row. */
int losing_rule(struct losing_now *now, const char *sentence);

/* Ask a node something, with an inline command; what it answers is not waited for. then,
 * which may be NULL, is called when it has. One question at a time: the one before is
 * given up. */
void losing_ask(struct losing_now *now, size_t node, const char *command,
                void (*then)(struct losing_now *now));

/* -- for judge -- */

/* No failover, and nothing lost. */
void losing_check_peace(struct exercise_outcome *o, size_t row);
/* Just so many failovers; at least so many, if `more`. */
void losing_check_failovers(struct exercise_outcome *o, size_t row, double n, bool more);
/* What the old master took after the promotion: something, and all of it was lost. */
void losing_check_zombie(struct exercise_outcome *o, size_t row);
/* A row has lost less than half of what another has. */
void losing_check_less(struct exercise_outcome *o, size_t row, size_t than);
void losing_say(struct exercise_outcome *o, const char *when_met, ...) PRINTF_LIKE(2, 3);

/* -- cells -- */

#define LOSING_CELL(name)                                                                \
    const char *losing_##name(const json_t *probe, char *buf, size_t size)

LOSING_CELL(failovers);
LOSING_CELL(sdowns);
LOSING_CELL(odowns);
LOSING_CELL(aborted);
LOSING_CELL(detection);
LOSING_CELL(promotion);
LOSING_CELL(published);
LOSING_CELL(unavailable);
LOSING_CELL(dual);
LOSING_CELL(zombie);
LOSING_CELL(whole);
LOSING_CELL(acknowledged);
LOSING_CELL(old_side);
LOSING_CELL(new_side);
LOSING_CELL(lost);

/* -- links -- */

/* Connections between two servers of the lab that do not pass the proxy, by the kernel's
 * list of sockets. */
size_t losing_bypasses(const struct topology *t);
size_t losing_bypassed(void); /* the most that there were after any row */

#endif

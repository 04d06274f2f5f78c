/* exercise.h -- lab + faults + probe + an expectation, with an exit code.
 *
 * An exercise is one file, lab/exercise_<name>.c, with one `const struct exercise
 * exercise_<name>`, listed in exercise.c. It is written on a stage (stage.h), from top to
 * bottom; it fills an outcome with rows and checks, and the table, the verdict, the JSON
 * and the exit code follow from that.
 */
#ifndef EXERCISE_H
#define EXERCISE_H

#include <jansson.h>

#include "stage.h"

struct exercise {
    const char *name;
    const char *help; /* one line: the question it answers */
    int (*run)(int argc, char **argv);
};

/* A run of the probe. */
struct exercise_row {
    char    name[48];
    json_t *probe; /* the object it printed */
    json_t *rules; /* those it met, as they are written */
};

struct exercise_check {
    char text[200]; /* what was expected and what was seen */
    bool met;
};

/* A column of the table: what a row's probe object says under it. */
struct exercise_column {
    const char *title;
    const char *(*cell)(const json_t *probe, char *buf, size_t size);
};

#define EXERCISE_ROWS   16
#define EXERCISE_CHECKS 16

struct exercise_outcome {
    const char           *name;
    struct exercise_row   row[EXERCISE_ROWS];
    size_t                rows;
    struct exercise_check check[EXERCISE_CHECKS];
    size_t                checks;
    char                  text[512]; /* the verdict in words */
    json_t               *rules;     /* those that the next rows meet; NULL = none */
};

/* Run our own probe (argv without the program: "stale", "--write", ..., NULL) until it
 * has ended, and add what it found as a row; with row == NULL only for what it prints.
 * Lines on its stdout that are not its JSON object are passed on to `lines`. 0, or a
 * negative errno with s->trouble saying what. */
int exercise_probe(struct stage *s, const char *const *argv, FILE *lines,
                   struct exercise_outcome *o, const char *row) MUST_CHECK;

/* What is to happen when the probe prints the line "mark". It is called from the loop and
 * may not wait. If it answers < 0, so does the row. */
struct exercise_cue {
    int (*come)(struct stage *s, void *arg);
    void *arg;
};

/* The same with "-o json" added, and a cue, which may be NULL. */
int exercise_cued(struct stage *s, const char *const *argv,
                  const struct exercise_cue *cue, struct exercise_outcome *o,
                  const char *row) MUST_CHECK;

/* Add a row that no probe has found. Takes the reference to `found`. */
void exercise_row(struct exercise_outcome *o, const char *name, json_t *found);

/* A number in a probe object: "reads.stale". NAN when there is none. */
double exercise_number(const json_t *probe, const char *path);

void exercise_check(struct exercise_outcome *o, bool met, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
bool exercise_met(const struct exercise_outcome *o); /* all checks */

void exercise_print_table(const struct exercise_outcome *o,
                          const struct exercise_column *c, size_t n);
void exercise_print_verdict(const struct exercise_outcome *o);

void exercise_print_rules(const struct exercise_outcome *o); /* that each row met */

/* One object: "exercise", then what `about` has, then "rows" and "verdict". Takes the
 * reference to `about`. */
void exercise_print_json(const struct exercise_outcome *o, json_t *about);
void exercise_release(struct exercise_outcome *o);

extern const struct exercise exercise_stale, exercise_retry, exercise_pipeline,
    exercise_half_open, exercise_cable, exercise_pubsub_gap, exercise_loading,
    exercise_lost_acks, exercise_lag_that_lies, exercise_min_replicas,
    exercise_wait_is_not_consensus, exercise_empty_restart, exercise_backlog,
    exercise_phantom_expiry, exercise_serve_stale, exercise_resync_storm,
    exercise_monotonic, exercise_ack_drop, exercise_silent_divergence;

extern const struct exercise exercise_failover, exercise_split_brain,
    exercise_planned_failover, exercise_needless_failover, exercise_zombie,
    exercise_minority, exercise_flapping, exercise_sentinel_lies;

/* `sunder exercise` */
int cmd_exercise(int argc, char **argv);

#endif

/* scenario_play.h -- a scenario under way. Shared by scenario.c, scenario_do.c,
 * scenario_run.c and scenario_verdict.c, and nobody else.
 */
#ifndef SCENARIO_PLAY_H
#define SCENARIO_PLAY_H

#include <jansson.h>

#include "process.h"
#include "scenario_parts.h"
#include "stage.h"

/* How far a step has got. */
struct step_state {
    nsec due;      /* NSEC_NEVER: it waits for an event, or is done */
    uint64_t done; /* times */
    uint64_t pending;
};

/* How often the rules of a name have acted. */
struct fired {
    char name[RULE_NAME_MAX];
    uint64_t n;
};

/* A program that the scenario has started. */
struct run {
    struct run *next;
    struct play *play;
    char name[RULE_NAME_MAX];
    char log[4096];          /* of its standard error */
    struct process *process; /* NULL when it has ended */
    int status;
    bool killed; /* it would not end */
    char line[512];
    size_t n;
};

struct play {
    const struct scenario *scenario;
    const char *file;
    bool json;
    uint64_t seed;
    struct stage stage;
    struct proxy *proxy;
    nsec zero, last; /* the start; the end */
    uv_timer_t clock, soon, patience;
    struct step_state *step;
    struct fired *fired;
    size_t nfired;
    struct run *run;
    size_t runs, running;
    bool over, quiet; /* no more steps; and no program runs */
    bool failed;      /* a step could not be done */
};

/* scenario.c: one line of what happens. `more` has fields for JSON and is taken over;
 * NULL = none. */
void play_say(struct play *p, const char *event, json_t *more, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* For JSON: what is no UTF-8, and programs may print it, becomes a '?'. Answers text. */
char *play_readable(char *text);
void play_end(struct play *p);
uint64_t play_fired(const struct play *p, const char *glob);

/* scenario_do.c: all that a step does. */
void play_step(struct play *p, const struct scenario_step *step);

/* scenario_run.c: programs. */
void run_start(struct play *p, const struct scenario_step *step,
               const struct scenario_action *a);
void run_stop_all(struct play *p);
void run_release(struct play *p);

/* scenario_verdict.c: was it as expected? Answers the exit status, or a negative errno
 * when it was interrupted. */
int play_verdict(struct play *p);

#endif

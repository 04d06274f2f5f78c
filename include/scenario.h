/* scenario.h -- a lab, rules, what is done to them and when: a file with a verdict.
 *
 *   lab: {replicas: 2, sentinels: 3}
 *   rules:
 *     - lag: on r2 -> r1 replies do latency 50ms
 *   steps:
 *     - {at: 1s, isolate: r1, name: brain, how: blackhole}
 *     - {when: replica r2 down, say: it has noticed}
 *     - {at: 4s, heal: brain}
 *   for: 8s
 *   expect:
 *     - in-sync within 5s
 *
 * docs/scenarios.md is the manual. Read once, checked whole, then played.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "shape.h"
#include "topology.h"

struct scenario_place { /* in the file, from 1 */
    size_t line, column;
};

/* What a step can wait for. */
enum scenario_news {
    NEWS_RULE_FIRED,
    NEWS_SESSION_OPENED,
    NEWS_SESSION_CLOSED,
    NEWS_REPLICA_UP, /* a session of it has begun to replicate */
    NEWS_REPLICA_DOWN,
    NEWS_NODE_UP, /* its process answers, after it was started again */
    NEWS_NODE_DOWN,
};

struct scenario_event {
    enum scenario_news news;
    char               who[RULE_NAME_MAX]; /* a rule, a node; of a session who dials */
    char               to[RULE_NAME_MAX];  /* of a session: who is dialed */
};

enum scenario_verb {
    DO_RULE,
    DO_UNRULE,
    DO_SHAPE,
    DO_HEAL,
    DO_KILL,
    DO_STOP,
    DO_CONT,
    DO_RESTART,
    DO_RUN,
    DO_SAY,
    DO_END,
};

struct scenario_action {
    enum scenario_verb    verb;
    enum shape_kind       shape; /* of DO_SHAPE */
    char                 *text;  /* a sentence, a glob, a node, ...; "" */
    char                **argv;  /* of DO_RUN; ends with NULL */
    struct scenario_place place;
};

enum scenario_trigger { STEP_NEVER, STEP_AT, STEP_EVERY, STEP_WHEN };

struct scenario_step {
    enum scenario_trigger   trigger;
    nsec                    time;  /* STEP_AT, STEP_EVERY */
    uint64_t                times; /* at most so often; UINT64_MAX */
    bool                    times_given;
    struct scenario_event   event;  /* STEP_WHEN */
    char                   *name;   /* or NULL */
    struct scenario_action *action; /* in the order of the file */
    size_t                  actions;

    /* For its shapes. */
    enum shape_how        how;
    bool                  one_way, shape_words; /* the second: one of these was given */
    nsec                  life;
    struct scenario_place place;
};

enum scenario_claim { CLAIM_FIRED, CLAIM_RUN, CLAIM_NODE, CLAIM_IN_SYNC, CLAIM_SESSIONS };
enum scenario_op { OP_EQ, OP_NE, OP_GE, OP_GT, OP_LE, OP_LT };

struct scenario_expect {
    char                 *text; /* as it was written */
    enum scenario_claim   claim;
    char                  who[RULE_NAME_MAX], to[RULE_NAME_MAX];
    bool                  up; /* CLAIM_NODE */
    enum scenario_op      op;
    uint64_t              number;
    nsec                  within; /* CLAIM_IN_SYNC */
    struct scenario_place place;
};

struct scenario_lab { /* as struct lab_options */
    uint64_t              replicas, sentinels, data;
    struct tuning         tuning;
    struct topology_watch watch;
    bool                  chain;
};

struct scenario {
    struct scenario_lab     lab;
    uint64_t                seed;
    char                  **rules;
    struct scenario_place  *rule_places;
    size_t                  nrules;
    struct scenario_step   *steps;
    size_t                  nsteps;
    struct scenario_expect *expect;
    size_t                  nexpect;
    nsec                    length; /* NSEC_NEVER = until the last 'at' step is done */
};

/* Read it and check all that can be told without running it: names, shapes, that it will
 * end. 0, or a negative errno and *e with a place; *s is for scenario_release in any
 * case. */
int  scenario_load(struct scenario *s, const char *path, struct err *e) MUST_CHECK;
int  scenario_parse(struct scenario *s, const char *text, size_t n,
                    struct err *e) MUST_CHECK;
void scenario_release(struct scenario *s);

bool scenario_holds(enum scenario_op op, uint64_t seen, uint64_t number);

/* `sunder scenario` */
int cmd_scenario(int argc, char **argv);

#endif

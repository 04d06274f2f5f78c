/* inside.h -- the insides of a lab, shared by lab.c, questions.c and actions.c and nobody
 * else. */
#ifndef INSIDE_H
#define INSIDE_H

#include "lab.h"
#include "process.h"
#include "question.h"
#include "workdir.h"

enum phase { MASTER, REPLICAS, SYNC, SENTINELS, UP, FAILED, CLOSING };

struct node {
    struct lab *lab;
    size_t index;
    struct process *process;
    struct question *question;
    char *dir, *log; /* NULL before its first start */
    char link[16];   /* a replica's master_link_status */
    bool answers, settled;
    bool wanted; /* its end was ordered: nobody is to mourn */
    bool again;  /* and it is to start again after it */
};

/* The data that the master gets before anybody replicates it. */
struct fill {
    uint64_t wanted, done; /* keys of FILL_VALUE bytes */
    uint64_t asked;        /* of them, by the command under way */
    char command[160];
};

#define FILL_VALUE 1024

struct lab {
    uv_loop_t *loop;
    struct server server;
    struct topology topology;
    struct workdir workdir;
    struct tuning tuning;
    struct fill fill;
    uint64_t lane_limit; /* 0 = the proxy's default */
    char **rules;
    size_t nrules;
    uint64_t seed;
    bool seed_given, direct, served; /* served: ready has been called */
    char *journal;
    int port_holder;

    struct proxy *proxy;
    struct node node[TOPOLOGY_NODES];
    enum phase phase;
    bool nudged;      /* the master has something to tell its replicas */
    long long target; /* what replicas must have applied; -1 = not known yet */
    uv_timer_t poll, deadline;
    unsigned open;

    void (*waiting)(void *arg, const struct lab_trouble *t);
    void (*died)(void *arg, const struct lab_trouble *t);
    void *arg;
    void (*on_node)(void *arg, size_t node, bool up);
    void *on_node_arg;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* lab.c: decide what comes next. */
void lab_turn(struct lab *l);
int lab_start_node(struct lab *l, size_t i, struct err *e);

/* actions.c: a node answers; its process is gone, and is that fine? If a new one could
 * not be started, t says why. */
void lab_node_answers(struct node *n);
bool lab_node_gone(struct node *n, struct lab_trouble *t);

/* Keep asking as long as a node that was started again has not answered. */
void lab_await_nodes(struct lab *l);

/* questions.c: ask every node what there is to ask it in this phase; each answer is
 * noted, and lab_turn called. */
void lab_ask(struct lab *l);

#endif

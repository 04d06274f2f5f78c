/* run.h -- what stale.c and pair.c share: a run and its pairs. */
#ifndef RUN_H
#define RUN_H

#include "check.h"
#include "client.h"
#include "history.h"
#include "stale.h"
#include "wake.h"

#define RUN_KEY_MAX 64

struct run;

struct pair {
    struct run *run;
    uint64_t id;
    struct client *writer, *reader;
    size_t node; /* index of what the reader reads from */
    struct check check;

    uint64_t op; /* the operation under way, and so the version being written */
    nsec due;    /* when it was to begin */
    nsec acked;  /* when its write was acknowledged, or WAIT answered */
    bool ended;
    bool idle; /* nothing asked: waits for `wake` */
    bool settling;
    bool hopeless; /* the last sample never settled: take none until a read is fresh */
    bool left_key; /* the key may exist */
    uint64_t reads, stale;

    struct wake_node wake; /* for the next write, or for a read at its age */
    struct ask set, wait, get, del;
    char key[RUN_KEY_MAX];
    char *set_text, *get_text, *del_text;
    size_t set_head; /* bytes of set_text before the value's length */
};

enum stage { STAGE_CONNECTING, STAGE_RUNNING, STAGE_CLEANING, STAGE_CLOSING };

struct run {
    const struct stale_conf *conf;
    struct stale_result *result;
    struct err *err;
    int failure;

    uv_loop_t loop;
    struct pool pool;
    struct wake wake;
    uv_signal_t interrupt, terminate;

    enum stage stage;
    bool stopping;
    nsec opened, began, stop_at;
    nsec drawn; /* when progress was last shown */
    struct pair *pair;
    uint64_t active;   /* pairs that have not ended */
    uint64_t cleaning; /* keys being deleted */
    char *wait_text;
    size_t wait_len;
    char *write_name, **read_name; /* nodes, as the history has them */
};

int pair_init(struct pair *p, struct run *r, uint64_t id);
void pair_release(struct pair *p);

/* Begin the next operation, or end the pair if there is none. */
void pair_next(struct pair *p);

/* No further operation. Ends at once if it is only waiting for a time. */
void pair_stop(struct pair *p);

/* Delete the key, if there may be one; run_cleaned is called if so. */
void pair_clean(struct pair *p);

/* Of stale.c, for pairs. */
void run_pair_ended(struct run *r);
void run_cleaned(struct run *r);

#endif

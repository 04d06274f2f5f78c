/* failing.h -- what the parts of the failover probe share: failover.c conducts,
 * failover_load.c writes and reads, failover_look.c looks on, failover_ask.c asks before
 * and after. */
#ifndef FAILING_H
#define FAILING_H

#include "client.h"
#include "ear.h"
#include "failover.h"
#include "wake.h"

struct failing;

enum seek { SEEK_WAIT, SEEK_ASKED, SEEK_ROLE, SEEK_READY };

/* One client: it knows where the master is, or finds out. */
struct follower {
    struct failing *all;
    struct failover_client *seen;
    uint32_t id;
    char key[64];
    struct client *client[FAILOVER_NODES]; /* NULL = not needed yet */
    size_t node, sentinel;                 /* in use; to be asked next */
    enum seek seek;
    nsec seek_at;
    struct ask ask; /* where, or what role */
    struct wake_node wake;
    uint64_t op;
    nsec last_ok;
    uint64_t card;
};

struct observed {
    struct failing *all;
    size_t node;
    struct client *client;
    struct ask ask;
    bool pending;
    struct url url;
};

struct heard {
    struct failing *all;
    size_t sentinel;
    struct ear ear;
    struct ear_conf conf;
    struct client *client; /* for followers that ask the way */
    bool switched;         /* it has told of a new master since the break */
};

enum phase { CONNECTING, BEFORE, BROKEN, HELD, MENDED, AFTER, DRAINING, OVER };

struct failing {
    const struct failover_conf *conf;
    struct failover_result *result;
    struct err *err;
    int failure;
    uv_loop_t loop;
    struct pool pool;
    struct wake wake;
    enum phase phase;
    nsec began, since; /* of the run, of the phase; of uv_hrtime */
    bool loading;
    bool locked;        /* a node will not tell us what it is */
    size_t outstanding; /* operations that have not been answered */
    pid_t victim;
    struct ask order; /* SENTINEL FAILOVER */
    char *role_text, *where_text, *order_text;
    size_t role_len, where_len, order_len;
    struct follower follower[FAILOVER_CLIENTS];
    struct observed observed[FAILOVER_NODES];
    struct heard heard[SENTINELS_MAX];
    char *quoted[FAILOVER_NODES]; /* for the history */
};

static inline nsec since_begin(const struct failing *f, nsec t)
{
    return t - f->began;
}

/* failover_load.c */
int load_open(struct failing *f) MUST_CHECK;
void load_start(struct failing *f, nsec now);
void load_stop(struct failing *f);
void load_tick(struct failing *f, nsec now);
bool load_ready(const struct failing *f); /* all know where the master is */
void load_finish(struct failing *f, nsec now);

/* failover_look.c */
int look_open(struct failing *f) MUST_CHECK;
void look_tick(struct failing *f);
void look_close(struct failing *f);
bool look_hears(const struct failing *f); /* all sentinels */

/* failover_ask.c, before the loop runs and after. */
int ask_nodes(const struct failover_conf *c, struct failover_result *r,
              struct err *e) MUST_CHECK;
int ask_settled(const struct failover_conf *c, struct err *e) MUST_CHECK;
void ask_syncs(const struct failover_conf *c, struct failover_result *r, int sign);
void ask_survivors(struct failing *f);

#endif

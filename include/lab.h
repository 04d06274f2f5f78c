/* lab.h -- real redis-server processes, wired through a proxy in this very process.
 *
 * A lab is opened and closed asynchronously on the caller's loop. It starts a master and
 * its replicas (and sentinels, if asked for) with configuration from topology.h, a proxy
 * in front of every node, and says when all replicas are in sync through it. Rules come
 * into force at that moment and not before: a lab starts healthy.
 *
 * Whatever happens to us, no server outlives us and no file is left but in a directory
 * that was to be kept.
 */
#ifndef LAB_H
#define LAB_H

#include "proxy.h"
#include "server.h"
#include "topology.h"

struct lab;

struct lab_options {
    size_t        replicas, sentinels;
    struct tuning tuning;
    bool          chain; /* r3 replicates r2, r4 r3, ...; without sentinels only */
    uint64_t      data;  /* bytes, of 1 KiB values, in the master before others start */
    uint64_t      lane_limit; /* what the proxy may hold of a lane; 0 = its default */
    const char   *server;     /* path or name; NULL = find one */
    const char   *keep;       /* a new or empty directory to work in, and to leave */
    const char *const *rules;
    size_t             nrules;
    uint64_t           seed;
    bool               seed_given;
    const char        *journal; /* NULL = none */
    bool               direct;  /* no proxy at all */

    struct topology_watch watch;
    size_t                clients; /* with a name, c1, c2, ...: see topology.h */
};

/* What went wrong, and the last lines of the log of the server it happened to. */
struct lab_trouble {
    struct err err;
    char       node[8];   /* "" when it is about none in particular */
    char       log[2048]; /* "" or lines, each ended by a newline */
};

/* Start. ready is called once from the loop: with NULL when all is up and in sync, or
 * with what prevented it, after which lab_close is all that may be called. died is called
 * for each server that ends without having been told to, after ready. What they are shown
 * is gone when they return. 0, or a negative errno and *e, and there is no lab: no server
 * found, a wrong rule (-EINVAL, and only that), no free port, no directory. */
int lab_open(uv_loop_t *loop, const struct lab_options *o,
             void (*ready)(void *arg, const struct lab_trouble *t),
             void (*died)(void *arg, const struct lab_trouble *t), void *arg,
             struct lab **out, struct err *e) MUST_CHECK;

/* Wait again until every replica has applied all that the master had when this was
 * called. done as ready in lab_open; not while another wait goes on. */
void lab_sync(struct lab *l, void (*done)(void *arg, const struct lab_trouble *t));

/* Stop it all; also while it starts. done(arg) is called when no process, no file and no
 * handle is left; the lab is gone then. */
void lab_close(struct lab *l, void (*done)(void *arg), void *arg);

const struct topology *lab_topology(const struct lab *l);
const struct server   *lab_server(const struct lab *l);
const char            *lab_directory(const struct lab *l);
struct proxy          *lab_proxy(const struct lab *l); /* NULL in a direct lab */
pid_t                  lab_pid(const struct lab *l, size_t node); /* 0 while it is down */
bool                   lab_up(const struct lab *l, size_t node); /* it runs and answers */
int                    lab_find(const struct lab *l, const char *name); /* or -ENOENT */

/* Do something to a server; at once, what comes of it is told by lab_watch. 0, or -ESRCH:
 * it does not run; -EAGAIN: the lab is not up. A death that was ordered here is no
 * trouble: died (of lab_open) is not called for it, and lab_sync does not wait for the
 * dead. A stopped server hangs: it is there, and silent. lab_restart asks it to end if it
 * runs, and starts it with the data and the configuration that it left. */
int lab_kill(struct lab *l, size_t node) MUST_CHECK;
int lab_stop(struct lab *l, size_t node) MUST_CHECK;
int lab_cont(struct lab *l, size_t node) MUST_CHECK;
int lab_restart(struct lab *l, size_t node, struct err *e) MUST_CHECK;

/* on_node is called when a server has ended, however, and when one that was started again
 * answers. */
void lab_watch(struct lab *l, void (*on_node)(void *arg, size_t node, bool up),
               void       *arg);

/* Where it stands, for a person who waits: "r1 starts", "2 of 3 replicas in sync". */
const char *lab_progress(const struct lab *l, char *buf, size_t size);

/* `sunder lab` */
int cmd_lab(int argc, char **argv);

#endif

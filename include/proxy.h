/* proxy.h -- a running proxy, for whoever owns the loop: `sunder proxy`, the lab, tests.
 *
 * One loop, one thread. Nothing here blocks, and nothing waits for data to move.
 */
#ifndef PROXY_H
#define PROXY_H

#include <uv.h>

#include "config.h"
#include "plan.h"

struct proxy;

/* Bind every listener, or none. The config is copied where it must outlive the call.
 * 0, or a negative errno and *e ("cannot listen on 127.0.0.1:6379: address in use"). */
int proxy_open(uv_loop_t *loop, const struct config *c, struct proxy **out,
               struct err *e) MUST_CHECK;

/* Stop accepting at once, let live sessions end by themselves for up to `drain`, then
 * reset what is left. done(arg) is called once, when no handle of ours is left; the
 * proxy is freed after it. A second call with a shorter drain shortens the wait. */
void proxy_close(struct proxy *p, nsec drain, void (*done)(void *arg), void *arg);

/* Change the plan. In force for the next frame of every session when they return. */
int  proxy_rule_add(struct proxy *p, const char *sentence, struct err *e) MUST_CHECK;
int  proxy_rule_del(struct proxy *p, const char *glob, struct err *e) MUST_CHECK;
void proxy_rule_clear(struct proxy *p);
const struct plan *proxy_plan(const struct proxy *p);

/* The address a node listens on, once open: useful when port 0 was asked for. */
int proxy_listen_address(const struct proxy *p, const char *node, struct addr *out);

/* Live facts. */
struct proxy_stats {
    uint64_t sessions, accepted, refused; /* now; ever; upstream connects that failed */
    uint64_t bytes[2], frames[2];         /* by lane, ever */
    uint64_t held, held_max;              /* bytes waiting in lanes, now and at most */
    uint64_t paused;                      /* times a bound stopped reading */
    nsec     paused_time;
    uint64_t opaque, pairing_lost; /* lanes, ever */
    uint64_t decisions;            /* verdicts that were not "pass" */
};

void proxy_stats(const struct proxy *p, struct proxy_stats *out);

#endif

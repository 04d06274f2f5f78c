/* fault.h -- what a fault is, and all that it may do.
 *
 * A fault is shown one unit of traffic and answers with orders: wait, hold, drop, cut,
 * close. The lane carries them out. A fault owns no byte, timer or socket, so arming,
 * changing or removing one while traffic flows can lose nothing.
 *
 * To add a fault: write faults/<name>.c with one `const struct fault fault_<name>`, add
 * FAULT(<name>) to faults/list.h, and tests/unit/test_<name>.c. The rule grammar, the
 * range checks, --help and the table in README.md all follow from these.
 */
#ifndef FAULT_H
#define FAULT_H

#include "clock.h"
#include "egress.h"
#include "err.h"
#include "phase.h"
#include "resp.h"
#include "rng.h"
#include "verdict.h"

/* What is passing. Read-only, and valid only during the call. */
struct unit {
    nsec               now;
    const struct resp *frame; /* its head; NULL on a stream that is not RESP */
    size_t             len;   /* on_bytes: bytes in this run, > 0 */
    uint64_t           nth;   /* frames of this lane this rule acted on before this one */
    struct rng        *rng;   /* draws that belong to this rule and this frame */
    void              *shared; /* .shared_size bytes, one for all sessions of the link */
    uint8_t            resp;   /* the version the session speaks: 2 or 3 */
    bool               live;   /* on_open: the session was there before the rule */

    /* On a replication link. The offset is the master's before this frame, or before this
     * run of it; of an ACK, what it says. While not anchored it counts from 0. */
    enum repl_phase phase;
    uint64_t        offset;
    bool            anchored;
    bool            write; /* PHASE_STREAM: a command that changes data */
    bool            first; /* PHASE_ACK: the stream has not begun and may wait for it */
    uint64_t        rdb_size; /* PHASE_RDB: of it, or of the link's last; 0 = not known */
    uint64_t        rdb_past; /* bytes of it before this on_frame: see there */
    bool            ends;     /* on_bytes: the frame ends with this run */
};

/* What the packets of a lane suffer on their way in to us. */
struct wire {
    bool   blackhole; /* all are lost, the dialer's SYNs too */
    double loss;      /* or this fraction, each on its own */
};

enum param_type {
    PARAM_TIME,     /* nsec */
    PARAM_BYTES,    /* uint64_t */
    PARAM_RATE,     /* uint64_t, bytes a second */
    PARAM_COUNT,    /* uint64_t */
    PARAM_FRACTION, /* double, 0..1; written 5% */
    PARAM_WORD,     /* int: which of .words */
    PARAM_TEXT, /* char[PARAM_TEXT_SIZE], terminated; quotes and \\r \\n \\xNN in rules */
};

#define PARAM_TEXT_SIZE 160

/* One parameter of a fault. A table of them ends with .name == NULL. The first of the
 * table may be written without its name: `latency 50ms jitter=10ms`. */
struct param {
    const char        *name;
    enum param_type    type;
    size_t             offset;   /* of its field in the fault's conf */
    uint64_t           min, max; /* inclusive; ignored for FRACTION and WORD */
    const char        *standard; /* text of its default; NULL = must be given */
    const char *const *words;    /* PARAM_WORD: NULL-terminated */
    const char        *help;
};

struct fault {
    const char         *name;
    const char         *help;    /* one line, imperative: "delay what matches" */
    const char         *example; /* what follows `do` in a rule: "latency 50ms" */
    const char         *note;    /* what a user would not expect, lines of it; or NULL */
    enum lane_id        lane;    /* where it acts when a rule names no lane */
    const struct param *params;  /* may be NULL */
    size_t              conf_size;
    size_t              state_size; /* per lane and rule, zeroed; the lane owns it */

    size_t shared_size; /* per rule and link, zeroed, shared by its sessions */
    bool   packets;     /* it acts on packets: no condition can be on what is in them */
    bool   replicas;    /* it acts on replication links only */
    bool   poison;      /* it changes what a replica gets: rules must say so */
    bool   skews;       /* and by more or fewer bytes: offsets are wrong then */
    bool   answers;     /* on lane replies: on answers. What nobody asked for (a push, a
                         * message, a line of MONITOR) passes, but for reply=push */
    bool   kills;       /* it orders CLOSE_KILL */

    /* All optional.
     * prepare: are the parameters sound together? 0, or -EINVAL and *e. May fill in
     *   fields of conf that no parameter names.
     * on_open: once for a session, when it begins or (u->live) when the rule is added.
     *   Only for rules without conditions on frames. Orders: delay (before the upstream
     *   is dialed), freeze, close.
     * on_frame: once for a frame that matches, when its head is known; its orders hold
     *   for the whole frame. On a stream that is not RESP every run is a frame. An RDB
     *   can take minutes: with every change of the plan it is asked again for the rest.
     * grain: the longest run of bytes it wants to judge at once, > 0.
     * on_bytes: for each such run of a matching frame, its orders hold for the run.
     * level: is on_frame the same delay for every frame, and this? Then it is not asked
     *   where nobody needs to look into the frames.
     * on_end: the source has shut the lane down. Orders: delay, close.
     * wire: what its packets are to suffer on their way in to us.
     * egress: and on their way out; add to what is there with egress_add. */
    int (*prepare)(void *conf, struct err *e);
    void (*on_open)(const void *conf, void *state, const struct unit *u,
                    struct verdict *v);
    void (*on_frame)(const void *conf, void *state, const struct unit *u,
                     struct verdict *v);
    bool (*level)(const void *conf, nsec *delay);
    size_t (*grain)(const void *conf, const void *state);
    void (*on_bytes)(const void *conf, void *state, const struct unit *u,
                     struct verdict *v);
    void (*on_end)(const void *conf, void *state, const struct unit *u,
                   struct verdict *v);
    void (*wire)(const void *conf, struct wire *w);
    void (*egress)(const void *conf, struct egress *x);
};

/* What a rule with its example must say before `do`: "", or words and a space. */
static inline const char *fault_when(const struct fault *f)
{
    return f->poison ? "when poison " : "";
}

/* Every fault there is, from faults/list.h; ends with NULL. */
extern const struct fault *const faults[];

size_t              fault_count(void);
const struct fault *fault_named(const char *name); /* NULL when there is none */

#endif

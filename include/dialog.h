/* dialog.h -- one session as a function of bytes and time: two lanes, what each knows of
 * the other, and the rules in force.
 *
 *     dialog_feed -> resp_next -> track -> rules -> verdict -> queue -> dialog_next
 *
 * A dialog knows no socket, loop or clock. session.c drives it with libuv, a test drives
 * it with string literals and a clock that is a variable. With no rule matching, the
 * bytes that leave a lane are the bytes that came, in order, whatever they are.
 */
#ifndef DIALOG_H
#define DIALOG_H

#include "decision.h"
#include "match.h"
#include "plan.h"
#include "queue.h"
#include "repl.h"
#include "track.h"

struct replay;

/* What all dialogs of a proxy share. Zero it, fill in the first part. */
struct core {
    uint64_t    seed;
    uint64_t    lane_limit; /* bytes of memory one lane may hold */
    struct pool pool;       /* .limit: all of them together */

    /* Decisions made before, to be made again instead of new ones; or NULL. */
    const struct replay *replay;

    /* Told of every decision, of every byte that was lost or invented by one, and of the
     * end of a session that any was about. Each may be NULL. */
    void (*decided)(void *arg, const struct decision *d);
    void (*accounted)(void *arg, const struct account *a);
    void (*ended)(void *arg, const struct dialog *d);
    void *arg;

    uint64_t bytes[2], frames[2]; /* by lane, ever */
    uint64_t decisions, opaque, pairing_lost;

    /* Told when a rule's life begins or is over because of what has happened; may be
     * NULL. Then plan_expire and dialog_replan have work, though not from in here. */
    void (*changed)(void *arg);

    struct scan       *spare;  /* private: scanners for reuse */
    struct share      *shares; /* private: what the sessions of a link share of a rule */
    const struct plan *swept;  /* private: the plan that they were last held against */
};

void core_release(struct core *c); /* after the last dialog of it is gone */

/* What a seat remembers of a rule is private to seats.c. */
struct seat;

/* What rules have ordered for a lane beyond the frame at hand; 0 = none. Those that hold
 * have a bit each: what two partitions hold is not let go when one of them heals. */
struct lasting {
    uint64_t *holder;         /* private: the serial of each bit; NULL = none */
    uint64_t  sticking;       /* hold all that follows this frame */
    uint64_t  stuck_by;       /* hold all */
    uint64_t  frozen_by;      /* keep the source from being read */
    uint64_t  gate_by;        /* private: the holder whose gates wait for */
    uint64_t  tide;           /* private: this */
    bool      eased;          /* a bound, and not the tide, has opened one */
    bool      severed;        /* a hole in a stream: nothing behind it passes */
    uint64_t  owed_by;        /* serial; has dropped bytes: the connection ends with it */
    nsec      idle_at;        /* close then, if nothing comes; 0 = never */
    uint64_t  idle_by;        /* the serial of who wants that */
    uint64_t  dropped, added; /* bytes */
};

struct lane {
    struct queue queue;
    struct scan *scan; /* NULL between two frames: what is known of the one under way */
    struct seat *seat; /* rules that apply here, in plan order */
    struct lasting *lasting; /* never NULL; read-only until the session has had a rule */
    unsigned        seats;
    bool            opaque; /* never or no longer RESP: every run is a frame */
    uint64_t        frames; /* seen, the one under way included */
    uint64_t        bytes;  /* fed */
    uint64_t        sent; /* and gone: bytes + added - dropped, but for what is queued */
    nsec            fed_at; /* private: last */
};

struct dialog {
    struct core        *core;
    const struct party *from, *to;
    uint64_t            link;    /* rng_hash of "from->to" */
    uint64_t            ordinal; /* of this session on its link, from 1 */
    struct plan        *plan;
    struct track        track;
    struct repl        *repl;        /* NULL until a replica has said what it is */
    uint64_t            rdb_hint;    /* the size of the link's last RDB; 0 = not known */
    uint64_t            stream_out;  /* bytes lane replies put out before its stream */
    uint64_t            stream_skew; /* private: of them, added less dropped */
    struct lane         lane[2];     /* by enum lane_id */
    nsec                wait;        /* before the upstream is dialed */
    uint64_t            wait_by;     /* private: serial of the rule that wants it */
    bool                speaking;    /* private: a reply of our own passes */
    enum close_how      doom;        /* not CLOSE_NO: end the session now, like this */
    uint64_t            decisions;   /* about it, ever */
    struct rule        *ender;       /* the first rule that ordered its end; or NULL */
};

void dialog_init(struct dialog *d, struct core *core, const struct party *from,
                 const struct party *to, uint64_t ordinal, struct plan *plan);
void dialog_release(struct dialog *d);

/* Bytes from the source of a lane, or its end. They stay borrowed until dialog_settle:
 * send what dialog_next offers, then settle, then reuse the buffer. 0 or -ENOMEM. */
int dialog_feed(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p,
                size_t n) MUST_CHECK;
int dialog_end(struct dialog *d, enum lane_id lane, nsec now,
               enum queue_end how) MUST_CHECK;
int dialog_settle(struct dialog *d, enum lane_id lane) MUST_CHECK;

/* The longest reply that a rule can give in the server's place. */
#define DIALOG_REPLY_MAX 512

/* As queue_next, queue_sent and queue_due. */
enum queue_do dialog_next(const struct dialog *d, enum lane_id lane, nsec now,
                          struct iovec *iov, size_t *n);
void          dialog_sent(struct dialog *d, enum lane_id lane, nsec now, size_t bytes);
nsec          dialog_due(const struct dialog *d, enum lane_id lane);

/* Bytes that may be read for this lane now; 0 = stop reading. A lane that holds nothing
 * may always take DIALOG_READ_MIN, so that sessions cannot starve one another. */
#define DIALOG_READ_MIN ((size_t)16384)
size_t dialog_room(const struct dialog *d, enum lane_id lane);

/* Take up a plan, or the same plan after a role or a party has changed. What waits
 * because of a rule that is gone becomes due at once; no byte is lost. -ENOMEM leaves
 * the old plan in force. */
int dialog_replan(struct dialog *d, struct plan *plan, nsec now) MUST_CHECK;

/* It is known better who dials. Until dialog_replan the rules are as they were. */
void dialog_is_from(struct dialog *d, const struct party *from, uint64_t ordinal);

/* A session begins: take up the plan, and let its rules say how long to wait before the
 * upstream is dialed (d->wait) and whether to go on at all (d->doom). */
int dialog_open(struct dialog *d, nsec now) MUST_CHECK;

/* Of the stream of a replication link: bytes that wait here; those of them that no rule
 * holds, so that they wait for the replica to read; and how many more have been put out
 * than came in: not 0 when offsets have been spoiled. */
uint64_t dialog_stream_held(const struct dialog *d);
uint64_t dialog_stream_unread(const struct dialog *d, nsec now);
int64_t  dialog_stream_skew(const struct dialog *d);

#endif

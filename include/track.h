/* track.h -- which request does each reply answer, and what has the session become?
 *
 * A bounded list of the requests that await an answer, run-length coded: a pipeline of
 * a million GETs is one entry. Knows pipelining, MULTI, the SUBSCRIBE family, RESP3
 * push, MONITOR, CLIENT REPLY, HELLO, RESET, blocking commands and inline ones (Redis:
 * networking.c, pubsub.c; redis.io/docs/reference/protocol-spec). When it can no longer
 * know, it says so once and stops guessing.
 *
 * Pure: shown the heads of frames in the order they pass.
 */
#ifndef TRACK_H
#define TRACK_H

#include "resp.h"
#include "rule.h"

#define TRACK_ENTRIES 65536 /* of the run-length coded list */
#define TRACK_COMMAND 16    /* bytes of a command kept for the journal */

/* What a request asks the reply lane to remember of it. */
struct track_mark {
    struct rule *mute;   /* sent it twice: this reply is nobody's. NULL = it did not */
    uint64_t     mask;   /* slots of rules whose conditions it meets */
    uint64_t     serial; /* of the plan it was judged by */
    char         command[TRACK_COMMAND]; /* "" when nobody will ask */
};

struct track {
    enum role role;
    uint8_t   resp;        /* 2 or 3, as agreed by HELLO */
    bool      in_multi;    /* the next request is inside MULTI */
    bool      lost;        /* pairing is lost: track_reply answers UNKNOWN for good */
    bool      replicating; /* PSYNC or SYNC was seen */
    bool      handshaking; /* or REPLCONF: its lines are not to be torn */
    bool      synced;      /* and granted: no frame answers another any more */

    uint32_t promotions; /* times the server was told to be a master */

    uint32_t odd;      /* requests outstanding whose replies are not plain */
    uint32_t database; /* of SELECT */
    char    *name;     /* of CLIENT SETNAME or HELLO; NULL = none */
    char    *user;     /* of AUTH or HELLO; NULL = default */
    char    *hello;    /* what a Sentinel last published of itself, "ip,port,..."; NULL */

    uint32_t introductions; /* times the dialer has said something of who it is */

    struct rule *muted_by; /* whose doing the last reply was that was nobody's */

    /* Private to track.c. */
    bool                silent, skip_next;         /* CLIENT REPLY OFF, SKIP */
    bool                quiet;                     /* the request at hand has no answer */
    bool                asked_monitor, monitoring; /* on its way; in force */
    bool                hidden; /* subscriptions may be confirmed that we did not see */
    uint32_t            channels, patterns, shards; /* subscriptions confirmed */
    uint32_t            size, first, n;             /* ring */
    struct track_entry *ring;                       /* allocated when first needed */
};

void track_init(struct track *t);
void track_release(struct track *t);

/* The head of a request is known. */
void track_request(struct track *t, const struct resp *head, const struct track_mark *m);

/* The request was kept from the server, and these bytes of the rule's are the reply to
 * it, when its turn comes. The rule is kept alive until then. */
void track_instead(struct track *t, struct rule *rule, struct bytes reply);

/* The reply that is due now and that the server will not send; false when there is
 * none. track_spoken says that it is being given; it is not for track_reply. */
bool track_due(const struct track *t, struct bytes *reply);

/* Whose it is; only while one is due. */
struct rule *track_speaker(const struct track *t);
void         track_spoken(struct track *t);

enum track_answer {
    ANSWERS, /* *m says what the request left; it is the reply to it */
    UNASKED, /* a push, a pub/sub message, a MONITOR line, a farewell */
    UNKNOWN, /* pairing is lost */
};

enum track_answer track_reply(struct track *t, const struct resp *head,
                              struct track_mark *m);

/* Of how many of the lane's next frames is nothing to be known but their number? They
 * are lines, bulks or arrays of bulks, and of requests those whose command nobody minds:
 * most. track_count says that so many of them have passed, and (of requests, all alike)
 * what they leave. */
uint64_t track_countable(const struct track *t, enum lane_id lane);
void     track_count(struct track *t, enum lane_id lane, uint64_t n,
                     const struct track_mark *m);

/* Is this a command that changes how a session goes on, or is not simply answered? */
bool track_minds(const char *command, size_t n);

/* Is the next reply that of PSYNC or SYNC? */
bool track_syncs(const struct track *t);

/* That was granted: replication begins. */
void track_granted(struct track *t);

#endif

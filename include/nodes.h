/* nodes.h -- the nodes of a running proxy, who dials them, and the links between: part of
 * its insides, as shell.h.
 *
 * Nodes come and go. Each party that may dial, node or client, has a number, `who`, for
 * as long as it lives: the place of its links in every node's link[]. A node that has
 * gone is freed when the last session that knows it is.
 */
#ifndef NODES_H
#define NODES_H

#include "config.h"
#include "match.h"
#include "wake.h"

struct ear;
struct proxy;
struct session;

/* What the kernel knows of the live sockets of a link that lead to one peer. */
struct link_sockets {
    uint64_t rtt_us, cwnd, unacked; /* the longest, the least, the sum */
    uint64_t retransmits;           /* the sum */
};

/* An ordered pair of parties. */
struct link {
    const struct party *from, *to;
    uint64_t            sessions; /* ever: the ordinal of the newest */
    uint64_t            live;
    uint64_t            bytes[2];          /* read, by lane, ever */
    uint64_t            replicating;       /* of them, with role replication */
    uint64_t            tally[ROLE_COUNT]; /* scratch of metrics.c */
    uint64_t            full, partial;     /* resyncs granted, ever */
    uint64_t            rdb_size;          /* of the last whole RDB; 0 = none yet */
    uint64_t            retransmits[2]; /* of sessions that have ended: to the dialer, */
    struct link_sockets sockets[2];     /* the dialed; when last asked, of live ones */
};

struct listener {
    struct node     *node;
    struct endpoint  ear;      /* its `ready` is NULL while it is closed */
    struct wake_node retry;    /* after EMFILE, or to see whether the upstream is back */
    bool             filtered; /* a packet filter is on it; accepted sockets inherit it */
    bool             paused;   /* does not accept for now */
    bool             down;     /* closed because the upstream refuses */
    bool             looking;  /* a look at the upstream is under way */
    nsec             say_again; /* that it is paused: see log_again */
    struct sockaddr_storage at; /* what it is bound to, or is to be */
    socklen_t               at_len;
};

#define SENTINEL_ID 8

struct node {
    struct party    party; /* its name is ours */
    struct proxy   *proxy;
    struct addr     upstream;
    struct listener listener;
    size_t          who;
    bool            polite;    /* dialers it cannot serve get a FIN, not a RST */
    bool            warned;    /* that a bound, not a delay, shapes its traffic */
    bool            down;      /* its upstream, when last dialed, was not there */
    nsec            say_again; /* that it cannot even be dialed: see log_again */
    struct link   **link;      /* by dialer; NULL where none ever dialed */
    size_t          links;
    uint64_t        read[2], sent[2]; /* bytes by lane, ever */
    struct node    *gone;             /* next in the list of those that have gone */
    char            sentinel_id[SENTINEL_ID + 1]; /* of its run; "" = not known yet */
};

struct dialer { /* a range of source addresses and whose it is */
    struct addr_range range;
    size_t            who;
    const char       *host; /* the name that it stands for just now; NULL = itself */
};

struct saying { /* what a node or client says of itself: see config_party.said */
    char  *text;
    size_t who;
};

int  nodes_build(struct proxy *p, const struct config *c) MUST_CHECK; /* 0 or -ENOMEM */
int  nodes_listen(struct proxy *p, const struct config *c, struct err *e) MUST_CHECK;
void nodes_reap(struct proxy *p); /* free those that have gone and nobody knows */
void nodes_free(struct proxy *p);

/* From now on this name of a party stands for these addresses and no others. */
void nodes_dialers(struct proxy *p, size_t who, const char *host,
                   const struct addr_range *at, size_t n);

/* Who dials from now on is led there; sessions stay where they are. */
int nodes_upstream(struct proxy *p, const char *name, const struct addr *upstream,
                   struct err *e) MUST_CHECK;

/* It dials from there from now on. Whoever is connected stays, and is who it was. */
int nodes_sources(struct proxy *p, const char *name, const struct config_party *c,
                  struct err *e) MUST_CHECK;

/* Who dials from there: of a Sentinel and another that share the address the one or the
 * other. And the link of it, made when it is the first; NULL = ENOMEM. */
size_t       nodes_who(const struct proxy *p, const struct sockaddr *peer, bool sentinel);
struct link *nodes_link(struct node *n, size_t who);
struct node *nodes_find(const struct proxy *p, const char *name); /* or NULL */
struct party *nodes_rest(const struct proxy *p); /* everybody who has no name */
/* The link if anybody ever dialed; else NULL. */
const struct link *nodes_link_seen(const struct node *n, size_t who);

/* dialers.c: who a dialer says it is, SIZE_MAX when it has said nothing that helps. It
 * is believed before its address is. */
int    dialers_add(struct proxy *p, const struct config_party *c, size_t who) MUST_CHECK;
void   dialers_drop(struct proxy *p, size_t who);
void   dialers_free(struct proxy *p);
size_t dialers_said(const struct session *s, const struct sockaddr_storage *peer);

/* names.c: sources that are names. Whoever dials from where they lead is known by them,
 * also when the name learns of its address after the session has begun. */
int  names_add(struct proxy *p, const struct config_party *c, size_t who) MUST_CHECK;
void names_drop(struct proxy *p, size_t who);
void names_look(struct proxy *p); /* soon: somebody dials whom nobody knows */
void names_stop(struct proxy *p); /* what is under way still comes back */
void names_free(struct proxy *p);

/* listener.c */
int  listener_open(struct listener *l, struct node *n, const struct addr *at,
                   struct err *e) MUST_CHECK;
void listener_close(struct listener *l);
bool listener_is_open(const struct listener *l);
void listener_resume(struct listener *l);            /* descriptors may be free again */
int  listener_filter(struct listener *l) MUST_CHECK; /* as the plan has it now */
void listener_upstream_down(struct listener *l);     /* the upstream refuses */

#endif

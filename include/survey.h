/* survey.h -- what a running set-up of Redis and Sentinel says of itself.
 *
 * A survey begins at some addresses, asks whoever answers there (INFO, SENTINEL, CLIENT
 * INFO, CONFIG GET where it may), goes on to every address that is named in an answer,
 * and ends when there is none left. A server that is reached at two addresses is one
 * server: its run id says so. Nothing is changed anywhere.
 *
 * What it finds are facts, in order of finding; what they mean is for traps.h.
 */
#ifndef SURVEY_H
#define SURVEY_H

#include "places.h"
#include "url.h"

#define SURVEY_SPOTS    160
#define SURVEY_SERVERS  64
#define SURVEY_LISTINGS 1024
#define SURVEY_DIALERS  8
#define SURVEY_NOTES    24
#define SURVEY_ID       44 /* 40 hexadecimal digits */
#define SURVEY_NOBODY   SURVEY_SERVERS

/* Who is at an address, as seen from here. */
enum spot_state {
    SPOT_ANSWERS,
    SPOT_REFUSES, /* the kernel says that nobody listens */
    SPOT_CLOSES,  /* it accepts, and closes without a word */
    SPOT_DENIES,  /* protected mode */
    SPOT_LOCKED,  /* a password is wanted */
    SPOT_SILENT,  /* anything else: see why */
};

enum spot_way { WAY_UNKNOWN, WAY_PROXIED, WAY_DIRECT };

struct spot {
    struct addr     at;
    enum spot_state state;
    enum spot_way   way;
    size_t          server; /* who answered, or SURVEY_NOBODY */
    char            why[160];
};

/* A word of configuration; it may be that we are not told. */
struct setting {
    bool known;
    char text[ADDR_HOST_MAX];
};

struct survey_server {
    char           name[ADDR_TEXT_MAX]; /* as places has it, or else its address */
    char           run_id[SURVEY_ID], my_id[SURVEY_ID]; /* my_id: of a sentinel */
    bool           sentinel, valkey;
    unsigned       major, minor;
    struct addr    known; /* where others should find it; .host is "" when unknown */
    struct addr    real;  /* likewise */
    bool           replica, link_up, no_password;
    struct setting announce_ip, announce_port;
    struct setting protected_mode, second_channel;        /* of a redis */
    struct setting resolve_hostnames, announce_hostnames; /* of a sentinel */
};

enum listing_kind {
    LISTS_REPLICA,    /* a master's INFO; state is its word for it: "online" */
    FOLLOWS_MASTER,   /* a replica's INFO; state is "up" or "down" */
    WATCHES_MASTER,   /* a sentinel; state is its flags: "s_down,slave" */
    WATCHES_REPLICA,  /* likewise */
    WATCHES_SENTINEL, /* likewise */
};

/* One server says that another is at an address. */
struct listing {
    enum listing_kind kind;
    size_t            by;
    struct addr       at;
    size_t            spot;          /* what we found there */
    char              id[SURVEY_ID]; /* as the lister has it; "" = it does not know */
    char              state[96];
    unsigned          quorum; /* WATCHES_MASTER */
};

struct survey {
    const struct places *places;
    const char          *master; /* the name to look for; "" takes what there is */

    /* Private to survey_read.c: who to be, and how long to wait. */
    const struct url *sentinel_login, *data_login;
    nsec              timeout;

    char                 service[128]; /* what the sentinels call the master */
    struct spot          spot[SURVEY_SPOTS];
    struct survey_server server[SURVEY_SERVERS];
    struct listing       listing[SURVEY_LISTINGS];
    char                 dialer[SURVEY_DIALERS][ADDR_HOST_MAX]; /* the proxy comes from */
    char                 note[SURVEY_NOTES][256]; /* what could not be read */
    size_t               spots, servers, listings, dialers, notes;
};

/* Facts, one by one; for the reader, and for tests. Each answers an index, the same for
 * the same thing, or SURVEY_NOBODY, SURVEY_SPOTS or SURVEY_LISTINGS when there is no
 * room. */
size_t survey_spot(struct survey *s, const struct addr *at);
size_t survey_server(struct survey *s, const char *run_id);
size_t survey_list(struct survey *s, enum listing_kind kind, size_t by,
                   const struct addr *at);
void   survey_dialer(struct survey *s, const char *ip);
void   survey_note(struct survey *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A server was reached at a spot, by way of the proxy or not. */
void survey_reached(struct survey *s, size_t spot, size_t server, enum spot_way way);

/* Ask them all, from these addresses and all known places on. 0, or -ENOTCONN and *e: no
 * sentinel and no redis answered at all; -EINVAL: several masters are watched and none
 * was named, or the one that was is not there; -EINTR: a signal. */
int survey_read(struct survey *s, const struct url *from, size_t n,
                struct err *e) MUST_CHECK;

#endif

/* trouble.h -- the ways in which a request can fail, by a name each.
 *
 * Those of the network are in small letters, Redis' own errors as Redis writes them.
 */
#ifndef TROUBLE_H
#define TROUBLE_H

#include <stdint.h>

enum trouble {
    TROUBLE_NONE,
    TROUBLE_TIMEOUT,     /* no answer, or no connection, in time */
    TROUBLE_REFUSED,     /* nobody listens there */
    TROUBLE_RESET,       /* the connection was reset */
    TROUBLE_EOF,         /* the server closed it */
    TROUBLE_UNREACHABLE, /* no way to that host, or no such socket */
    TROUBLE_RESOLVE,     /* the host's name is not known */
    TROUBLE_BIND,        /* the source address is not ours */
    TROUBLE_PROTOCOL,    /* what came is not RESP */
    TROUBLE_READONLY,
    TROUBLE_LOADING,
    TROUBLE_MASTERDOWN,
    TROUBLE_NOREPLICAS,
    TROUBLE_OOM,
    TROUBLE_MISCONF,
    TROUBLE_BUSY,
    TROUBLE_CLUSTERDOWN,
    TROUBLE_MOVED,
    TROUBLE_ASK,
    TROUBLE_TRYAGAIN,
    TROUBLE_NOAUTH,
    TROUBLE_WRONGPASS,
    TROUBLE_NOPERM,
    TROUBLE_DENIED, /* protected mode */
    TROUBLE_WRONGTYPE,
    TROUBLE_OTHER,
    TROUBLE_KINDS
};

struct troubles {
    uint64_t n[TROUBLE_KINDS];
};

const char *trouble_name(enum trouble t);

/* By the first word of an error reply: "READONLY You can't write ...". */
enum trouble trouble_of_reply(const char *text);

/* By what the system called it, as errno text: "Connection refused". */
enum trouble trouble_of_system(const char *text);

uint64_t trouble_total(const struct troubles *t);

#endif

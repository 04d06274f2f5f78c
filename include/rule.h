/* rule.h -- where + when + how often + which fault + for how long: one sentence.
 *
 *   rule  := [name ':'] 'on' links [lane] ['when' cond+] [often+] 'do' fault
 *            [value] [param=value...] ['for' time]
 *   links := who '->' who | who '<->' who
 *   who   := a name, a glob, a list a,b, or one of: * master replica sentinel client
 *   lane  := requests | replies | both
 *   cond  := role=client|replication|sentinel|pubsub|monitor|opaque
 *            command=SET,GET  key=user:*  phase=handshake|rdb|stream|ack  offset>=N
 *            poison
 *   often := chance=5%  nth=10  every=10  first=3  after=100  sessions=30%
 *
 * The same grammar wherever a rule can be written. A rule is immutable once parsed and
 * shared by reference count.
 */
#ifndef RULE_H
#define RULE_H

#include "err.h"
#include "fault.h"

#define RULE_NAME_MAX  64
#define RULE_TEXT_MAX  1024 /* a longer sentence is refused */
#define RULE_COMMANDS  16
#define RULE_REPLY_MAX 24

/* What a connection turned out to be, learned from its bytes. */
enum role {
    ROLE_CLIENT,
    ROLE_REPLICATION,
    ROLE_SENTINEL,
    ROLE_PUBSUB,
    ROLE_MONITOR,
    ROLE_OPAQUE,
    ROLE_COUNT,
    ROLE_ANY = ROLE_COUNT, /* in rules only */
};

extern const char *const role_names[]; /* by enum role; ends with NULL */

struct rule {
    char         name[RULE_NAME_MAX]; /* "" until the plan names it */
    char         from[RULE_NAME_MAX], to[RULE_NAME_MAX];
    bool         both_ways; /* '<->' */
    enum lane_id lane;      /* resolved: never "the fault's natural one" */
    bool         lane_given;

    /* Conditions; each absent one is true. */
    enum role       role; /* ROLE_ANY */
    unsigned        commands;
    char            command[RULE_COMMANDS][32]; /* upper case */
    char            key[RESP_WORD_MAX];         /* glob on the first argument; "" = any */
    char            arg[RESP_WORD_MAX];         /* glob on any argument */
    char            client_name[RULE_NAME_MAX]; /* glob */
    char            user[RULE_NAME_MAX]; /* glob on the ACL user; "default" until AUTH */
    char            reply[RULE_REPLY_MAX]; /* class of the reply: see match_reply */
    bool            in_multi;              /* between MULTI and EXEC, EXEC included */
    int             database;              /* of SELECT; -1 = any */
    enum repl_phase phase;                 /* of replication; PHASE_NONE = any */
    uint64_t        offset;                /* the master's, at least; 0 = any */
    bool            poison;  /* replicas may be given what their master never said */
    uint64_t        session; /* ordinal on its link; 0 = any */
    char            after_rule[RULE_NAME_MAX]; /* acts once that rule has acted */
    char            until_rule[RULE_NAME_MAX]; /* is over once that rule has acted */
    bool            once;                      /* is over once it has acted itself */

    /* How often, counted per session over the frames that meet the conditions:
     * skip `after` of them; of the rest only the nth, only the first `first`, only each
     * `every`-th; then draw. 0 = not given. */
    double   chance; /* 1 when not given */
    double   share; /* of the sessions of a link, drawn once for each; 1 when not given */
    uint64_t nth, every, first, after;

    const struct fault *fault;
    void               *conf; /* fault->conf_size bytes, owned */
    nsec                life; /* 'for'; NSEC_NEVER when not given */

    uint64_t id; /* rng_hash of the name if one was given, else of the sentence */
    unsigned refs;

    /* What has happened since it was added to a plan: the one part that changes. */
    uint64_t fired; /* times it has acted, anywhere */
    bool     begun; /* after_rule has acted */
    bool     over;  /* it is to leave the plan */
};

static inline bool rule_in_force(const struct rule *r)
{
    return !r->over && (r->begun || !r->after_rule[0]);
}

/* 0 and a rule with one reference, or -EINVAL and *e with a column. */
int rule_parse(const char *sentence, struct rule **out, struct err *e) MUST_CHECK;

struct rule *rule_ref(struct rule *r);
void         rule_unref(struct rule **r); /* sets *r to NULL; NULL is fine */

/* The sentence that reads back as this rule; defaults are left out. Answers buf. */
const char *rule_print(const struct rule *r, char *buf, size_t size);

/* Only its fault and parameters: "latency 50ms jitter=10ms". Answers buf. */
const char *rule_print_fault(const struct rule *r, char *buf, size_t size);

/* Does the rule look at requests (command, key)? On lane replies such a rule needs to
 * know which request a reply answers. */
bool rule_needs_request(const struct rule *r);

#endif

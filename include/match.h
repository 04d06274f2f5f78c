/* match.h -- does this rule apply to this link, this session, this request?
 *
 * Names are matched as text, with globs (fnmatch). The words master, replica, sentinel
 * and client stand for what a party is at the moment.
 */
#ifndef MATCH_H
#define MATCH_H

#include "rule.h"
#include "track.h"

enum party_kind { PARTY_REDIS, PARTY_SENTINEL, PARTY_CLIENT };

struct party {
    const char     *name;
    enum party_kind kind;
    bool            replica; /* PARTY_REDIS: it was last seen to replicate */
};

/* Is the party one of a comma list of names, globs and words? */
bool match_who(const char *list, const struct party *p);

bool match_link(const struct rule *r, const struct party *from, const struct party *to);
bool match_lane(const struct rule *r, enum lane_id lane);
bool match_role(const struct rule *r, enum role role);

/* The conditions on a request. A key longer than what is kept of it matches a pattern
 * that ends with '*' by its beginning, and no other. */
bool match_request(const struct rule *r, const struct resp *head, const struct track *t);

/* The class of a reply: error, nil, ok, status, integer, bulk, array, map, push, or the
 * first word of an error (MOVED, LOADING, WRONGTYPE ...), letter case aside. */
bool match_reply(const struct rule *r, const struct resp *frame);

#endif

/* fan.h -- ask one thing of several proxies at once, over HTTP; and change all or none.
 *
 * The proxies hold no shared state. Whoever changes something asks each for its rules
 * first, changes all at the same time, and if one of them does not follow sets the others
 * back to the rules they had. A scenario is begun likewise on all or on none.
 */
#ifndef FAN_H
#define FAN_H

#include <jansson.h>

#include "addr.h"
#include "clock.h"

#define FAN_MAX 256 /* proxies */

struct fan_peer {
    char       at[ADDR_TEXT_MAX]; /* "10.0.0.7:8474" */
    long       status;            /* of the last answer; 0 = there was none */
    json_t    *answer;            /* or NULL; ours */
    struct err trouble;           /* why there was none, or what the proxy refused with */
    json_t    *before;            /* the rules before the last change, or NULL; ours */
};

struct fan {
    struct fan_peer *peer;
    size_t           n;
    char             auth[320]; /* a header, or "" */
    nsec             timeout;   /* of each request */
};

struct fan_request {
    const char   *method, *path; /* "POST", "/cut"; escaped */
    const json_t *body;          /* an object */
};

/* `where` is a list: "10.0.0.7:8474,10.0.0.8:8474"; a name stands for all of its
 * addresses of one family, localhost for itself. token_file may be NULL. 0, or a negative
 * errno and *e: bad words, no such name. */
int  fan_open(struct fan *f, const char *where, const char *token_file, nsec timeout,
              struct err *e) MUST_CHECK;
void fan_close(struct fan *f);

/* Ask those for which only[i] is true (NULL: all), and wait for all of them. */
void fan_ask(struct fan *f, const struct fan_request *q, const bool *only);

/* A change of rules on all, or on none: args is the request's body, into which a name
 * goes when the request would make each proxy draw one of its own. `verb` is what it is
 * called. 0 and each peer's answer; or a negative errno and *e, which says who did not
 * follow, that nothing is changed, and if that could not be had, where. */
int fan_change(struct fan *f, const struct fan_request *q, const char *verb, json_t *args,
               struct err *e) MUST_CHECK;

/* Have all play these n bytes of steps, or none: each is asked whether it would, and then
 * told. 0 and each peer's answer; or a negative errno and *e, as for fan_change. With
 * `check` nothing is played. */
int fan_play(struct fan *f, const char *steps, size_t n, bool check,
             struct err *e) MUST_CHECK;

/* Have those that play stop, or none: who did is told to go on when another does not. */
int fan_stop(struct fan *f, struct err *e) MUST_CHECK;

/* As if fan_play had not been: stop playing, and set each back to the rules it had. */
int fan_back(struct fan *f, struct err *e) MUST_CHECK;

/* End the session of that id, when it is sure on which proxy it is. `path` is what
 * deletes it. */
int fan_kill(struct fan *f, const char *id, const char *path, struct err *e) MUST_CHECK;

#endif

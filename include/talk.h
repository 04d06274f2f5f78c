/* talk.h -- one connection to a Redis, spoken with in a straight line.
 *
 * For probes that do one thing after the other and want to know, of each, what became of
 * it. Nothing comes back by itself: a connection that is lost is lost, and the caller
 * says whether there is to be another. Every call has a deadline and ends early when
 * SIGINT or SIGTERM comes (talk_catch).
 *
 * All answer 0 or a negative errno. Afterwards t->trouble and t->why say what it was.
 *
 *   -ETIME   our own patience is over; the connection is still there
 *   -EINTR   a signal came
 *   -ENODATA the server has closed it
 *   others   what the kernel says of the connection: ETIMEDOUT is its word, not ours
 */
#ifndef TALK_H
#define TALK_H

#include <hiredis/hiredis.h>
#include <signal.h>

#include "clock.h"
#include "trouble.h"
#include "url.h"

#define TALK_WHY_MAX 160
#define TALK_WORDS   64

struct talk_conf {
    const struct url *url;
    const char       *source;  /* address to come from, or NULL */
    nsec              timeout; /* to connect and log in, and of each answer */

    /* What the kernel is to notice by itself; 0 = what it does anyway. */
    unsigned keep_idle, keep_interval, keep_count; /* seconds, seconds, probes */
    nsec     user_timeout;
};

struct talk {
    redisContext *ctx; /* NULL while there is no connection */
    enum trouble  trouble;
    char          why[TALK_WHY_MAX];
};

/* Zeroed is closed. Connect, log in, select the database; there must be no connection. */
int talk_open(struct talk *t, const struct talk_conf *c) MUST_CHECK;

/* Only begin to connect; talk_connected answers 0 once it has, -EINPROGRESS until then.
 * Its descriptor becomes writable at that moment. */
int  talk_begin(struct talk *t, const struct talk_conf *c) MUST_CHECK;
int  talk_connected(struct talk *t) MUST_CHECK;
void talk_close(struct talk *t); /* none is fine */

/* Queue a command of at most TALK_WORDS; write all that is queued; read one reply, to be
 * freed. */
int talk_add(struct talk *t, int words, const char *const *word) MUST_CHECK;
int talk_flush(struct talk *t, nsec until) MUST_CHECK;
int talk_read(struct talk *t, nsec until, redisReply **out) MUST_CHECK;

/* All three for one command. Also when it fails because time is over, the connection is
 * closed: the next answer would be this one's. */
int talk_ask(struct talk *t, nsec timeout, int words, const char *const *word,
             redisReply **out) MUST_CHECK;

/* An answer that is an error becomes -EPROTO with its trouble, others stay 0. */
int talk_judge(struct talk *t, const redisReply *r) MUST_CHECK;

nsec talk_now(void);
int  talk_sleep(nsec t); /* 0 or -EINTR */

/* From now on SIGINT and SIGTERM only set talk_signal; a second one ends the process. */
void                         talk_catch(void);
extern volatile sig_atomic_t talk_signal;

/* After that signal, to clean up: calls no longer end early for it. */
void talk_go_on(void);

#endif

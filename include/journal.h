/* journal.h -- one line for every decision that was not "let it pass", and all that it
 * takes to make them again (replay.h).
 *
 *   ev=start version=0.1.0 seed=42
 *   ev=node name=r1 kind=redis listen=127.0.2.1:6379 upstream=127.0.1.1:6379 sources=...
 *   ev=rule t=0.000000 name=slow serial=1 text="slow: on client -> * do latency 20ms"
 *   ev=first t=0.213400 link=client->r1          the first session is accepted
 *   ev=decision t=0.213567 rule=slow link=client->r1 session=3 lane=replies frame=17
 *      cmd=GET fault=latency delay=20000000
 *   ev=bytes rule=lost link=client->r1 session=3 lane=replies frame=18 dropped=4 added=0
 *   ev=end link=client->r1 session=3 by=boom requests_in=40 requests_out=40 ...
 *   ev=unrule t=9.000000 name=slow serial=1
 *
 * docs/journal.md says what each key means. Times of orders are nanoseconds. A journal
 * that can no longer be written (a full disk) says so once in the log, counts what it
 * lost, and never stops the proxy.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "config.h"
#include "dialog.h"

struct journal;

int  journal_open(struct journal **out, const char *path, uint64_t seed,
                  struct err *e) MUST_CHECK;
void journal_config(struct journal *j, const struct config *c);    /* who there is */
void journal_plan(struct journal *j, struct plan *plan, nsec now); /* what is new in it */
void journal_first(struct journal *j, const char *from, const char *to, nsec now);
void journal_decision(struct journal *j, const struct decision *d);
void journal_account(struct journal *j, const struct account *a);
void journal_end(struct journal *j, const struct dialog *d);
void journal_flush(struct journal *j);

/* Its last whole lines, as far back as JOURNAL_TAIL bytes: *text is the caller's to free.
 * 0, or a negative errno: -ESPIPE when it is written into something that is no file. */
#define JOURNAL_TAIL ((size_t)1 << 20)
int  journal_tail(struct journal *j, char **text, size_t *n) MUST_CHECK;
void journal_close(struct journal **j);

#endif

/* journal.h -- one line for every decision that was not "let it pass", and enough of the
 * start to replay them.
 *
 *   ev=start version=0.1.0 seed=42
 *   ev=rule name=slow serial=1 text="slow: on client -> * do latency 20ms"
 *   ev=decision t=12.034567 rule=slow link=client->r1 session=3 lane=replies frame=17
 *      cmd=GET fault=latency delay=20000000
 *
 * Times in orders are nanoseconds. A journal that can no longer be written (a full disk)
 * says so once in the log, counts what it lost, and never stops the proxy.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "dialog.h"

struct journal;

int  journal_open(struct journal **out, const char *path, uint64_t seed,
                  struct err *e) MUST_CHECK;
void journal_plan(struct journal *j, const struct plan *plan); /* rules not yet written */
void journal_decision(struct journal *j, const struct decision *d);
void journal_flush(struct journal *j);
void journal_close(struct journal **j);

#endif

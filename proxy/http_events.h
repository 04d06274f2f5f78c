/* http_events.h -- GET /events: what happens, as server-sent events. Private to http.c.
 *
 *   event: rule-fired
 *   data: {"event":"rule-fired","t":81.25,"rule":"slow","from":"client","to":"r1",...}
 *
 * What waits for a reader is bounded: EVENTS_UNREAD bytes each. What finds no room is
 * left out and counted, and `event: dropped` says how many there were as soon as there
 * is room again. A silent stream gets a comment every EVENTS_BEAT, which also finds out
 * who is no longer there.
 */
#ifndef HTTP_EVENTS_H
#define HTTP_EVENTS_H

#include "mhd.h"
#include "proxy.h"

#define EVENTS_UNREAD  ((size_t)256 << 10)
#define EVENTS_STREAMS 32
#define EVENTS_BEAT    SEC(5)

struct http_events;

/* NULL when out of memory. wake(arg) is called, from the middle of anything, when
 * MHD_run has work: an epoll daemon without a thread of its own does not notice. */
struct http_events *http_events_new(struct proxy *p, void (*wake)(void *arg), void *arg);

/* Resume and end all streams; before MHD_stop_daemon, and free after it. */
void http_events_end(struct http_events *h);
void http_events_free(struct http_events *h);

/* Answer a request for /events. kinds: names of proxy_event_names with commas between,
 * or NULL for all. 0; -EINVAL or -EBUSY (there are EVENTS_STREAMS already) and *e; or
 * -ENOMEM. */
int http_events_serve(struct http_events *h, struct MHD_Connection *c, const char *kinds,
                      struct err *e) MUST_CHECK;

/* Send the comments that are due. Answers when the next one is; NSEC_NEVER. */
nsec http_events_beat(struct http_events *h, nsec now);

#endif

/* wake.h -- one timerfd for the whole loop, exact to the microsecond.
 *
 * uv_timer counts whole milliseconds of a cached clock and fires up to a millisecond
 * early; a timerfd armed with an absolute time is 20-30 us late at the median and never
 * early (measured on libuv 1.44). In precise mode the timer is set a little early and
 * the rest is spun away, which costs CPU only while something is due.
 */
#ifndef WAKE_H
#define WAKE_H

#include "clock.h"
#include "endpoint.h"
#include "err.h"
#include <stdbool.h>
#include <stddef.h>

#define WAKE_SPIN USEC(80)

/* Something that wants to be called at a time. Embed it; zeroed is ready. */
struct wake_node {
    nsec   due;
    size_t at; /* private: place in the heap, from 1; 0 = not set */
    void (*call)(struct wake_node *n, nsec now);
};

struct wake {
    struct endpoint    timer;
    struct hub        *hub; /* or NULL, and then: */
    uv_poll_t          poll;
    bool               precise, calling;
    nsec               armed; /* what the timerfd is set to; NSEC_NEVER = off */
    struct wake_node **heap;
    size_t             n, size;
    void (*closed)(void *arg);
    void *arg;
};

/* On a hub; or on libuv's loop alone, for those who have none. Closed is called when the
 * loop has let go of it, which may be at once. */
int  wake_open(struct wake *w, struct hub *hub, bool precise) MUST_CHECK;
int  wake_open_alone(struct wake *w, uv_loop_t *loop, bool precise) MUST_CHECK;
void wake_close(struct wake *w, void (*closed)(void *arg), void *arg);

/* Call n->call once when `due` has come, from the loop; NSEC_NEVER takes it back. A node
 * that is set already is moved. Never fails once reserve succeeded. */
void wake_set(struct wake *w, struct wake_node *n, nsec due);

/* Room for so many nodes: before a node is first used. 0 or -ENOMEM. */
int wake_reserve(struct wake *w, size_t nodes) MUST_CHECK;

#endif

/* live.h -- names that a running proxy knows, for a shell to offer while one types.
 *
 * Whoever waits for a Tab waits for a moment only: a proxy that does not answer at once
 * has no names, and says nothing about it.
 */
#ifndef LIVE_H
#define LIVE_H

enum live_kind {
    LIVE_PARTIES,    /* nodes, and clients that have dialed */
    LIVE_RULES,      /* what rules are called */
    LIVE_PARTITIONS, /* what can be healed */
    LIVE_SESSIONS,   /* their numbers */
};

/* Calls on() with each name, perhaps more than once. `api` as --api has it; NULL =
 * SUNDER_API, or where a proxy usually listens. For a program that is about to end: it
 * may be ended by a resolver that takes too long. */
void live_names(const char *api, enum live_kind                kind,
                void (*on)(void *arg, const char *word), void *arg);

#endif

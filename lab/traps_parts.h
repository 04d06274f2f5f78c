/* traps_parts.h -- what the finders of traps share. */
#ifndef TRAPS_PARTS_H
#define TRAPS_PARTS_H

#include "traps.h"

#define TRAPS_REDIS    "redis.conf"
#define TRAPS_SENTINEL "sentinel.conf"
#define TRAPS_PROXY    "sunder.yaml"
#define TRAPS_COMMAND  "redis-cli" /* no line of a file, but a command */

/* One more; what it says is for the caller to fill in. Never NULL. */
struct trap *trap_add(struct traps *out, enum trap_kind kind, const char *node);
void trap_say(struct trap *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void trap_mend(struct trap *t, const char *file, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool trap_found(const struct traps *out, enum trap_kind kind, const char *node);

/* The lines that make a server announce what it is known by; of nobody in particular
 * when v is NULL. */
void trap_mend_announce(struct trap *t, const struct survey_server *v);

/* The address of a server in words, or what stands for one that we do not know. */
struct known_text {
    char host[ADDR_HOST_MAX], port[24];
};
struct known_text known_of(const struct survey_server *v);

/* Who answers at a listed address; NULL = nobody. */
const struct survey_server *listed(const struct survey *s, const struct listing *l);

bool setting_is(const struct setting *t, const char *text);

/* traps_listed.c: traps that show in what servers say of each other. */
void traps_hostnames(const struct survey *s, struct traps *out);
void traps_many_addresses(const struct survey *s, struct traps *out);
void traps_strangers(const struct survey *s, struct traps *out);
void traps_dead(const struct survey *s, struct traps *out);
void traps_second_channel(const struct survey *s, struct traps *out);

#endif

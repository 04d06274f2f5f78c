/* sentinel.h -- a group of Sentinels, asked in a straight line.
 *
 * Any of them may be down, cut off or behind the others; whoever knows the highest
 * configuration epoch is believed. Connections are kept and remade as needed.
 */
#ifndef SENTINEL_H
#define SENTINEL_H

#include <jansson.h>

#include "talk.h"

#define SENTINELS_MAX        16
#define SENTINEL_MASTER      "mymaster" /* what they call the master if nobody says */
#define SENTINEL_ADDRESS_MAX ADDR_TEXT_MAX

struct sentinels {
    struct url  url[SENTINELS_MAX];
    struct talk talk[SENTINELS_MAX];
    size_t      n;
    const char *master;   /* its name */
    nsec        patience; /* of each answer */
    struct url  login;    /* a user and a password, "" = none: see sentinels_login */
};

/* A list of URLs, or URL_S of the environment. 0, or -EINVAL and *e. */
int  sentinels_parse(struct sentinels *s, const char *given, struct err *e) MUST_CHECK;
void sentinels_close(struct sentinels *s);

/* Ask one. 0 and a reply to be freed, which may be an error; or as talk.h, and
 * s->talk[i].why. */
int sentinels_ask(struct sentinels *s, size_t i, int words, const char *const *word,
                  redisReply **out) MUST_CHECK;

/* Where they say that the master is: "127.0.2.1:6379" of SENTINEL_ADDRESS_MAX. 0;
 * -ENOENT: none knows the name; -ENOTCONN: none answers; -EINTR. *e unless -EINTR. */
int sentinels_find_master(struct sentinels *s, char *address, struct err *e) MUST_CHECK;

/* A flat list of names and values, as Sentinel answers, and a list of such lists, as
 * JSON: numbers where they are. */
json_t *sentinel_object(const redisReply *r);
json_t *sentinel_objects(const redisReply *r);

/* Sentinel does not tell the passwords of its Redis servers: *u, which is one of them,
 * gets the user and password of URL_M, if there are any. */
void sentinels_login(const struct sentinels *s, struct url *u);

/* -- how to end a master -- */

/* The process of the Redis at that address, which must be on this machine, and must look
 * like one. Or a negative errno and *e. */
pid_t sentinel_find_process(const struct sentinels *s, const char *address, nsec patience,
                            struct err *e) MUST_CHECK;

#endif

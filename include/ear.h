/* ear.h -- hears what one Sentinel publishes, and comes back when it is cut off. */
#ifndef EAR_H
#define EAR_H

#include "client.h"

#define EAR_PATTERNS 16

struct ear_conf {
    const struct url  *url; /* not copied, as all of this */
    const char *const *pattern;
    int                patterns; /* 1 to EAR_PATTERNS */

    /* An event: "+sdown" and "master mymaster 127.0.2.1 6379". */
    void (*heard)(void *arg, const char *event, const char *text);
    /* It listens now; or it does not, and why. May be NULL. */
    void (*changed)(void *arg, bool listens, const char *why);
    void *arg;
};

struct ear {
    bool listens;

    /* Private to ear.c. */
    const struct ear_conf *conf;
    struct pool           *pool;
    struct wire           *wire;
    uv_timer_t             again;
    char                  *text;
    size_t                 len;
    bool                   told;
};

int  ear_open(struct ear *e, struct pool *p, const struct ear_conf *c) MUST_CHECK;
void ear_close(struct ear *e); /* it is gone when the loop has run empty */

#endif

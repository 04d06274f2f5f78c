/* console_talk.h -- a console client's requests as a function: bytes in, RESP out.
 * It knows of no socket, so that a fuzzer can talk to it.
 */
#ifndef CONSOLE_TALK_H
#define CONSOLE_TALK_H

#include "answer.h"
#include "proxy.h"

struct console_talk {
    struct proxy *proxy;
    int           resp;       /* 2 or 3: what it wants to be answered in */
    bool          subscribed; /* wants to be told of events */
    bool          quit;       /* wants no more; */
    bool          shutdown;   /* nor that the proxy goes on */
};

/* Answer the first request in p[0..n), which is changed. Answers how many bytes it was
 * long; 0 when it is not whole yet, and then nothing has changed; -1 when this is no
 * request at all and the connection is to end. */
long console_take(struct console_talk *t, char *p, size_t n, struct answer *a);

#endif

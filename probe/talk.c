/* talk.c -- see talk.h.
 *
 * A non-blocking hiredis context and poll(2): that has one deadline for a whole answer,
 * where hiredis' own timeout begins anew with every byte, and it leaves errno as the
 * kernel set it, so that a timeout of the kernel can be told from one of ours.
 */
#include "talk.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

volatile sig_atomic_t talk_signal;
static bool going_on;

static void on_signal(int number)
{
    if (talk_signal)
        _exit(128 + number);
    talk_signal = number;
}

/* Without SA_RESTART: whoever waits is to hear of it. */
void talk_catch(void)
{
    struct sigaction a = {.sa_handler = on_signal};

    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

void talk_go_on(void)
{
    going_on = true;
}

static bool interrupted(void)
{
    return talk_signal && !going_on;
}

nsec talk_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return SEC(t.tv_sec) + (nsec)t.tv_nsec;
}

static struct timespec span(nsec t)
{
    return (struct timespec){.tv_sec = (time_t)(t / SEC(1)),
                             .tv_nsec = (long)(t % SEC(1))};
}

int talk_sleep(nsec t)
{
    struct timespec left = span(t);

    if (interrupted() || nanosleep(&left, NULL) < 0)
        return -EINTR;
    return 0;
}

/* -- what went wrong -------------------------------------------------------------- */

static int failed(struct talk *t, int code, enum trouble trouble, const char *why)
{
    t->trouble = trouble;
    snprintf(t->why, sizeof t->why, "%s", why);
    t->why[strcspn(t->why, "\r\n")] = '\0';
    if (isupper((unsigned char)t->why[0]) && islower((unsigned char)t->why[1]))
        t->why[0] = (char)tolower((unsigned char)t->why[0]);
    return code;
}

/* The connection has ended, by what the kernel or hiredis says. */
static int lost(struct talk *t, int code)
{
    const char *why = t->ctx->err == REDIS_ERR_PROTOCOL ? t->ctx->errstr : strerror(code);

    if (t->ctx->err == REDIS_ERR_EOF)
        failed(t, 0, TROUBLE_EOF, "the server closed the connection");
    else if (t->ctx->err == REDIS_ERR_PROTOCOL)
        failed(t, 0, TROUBLE_PROTOCOL, why);
    else
        failed(t, 0, trouble_of_system(why), why);
    if (t->ctx->err == REDIS_ERR_EOF)
        code = ENODATA;
    else if (t->ctx->err == REDIS_ERR_PROTOCOL || code == 0)
        code = EPROTO;
    talk_close(t);
    return -code;
}

static int late(struct talk *t)
{
    return failed(t, -ETIME, TROUBLE_TIMEOUT, "no answer in time");
}

/* -- waiting ---------------------------------------------------------------------- */

/* Until the descriptor is ready, or the deadline. */
static int await(struct talk *t, short events, nsec until)
{
    struct pollfd p = {.fd = (int)t->ctx->fd, .events = events};
    nsec now = talk_now();
    struct timespec left = span(until > now ? until - now : 0);
    int n;

    if (interrupted())
        return failed(t, -EINTR, TROUBLE_OTHER, "interrupted");
    n = ppoll(&p, 1, until == NSEC_NEVER ? NULL : &left, NULL);
    if (n < 0)
        return failed(t, -errno, TROUBLE_OTHER, strerror(errno));
    return n > 0 ? 0 : late(t);
}

int talk_flush(struct talk *t, nsec until)
{
    int done = 0, rc;

    for (;;) {
        errno = 0;
        if (redisBufferWrite(t->ctx, &done) != REDIS_OK)
            return lost(t, errno);
        if (done)
            return 0;
        if ((rc = await(t, POLLOUT, until)) < 0)
            return rc;
    }
}

int talk_read(struct talk *t, nsec until, redisReply **out)
{
    void *reply = NULL;
    int rc;

    for (;;) {
        if (redisGetReplyFromReader(t->ctx, &reply) != REDIS_OK)
            return lost(t, 0);
        if ((*out = reply) != NULL)
            return 0;
        if ((rc = await(t, POLLIN, until)) < 0)
            return rc;
        errno = 0;
        if (redisBufferRead(t->ctx) != REDIS_OK)
            return lost(t, errno);
    }
}

int talk_add(struct talk *t, int words, const char *const *word)
{
    const char *argv[TALK_WORDS];

    assert(words > 0 && words <= TALK_WORDS);
    memcpy(argv, word, (size_t)words * sizeof *argv);
    if (redisAppendCommandArgv(t->ctx, words, argv, NULL) != REDIS_OK)
        return failed(t, -ENOMEM, TROUBLE_OTHER, "out of memory");
    return 0;
}

int talk_ask(struct talk *t, nsec timeout, int words, const char *const *word,
             redisReply **out)
{
    nsec until = nsec_add(talk_now(), timeout);
    int rc = talk_add(t, words, word);

    if (rc == 0)
        rc = talk_flush(t, until);
    if (rc == 0)
        rc = talk_read(t, until, out);
    if (rc < 0)
        talk_close(t);
    return rc;
}

int talk_judge(struct talk *t, const redisReply *r)
{
    if (r->type != REDIS_REPLY_ERROR)
        return 0;
    return failed(t, -EPROTO, trouble_of_reply(r->str), r->str);
}

/* -- connecting ------------------------------------------------------------------- */

static int tell_kernel(int fd, int level, int option, unsigned value)
{
    int v = (int)value;

    return value && setsockopt(fd, level, option, &v, sizeof v) < 0 ? -errno : 0;
}

/* What is not given is left alone. */
static int tune(int fd, const struct talk_conf *c)
{
    unsigned user = (unsigned)(c->user_timeout / MSEC(1)), keep = c->keep_idle > 0;
    int rc = tell_kernel(fd, IPPROTO_TCP, TCP_NODELAY, 1);

    rc = rc < 0 ? rc : tell_kernel(fd, SOL_SOCKET, SO_KEEPALIVE, keep);
    rc = rc < 0 ? rc : tell_kernel(fd, IPPROTO_TCP, TCP_KEEPIDLE, c->keep_idle);
    rc = rc < 0 ? rc : tell_kernel(fd, IPPROTO_TCP, TCP_KEEPINTVL, c->keep_interval);
    rc = rc < 0 ? rc : tell_kernel(fd, IPPROTO_TCP, TCP_KEEPCNT, c->keep_count);
    return rc < 0 ? rc : tell_kernel(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, user);
}

int talk_begin(struct talk *t, const struct talk_conf *c)
{
    const struct addr *at = &c->url->at;
    int rc = 0;

    assert(t->ctx == NULL);
    if (at->kind == ADDR_UNIX)
        t->ctx = redisConnectUnixNonBlock(at->host);
    else if (c->source)
        t->ctx = redisConnectBindNonBlock(at->host, at->port, c->source);
    else
        t->ctx = redisConnectNonBlock(at->host, at->port);
    if (t->ctx == NULL)
        return failed(t, -ENOMEM, TROUBLE_OTHER, "out of memory");
    if (t->ctx->err) {
        failed(t, 0,
               strstr(t->ctx->errstr, "resolve") ? TROUBLE_RESOLVE
                                                 : trouble_of_system(t->ctx->errstr),
               t->ctx->errstr);
        talk_close(t);
        return -ENOTCONN;
    }
    if (at->kind != ADDR_UNIX)
        rc = tune((int)t->ctx->fd, c);
    if (rc < 0)
        talk_close(t);
    return rc < 0 ? failed(t, rc, TROUBLE_OTHER, strerror(-rc)) : 0;
}

int talk_connected(struct talk *t)
{
    struct pollfd p = {.fd = (int)t->ctx->fd, .events = POLLOUT};
    socklen_t n = sizeof(int);
    int err = 0;

    if (poll(&p, 1, 0) <= 0)
        return -EINPROGRESS;
    if (getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
        err = errno;
    return err ? lost(t, err) : 0;
}

/* One word of the greeting, which must be answered without an error. */
static int greet(struct talk *t, nsec until, int words, const char *const *word)
{
    redisReply *r = NULL;
    int rc = talk_add(t, words, word);

    if (rc == 0)
        rc = talk_flush(t, until);
    if (rc == 0)
        rc = talk_read(t, until, &r);
    if (rc == 0)
        rc = talk_judge(t, r);
    if (r)
        freeReplyObject(r);
    return rc;
}

static int log_in(struct talk *t, const struct url *u, nsec until)
{
    const char *named[] = {"AUTH", u->user, u->password};
    const char *plain[] = {"AUTH", u->password};
    char db[16];
    int rc = 0;

    snprintf(db, sizeof db, "%u", u->db);
    if (u->password[0])
        rc = greet(t, until, u->user[0] ? 3 : 2, u->user[0] ? named : plain);
    if (rc == 0 && u->db)
        rc = greet(t, until, 2, (const char *[]){"SELECT", db});
    return rc;
}

int talk_open(struct talk *t, const struct talk_conf *c)
{
    nsec until = nsec_add(talk_now(), c->timeout);
    int rc = talk_begin(t, c);

    if (rc == 0)
        rc = await(t, POLLOUT, until);
    if (rc == 0)
        rc = talk_connected(t);
    if (rc == 0)
        rc = log_in(t, c->url, until);
    if (rc < 0)
        talk_close(t);
    return rc;
}

void talk_close(struct talk *t)
{
    if (t->ctx)
        redisFree(t->ctx);
    t->ctx = NULL;
}

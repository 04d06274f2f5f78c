/* observe.c -- see observe.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe.h"
#include "question.h"
#include "reply.h"

#define DEADLINE SEC(5)
#define ROUND    MSEC(10)
#define PATIENCE SEC(20) /* for a replica to be in sync with a new master */

static int trouble(struct stage *s, int code, const char *node, const char *what)
{
    s->trouble = (struct lab_trouble){.log = ""};
    snprintf(s->trouble.node, sizeof s->trouble.node, "%s", node);
    return err_set(&s->trouble.err, code, "%s %s", node, what);
}

/* -- one question --------------------------------------------------------------- */

struct asked {
    void (*hear)(void *arg, const redisReply *r);
    void *arg;
    int status;
    bool done;
};

static void on_answer(void *arg, int status, const struct redisReply *r)
{
    struct asked *a = arg;

    a->done = true;
    a->status = status;
    if (r != NULL)
        a->hear(a->arg, r);
}

int observe(struct stage *s, const char *node, const char *command,
            void (*hear)(void *arg, const redisReply *r), void *arg)
{
    const struct topology *t = lab_topology(s->lab);
    int i = lab_find(s->lab, node), rc;
    struct asked a = {.hear = hear, .arg = arg};
    struct question *q;
    char why[128];

    if (i < 0)
        return trouble(s, -EINVAL, node, "is no node of this lab");
    q = question_open(&s->loop, t->node[i].real, t->port, command, DEADLINE, on_answer,
                      &a);
    rc = stage_until(s, &a.done);
    if (!a.done)
        question_cancel(&q);
    if (rc < 0 || a.status == 0)
        return rc;
    snprintf(why, sizeof why, "does not answer: %s", strerror(-a.status));
    return trouble(s, -EIO, node, why);
}

/* -- what it says --------------------------------------------------------------- */

struct text {
    char *buf;
    size_t size;
    bool error;
};

static void hear_text(void *arg, const redisReply *r)
{
    struct text *t = arg;

    t->error = r->type == REDIS_REPLY_ERROR;
    if (r->type == REDIS_REPLY_INTEGER)
        snprintf(t->buf, t->size, "%lld", r->integer);
    else if (r->type == REDIS_REPLY_NIL)
        snprintf(t->buf, t->size, "(nil)");
    else if (r->str != NULL)
        snprintf(t->buf, t->size, "%s", r->str);
}

int observe_text(struct stage *s, const char *node, const char *command, char *buf,
                 size_t size)
{
    struct text t = {buf, size, false};
    int rc;

    *buf = '\0';
    rc = observe(s, node, command, hear_text, &t);
    if (rc < 0 || !t.error)
        return rc;
    return trouble(s, -EPROTO, node, buf);
}

struct field {
    const char *name;
    char *buf;
    size_t size;
};

static void hear_info(void *arg, const redisReply *r)
{
    struct field *f = arg;

    if (r->type == REDIS_REPLY_STRING)
        question_info(r->str, f->name, f->buf, f->size);
}

int observe_info(struct stage *s, const char *node, const char *field, char *buf,
                 size_t size)
{
    struct field f = {field, buf, size};

    *buf = '\0';
    return observe(s, node, "INFO", hear_info, &f);
}

int observe_number(struct stage *s, const char *node, const char *field, double *out)
{
    char text[64];
    int rc = observe_info(s, node, field, text, sizeof text);

    *out = strtod(text, NULL);
    return rc;
}

int observe_until(struct stage *s, const char *node, const char *field, const char *value,
                  nsec within)
{
    nsec end = uv_hrtime() + within;
    char text[64], why[192];
    int rc;

    while ((rc = observe_info(s, node, field, text, sizeof text)) == 0 &&
           strcmp(text, value) != 0) {
        if (uv_hrtime() >= end) {
            snprintf(why, sizeof why, "says %.40s:%s and not %.40s", field, text, value);
            return trouble(s, -ETIMEDOUT, node, why);
        }
        rc = stage_for(s, ROUND);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int observe_beyond(struct stage *s, const char *node, const char *field, double beyond,
                   nsec within)
{
    nsec end = uv_hrtime() + within;
    char why[96];
    double now;
    int rc;

    while ((rc = observe_number(s, node, field, &now)) == 0 && now <= beyond) {
        if (uv_hrtime() >= end) {
            snprintf(why, sizeof why, "has %s stay at %.0f", field, now);
            return trouble(s, -ETIMEDOUT, node, why);
        }
        rc = stage_for(s, ROUND);
        if (rc < 0)
            break;
    }
    return rc;
}

int observe_sync(struct stage *s, const char *master, const char *replica, nsec within)
{
    nsec end = uv_hrtime() + within;
    double wanted, has;
    int rc = observe_number(s, master, "master_repl_offset", &wanted);

    if (rc == 0)
        rc = observe_until(s, replica, "master_link_status", "up", within);
    while (rc == 0 && (rc = observe_number(s, replica, "slave_repl_offset", &has)) == 0 &&
           has < wanted) {
        if (uv_hrtime() >= end)
            return trouble(s, -ETIMEDOUT, replica, "does not catch up with its master");
        rc = stage_for(s, ROUND);
    }
    return rc;
}

int observe_order(struct stage *s, const char *node, const char *fmt, ...)
{
    char command[251], answer[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    return observe_text(s, node, command, answer, sizeof answer);
}

/* -- which numbers are there ------------------------------------------------------ */

struct members {
    bool *in;
    size_t n;
};

static void hear_members(void *arg, const redisReply *r)
{
    struct members *m = arg;

    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < (size_t)r->elements; i++) {
        unsigned long long v = strtoull(reply_text(r->element[i]), NULL, 10);

        if (v >= 1 && v <= m->n)
            m->in[v - 1] = true;
    }
}

int observe_members(struct stage *s, const char *node, const char *key, bool *in,
                    size_t n)
{
    struct members m = {in, n};
    char command[128];

    memset(in, 0, n * sizeof *in);
    snprintf(command, sizeof command, "SMEMBERS %s", key);
    return observe(s, node, command, hear_members, &m);
}

/* -- a new master ----------------------------------------------------------------- */

int observe_promote(struct stage *s, const char *node, const char *follower)
{
    const struct topology *t = lab_topology(s->lab);
    int master = lab_find(s->lab, node);
    int rc = observe_order(s, node, "REPLICAOF NO ONE");

    if (rc == 0)
        rc = observe_until(s, node, "role", "master", PATIENCE);
    if (rc < 0 || follower == NULL)
        return rc;
    rc = observe_order(s, follower, "REPLICAOF %s %u", t->node[master].known, t->port);
    if (rc == 0)
        rc = observe_until(s, follower, "master_link_status", "up", PATIENCE);
    return rc;
}

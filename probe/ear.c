/* ear.c -- see ear.h. A subscriber is sent what it did not ask for, which is just what
 * client.c takes for a broken server; so it has a wire of its own. */
#include "ear.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reply.h"
#include "wire.h"

#define AGAIN_MS 100

static void listen_now(struct ear *e);

static void on_again(uv_timer_t *t)
{
    listen_now(t->data);
}

static void changed(struct ear *e, bool listens, const char *why)
{
    bool news = !e->told || e->listens != listens;

    e->told = true;
    e->listens = listens;
    if (news && e->conf->changed != NULL)
        e->conf->changed(e->conf->arg, listens, why);
}

static void lose(struct ear *e, const char *why)
{
    e->wire = NULL;
    changed(e, false, why);
    uv_timer_start(&e->again, on_again, AGAIN_MS, 0);
}

static void on_over(struct wire *w, enum trouble t, const char *why)
{
    (void)t;
    lose(w->data, why);
}

static void on_up(struct wire *w)
{
    struct ear *e = w->data;

    if (wire_write(w, e->text, e->len) < 0) {
        wire_close(w);
        lose(e, "out of memory");
    }
}

static void on_replied(struct wire *w, const redisReply *r)
{
    struct ear *e = w->data;
    const char *kind = r->elements > 0 ? r->element[0]->str : NULL;

    if (r->type == REDIS_REPLY_ERROR) {
        wire_close(w);
        lose(e, r->str);
    } else if (kind != NULL && strcmp(kind, "psubscribe") == 0) {
        changed(e, true, "");
    } else if (kind != NULL && r->elements == 4 && strcmp(kind, "pmessage") == 0) {
        e->conf->heard(e->conf->arg, reply_text(r->element[2]),
                       reply_text(r->element[3]));
    }
}

static void listen_now(struct ear *e)
{
    const struct addr *at = &e->conf->url->at;
    redisContext *ctx = at->kind == ADDR_UNIX ? redisConnectUnixNonBlock(at->host)
                                              : redisConnectNonBlock(at->host, at->port);

    if (ctx == NULL || ctx->err || wire_open(e->pool, ctx, &e->wire) < 0) {
        lose(e, ctx != NULL ? ctx->errstr : "out of memory");
        redisFree(ctx);
        return;
    }
    e->wire->up = on_up;
    e->wire->replied = on_replied;
    e->wire->over = on_over;
    e->wire->data = e;
}

/* Log in, if need be, and subscribe: as one text. */
static char *greeting(const struct ear_conf *c, size_t *len)
{
    const char *login[] = {"AUTH", c->url->user, c->url->password};
    const char *word[EAR_PATTERNS + 1] = {"PSUBSCRIBE"};
    bool user = c->url->user[0] != '\0';
    size_t n = 0, more;
    char *first = NULL, *second, *text = NULL;

    for (int i = 0; i < c->patterns; i++)
        word[i + 1] = c->pattern[i];
    if (c->url->password[0])
        first = user ? client_format(&n, 3, login)
                     : client_format(&n, 2, (const char *[]){"AUTH", login[2]});
    second = client_format(&more, c->patterns + 1, word);
    if (second != NULL && (text = malloc(n + more)) != NULL) {
        if (first != NULL)
            memcpy(text, first, n);
        memcpy(text + n, second, more);
    }
    *len = n + more;
    free(first);
    free(second);
    return text;
}

int ear_open(struct ear *e, struct pool *p, const struct ear_conf *c)
{
    *e = (struct ear){.conf = c, .pool = p};
    e->text = greeting(c, &e->len);
    if (e->text == NULL)
        return -ENOMEM;
    uv_timer_init(p->loop, &e->again);
    e->again.data = e;
    listen_now(e);
    return 0;
}

void ear_close(struct ear *e)
{
    if (e->wire != NULL)
        wire_close(e->wire);
    e->wire = NULL;
    uv_close((uv_handle_t *)&e->again, NULL);
    free(e->text);
    e->text = NULL;
}

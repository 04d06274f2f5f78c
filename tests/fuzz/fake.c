/* fake.c -- see fake.h. */
#include "fake.h"

#include <stdio.h>
#include <string.h>

const char *const fake_names[8] = {"GET", "SET",  "INCR",   "ECHO",
                                   "DEL", "PING", "LRANGE", "HGETALL"};

struct out {
    fake_emit *emit;
    void *arg;
    bool quiet;
};

void fake_init(struct fake *f)
{
    *f = (struct fake){.resp = 2};
}

const char *fake_name(const struct request *q)
{
    static const char *const names[] = {
        "",       "",          "MULTI",       "EXEC",       "DISCARD",      "HELLO",
        "RESET",  "SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "MONITOR",
        "CLIENT", "CLIENT",    "CLIENT"};

    return q->verb == V_PLAIN ? fake_names[q->arg & 7] : names[q->verb];
}

static void emit(const struct out *o, const char *text)
{
    if (!o->quiet)
        o->emit(o->arg, text, strlen(text));
}

/* Long enough, for some, that no frame's head holds it. */
static const char *filler(unsigned id)
{
    static char text[1200];

    if (text[0] == '\0')
        memset(text, '.', sizeof text - 1);
    return text + sizeof text - 1 - (id % 11 == 0 ? 1150 : id % 5 == 0 ? 140 : id % 7);
}

/* The answer to a plain command: of any type, and it says whose it is. */
static void plain(const struct fake *f, unsigned id, char *s, size_t size)
{
    const char *fill = filler(id);

    switch (id % 13) {
    case 0: snprintf(s, size, "+s%u%s\r\n", id, fill); break;
    case 1: snprintf(s, size, ":%u\r\n", id); break;
    case 2: snprintf(s, size, "-ERR e%u%s\r\n", id, fill); break;
    case 3: snprintf(s, size, "-MOVED %u 127.0.0.1:1\r\n", id); break;
    case 4: snprintf(s, size, f->resp == 3 ? "_\r\n" : "$-1\r\n"); break;
    case 5: snprintf(s, size, "*3\r\n:%u\r\n*1\r\n$-1\r\n+%s\r\n", id, fill); break;
    case 6:
        snprintf(s, size, f->resp == 3 ? "%%1\r\n+m%u\r\n,1.5\r\n" : "*1\r\n+m%u\r\n",
                 id);
        break;
    case 7: snprintf(s, size, "*0\r\n"); break;
    case 8: snprintf(s, size, "*2\r\n$7\r\nmessage\r\n:%u\r\n", id); break;
    case 9:
        snprintf(s, size, f->resp == 3 ? "|1\r\n+ttl\r\n:1\r\n#t\r\n" : "+OK\r\n");
        break;
    default: snprintf(s, size, "$%zu\r\nb%05u%s\r\n", 6 + strlen(fill), id, fill); break;
    }
}

static unsigned count(unsigned bits)
{
    return (bits & 1) + (bits >> 1 & 1) + (bits >> 2 & 1);
}

static void confirm(const struct fake *f, const struct out *o, const char *what, int name)
{
    struct out loud = *o; /* pub/sub is heard whatever CLIENT REPLY says */
    char text[128], which[16] = "$-1\r\n";

    if (name >= 0)
        snprintf(which, sizeof which, "$1\r\n%c\r\n", 'a' + name);
    loud.quiet = false;
    snprintf(text, sizeof text, "%c3\r\n$%zu\r\n%s\r\n%s:%u\r\n",
             f->resp == 3 ? '>' : '*', strlen(what), what, which,
             count(f->channels) + count(f->patterns));
    emit(&loud, text);
}

static void subscribe(struct fake *f, const struct request *q, const struct out *o)
{
    bool pattern = q->verb == V_PSUBSCRIBE || q->verb == V_PUNSUBSCRIBE;
    bool off = q->verb == V_UNSUBSCRIBE || q->verb == V_PUNSUBSCRIBE;
    uint8_t *set = pattern ? &f->patterns : &f->channels;
    const char *what = off ? (pattern ? "punsubscribe" : "unsubscribe")
                           : (pattern ? "psubscribe" : "subscribe");
    unsigned named = q->arg & 7;

    if (named == 0 && !off) {
        emit(o, "-ERR wrong number of arguments\r\n");
        return;
    }
    if (named == 0 && *set == 0)
        confirm(f, o, what, -1);
    named = named ? named : *set;
    for (int i = 0; i < 3; i++)
        if (named >> i & 1) {
            *set = (uint8_t)(off ? *set & ~(1u << i) : *set | 1u << i);
            confirm(f, o, what, i);
        }
}

static void exec(struct fake *f, const struct out *o)
{
    char text[FAKE_TEXT * 4];
    size_t n = (size_t)snprintf(text, sizeof text, "*%u\r\n", f->queued);

    for (unsigned i = 0; i < f->queued; i++) {
        plain(f, f->queue[i], text + n, sizeof text - n);
        n += strlen(text + n);
    }
    f->multi = false;
    f->queued = 0;
    emit(o, text);
}

static void hello(struct fake *f, const struct request *q, const struct out *o)
{
    if (q->arg != 2 && q->arg != 3) {
        emit(o, "-NOPROTO unsupported protocol version\r\n");
        return;
    }
    f->resp = q->arg;
    emit(o, f->resp == 3 ? "%1\r\n$5\r\nproto\r\n:3\r\n" : "*2\r\n$5\r\nproto\r\n:2\r\n");
}

static void reset(struct fake *f, struct out *o)
{
    o->quiet = f->skip;
    *f = (struct fake){.resp = 2};
    emit(o, "+RESET\r\n");
}

static void run(struct fake *f, const struct request *q, struct out *o)
{
    char text[FAKE_TEXT];

    switch (q->verb) {
    case V_MULTI:
        f->multi = true;
        emit(o, "+OK\r\n");
        break;
    case V_EXEC:
    case V_DISCARD: emit(o, "-ERR without MULTI\r\n"); break;
    case V_HELLO: hello(f, q, o); break;
    case V_RESET: reset(f, o); break;
    case V_SUBSCRIBE:
    case V_UNSUBSCRIBE:
    case V_PSUBSCRIBE:
    case V_PUNSUBSCRIBE: subscribe(f, q, o); break;
    case V_MONITOR:
        if (!f->monitor) /* to ask twice is not answered */
            emit(o, "+OK\r\n");
        f->monitor = true;
        break;
    case V_REPLY_OFF: f->off = true; break;
    case V_REPLY_ON:
        f->off = f->skip = o->quiet = false;
        emit(o, "+OK\r\n");
        break;
    case V_REPLY_SKIP: f->skip_next = !f->off; break;
    default: plain(f, q->id, text, sizeof text); emit(o, text);
    }
}

static bool is_ping(const struct request *q)
{
    return q->verb == V_PLAIN && strcmp(fake_name(q), "PING") == 0;
}

static void dispatch(struct fake *f, const struct request *q, struct out *o)
{
    bool pubsub = q->verb >= V_SUBSCRIBE && q->verb <= V_PUNSUBSCRIBE;

    if (f->resp == 2 && (f->channels || f->patterns) && !pubsub && q->verb != V_RESET) {
        emit(o, is_ping(q) ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "-ERR Can't execute\r\n");
    } else if (f->multi && q->verb == V_EXEC) {
        exec(f, o);
    } else if (f->multi && q->verb == V_DISCARD) {
        f->multi = false;
        f->queued = 0;
        emit(o, "+OK\r\n");
    } else if (f->multi && q->verb == V_MULTI) {
        emit(o, "-ERR MULTI calls can not be nested\r\n");
    } else if (f->multi && q->verb == V_PLAIN) {
        if (f->queued < 32)
            f->queue[f->queued++] = q->id % 11 && q->id % 5 ? q->id : 1;
        emit(o, "+QUEUED\r\n");
    } else {
        run(f, q, o);
    }
}

void fake_serve(struct fake *f, const struct request *q, fake_emit *to, void *arg)
{
    struct out o = {to, arg, f->off || f->skip};

    if (q->verb != V_EMPTY)
        dispatch(f, q, &o);
    f->skip = f->skip_next; /* an empty line uses up a SKIP, too */
    f->skip_next = false;
}

size_t fake_unasked(const struct fake *f, unsigned kind, char *out)
{
    char push = f->resp == 3 ? '>' : '*';

    out[0] = '\0';
    if (kind % 4 == 0 && f->channels)
        snprintf(out, FAKE_TEXT, "%c3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n", push);
    if (kind % 4 == 1 && f->patterns)
        snprintf(out, FAKE_TEXT,
                 "%c4\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\nhi\r\n", push);
    if (kind % 4 == 2 && f->resp == 3)
        snprintf(out, FAKE_TEXT, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    if (kind % 4 == 3 && f->monitor)
        snprintf(out, FAKE_TEXT, "+1795353542.3 [0 127.0.0.1:1] \"ECHO\" \"1\"\r\n");
    return strlen(out);
}

static size_t add_word(char *out, const char *word)
{
    return (size_t)snprintf(out, FAKE_TEXT, "$%zu\r\n%s\r\n", strlen(word), word);
}

/* The words of a request but for the first. Answers how many. */
static unsigned words_of(const struct request *q, char word[3][FAKE_TEXT / 2])
{
    unsigned n = 0;

    switch (q->verb) {
    case V_PLAIN:
        snprintf(word[n++], FAKE_TEXT / 2, "k%u", q->id);
        if (q->id & 1)
            snprintf(word[n++], FAKE_TEXT / 2, "%.1000s", filler(q->id / 2));
        break;
    case V_HELLO: snprintf(word[n++], FAKE_TEXT / 2, "%u", q->arg); break;
    case V_REPLY_OFF:
    case V_REPLY_ON:
    case V_REPLY_SKIP:
        strcpy(word[n++], "REPLY");
        strcpy(word[n++], q->verb == V_REPLY_OFF  ? "OFF"
                          : q->verb == V_REPLY_ON ? "on"
                                                  : "SKIP");
        break;
    case V_SUBSCRIBE:
    case V_UNSUBSCRIBE:
    case V_PSUBSCRIBE:
    case V_PUNSUBSCRIBE:
        for (int i = 0; i < 3; i++)
            if (q->arg >> i & 1)
                snprintf(word[n++], FAKE_TEXT / 2, "%c", 'a' + i);
        break;
    default: break;
    }
    return n;
}

size_t fake_request(const struct request *q, char *out)
{
    char word[3][FAKE_TEXT / 2];
    unsigned n = words_of(q, word);
    size_t at;

    if (q->verb == V_EMPTY)
        return (size_t)snprintf(out, FAKE_TEXT, "%s",
                                q->id & 1   ? "\r\n"
                                : q->id & 2 ? "*0\r\n"
                                            : "*-1\r\n");
    if (q->id % 6 == 0 && q->verb != V_PLAIN) { /* inline, with words it can hold */
        at = (size_t)snprintf(out, FAKE_TEXT, "%s", fake_name(q));
        for (unsigned i = 0; i < n; i++)
            at += (size_t)snprintf(out + at, FAKE_TEXT - at, " %s", word[i]);
        return at + (size_t)snprintf(out + at, FAKE_TEXT - at, "\r\n");
    }
    at = (size_t)snprintf(out, FAKE_TEXT, "*%u\r\n", n + 1);
    at += add_word(out + at, fake_name(q));
    for (unsigned i = 0; i < n; i++)
        at += add_word(out + at, word[i]);
    return at;
}

/* console_talk.c -- see console_talk.h.
 *
 * The frame of a request is found by resp.c, then made into words in place. Commands that
 * client libraries send on their own (HELLO, CLIENT, COMMAND, SELECT, PING) are answered
 * so that they go on.
 */
#include "console_talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control.h"
#include "resp.h"

#define WORDS_MAX 256

/* ---- commands of Redis that clients send by themselves ---- */

static void hello(struct console_talk *t, size_t n, const char *const *word,
                  struct answer *a)
{
    json_t *o;

    if (n > 1 && strcmp(word[1], "2") != 0 && strcmp(word[1], "3") != 0) {
        answer_text(a, "-NOPROTO unsupported protocol version\r\n");
        return;
    }
    if (n > 1)
        t->resp = a->resp = word[1][0] - '0';
    o = json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:[]}", "server", "sunder", "version",
                  SUNDER_VERSION, "proto", t->resp, "id", 1, "mode", "console", "role",
                  "proxy", "modules");
    answer_json(a, o);
    json_decref(o);
}

static void subscription(struct console_talk *t, const char *verb, struct answer *a)
{
    answer_text(a, "%c3\r\n$%zu\r\n%s\r\n$6\r\nevents\r\n:%d\r\n",
                t->resp == 3 ? '>' : '*', strlen(verb), verb, t->subscribed);
}

static void subscribe(struct console_talk *t, size_t n, const char *const *word,
                      struct answer *a)
{
    if (n != 2 || strcasecmp(word[1], "events") != 0) {
        answer_text(a, "-ERR the one channel there is: SUBSCRIBE events\r\n");
        return;
    }
    t->subscribed = true;
    subscription(t, "subscribe", a);
}

static void unsubscribe(struct console_talk *t, struct answer *a)
{
    t->subscribed = false;
    subscription(t, "unsubscribe", a);
}

/* Answers whether it was one of these. */
static bool redis_command(struct console_talk *t, size_t n, const char *const *word,
                          struct answer *a)
{
    if (strcasecmp(word[0], "PING") == 0)
        answer_text(a, "+PONG\r\n");
    else if (strcasecmp(word[0], "HELLO") == 0)
        hello(t, n, word, a);
    else if (strcasecmp(word[0], "COMMAND") == 0)
        answer_text(a, "*0\r\n");
    else if (strcasecmp(word[0], "CLIENT") == 0 || strcasecmp(word[0], "SELECT") == 0)
        answer_text(a, "+OK\r\n");
    else if (strcasecmp(word[0], "SUBSCRIBE") == 0)
        subscribe(t, n, word, a);
    else if (strcasecmp(word[0], "UNSUBSCRIBE") == 0)
        unsubscribe(t, a);
    else
        return false;
    return true;
}

/* ---- verbs ---- */

static void run_verb(struct console_talk *t, size_t n, const char *const *word,
                     struct answer *a)
{
    struct err e = {0};
    size_t took;
    const struct control_verb *v = control_find(n, word, &took, &e);
    json_t *args = NULL, *out = NULL;
    int err = v ? control_args(v, n - took, word + took, &args, &e) : -EINVAL;

    if (err == 0)
        err = v->run(t->proxy, args, &out, &e);
    if (err)
        answer_error(a, &e);
    else if (out)
        answer_json(a, out);
    else
        answer_text(a, "+OK\r\n");
    json_decref(out);
    json_decref(args);
}

static void run_words(struct console_talk *t, size_t n, const char *const *word,
                      struct answer *a)
{
    t->shutdown = strcasecmp(word[0], "SHUTDOWN") == 0;
    t->quit = t->shutdown || strcasecmp(word[0], "QUIT") == 0;
    if (t->quit)
        answer_text(a, "+OK\r\n");
    else if (!redis_command(t, n, word, a))
        run_verb(t, n, word, a);
}

/* ---- reading ---- */

/* The words of an array of bulk strings, terminated in place. The frame is sound: resp.c
 * has said so. Both keep the first WORDS_MAX and answer how many there are. */
static size_t array_words(char *p, const char **word)
{
    size_t count = p[1] == '-' ? 0 : (size_t)strtoul(p + 1, &p, 10), n = 0;

    for (p += 2; n < count; n++) {
        size_t len = (size_t)strtoul(p + 1, &p, 10);

        p += 2;
        if (n < WORDS_MAX)
            word[n] = p;
        p[len] = '\0';
        p += len + 2;
    }
    return n;
}

static size_t line_words(char *p, size_t len, const char **word)
{
    size_t n = 0;
    char *save;

    p[len - 1] = '\0';
    for (char *w = strtok_r(p, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save))
        if (n++ < WORDS_MAX)
            word[n - 1] = w;
    return n;
}

/* Length of the first request in the buffer; 0 = not whole; -1 = no request at all. */
static long request_length(const char *p, size_t n)
{
    struct resp r;
    size_t at = 0;

    resp_init(&r, RESP_REQUESTS);
    while (at < n) {
        struct resp_part part = resp_next(&r, (const uint8_t *)p + at, n - at);

        if (part.opaque)
            return -1;
        at += part.len;
        if (part.last)
            return (long)at;
    }
    return 0;
}

long console_take(struct console_talk *t, char *p, size_t n, struct answer *a)
{
    long len = request_length(p, n);
    const char *word[WORDS_MAX];
    size_t words;

    if (len <= 0)
        return len;
    words = p[0] == '*' ? array_words(p, word) : line_words(p, (size_t)len, word);
    if (words > WORDS_MAX)
        answer_text(a, "-ERR more than %d words\r\n", WORDS_MAX);
    else if (words > 0)
        run_words(t, words, word, a);
    return len;
}

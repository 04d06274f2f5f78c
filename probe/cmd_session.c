/* cmd_session.c -- `sunder probe session`: does a client see what it wrote, and never see
 * time go backwards?
 *
 *   write n ──► a pause ──► read from each server in turn ──► compare ──► write n + 1
 *
 *   less than n            not its own write
 *   less than seen before  time has gone backwards: not monotonic
 *
 * With --token the client remembers the greatest number that it has written or seen, and
 * an answer that is older is no answer: it asks the next server, and at last the one that
 * it writes to.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "talk.h"
#include "trial.h"

#define PLACES  8 /* to read from; place 0 is where writes go */
#define OPS_MAX 1000000
#define KEY_MAX 64

struct session {
    struct trial trial;
    const char *write, *read;
    nsec timeout, pause;
    uint64_t ops, rate;
    bool token;

    struct url url[1 + PLACES];
    struct talk_conf conf[1 + PLACES];
    struct talk talk[1 + PLACES];
    size_t places; /* all of them */
    struct troubles troubles;
    char key[KEY_MAX];
    uint64_t writes, acknowledged, reads, failed, not_own, not_monotonic, elsewhere;
    uint64_t own, seen, behind; /* the last that was acknowledged, the greatest read */
};

/* 0, -EINTR, or what went wrong; then the trouble has been counted. */
static int ask(struct session *s, size_t place, int words, const char *const *word,
               uint64_t *value)
{
    struct talk *t = &s->talk[place];
    redisReply *reply;
    int rc = t->ctx ? 0 : talk_open(t, &s->conf[place]);

    if (rc == 0)
        rc = talk_ask(t, s->timeout, words, word, &reply);
    if (rc == 0) {
        rc = talk_judge(t, reply);
        *value = reply->type == REDIS_REPLY_STRING ? strtoull(reply->str, NULL, 10) : 0;
        freeReplyObject(reply);
    }
    if (rc < 0 && rc != -EINTR)
        s->troubles.n[t->trouble]++;
    return rc;
}

static int write_one(struct session *s)
{
    char number[24];
    const char *set[] = {"SET", s->key, number};
    uint64_t ok;
    int rc;

    snprintf(number, sizeof number, "%" PRIu64, ++s->writes);
    rc = ask(s, 0, 3, set, &ok);
    if (rc == 0) {
        s->acknowledged++;
        s->own = s->writes;
    }
    return rc == -EINTR ? rc : 0;
}

/* The place that is asked after `place`, when `first` was the first: all others to read
 * from, then the one to write to. */
static size_t next_place(const struct session *s, size_t place, size_t first)
{
    size_t next = place + 1 < s->places ? place + 1 : 1;

    return next == first ? 0 : next;
}

static bool is_old(const struct session *s, uint64_t value)
{
    return value < s->own || value < s->seen;
}

static void note(struct session *s, uint64_t value, bool elsewhere)
{
    s->elsewhere += elsewhere;
    s->not_own += value < s->own;
    s->not_monotonic += value < s->seen;
    if (value < s->own && s->own - value > s->behind)
        s->behind = s->own - value;
    if (value > s->seen)
        s->seen = value;
}

static int read_one(struct session *s, size_t first)
{
    const char *get[] = {"GET", s->key};
    size_t place = first;
    uint64_t value = 0;
    int rc = ask(s, place, 2, get, &value);

    s->reads++;
    while (s->token && place != 0 && rc != -EINTR && (rc < 0 || is_old(s, value))) {
        place = next_place(s, place, first);
        rc = ask(s, place, 2, get, &value);
    }
    if (rc == 0)
        note(s, value, place != first);
    else if (rc != -EINTR)
        s->failed++;
    return rc == -EINTR ? rc : 0;
}

static int play(struct session *s)
{
    nsec begun = talk_now(), due, now;
    int rc = 0;

    while (rc == 0 && s->writes < s->ops) {
        due = begun + s->writes * SEC(1) / s->rate;
        if ((now = talk_now()) < due)
            rc = talk_sleep(due - now);
        if (rc == 0)
            rc = write_one(s);
        if (rc == 0)
            rc = talk_sleep(s->pause);
        for (size_t place = 1; place < s->places && rc == 0; place++)
            rc = read_one(s, place);
    }
    return rc;
}

static int measure(struct session *s, struct err *e)
{
    int rc = 0;

    snprintf(s->key, sizeof s->key, "session:%s", s->trial.run);
    talk_catch();
    for (size_t i = 0; i < s->places && rc == 0; i++)
        rc = trial_connect(&s->talk[i], &s->conf[i], e);
    if (rc < 0)
        return rc;
    rc = play(s);
    trial_clean(&s->talk[0], &s->conf[0], s->key, 0);
    return rc;
}

/* -- what is said ------------------------------------------------------------------ */

static void fill(const struct session *s, struct sheet *out)
{
    char url[URL_TEXT_MAX];

    sheet_text(out, "probe", "session");
    sheet_text(out, "run", "%s", s->trial.run);
    sheet_text(out, "write", "%s", url_print(&s->url[0], url, sizeof url));
    sheet_text(out, "read", "%s", url_print(&s->url[1], url, sizeof url));
    sheet_text(out, "when_old", "%s", s->token ? "ask the next server" : "take it");
    sheet_number(out, "writes", (double)s->writes, "");
    sheet_number(out, "acknowledged", (double)s->acknowledged, "");
    sheet_number(out, "reads", (double)s->reads, "");
    sheet_number(out, "failed", (double)s->failed, "reads");
    sheet_number(out, "not_own", (double)s->not_own, "older than what it had written");
    sheet_number(out, "not_monotonic", (double)s->not_monotonic,
                 "older than what it had read");
    sheet_number(out, "most_behind", (double)s->behind, "versions");
    sheet_number(out, "elsewhere", (double)s->elsewhere, "answered by another server");
    out->errors = &s->troubles;
}

static int add_place(struct session *s, const char *option, const char *text,
                     const char *variable, struct err *e)
{
    struct talk_conf *c = &s->conf[s->places];

    if (s->places > PLACES)
        return err_set(e, -EINVAL, "%s: more than %d servers", option, PLACES);
    *c = (struct talk_conf){
        .url = &s->url[s->places], .source = s->trial.source, .timeout = s->timeout};
    return trial_url(option, text, variable, &s->url[s->places++], e);
}

static int read_places(struct session *s, struct err *e)
{
    int rc = add_place(s, "--write", s->write, "URL_M", e);
    const char *list = rc == 0 ? url_or_env(s->read, "URL_R", e) : NULL;
    char *copy = list ? strdup(list) : NULL, *at = copy, *one;

    if (rc == 0 && copy == NULL)
        rc = -EINVAL;
    while (rc == 0 && (one = strsep(&at, ",")) != NULL)
        rc = add_place(s, "--read", one, "URL_R", e);
    free(copy);
    return rc;
}

static const char *wrong_number(const struct session *s)
{
    if (s->ops == 0 || s->ops > OPS_MAX)
        return "--ops is from 1 to 1000000";
    if (s->rate == 0 || s->rate > 100000)
        return "--rate is from 1 to 100000 a second";
    if (s->timeout < MSEC(1))
        return "--timeout is at least 1ms";
    return NULL;
}

static int run(struct session *s)
{
    struct sheet blank = {.n = 0}, sheet = {.n = 0};
    const char *wrong = wrong_number(s);
    struct err e;
    int rc;

    if (wrong)
        return cli_usage(s->trial.usage, "%s", wrong);
    rc = read_places(s, &e);
    fill(s, &blank);
    if (rc == 0)
        rc = trial_check_claims(&s->trial, &blank, &e);
    if (rc == 0)
        rc = measure(s, &e);
    for (size_t i = 0; i < s->places && i <= PLACES; i++)
        talk_close(&s->talk[i]);
    fill(s, &sheet);
    return trial_end(&s->trial, &sheet, rc, &e);
}

int cmd_session(int argc, char **argv)
{
    struct session s = {.ops = 100, .rate = 100, .timeout = SEC(1), .pause = MSEC(5)};
    const struct opt opts[] = {
        {"write", 0, OPT_TEXT, &s.write, "URL", "where to write: the master; or URL_M"},
        {"read", 0, OPT_TEXT, &s.read, "URL[,URL...]",
         "where to read, in turn: replicas; or URL_R"},
        {"ops", 0, OPT_COUNT, &s.ops, "N", "how many writes"},
        {"rate", 0, OPT_COUNT, &s.rate, "N", "writes a second, at most"},
        {"pause", 0, OPT_TIME, &s.pause, "TIME", "between a write and its reads"},
        {"token", 0, OPT_FLAG, &s.token, NULL,
         "remember what was written and seen, and do not take an older answer"},
        {"timeout", 0, OPT_TIME, &s.timeout, "TIME", "of each answer, and to connect"},
        TRIAL_OPTS(&s.trial)};
    const struct usage u = {
        .command = "probe session",
        .line = "--write URL --read URL[,URL...] [--token] [option ...]",
        .about =
            "Does a client see what it wrote, and never see time go backwards? Write a "
            "number, read it from each replica in turn, and so on; say how many reads "
            "were older than the client's own write, and older than what it had read.\n"
            "exit: 0 done, 1 a claim does not hold, 2 usage, 3 could not connect",
        .example = "sunder probe session --write 127.0.0.1:6379 "
                   "--read 127.0.0.1:6380,127.0.0.1:6381 --assert not_monotonic==0",
        .opts = opts,
    };
    int status;

    s.trial.usage = &u;
    status = trial_parse(&s.trial, argc, argv);
    return status < 0 ? run(&s) : status;
}

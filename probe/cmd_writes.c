/* cmd_writes.c -- `sunder probe writes`: what a client is told of each write.
 *
 *   due ──► sent ──► answered: acknowledged ──► WAIT, if asked for: confirmed, or not
 *     │       └────► an error: refused, surely not carried out
 *     │       └────► no answer: unknown
 *     └ no connection: failed, surely not carried out
 *
 * Each adds its number to one set, so that on any server, at any later time, anybody can
 * see which of them are there. That is what --keep is for: who writes cannot say what
 * will survive.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "ranges.h"
#include "talk.h"
#include "trial.h"

#define WRITES_MAX 1000000
#define KEY_MAX    64

struct writer {
    struct trial trial;
    const char *write, *keep;
    struct url url;
    struct talk_conf conf;
    uint64_t ops, rate, wait, mark;
    nsec wait_time;

    struct talk talk;
    struct troubles troubles;
    char key[KEY_MAX];
    bool *acked, *sure; /* by number; sure: WAIT has answered enough */
    uint64_t writes, acknowledged, refused, unknown, failed, confirmed;
    nsec begun, refused_at,
        acked_at; /* the first that was, the last that was; 0 = none */
};

static int note_trouble(struct writer *w, int rc)
{
    if (rc != -EINTR)
        w->troubles.n[w->talk.trouble]++;
    return rc;
}

/* A command that answers with a number. -EPROTO: with an error. */
static int ask(struct writer *w, nsec timeout, const char *const *word, double *out)
{
    redisReply *reply;
    int rc = talk_ask(&w->talk, timeout, 3, word, &reply);

    if (rc == 0) {
        rc = talk_judge(&w->talk, reply);
        *out = (double)reply->integer;
        freeReplyObject(reply);
    }
    return rc < 0 ? note_trouble(w, rc) : 0;
}

/* How many replicas have it? That it cannot be told is no answer either. */
static int confirm(struct writer *w)
{
    char least[24], time[24];
    const char *wait[] = {"WAIT", least, time};
    double have = 0;
    int rc;

    snprintf(least, sizeof least, "%" PRIu64, w->wait);
    snprintf(time, sizeof time, "%" PRIu64, (uint64_t)(w->wait_time / MSEC(1)));
    rc = ask(w, w->wait_time + w->conf.timeout, wait, &have);
    if (rc == 0 && have >= (double)w->wait) {
        w->sure[w->writes - 1] = true;
        w->confirmed++;
    }
    return rc;
}

static void note_answer(struct writer *w, int rc)
{
    if (rc == 0) {
        w->acked[w->writes - 1] = true;
        w->acknowledged++;
        w->acked_at = talk_now();
    } else if (rc == -EPROTO) {
        w->refused++;
        if (w->refused_at == 0)
            w->refused_at = talk_now();
    } else {
        w->unknown++;
    }
}

/* One write. 0 or -EINTR. */
static int write_one(struct writer *w)
{
    char number[24];
    const char *add[] = {"SADD", w->key, number};
    double added;
    int rc = 0;

    snprintf(number, sizeof number, "%" PRIu64, ++w->writes);
    if (w->talk.ctx == NULL && (rc = talk_open(&w->talk, &w->conf)) < 0) {
        w->failed++;
        return note_trouble(w, rc) == -EINTR ? rc : 0;
    }
    rc = ask(w, w->conf.timeout, add, &added);
    note_answer(w, rc);
    if (rc == 0 && w->wait > 0)
        rc = confirm(w);
    return rc == -EINTR ? rc : 0;
}

static int write_all(struct writer *w)
{
    nsec due, now;
    int rc = 0;

    w->begun = talk_now();
    while (rc == 0 && w->writes < w->ops) {
        due = w->begun + w->writes * SEC(1) / w->rate;
        if ((now = talk_now()) < due)
            rc = talk_sleep(due - now);
        if (rc == 0)
            rc = write_one(w);
        if (w->writes == w->mark) {
            puts("mark");
            fflush(stdout);
        }
    }
    return rc;
}

static int measure(struct writer *w, struct err *e)
{
    int rc;

    w->acked = calloc(w->ops, sizeof *w->acked);
    w->sure = calloc(w->ops, sizeof *w->sure);
    if (w->acked == NULL || w->sure == NULL)
        return err_set(e, -ENOMEM, "no memory for so many writes");
    if (w->keep != NULL)
        snprintf(w->key, sizeof w->key, "%s", w->keep);
    else
        snprintf(w->key, sizeof w->key, "writes:%s", w->trial.run);
    talk_catch();
    rc = trial_connect(&w->talk, &w->conf, e);
    if (rc < 0)
        return rc;
    rc = write_all(w);
    if (w->keep == NULL)
        trial_clean(&w->talk, &w->conf, w->key, 0);
    return rc;
}

/* -- what is said ------------------------------------------------------------------ */

static double ms(const struct writer *w, nsec t)
{
    return t != 0 ? (double)(t - w->begun) / 1e6 : (double)NAN;
}

/* Which ones: "" also when there are too many gaps to name them all. */
static void which(struct sheet *s, const char *name, const bool *in, size_t n)
{
    char buf[SHEET_TEXT_MAX];
    const char *text = in != NULL ? ranges_print(in, n, buf, sizeof buf) : "";

    sheet_text(s, name, "%s", text != NULL ? text : "");
}

static void fill(const struct writer *w, struct sheet *s)
{
    char url[URL_TEXT_MAX];
    size_t n = (size_t)w->writes;

    sheet_text(s, "probe", "writes");
    sheet_text(s, "run", "%s", w->trial.run);
    sheet_text(s, "write", "%s", url_print(&w->url, url, sizeof url));
    sheet_text(s, "key", "%s", w->key);
    sheet_number(s, "writes", (double)w->writes, "that were due");
    sheet_number(s, "acknowledged", (double)w->acknowledged, "");
    sheet_number(s, "refused", (double)w->refused, "with an error: not carried out");
    sheet_number(s, "unknown", (double)w->unknown, "sent, and never answered");
    sheet_number(s, "failed", (double)w->failed, "not sent: no connection");
    sheet_number(s, "confirmed", w->wait > 0 ? (double)w->confirmed : (double)NAN,
                 "by WAIT");
    sheet_number(s, "first_refused_ms", ms(w, w->refused_at), "");
    sheet_number(s, "last_acknowledged_ms", ms(w, w->acked_at), "");
    which(s, "which_acknowledged", w->acked, n);
    which(s, "which_confirmed", w->sure, n);
    s->errors = &w->troubles;
}

static const char *wrong_number(const struct writer *w)
{
    if (w->ops == 0 || w->ops > WRITES_MAX)
        return "--ops is from 1 to 1000000";
    if (w->rate == 0 || w->rate > 100000)
        return "--rate is from 1 to 100000 a second";
    if (w->conf.timeout < MSEC(1))
        return "--timeout is at least 1ms";
    if (w->wait > 100)
        return "--wait is at most 100 replicas";
    if (w->wait > 0 && w->wait_time < MSEC(1))
        return "--wait-time is at least 1ms: without an end WAIT may last for ever";
    if (w->keep != NULL && (*w->keep == '\0' || strlen(w->keep) >= KEY_MAX))
        return "--keep is a name of 1 to 63 letters";
    return NULL;
}

static int run(struct writer *w)
{
    struct sheet blank = {.n = 0}, s = {.n = 0};
    const char *wrong = wrong_number(w);
    struct err e;
    int rc;

    if (wrong)
        return cli_usage(w->trial.usage, "%s", wrong);
    rc = trial_url("--write", w->write, "URL_M", &w->url, &e);
    fill(w, &blank);
    if (rc == 0)
        rc = trial_check_claims(&w->trial, &blank, &e);
    if (rc == 0) {
        w->conf.url = &w->url;
        w->conf.source = w->trial.source;
        rc = measure(w, &e);
        talk_close(&w->talk);
    }
    fill(w, &s);
    free(w->acked);
    free(w->sure);
    return trial_end(&w->trial, &s, rc, &e);
}

int cmd_writes(int argc, char **argv)
{
    struct writer w = {.ops = 300, .rate = 100, .wait_time = MSEC(100)};
    const struct opt opts[] = {
        {"write", 0, OPT_TEXT, &w.write, "URL", "where to write: the master; or URL_M"},
        {"ops", 0, OPT_COUNT, &w.ops, "N", "how many writes"},
        {"rate", 0, OPT_COUNT, &w.rate, "N", "writes a second, at most"},
        {"wait", 0, OPT_COUNT, &w.wait, "N", "after each, WAIT for so many replicas"},
        {"wait-time", 0, OPT_TIME, &w.wait_time, "TIME", "how long WAIT may take"},
        {"keep", 0, OPT_TEXT, &w.keep, "KEY",
         "the set to write to, and to leave there; a temporary one when not given"},
        {"timeout", 0, OPT_TIME, &w.conf.timeout, "TIME",
         "of each answer, and to connect"},
        {"mark", 0, OPT_COUNT, &w.mark, "N",
         "print the line 'mark' after N writes, for a script that waits for it"},
        TRIAL_OPTS(&w.trial)};
    const struct usage u = {
        .command = "probe writes",
        .line = "--write URL [--wait N] [--keep KEY] [option ...]",
        .about =
            "What is a client told of its writes? Add numbers to a set at a rate, one "
            "after the other, and say which were acknowledged, refused or never "
            "answered. With --keep the set stays: SMEMBERS on any server then says which "
            "are there.\n"
            "exit: 0 done, 1 a claim does not hold, 2 usage, 3 could not connect",
        .example = "sunder probe writes --write 127.0.0.1:6379 --wait 1 --keep mine",
        .opts = opts,
    };
    int status;

    w.trial.usage = &u;
    w.conf.timeout = SEC(1);
    status = trial_parse(&w.trial, argc, argv);
    return status < 0 ? run(&w) : status;
}

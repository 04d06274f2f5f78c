/* cmd_pipeline.c -- `sunder probe pipeline`: when a pipeline breaks, what has been done?
 *
 * Batches of commands, all of a batch written at once. Each command counts up a field of
 * its own in one hash, so that the end can tell of each how often it was carried out.
 *
 *   batch ──► all answered
 *     └ broken after n of m: n are known, the rest is not
 *          ├─► (nothing)      the rest stays unknown
 *          ├─► --again        the rest is sent again: what had run, runs twice
 *          └─► --transaction  MULTI ... EXEC with a token: ask for the token, and do all
 *                             of it again only if it is not there
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "reply.h"
#include "talk.h"
#include "tally.h"
#include "trial.h"

#define COMMANDS_MAX 100000
#define BACKOFF      MSEC(20)
#define TOKEN_LIFE   "600000" /* ms; longer than anybody goes on sending */
#define KEY_MAX      64

struct pipeline {
    struct trial trial;
    const char *write;
    struct url url;
    struct talk_conf conf;
    nsec patience;
    uint64_t batches, size;
    bool again, transaction;

    struct talk talk;
    struct troubles troubles;
    bool sent;       /* the batch at hand, before */
    enum told *told; /* by command */
    uint64_t *ran;   /* the same; what the hash says */
    uint64_t begun;  /* batches */
    uint64_t broken; /* batches, times */
    uint64_t sent_again, refused;
    struct tally tally;
    char hash[KEY_MAX / 2]; /* tokens are hash:1 ... */
};

static void token_key(const struct pipeline *p, uint64_t batch, char *key)
{
    snprintf(key, KEY_MAX, "%s:%llu", p->hash, (unsigned long long)batch + 1);
}

static int count_trouble(struct pipeline *p, int rc)
{
    if (rc < 0 && rc != -EINTR)
        p->troubles.n[p->talk.trouble]++;
    return rc;
}

static int connect_now(struct pipeline *p)
{
    return p->talk.ctx ? 0 : talk_open(&p->talk, &p->conf);
}

static nsec deadline(const struct pipeline *p)
{
    return nsec_add(talk_now(), p->conf.timeout);
}

/* -- commands ---------------------------------------------------------------------- */

static int add_command(struct pipeline *p, uint64_t command)
{
    char field[24];
    const char *word[] = {"HINCRBY", p->hash, field, "1"};

    snprintf(field, sizeof field, "%llu", (unsigned long long)command);
    return talk_add(&p->talk, 4, word);
}

static int add_commands(struct pipeline *p, uint64_t from, uint64_t to)
{
    int rc = 0;

    for (uint64_t c = from; c < to && rc == 0; c++)
        rc = add_command(p, c);
    return rc;
}

/* One reply; *type is what it was. An error is counted, and ends nothing. */
static int read_reply(struct pipeline *p, nsec until, int *type)
{
    redisReply *reply;
    int rc = talk_read(&p->talk, until, &reply);

    if (rc < 0)
        return rc;
    if (talk_judge(&p->talk, reply) < 0) {
        p->refused++;
        p->troubles.n[p->talk.trouble]++;
    }
    *type = reply->type;
    freeReplyObject(reply);
    return 0;
}

static void note_sent(struct pipeline *p, uint64_t commands)
{
    p->sent_again += p->sent ? commands : 0;
    p->sent = true;
}

/* The commands from *next on, in one go; *next is the first that has no answer. */
static int send_rest(struct pipeline *p, uint64_t *next, uint64_t end)
{
    nsec until = deadline(p);
    enum told refused = p->sent ? TOLD_NOTHING : TOLD_REFUSED; /* the first may run */
    int type, rc = add_commands(p, *next, end);

    note_sent(p, end - *next);
    if (rc == 0)
        rc = talk_flush(&p->talk, until);
    while (rc == 0 && *next < end) {
        rc = read_reply(p, until, &type);
        if (rc == 0)
            p->told[(*next)++] = type == REDIS_REPLY_ERROR ? refused : TOLD_DONE;
    }
    if (rc < 0)
        talk_close(&p->talk);
    return rc;
}

/* -- transactions ------------------------------------------------------------------ */

/* Is the token there? It is watched from then on: if the transaction of a connection
 * that was lost gets through after all, EXEC of this one comes to nothing. */
static int token_seen(struct pipeline *p, const char *key, bool *seen)
{
    redisReply *reply;
    int rc = talk_ask(&p->talk, p->conf.timeout, 2, (const char *[]){"WATCH", key},
                      &reply);

    if (rc < 0)
        return rc;
    freeReplyObject(reply);
    rc = talk_ask(&p->talk, p->conf.timeout, 2, (const char *[]){"GET", key}, &reply);
    if (rc < 0)
        return rc;
    *seen = reply->type == REDIS_REPLY_STRING;
    freeReplyObject(reply);
    return 0;
}

static int add_transaction(struct pipeline *p, const char *key, uint64_t from,
                           uint64_t to)
{
    const char *set[] = {"SET", key, "1", "PX", TOKEN_LIFE};
    int rc = talk_add(&p->talk, 1, (const char *[]){"MULTI"});

    if (rc == 0)
        rc = talk_add(&p->talk, 5, set);
    if (rc == 0)
        rc = add_commands(p, from, to);
    return rc < 0 ? rc : talk_add(&p->talk, 1, (const char *[]){"EXEC"});
}

/* The whole batch, if it has not been done. *next ends up behind it when it has. */
static int transact(struct pipeline *p, uint64_t *next, uint64_t end)
{
    nsec until = deadline(p);
    char key[KEY_MAX];
    bool seen = false;
    int type = 0, rc;

    token_key(p, *next / p->size, key);
    rc = token_seen(p, key, &seen);
    if (rc == 0 && !seen) {
        rc = add_transaction(p, key, *next, end);
        note_sent(p, end - *next);
        if (rc == 0)
            rc = talk_flush(&p->talk, until);
        for (uint64_t i = 0; i < end - *next + 3 && rc == 0; i++)
            rc = read_reply(p, until, &type);
        seen = rc == 0 && type == REDIS_REPLY_ARRAY;
    }
    if (rc < 0)
        talk_close(&p->talk);
    while (rc == 0 && seen && *next < end)
        p->told[(*next)++] = TOLD_DONE;
    return rc;
}

/* -- batches ----------------------------------------------------------------------- */

/* Until all of it is answered, or it is over for it. 0, -EINTR, or what went wrong. */
static int send_batch(struct pipeline *p, uint64_t batch)
{
    uint64_t next = batch * p->size, end = next + p->size;
    nsec until = talk_now() + p->patience;
    int rc;

    p->sent = false;
    for (;;) {
        rc = count_trouble(p, connect_now(p));
        if (rc == 0) {
            rc = p->transaction ? transact(p, &next, end) : send_rest(p, &next, end);
            p->broken += rc < 0;
            if (next == end || (rc < 0 && !p->again && !p->transaction))
                return rc == -EINTR ? rc : (count_trouble(p, rc), 0);
            count_trouble(p, rc);
        }
        if (rc == -EINTR || talk_now() >= until)
            return rc;
        if ((rc = talk_sleep(p->sent ? 0 : BACKOFF)) < 0)
            return rc;
    }
}

/* -- the truth --------------------------------------------------------------------- */

static void note_counts(struct pipeline *p, const redisReply *reply)
{
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        uint64_t command = strtoull(reply_text(reply->element[i]), NULL, 10);

        if (command < p->batches * p->size)
            p->ran[command] = strtoull(reply_text(reply->element[i + 1]), NULL, 10);
    }
}

static int ask_counts(struct pipeline *p)
{
    redisReply *reply;
    int rc = connect_now(p);

    if (rc == 0)
        rc = talk_ask(&p->talk, p->conf.timeout + p->patience, 2,
                      (const char *[]){"HGETALL", p->hash}, &reply);
    if (rc < 0)
        return rc;
    if ((rc = talk_judge(&p->talk, reply)) == 0)
        note_counts(p, reply);
    freeReplyObject(reply);
    return rc;
}

static int learn_counts(struct pipeline *p)
{
    nsec until = talk_now() + p->patience;
    int rc;

    while ((rc = ask_counts(p)) < 0 && rc != -EINTR && talk_now() < until)
        (void)talk_sleep(BACKOFF);
    return rc;
}

static void add_up(struct pipeline *p)
{
    for (uint64_t c = 0; c < p->begun * p->size; c++) {
        tally_command(&p->tally, p->told[c], p->ran[c]);
        if ((c + 1) % p->size == 0)
            tally_batch_end(&p->tally);
    }
}

/* -- a run ------------------------------------------------------------------------- */

static int measure(struct pipeline *p, struct err *e)
{
    char url[URL_TEXT_MAX];
    int rc;

    snprintf(p->hash, sizeof p->hash, "{pipeline:%s}", p->trial.run);
    talk_catch();
    if ((rc = trial_connect(&p->talk, &p->conf, e)) < 0)
        return rc;
    while (p->begun < p->batches && rc != -EINTR)
        rc = send_batch(p, p->begun++);
    rc = rc == -EINTR ? rc : learn_counts(p);
    if (rc == 0)
        add_up(p);
    trial_clean(&p->talk, &p->conf, p->hash, p->transaction ? p->begun : 0);
    if (rc < 0 && rc != -EINTR)
        return err_set(e, -EIO, "%s does not say what it has done: %s",
                       url_print(&p->url, url, sizeof url), p->talk.why);
    return rc;
}

static void fill(const struct pipeline *p, struct sheet *s)
{
    const struct tally *t = &p->tally;
    char url[URL_TEXT_MAX];

    sheet_text(s, "probe", "pipeline");
    sheet_text(s, "run", "%s", p->trial.run);
    sheet_text(s, "write", "%s", url_print(&p->url, url, sizeof url));
    sheet_text(s, "when_broken", "%s",
               p->transaction ? "do the transaction again, unless its token is there"
               : p->again     ? "send the rest again"
                              : "nothing");
    sheet_number(s, "batches", (double)p->batches, "");
    sheet_number(s, "broken", (double)p->broken, "batches that were cut short");
    sheet_number(s, "commands", (double)t->meant, "that were meant");
    sheet_number(s, "answered", (double)t->answered, "");
    sheet_number(s, "sent_again", (double)p->sent_again, "");
    sheet_number(s, "unknown", (double)t->unknown, "sent, and not answered");
    sheet_number(s, "unknown_ran", (double)t->unknown_ran,
                 "of them; the client cannot see");
    sheet_number(s, "refused", (double)p->refused, "answered with an error");
    sheet_number(s, "on_server", (double)t->ran, "carried out, all in all");
    sheet_number(s, "twice", (double)t->twice, "carried out more than once");
    sheet_number(s, "gone", (double)t->gone, "answered, and not carried out");
    sheet_number(s, "half_done", (double)t->half_done, "batches carried out in part");
    s->errors = &p->troubles;
}

static const char *wrong_number(const struct pipeline *p)
{
    if (p->batches == 0 || p->size == 0 || p->batches > COMMANDS_MAX ||
        p->size > COMMANDS_MAX || p->batches * p->size > COMMANDS_MAX)
        return "--batches and --size are at least 1, and at most 100000 commands in all";
    if (p->conf.timeout < MSEC(1))
        return "--timeout is at least 1ms";
    if (p->again && p->transaction)
        return "--again and --transaction exclude each other";
    return NULL;
}

static int prepare(struct pipeline *p, struct err *e)
{
    struct sheet blank = {.n = 0};
    int rc = trial_url("--write", p->write, "URL_M", &p->url, e);

    fill(p, &blank);
    if (rc == 0)
        rc = trial_check_claims(&p->trial, &blank, e);
    if (rc < 0)
        return rc;
    p->conf.url = &p->url;
    p->conf.source = p->trial.source;
    p->told = calloc(p->batches * p->size, sizeof *p->told);
    p->ran = calloc(p->batches * p->size, sizeof *p->ran);
    return p->told && p->ran ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int run(struct pipeline *p)
{
    const char *wrong = wrong_number(p);
    struct sheet s = {.n = 0};
    struct err e;
    int rc;

    if (wrong)
        return cli_usage(p->trial.usage, "%s", wrong);
    rc = prepare(p, &e);
    if (rc == 0)
        rc = measure(p, &e);
    talk_close(&p->talk);
    fill(p, &s);
    free(p->told);
    free(p->ran);
    return trial_end(&p->trial, &s, rc, &e);
}

int cmd_pipeline(int argc, char **argv)
{
    struct pipeline p = {.batches = 20, .size = 10, .patience = SEC(5)};
    const struct opt opts[] = {
        {"write", 0, OPT_TEXT, &p.write, "URL", "where to write: the master; or URL_M"},
        {"batches", 0, OPT_COUNT, &p.batches, "N", "how many pipelines"},
        {"size", 0, OPT_COUNT, &p.size, "N", "commands in each"},
        {"again", 0, OPT_FLAG, &p.again, NULL, "send again what has no answer"},
        {"transaction", 0, OPT_FLAG, &p.transaction, NULL,
         "MULTI and EXEC around each, with a token that says whether it was done"},
        {"timeout", 0, OPT_TIME, &p.conf.timeout, "TIME", "of a batch, and to connect"},
        {"patience", 0, OPT_TIME, &p.patience, "TIME", "go on with a batch for so long"},
        TRIAL_OPTS(&p.trial)};
    const struct usage u = {
        .command = "probe pipeline",
        .line = "--write URL [--again | --transaction] [option ...]",
        .about =
            "When a pipeline breaks half way, what has been carried out? Send batches of "
            "commands, note which were answered, and ask the server in the end which it "
            "has carried out, and how often.\n"
            "exit: 0 done, 1 a claim does not hold, 2 usage, 3 nothing could be measured",
        .example = "sunder probe pipeline --write 127.0.0.1:6379 --assert unknown_ran==0",
        .opts = opts,
    };
    int status;

    p.trial.usage = &u;
    p.conf.timeout = SEC(1);
    status = trial_parse(&p.trial, argc, argv);
    return status < 0 ? run(&p) : status;
}

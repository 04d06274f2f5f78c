/* cmd_retry.c -- `sunder probe retry`: is it safe to send a command again?
 *
 * A client counts a key up, one INCR after the other. When an answer is lost it does what
 * its policy says. In the end the server is asked how often it has really counted.
 *
 *   sent ──► answered: acknowledged
 *     └ lost ──► again: sent anew, on a new connection       ┐ until patience is over:
 *            ├─► token: the same, but the server knows it by  ┘ unknown
 *            │          its number and counts it once
 *            └─► give up: unknown
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "talk.h"
#include "trial.h"

#define OPS_MAX     1000000
#define BACKOFF_MIN MSEC(10)
#define BACKOFF_MAX MSEC(250)
#define TOKEN_LIFE  "600000" /* ms; longer than anybody goes on sending */
#define KEY_MAX     64

/* Count, unless this token has been seen: both in one step, or it would be no use. */
#define ONCE                                                                             \
    "if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then "                      \
    "return redis.call('INCR', KEYS[1]) end "                                            \
    "return tonumber(redis.call('GET', KEYS[1]))"

struct retry {
    struct trial trial;
    const char *write;
    struct url url;
    struct talk_conf conf;
    nsec patience;
    uint64_t ops;
    bool token, give_up;

    struct talk talk;
    struct troubles troubles;
    uint64_t logical, acknowledged, again, unknown, failed;
    double on_server;          /* NAN = could not be asked */
    char counter[KEY_MAX / 2]; /* tokens are counter:1 ... */
};

enum outcome { ANSWERED, REFUSED, LOST, INTERRUPTED };

static void token_key(const struct retry *r, uint64_t op, char *key)
{
    snprintf(key, KEY_MAX, "%s:%llu", r->counter, (unsigned long long)op);
}

static enum outcome lost(struct retry *r, int rc)
{
    if (rc == -EINTR)
        return INTERRUPTED;
    r->troubles.n[r->talk.trouble]++;
    return LOST;
}

static int connect_now(struct retry *r)
{
    return r->talk.ctx ? 0 : talk_open(&r->talk, &r->conf);
}

static enum outcome judge(struct retry *r, redisReply *reply)
{
    int rc = talk_judge(&r->talk, reply);

    freeReplyObject(reply);
    if (rc == 0)
        return ANSWERED;
    r->troubles.n[r->talk.trouble]++;
    return REFUSED;
}

/* *sent: it may have been carried out, for nobody has answered. */
static enum outcome attempt(struct retry *r, uint64_t op, bool *sent)
{
    char key[KEY_MAX];
    const char *plain[] = {"INCR", r->counter};
    const char *once[] = {"EVAL", ONCE, "2", r->counter, key, TOKEN_LIFE};
    redisReply *reply;
    int rc = connect_now(r);

    if (rc < 0)
        return lost(r, rc);
    token_key(r, op, key);
    r->again += *sent;
    rc = talk_ask(&r->talk, r->conf.timeout, r->token ? 6 : 2, r->token ? once : plain,
                  &reply);
    *sent |= rc < 0;
    return rc < 0 ? lost(r, rc) : judge(r, reply);
}

/* One operation, as often as it takes. */
static enum outcome operate(struct retry *r, uint64_t op)
{
    nsec until = talk_now() + r->patience, backoff = BACKOFF_MIN;
    bool sent = false;
    enum outcome o;

    while ((o = attempt(r, op, &sent)) == LOST) {
        if ((sent && r->give_up) || talk_now() >= until)
            break;
        if (talk_sleep(sent ? 0 : backoff) < 0) {
            o = INTERRUPTED;
            break;
        }
        backoff = backoff * 2 < BACKOFF_MAX ? backoff * 2 : BACKOFF_MAX;
    }
    r->acknowledged += o == ANSWERED;
    if (o != ANSWERED && sent)
        r->unknown++;
    else if (o != ANSWERED)
        r->failed++;
    return o;
}

/* -- the truth, and the end -------------------------------------------------------- */

static int ask_count(struct retry *r)
{
    const char *get[] = {"GET", r->counter};
    redisReply *reply;
    int rc = connect_now(r);

    if (rc == 0)
        rc = talk_ask(&r->talk, r->conf.timeout, 2, get, &reply);
    if (rc < 0)
        return rc;
    if ((rc = talk_judge(&r->talk, reply)) == 0)
        r->on_server = reply->type == REDIS_REPLY_STRING ? strtod(reply->str, NULL) : 0;
    freeReplyObject(reply);
    return rc;
}

static void learn_count(struct retry *r)
{
    nsec until = talk_now() + r->patience;
    int rc;

    while ((rc = ask_count(r)) < 0 && rc != -EINTR && talk_now() < until)
        (void)talk_sleep(BACKOFF_MAX);
}

static int measure(struct retry *r, struct err *e)
{
    char url[URL_TEXT_MAX];
    enum outcome o = ANSWERED;
    int rc;

    snprintf(r->counter, sizeof r->counter, "{retry:%s}", r->trial.run);
    talk_catch();
    if ((rc = trial_connect(&r->talk, &r->conf, e)) < 0)
        return rc;
    while (r->logical < r->ops && o != INTERRUPTED)
        o = operate(r, ++r->logical);
    if (o != INTERRUPTED)
        learn_count(r);
    trial_clean(&r->talk, &r->conf, r->counter, r->token ? r->logical : 0);
    if (isnan(r->on_server) && !talk_signal)
        return err_set(e, -EIO, "%s does not say how often it has counted: %s",
                       url_print(&r->url, url, sizeof url), r->talk.why);
    return talk_signal ? -EINTR : 0;
}

/* -- what is said ------------------------------------------------------------------ */

static double at_least_0(double x)
{
    return isnan(x) || x > 0 ? x : 0;
}

static const char *policy(const struct retry *r)
{
    return r->token     ? "send it again, with a token"
           : r->give_up ? "give up"
                        : "send it again";
}

static void fill(const struct retry *r, struct sheet *s)
{
    double twice = at_least_0(r->on_server - (double)(r->acknowledged + r->unknown));
    double gone = at_least_0((double)r->acknowledged - r->on_server);
    char url[URL_TEXT_MAX];

    sheet_text(s, "probe", "retry");
    sheet_text(s, "run", "%s", r->trial.run);
    sheet_text(s, "write", "%s", url_print(&r->url, url, sizeof url));
    sheet_text(s, "when_lost", "%s", policy(r));
    sheet_number(s, "logical", (double)r->logical, "INCRs that were meant");
    sheet_number(s, "acknowledged", (double)r->acknowledged, "");
    sheet_number(s, "sent_again", (double)r->again, "");
    sheet_number(s, "unknown", (double)r->unknown, "sent, and never answered");
    sheet_number(s, "failed", (double)r->failed, "surely not carried out");
    sheet_number(s, "on_server", r->on_server, "is what the key says");
    sheet_number(s, "twice", twice,
                 twice > 0 ? "too many: sending again is not safe" : "");
    sheet_number(s, "gone", gone, gone > 0 ? "acknowledged, and not there" : "");
    s->errors = &r->troubles;
}

static const char *wrong_number(const struct retry *r)
{
    if (r->ops == 0 || r->ops > OPS_MAX)
        return "--ops is from 1 to 1000000";
    if (r->conf.timeout < MSEC(1))
        return "--timeout is at least 1ms";
    if (r->token && r->give_up)
        return "--token and --give-up exclude each other";
    return NULL;
}

static int run(struct retry *r)
{
    struct sheet blank = {.n = 0}, s = {.n = 0};
    const char *wrong = wrong_number(r);
    struct err e;
    int rc;

    if (wrong)
        return cli_usage(r->trial.usage, "%s", wrong);
    rc = trial_url("--write", r->write, "URL_M", &r->url, &e);
    fill(r, &blank);
    if (rc == 0)
        rc = trial_check_claims(&r->trial, &blank, &e);
    if (rc == 0) {
        r->conf.url = &r->url;
        r->conf.source = r->trial.source;
        rc = measure(r, &e);
        talk_close(&r->talk);
    }
    fill(r, &s);
    return trial_end(&r->trial, &s, rc, &e);
}

int cmd_retry(int argc, char **argv)
{
    struct retry r = {.ops = 100, .patience = SEC(5), .on_server = NAN};
    const struct opt opts[] = {
        {"write", 0, OPT_TEXT, &r.write, "URL", "where to write: the master; or URL_M"},
        {"ops", 0, OPT_COUNT, &r.ops, "N", "how many INCRs are meant"},
        {"token", 0, OPT_FLAG, &r.token, NULL,
         "send each with a token that the server counts only once"},
        {"give-up", 0, OPT_FLAG, &r.give_up, NULL,
         "do not send again what may have been carried out"},
        {"timeout", 0, OPT_TIME, &r.conf.timeout, "TIME",
         "of each answer, and to connect"},
        {"patience", 0, OPT_TIME, &r.patience, "TIME", "go on with one INCR for so long"},
        TRIAL_OPTS(&r.trial)};
    const struct usage u = {
        .command = "probe retry",
        .line = "--write URL [--token | --give-up] [option ...]",
        .about =
            "Is it safe to send a command again when its answer is lost? Count a key up; "
            "when the connection breaks, send the INCR again; then ask the server how "
            "often it has counted. Break the connection meanwhile: that is not done "
            "here.\n"
            "exit: 0 done, 1 a claim does not hold, 2 usage, 3 nothing could be measured",
        .example = "sunder probe retry --write 127.0.0.1:6379 --assert twice==0",
        .opts = opts,
    };
    int status;

    r.trial.usage = &u;
    r.conf.timeout = SEC(1);
    status = trial_parse(&r.trial, argc, argv);
    return status < 0 ? run(&r) : status;
}

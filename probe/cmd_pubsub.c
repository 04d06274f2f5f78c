/* cmd_pubsub.c -- `sunder probe pubsub`: what does a subscriber miss, and who can know?
 *
 * A thread publishes numbered messages at a rate; the main program is their subscriber,
 * which comes back when it is cut off. With --stream the messages go into a stream, and
 * the subscriber reads on from the last it has.
 */
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "gap.h"
#include "probe.h"
#include "reply.h"
#include "talk.h"
#include "trial.h"

#define MESSAGES_MAX 1000000
#define LOOK_AGAIN   MSEC(20) /* whether it is all over */
#define BACKOFF      MSEC(10)
#define BLOCK        "100" /* ms, of XREAD */
#define KEY_MAX      48
#define ID_MAX       48

struct pubsub {
    struct trial trial;
    const char *publish, *subscribe;
    struct url to, from;
    nsec timeout, grace;
    uint64_t rate, messages, mark;
    bool stream;

    char key[KEY_MAX]; /* the channel, or the stream */
    bool *sent, *got;  /* by message */

    /* The publisher's, until it has been joined. */
    struct talk_conf to_conf;
    struct talk publisher;
    uint64_t nobody, refused;
    struct troubles publish_troubles;
    atomic_ulong published;
    atomic_bool done;

    /* The subscriber's. */
    struct talk_conf from_conf;
    struct talk subscriber;
    struct troubles troubles;
    char last[ID_MAX]; /* of the stream */
    uint64_t received, again, reconnects;
    nsec heard, silence, latest;
};

static int count_trouble(struct troubles *all, const struct talk *t, int rc)
{
    if (rc < 0 && rc != -EINTR)
        all->n[t->trouble]++;
    return rc;
}

/* -- the publisher ----------------------------------------------------------------- */

static int sleep_until(nsec due)
{
    nsec now = talk_now();

    return due > now ? talk_sleep(due - now) : talk_signal ? -EINTR : 0;
}

static void note_answer(struct pubsub *p, uint64_t seq, const redisReply *r)
{
    if (talk_judge(&p->publisher, r) < 0) {
        p->refused++;
        p->publish_troubles.n[p->publisher.trouble]++;
        return;
    }
    p->nobody += r->type == REDIS_REPLY_INTEGER && r->integer == 0;
    p->sent[seq] = true;
    atomic_fetch_add(&p->published, 1);
}

/* A message whose answer is lost is not sent again: nobody knows whether it was sent. */
static int publish_one(struct pubsub *p, uint64_t seq)
{
    char text[64];
    const char *publish[] = {"PUBLISH", p->key, text};
    const char *xadd[] = {"XADD", p->key, "*", "m", text};
    redisReply *reply;
    int rc = p->publisher.ctx ? 0 : talk_open(&p->publisher, &p->to_conf);

    snprintf(text, sizeof text, "%llu %llu", (unsigned long long)seq,
             (unsigned long long)talk_now());
    if (rc == 0)
        rc = talk_ask(&p->publisher, p->timeout, p->stream ? 5 : 3,
                      p->stream ? xadd : publish, &reply);
    if (rc < 0)
        return count_trouble(&p->publish_troubles, &p->publisher, rc);
    note_answer(p, seq, reply);
    freeReplyObject(reply);
    return 0;
}

static void publish_all(void *arg)
{
    struct pubsub *p = arg;
    nsec begun = talk_now();

    for (uint64_t seq = 0; seq < p->messages; seq++) {
        if (sleep_until(begun + seq * SEC(1) / p->rate) < 0 ||
            publish_one(p, seq) == -EINTR)
            break;
        if (seq + 1 == p->mark) {
            puts("mark");
            fflush(stdout);
        }
    }
    atomic_store(&p->done, true);
}

/* -- the subscriber ---------------------------------------------------------------- */

static void hear(struct pubsub *p, const redisReply *r)
{
    unsigned long long seq, at;
    nsec now = talk_now();

    if (r->type != REDIS_REPLY_STRING || sscanf(r->str, "%llu %llu", &seq, &at) != 2 ||
        seq >= p->messages)
        return;
    if (p->heard && now - p->heard > p->silence)
        p->silence = now - p->heard;
    p->heard = now;
    if (now > at && now - at > p->latest)
        p->latest = now - at;
    p->again += p->got[seq];
    p->received += !p->got[seq];
    p->got[seq] = true;
}

static int come_back(struct pubsub *p)
{
    const char *word[] = {"SUBSCRIBE", p->key};
    redisReply *reply;
    int rc = talk_open(&p->subscriber, &p->from_conf);

    if (rc < 0 || p->stream)
        return rc;
    if ((rc = talk_ask(&p->subscriber, p->timeout, 2, word, &reply)) < 0)
        return rc;
    rc = talk_judge(&p->subscriber, reply);
    freeReplyObject(reply);
    if (rc < 0)
        talk_close(&p->subscriber);
    return rc;
}

/* ["message", channel, text] */
static int hear_channel(struct pubsub *p)
{
    redisReply *reply;
    int rc = talk_read(&p->subscriber, talk_now() + LOOK_AGAIN, &reply);

    if (rc < 0)
        return rc == -ETIME ? 0 : rc;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3)
        hear(p, reply->element[2]);
    freeReplyObject(reply);
    return 0;
}

/* [[key, [[id, ["m", text]], ...]]], or nil. */
static void hear_entries(struct pubsub *p, const redisReply *r)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 1 ||
        r->element[0]->type != REDIS_REPLY_ARRAY || r->element[0]->elements != 2)
        return;
    r = r->element[0]->element[1];
    for (size_t i = 0; i < r->elements; i++) {
        const redisReply *entry = r->element[i];

        if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2)
            return;
        snprintf(p->last, sizeof p->last, "%s", reply_text(entry->element[0]));
        if (entry->element[1]->elements == 2)
            hear(p, entry->element[1]->element[1]);
    }
}

static int hear_stream(struct pubsub *p)
{
    const char *word[] = {"XREAD", "COUNT",   "1000", "BLOCK",
                          BLOCK,   "STREAMS", p->key, p->last};
    redisReply *reply;
    int rc = talk_ask(&p->subscriber, p->timeout + MSEC(100), 8, word, &reply);

    if (rc < 0)
        return rc;
    if ((rc = talk_judge(&p->subscriber, reply)) == 0)
        hear_entries(p, reply);
    freeReplyObject(reply);
    return rc;
}

static int listen_once(struct pubsub *p)
{
    int rc;

    if (p->subscriber.ctx == NULL) {
        p->reconnects++;
        rc = count_trouble(&p->troubles, &p->subscriber, come_back(p));
        return rc == 0 || rc == -EINTR ? rc : talk_sleep(BACKOFF);
    }
    rc = p->stream ? hear_stream(p) : hear_channel(p);
    if (rc == 0 || rc == -EINTR)
        return rc;
    count_trouble(&p->troubles, &p->subscriber, rc);
    talk_close(&p->subscriber);
    return talk_sleep(BACKOFF);
}

/* Until the publisher has ended, and all that it has sent is here or too late. */
static int listen_to_all(struct pubsub *p)
{
    nsec over = 0;
    int rc = 0;

    while (rc == 0 && (over == 0 || talk_now() < over)) {
        bool done = atomic_load(&p->done);

        if (done && p->received >= atomic_load(&p->published))
            break;
        if (done && over == 0)
            over = talk_now() + p->grace;
        rc = listen_once(p);
    }
    return rc;
}

/* -- a run ------------------------------------------------------------------------- */

static int measure(struct pubsub *p, struct err *e)
{
    uv_thread_t thread;
    int rc;

    talk_catch();
    rc = trial_connect(&p->publisher, &p->to_conf, e);
    if (rc == 0 && come_back(p) < 0)
        rc = trial_cannot(&p->subscriber, &p->from_conf, e);
    if (rc < 0)
        return rc;
    if ((rc = uv_thread_create(&thread, publish_all, p)) < 0)
        return err_set(e, rc, "cannot start a thread: %s", uv_strerror(rc));
    rc = listen_to_all(p);
    uv_thread_join(&thread);
    if (p->stream)
        trial_clean(&p->publisher, &p->to_conf, p->key, 0);
    if (rc == 0 && atomic_load(&p->published) == 0)
        return err_set(e, -EIO, "nothing could be published: %s", p->publisher.why);
    return rc;
}

/* -- what is said ------------------------------------------------------------------ */

static double ms(const struct pubsub *p, nsec t)
{
    return p->received ? (double)t / 1e6 : (double)NAN;
}

static void fill(struct pubsub *p, struct sheet *s)
{
    struct gaps g = {0};
    char url[URL_TEXT_MAX];

    if (p->sent && p->got)
        g = gaps_of(p->sent, p->got, p->messages);
    for (int i = 0; i < TROUBLE_KINDS; i++)
        p->troubles.n[i] += p->publish_troubles.n[i];
    p->publish_troubles = (struct troubles){.n = {0}};
    sheet_text(s, "probe", "pubsub");
    sheet_text(s, "run", "%s", p->trial.run);
    sheet_text(s, "publish", "%s", url_print(&p->to, url, sizeof url));
    sheet_text(s, "subscribe", "%s", url_print(&p->from, url, sizeof url));
    sheet_text(s, "by", "%s", p->stream ? "XADD and XREAD" : "PUBLISH and SUBSCRIBE");
    sheet_number(s, "published", (double)g.sent, "acknowledged to the publisher");
    sheet_number(s, "received", (double)g.received, "");
    sheet_number(s, "lost", (double)g.lost, "");
    sheet_number(s, "gaps", (double)g.gaps, "runs of lost ones");
    sheet_number(s, "longest_gap", (double)g.longest, "messages");
    sheet_number(s, "nobody", p->stream ? (double)NAN : (double)p->nobody,
                 "PUBLISH said that nobody was there");
    sheet_number(s, "unknown", (double)(p->messages - g.sent - p->refused),
                 "sent, and not answered, or not sent at all");
    sheet_number(s, "refused", (double)p->refused, "answered with an error");
    sheet_number(s, "again", (double)p->again, "received more than once");
    sheet_number(s, "reconnects", (double)p->reconnects, "of the subscriber");
    sheet_number(s, "silence_ms", ms(p, p->silence), "longest, between two messages");
    sheet_number(s, "latest_ms", ms(p, p->latest), "from publishing to receiving");
    s->errors = &p->troubles;
}

static const char *wrong_number(const struct pubsub *p)
{
    if (p->messages == 0 || p->messages > MESSAGES_MAX)
        return "--messages is from 1 to 1000000";
    if (p->rate == 0 || p->rate > 100000)
        return "--rate is from 1 to 100000 a second";
    if (p->timeout < MSEC(1))
        return "--timeout is at least 1ms";
    return NULL;
}

static int prepare(struct pubsub *p, struct err *e)
{
    struct sheet blank = {.n = 0};
    int rc = trial_url("--publish", p->publish, "URL_M", &p->to, e);

    if (rc == 0)
        rc = trial_url("--subscribe", p->subscribe ? p->subscribe : p->publish, "URL_M",
                       &p->from, e);
    fill(p, &blank);
    if (rc == 0)
        rc = trial_check_claims(&p->trial, &blank, e);
    if (rc < 0)
        return rc;
    p->to_conf = (struct talk_conf){
        .url = &p->to, .source = p->trial.source, .timeout = p->timeout};
    p->from_conf = p->to_conf;
    p->from_conf.url = &p->from;
    snprintf(p->key, sizeof p->key, "pubsub:%s", p->trial.run);
    p->sent = calloc(p->messages, sizeof *p->sent);
    p->got = calloc(p->messages, sizeof *p->got);
    return p->sent && p->got ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int run(struct pubsub *p)
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
    talk_close(&p->publisher);
    talk_close(&p->subscriber);
    fill(p, &s);
    free(p->sent);
    free(p->got);
    return trial_end(&p->trial, &s, rc, &e);
}

int cmd_pubsub(int argc, char **argv)
{
    struct pubsub p = {
        .rate = 100, .messages = 300, .timeout = SEC(1), .grace = SEC(1), .last = "0"};
    const struct opt opts[] = {
        {"publish", 0, OPT_TEXT, &p.publish, "URL", "where to publish; or URL_M"},
        {"subscribe", 0, OPT_TEXT, &p.subscribe, "URL",
         "where to listen; the same place when not given"},
        {"rate", 0, OPT_COUNT, &p.rate, "N", "messages a second"},
        {"messages", 0, OPT_COUNT, &p.messages, "N", "how many"},
        {"stream", 0, OPT_FLAG, &p.stream, NULL, "through a stream, with XADD and XREAD"},
        {"timeout", 0, OPT_TIME, &p.timeout, "TIME", "of each answer, and to connect"},
        {"grace", 0, OPT_TIME, &p.grace, "TIME", "in the end, wait so long for the rest"},
        {"mark", 0, OPT_COUNT, &p.mark, "N",
         "print the line 'mark' after N messages, for a script that waits for it"},
        TRIAL_OPTS(&p.trial)};
    const struct usage u = {
        .command = "probe pubsub",
        .line = "--publish URL [--subscribe URL] [--stream] [option ...]",
        .about =
            "What does a subscriber miss that is cut off for a while, and can the "
            "publisher know? Publish numbered messages at a rate, count those that "
            "arrive, and how many receivers PUBLISH said there were. Cut the subscriber "
            "off meanwhile.\n"
            "exit: 0 done, 1 a claim does not hold, 2 usage, 3 nothing could be measured",
        .example = "sunder probe pubsub --publish 127.0.0.1:6379 --assert lost==0",
        .opts = opts,
    };
    int status;

    p.trial.usage = &u;
    status = trial_parse(&p.trial, argc, argv);
    return status < 0 ? run(&p) : status;
}

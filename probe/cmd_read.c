/* cmd_read.c -- `sunder probe read`: what becomes of each read, and how long it takes.
 *
 *   due ──► answered
 *     └ refused for now (LOADING, MASTERDOWN ...), or the connection is lost
 *          ├─► (nothing)   it has failed
 *          ├─► --retry     after a while the same again, until patience is over
 *          └─► --next      the next of the servers, and so on
 *
 * Reads are due at a rate, and their time counts from then on: a read that waits for one
 * that is stuck is late as well. Nothing is written.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "talk.h"
#include "trial.h"
#include "value.h"

#define PLACES      8
#define READS_MAX   10000000
#define BACKOFF_MIN MSEC(10)
#define BACKOFF_MAX MSEC(100)

struct reader {
    struct trial trial;
    const char *read, *key;
    nsec timeout, patience, duration;
    uint64_t rate, mark;
    bool retry, next;

    struct url url[PLACES];
    struct talk_conf conf[PLACES];
    struct talk talk[PLACES];
    size_t places;
    struct troubles troubles;
    uint64_t reads, answered, failed, again, elsewhere;
    nsec heard, silence, slowest;
};

/* Errors that pass by themselves, and after which a read may as well be tried again. */
static bool passes(enum trouble t)
{
    switch (t) {
    case TROUBLE_TIMEOUT:
    case TROUBLE_REFUSED:
    case TROUBLE_RESET:
    case TROUBLE_EOF:
    case TROUBLE_UNREACHABLE:
    case TROUBLE_LOADING:
    case TROUBLE_MASTERDOWN:
    case TROUBLE_BUSY:
    case TROUBLE_CLUSTERDOWN:
    case TROUBLE_TRYAGAIN: return true;
    default: return false;
    }
}

/* 0, -EINTR, or what went wrong; then the trouble has been counted. */
static int attempt(struct reader *r, size_t place)
{
    struct talk *t = &r->talk[place];
    redisReply *reply;
    int rc = t->ctx ? 0 : talk_open(t, &r->conf[place]);

    if (rc == 0)
        rc = talk_ask(t, r->timeout, 2, (const char *[]){"GET", r->key}, &reply);
    if (rc == 0) {
        rc = talk_judge(t, reply);
        freeReplyObject(reply);
    }
    if (rc < 0 && rc != -EINTR)
        r->troubles.n[t->trouble]++;
    return rc;
}

/* One round over the servers that may be asked; *place is who answered, or was last. */
static int round_of(struct reader *r, size_t *place)
{
    size_t places = r->next ? r->places : 1;
    int rc;

    for (*place = 0;; (*place)++) {
        rc = attempt(r, *place);
        if (rc == 0 || rc == -EINTR || *place + 1 == places ||
            !passes(r->talk[*place].trouble))
            return rc;
    }
}

static void note_answer(struct reader *r, nsec due, bool elsewhere)
{
    nsec now = talk_now();

    r->answered++;
    r->elsewhere += elsewhere;
    if (r->heard && now - r->heard > r->silence)
        r->silence = now - r->heard;
    r->heard = now;
    if (now - due > r->slowest)
        r->slowest = now - due;
}

/* One read, as often as it takes. 0 or -EINTR. */
static int read_one(struct reader *r, nsec due)
{
    nsec until = talk_now() + r->patience, backoff = BACKOFF_MIN;
    size_t place;
    int rc;

    r->reads++;
    while ((rc = round_of(r, &place)) < 0 && rc != -EINTR) {
        if (!(r->retry || r->next) || !passes(r->talk[place].trouble) ||
            talk_now() >= until)
            break;
        r->again++;
        if ((rc = talk_sleep(backoff)) < 0)
            break;
        backoff = backoff * 2 < BACKOFF_MAX ? backoff * 2 : BACKOFF_MAX;
    }
    if (rc == 0)
        note_answer(r, due, place > 0);
    else if (rc != -EINTR)
        r->failed++;
    return rc == -EINTR ? rc : 0;
}

static int read_all(struct reader *r)
{
    nsec begun = talk_now(), due, now;
    uint64_t n = 0;
    int rc = 0;

    while (rc == 0 && (due = begun + n * SEC(1) / r->rate) < begun + r->duration) {
        if ((now = talk_now()) < due)
            rc = talk_sleep(due - now);
        if (rc == 0)
            rc = read_one(r, due);
        if (++n == r->mark) {
            puts("mark");
            fflush(stdout);
        }
    }
    return rc;
}

static int measure(struct reader *r, struct err *e)
{
    int rc;

    talk_catch();
    rc = trial_connect(&r->talk[0], &r->conf[0], e);
    return rc < 0 ? rc : read_all(r);
}

/* -- what is said ------------------------------------------------------------------ */

static double ms(const struct reader *r, nsec t)
{
    return r->answered ? (double)t / 1e6 : (double)NAN;
}

static void fill(const struct reader *r, struct sheet *s)
{
    char url[URL_TEXT_MAX];

    sheet_text(s, "probe", "read");
    sheet_text(s, "run", "%s", r->trial.run);
    sheet_text(s, "read", "%s", url_print(&r->url[0], url, sizeof url));
    sheet_text(s, "when_refused", "%s",
               r->next    ? "ask the next server"
               : r->retry ? "try again"
                          : "fail");
    sheet_number(s, "reads", (double)r->reads, "");
    sheet_number(s, "answered", (double)r->answered, "");
    sheet_number(s, "failed", (double)r->failed, "");
    sheet_number(s, "again", (double)r->again, "times that a read was tried anew");
    sheet_number(s, "elsewhere", (double)r->elsewhere, "answered by another server");
    sheet_number(s, "slowest_ms", ms(r, r->slowest), "from when it was due");
    sheet_number(s, "silence_ms", ms(r, r->silence), "longest, between two answers");
    s->errors = &r->troubles;
}

static int read_places(struct reader *r, struct err *e)
{
    const char *list = url_or_env(r->read, "URL_R", e);
    char *copy = list ? strdup(list) : NULL, *at = copy, *one;
    int rc = copy ? 0 : -EINVAL;

    while (rc == 0 && (one = strsep(&at, ",")) != NULL) {
        struct talk_conf *c = &r->conf[r->places];

        if (r->places == PLACES) {
            rc = err_set(e, -EINVAL, "--read: more than %d servers", PLACES);
            break;
        }
        *c = (struct talk_conf){
            .url = &r->url[r->places], .source = r->trial.source, .timeout = r->timeout};
        rc = trial_url("--read", one, "URL_R", &r->url[r->places++], e);
    }
    free(copy);
    return rc;
}

static const char *wrong_number(const struct reader *r)
{
    if (r->rate == 0 || r->rate > 100000)
        return "--rate is from 1 to 100000 a second";
    if (r->duration < MSEC(1) || r->duration / SEC(1) > READS_MAX / r->rate)
        return "--duration is at least 1ms, and not more than 10 million reads take";
    if (r->timeout < MSEC(1))
        return "--timeout is at least 1ms";
    if (r->retry && r->next)
        return "--retry and --next exclude each other";
    return NULL;
}

static int run(struct reader *r)
{
    struct sheet blank = {.n = 0}, s = {.n = 0};
    const char *wrong = wrong_number(r);
    struct err e;
    int rc;

    if (wrong)
        return cli_usage(r->trial.usage, "%s", wrong);
    rc = read_places(r, &e);
    fill(r, &blank);
    if (rc == 0)
        rc = trial_check_claims(&r->trial, &blank, &e);
    if (rc == 0)
        rc = measure(r, &e);
    for (size_t i = 0; i < r->places; i++)
        talk_close(&r->talk[i]);
    fill(r, &s);
    return trial_end(&r->trial, &s, rc, &e);
}

int cmd_read(int argc, char **argv)
{
    struct reader r = {.key = "mystery",
                       .rate = 100,
                       .duration = SEC(4),
                       .timeout = SEC(1),
                       .patience = SEC(5)};
    const struct opt opts[] = {
        {"read", 0, OPT_TEXT, &r.read, "URL[,URL...]",
         "which server; the others are for --next; or URL_R"},
        {"key", 0, OPT_TEXT, &r.key, "KEY", "what to GET; it need not exist"},
        {"rate", 0, OPT_COUNT, &r.rate, "N", "reads a second"},
        {"duration", 0, OPT_TIME, &r.duration, "TIME", "for so long"},
        {"retry", 0, OPT_FLAG, &r.retry, NULL,
         "try again after errors that pass, such as LOADING"},
        {"next", 0, OPT_FLAG, &r.next, NULL, "after such an error ask the next server"},
        {"timeout", 0, OPT_TIME, &r.timeout, "TIME", "of each answer, and to connect"},
        {"patience", 0, OPT_TIME, &r.patience, "TIME", "go on with a read for so long"},
        {"mark", 0, OPT_COUNT, &r.mark, "N",
         "print the line 'mark' after N reads, for a script that waits for it"},
        TRIAL_OPTS(&r.trial)};
    const struct usage u = {
        .command = "probe read",
        .line = "--read URL[,URL...] [--retry | --next] [option ...]",
        .about =
            "What becomes of reads while a server loads its data, loses its master or "
            "goes away? GET a key at a rate, and say how many failed, by which error, "
            "and how long the slowest took. Nothing is written.\n"
            "exit: 0 done, 1 a claim does not hold, 2 usage, 3 could not connect",
        .example = "sunder probe read --read 127.0.0.1:6380 --retry --assert failed==0",
        .opts = opts,
    };
    int status;

    r.trial.usage = &u;
    status = trial_parse(&r.trial, argc, argv);
    return status < 0 ? run(&r) : status;
}

/* cmd_half_open.c -- `sunder probe half-open`: who notices that a server is silent?
 *
 * Seven clients of one server at the same time, each with one means of noticing. All is
 * measured from the last answer that any of the busy ones has got: that is when the
 * silence began. The program only watches; the silence is up to you.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "talk.h"
#include "trial.h"
#include "value.h"

#define PERIOD MSEC(100) /* from an answer to the next question of a busy client */

enum who {
    IDLE,
    IDLE_KEEPALIVE,
    BUSY,
    BUSY_KEEPALIVE,
    BUSY_USER_TIMEOUT,
    COMMAND_TIMEOUT,
    NEW_CONNECTION,
    WATCHERS
};

struct watcher {
    struct talk_conf conf;
    struct talk talk;
    bool busy, patient; /* patient: it waits for an answer for ever */
    bool connected;
    nsec asked;    /* when it began to wait; 0 = it does not */
    nsec next;     /* when it asks again */
    nsec answered; /* last */
    nsec noticed;  /* 0 = not yet */
    char how[TALK_WHY_MAX];
};

struct half_open {
    struct trial trial;
    const char *at, *keepalive;
    struct url url;
    struct talk_conf conf;
    nsec command_timeout, watch;
    bool mark;

    struct watcher watcher[WATCHERS];
    nsec ended;
};

/* -- one client -------------------------------------------------------------------- */

static void notice(struct watcher *w, nsec now, const char *how)
{
    w->noticed = now;
    snprintf(w->how, sizeof w->how, "%s", how);
    talk_close(&w->talk);
}

static void ask(struct watcher *w, nsec now)
{
    int rc = talk_add(&w->talk, 1, (const char *[]){"PING"});

    if (w->asked == 0)
        w->asked = now;
    if (rc == 0)
        rc = talk_flush(&w->talk, now);
    if (rc < 0 && rc != -EINTR)
        notice(w, now, w->talk.why);
}

static void take_answer(struct watcher *w, nsec now)
{
    redisReply *reply;
    int rc = talk_read(&w->talk, 0, &reply);

    if (rc == -ETIME || rc == -EINTR)
        return;
    if (rc < 0) {
        notice(w, now, w->talk.why);
        return;
    }
    freeReplyObject(reply); /* also an error is a sign of life */
    w->asked = 0;
    w->answered = now;
    w->next = now + PERIOD;
}

/* The one that connects anew each time. */
static void dial(struct watcher *w, nsec now)
{
    w->connected = false;
    w->asked = now;
    if (talk_begin(&w->talk, &w->conf) < 0)
        notice(w, now, w->talk.why);
}

static void try_connected(struct watcher *w, nsec now)
{
    int rc = talk_connected(&w->talk);

    if (rc == -EINPROGRESS)
        return;
    if (rc < 0) {
        notice(w, now, w->talk.why);
        return;
    }
    w->connected = true;
    ask(w, now);
}

static void lose_patience(const struct half_open *h, struct watcher *w, nsec now)
{
    bool dials = w == &h->watcher[NEW_CONNECTION];

    if (w->patient || w->asked == 0 || now < w->asked + h->command_timeout)
        return;
    notice(w, now,
           !dials         ? "its command timeout"
           : w->connected ? "connects, and nobody answers"
                          : "cannot connect: nobody answers");
}

static void turn(struct half_open *h, struct watcher *w, short events, nsec now)
{
    bool dials = w == &h->watcher[NEW_CONNECTION];

    if (w->noticed)
        return;
    if (events && dials && !w->connected)
        try_connected(w, now);
    else if (events)
        take_answer(w, now);
    if (dials && !w->noticed && w->connected && w->asked == 0)
        talk_close(&w->talk);
    if (!w->noticed && w->busy && w->asked == 0 && now >= w->next) {
        if (w->talk.ctx)
            ask(w, now);
        else
            dial(w, now);
    }
    if (!w->noticed)
        lose_patience(h, w, now);
}

/* -- all of them ------------------------------------------------------------------- */

static bool all_noticed(const struct half_open *h)
{
    for (int i = 0; i < WATCHERS; i++)
        if (!h->watcher[i].noticed)
            return false;
    return true;
}

/* When somebody next has something to do besides listening. */
static nsec due(const struct half_open *h, nsec until)
{
    for (int i = 0; i < WATCHERS; i++) {
        const struct watcher *w = &h->watcher[i];
        nsec at = w->asked == 0 ? w->next : w->asked + h->command_timeout;

        if (w->noticed == 0 && w->busy && !(w->patient && w->asked) && at < until)
            until = at;
    }
    return until;
}

static void listen_to(const struct half_open *h, struct pollfd *p)
{
    for (int i = 0; i < WATCHERS; i++) {
        const struct watcher *w = &h->watcher[i];
        bool dialing = i == NEW_CONNECTION && !w->connected;

        p[i] = (struct pollfd){.fd = w->talk.ctx ? (int)w->talk.ctx->fd : -1,
                               .events = dialing ? POLLOUT : POLLIN};
    }
}

/* Has everybody who asks been answered, with the next question still some time away?
 * What breaks now, breaks between two questions. */
static bool quiet(const struct half_open *h, nsec now)
{
    for (int i = BUSY; i < WATCHERS; i++) {
        const struct watcher *w = &h->watcher[i];

        if (w->answered == 0 || w->asked || w->next < now + PERIOD / 2)
            return false;
    }
    return true;
}

static void mark(struct half_open *h)
{
    h->mark = false;
    puts("mark");
    fflush(stdout);
}

static int watch(struct half_open *h)
{
    nsec until = talk_now() + h->watch, now;
    struct pollfd p[WATCHERS];

    while ((now = talk_now()) < until && !talk_signal && !all_noticed(h)) {
        nsec next = due(h, until);

        listen_to(h, p);
        if (poll(p, WATCHERS, next > now ? (int)((next - now) / MSEC(1)) + 1 : 0) < 0)
            continue;
        now = talk_now();
        for (int i = 0; i < WATCHERS; i++)
            turn(h, &h->watcher[i], p[i].revents, now);
        if (h->mark && quiet(h, talk_now()))
            mark(h);
    }
    h->ended = talk_now();
    return talk_signal ? -EINTR : 0;
}

/* What each has beyond the others. */
static void arm(struct half_open *h)
{
    for (int i = 0; i < WATCHERS; i++) {
        struct watcher *w = &h->watcher[i];
        bool keepalive = i == IDLE_KEEPALIVE || i == BUSY_KEEPALIVE;

        w->conf = h->conf;
        if (!keepalive)
            w->conf.keep_idle = w->conf.keep_interval = w->conf.keep_count = 0;
        if (i != BUSY_USER_TIMEOUT)
            w->conf.user_timeout = 0;
        w->busy = i >= BUSY;
        w->patient = i != COMMAND_TIMEOUT && i != NEW_CONNECTION;
    }
}

static int begin(struct half_open *h, struct err *e)
{
    redisReply *reply;

    for (int i = 0; i < NEW_CONNECTION; i++) {
        struct watcher *w = &h->watcher[i];
        int rc = trial_connect(&w->talk, &w->conf, e);

        if (rc == 0 &&
            talk_ask(&w->talk, h->conf.timeout, 1, (const char *[]){"PING"}, &reply) < 0)
            rc = trial_cannot(&w->talk, &w->conf, e);
        if (rc < 0)
            return rc;
        freeReplyObject(reply);
        w->connected = true;
    }
    return 0;
}

static int measure(struct half_open *h, struct err *e)
{
    int rc;

    talk_catch();
    arm(h);
    rc = begin(h, e);
    if (rc == 0)
        rc = watch(h);
    for (int i = 0; i < WATCHERS; i++)
        talk_close(&h->watcher[i].talk);
    return rc;
}

/* -- what is said ------------------------------------------------------------------ */

static nsec last_answer(const struct half_open *h)
{
    nsec last = 0;

    for (int i = BUSY; i < NEW_CONNECTION; i++)
        if (h->watcher[i].answered > last)
            last = h->watcher[i].answered;
    return last;
}

/* Who noticed while others were still answered did so at once. */
static double after(const struct half_open *h, enum who who)
{
    nsec last = last_answer(h), noticed = h->watcher[who].noticed;

    if (noticed == 0)
        return NAN;
    return noticed > last ? (double)(noticed - last) / 1e6 : 0;
}

static void fill(const struct half_open *h, struct sheet *s)
{
    static const char *const names[WATCHERS] = {
        "idle_ms",           "idle_keepalive_ms",    "busy_ms",
        "busy_keepalive_ms", "busy_user_timeout_ms", "command_timeout_ms",
        "new_connection_ms",
    };
    const struct watcher *dials = &h->watcher[NEW_CONNECTION];
    char url[URL_TEXT_MAX];

    sheet_text(s, "probe", "half-open");
    sheet_text(s, "run", "%s", h->trial.run);
    sheet_text(s, "url", "%s", url_print(&h->url, url, sizeof url));
    sheet_number(s, "silent_ms", (double)(h->ended - last_answer(h)) / 1e6,
                 "since the last answer, at the end");
    for (int i = 0; i < WATCHERS; i++)
        sheet_number(s, names[i], after(h, (enum who)i),
                     h->watcher[i].noticed ? h->watcher[i].how : "has noticed nothing");
    sheet_text(s, "dialing", "%s", dials->noticed ? dials->how : "connects");
}

/* "1s/1s/2" */
static int read_keepalive(struct half_open *h, struct err *e)
{
    char copy[64], *at = copy, *idle, *interval, *count;
    nsec first = 0, then = 0;
    uint64_t n = 0;

    snprintf(copy, sizeof copy, "%s", h->keepalive);
    idle = strsep(&at, "/");
    interval = strsep(&at, "/");
    count = strsep(&at, "/");
    if (count && at == NULL && value_time(idle, &first, NULL) == 0 &&
        value_time(interval, &then, NULL) == 0 && value_count(count, &n, NULL) == 0 &&
        first >= SEC(1) && then >= SEC(1) && first < SEC(32768) && then < SEC(32768) &&
        n >= 1 && n <= 127) {
        h->conf.keep_idle = (unsigned)(first / SEC(1));
        h->conf.keep_interval = (unsigned)(then / SEC(1));
        h->conf.keep_count = (unsigned)n;
        return 0;
    }
    err_set(e, -EINVAL, "--keepalive: '%s' is no keepalive", h->keepalive);
    err_hint(e, "idle time, interval and probes, in whole seconds: 1s/1s/2");
    return -EINVAL;
}

static const char *wrong_number(const struct half_open *h)
{
    if (h->command_timeout < MSEC(1) || h->command_timeout > SEC(3600))
        return "--command-timeout is from 1ms to 1h";
    if (h->conf.user_timeout < MSEC(1) || h->conf.user_timeout > SEC(3600))
        return "--user-timeout is from 1ms to 1h";
    if (h->watch < MSEC(1) || h->watch > SEC(86400))
        return "--for is from 1ms to 24h";
    return NULL;
}

static int run(struct half_open *h)
{
    struct sheet blank = {.n = 0}, s = {.n = 0};
    const char *wrong = wrong_number(h);
    struct err e;
    int rc;

    if (wrong)
        return cli_usage(h->trial.usage, "%s", wrong);
    rc = read_keepalive(h, &e);
    if (rc == 0)
        rc = trial_url("--url", h->at, "URL_M", &h->url, &e);
    fill(h, &blank);
    if (rc == 0)
        rc = trial_check_claims(&h->trial, &blank, &e);
    if (rc == 0) {
        h->conf.url = &h->url;
        h->conf.source = h->trial.source;
        rc = measure(h, &e);
    }
    fill(h, &s);
    return trial_end(&h->trial, &s, rc, &e);
}

int cmd_half_open(int argc, char **argv)
{
    struct half_open h = {
        .keepalive = "1s/1s/2", .command_timeout = SEC(1), .watch = SEC(10)};
    const struct opt opts[] = {
        {"url", 0, OPT_TEXT, &h.at, "URL", "the server; or URL_M"},
        {"keepalive", 0, OPT_TEXT, &h.keepalive, "IDLE/INTERVAL/COUNT",
         "for the clients with TCP keepalive"},
        {"user-timeout", 0, OPT_TIME, &h.conf.user_timeout, "TIME",
         "for the client with TCP_USER_TIMEOUT"},
        {"command-timeout", 0, OPT_TIME, &h.command_timeout, "TIME",
         "for the client with a timeout of its own, and the one that connects anew"},
        {"for", 0, OPT_TIME, &h.watch, "TIME", "how long to watch"},
        {"mark", 0, OPT_FLAG, &h.mark, NULL,
         "print the line 'mark' when all have been answered, for a script that waits"},
        TRIAL_OPTS(&h.trial)};
    const struct usage u = {
        .command = "probe half-open",
        .line = "--url URL [option ...]",
        .about =
            "Who notices that a server has gone silent, and after how long? Seven "
            "clients watch it, each with one means: none, TCP keepalive, "
            "TCP_USER_TIMEOUT, a command timeout, a new connection; idle, or asking PING "
            "all the time. Pull the cable meanwhile (sunder: do blackhole), or stop the "
            "server (do hang).\n"
            "exit: 0 done, 1 a claim does not hold, 2 usage, 3 could not connect",
        .example = "sunder probe half-open --url 127.0.0.1:6379 --for 20s",
        .opts = opts,
    };
    int status;

    h.trial.usage = &u;
    h.conf.timeout = h.conf.user_timeout = SEC(3);
    status = trial_parse(&h.trial, argc, argv);
    return status < 0 ? run(&h) : status;
}

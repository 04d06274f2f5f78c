/* sentinel_watch.c -- see sentinel_watch.h. */
#include "sentinel_watch.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ear.h"

struct watch;

struct watched {
    struct watch *watch;
    struct ear ear;
    struct ear_conf conf;
    char name[URL_TEXT_MAX];
};

struct watch {
    const struct usage *usage;
    const struct view_how *how;
    struct pool pool;
    struct watched one[SENTINELS_MAX];
    size_t n;
    uv_timer_t limit;
    uv_signal_t interrupt, terminate;
    bool over;
};

/* 15:04:05.123, or 2026-01-31T15:04:05.123 with the day. */
static const char *wall_clock(bool day, char *buf, size_t size)
{
    struct timespec t;
    struct tm local;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &t);
    localtime_r(&t.tv_sec, &local);
    n = strftime(buf, size, day ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &local);
    snprintf(buf + n, size - n, ".%03d", (int)(t.tv_nsec / 1000000));
    return buf;
}

static void stop(struct watch *w)
{
    if (w->over)
        return;
    w->over = true;
    for (size_t i = 0; i < w->n; i++)
        ear_close(&w->one[i].ear);
    pool_close(&w->pool);
    uv_close((uv_handle_t *)&w->limit, NULL);
    uv_close((uv_handle_t *)&w->interrupt, NULL);
    uv_close((uv_handle_t *)&w->terminate, NULL);
}

static void heard(void *arg, const char *event, const char *text)
{
    const struct watched *w = arg;
    char when[64];

    if (w->watch->how->view == VIEW_JSON)
        view_json(w->watch->how,
                  json_pack("{s:s, s:s, s:s, s:s}", "time",
                            wall_clock(true, when, sizeof when), "sentinel", w->name,
                            "event", event, "text", text));
    else
        printf("%s  %s  %-24s %s\n", wall_clock(false, when, sizeof when), w->name, event,
               text);
    fflush(stdout);
    if (ferror(stdout)) /* nobody reads it any more; main() says so */
        stop(w->watch);
}

static void changed(void *arg, bool listens, const char *why)
{
    const struct watched *w = arg;

    if (!listens)
        fprintf(stderr, "sunder sentinel watch: %s: %s; trying again\n", w->name, why);
    else if (w->watch->how->view == VIEW_WIDE)
        fprintf(stderr, "sunder sentinel watch: %s: listening\n", w->name);
}

static void on_limit(uv_timer_t *t)
{
    stop(t->data);
}

static void on_signal(uv_signal_t *h, int number)
{
    (void)number;
    stop(h->data);
}

static void begin(struct watch *w, uv_loop_t *loop, nsec limit)
{
    uv_timer_init(loop, &w->limit);
    uv_signal_init(loop, &w->interrupt);
    uv_signal_init(loop, &w->terminate);
    w->limit.data = w->interrupt.data = w->terminate.data = w;
    uv_signal_start(&w->interrupt, on_signal, SIGINT);
    uv_signal_start(&w->terminate, on_signal, SIGTERM);
    if (limit > 0)
        uv_timer_start(&w->limit, on_limit, limit / MSEC(1), 0);
}

static int listen_to(struct watch *w, size_t i, const struct url *url,
                     const char *const *pattern, int patterns)
{
    struct watched *one = &w->one[i];

    one->watch = w;
    url_print(url, one->name, sizeof one->name);
    if (strncmp(one->name, "redis://", 8) == 0)
        memmove(one->name, one->name + 8, strlen(one->name + 8) + 1);
    one->conf = (struct ear_conf){
        .url = url,
        .pattern = pattern,
        .patterns = patterns,
        .heard = heard,
        .changed = changed,
        .arg = one,
    };
    return ear_open(&one->ear, &w->pool, &one->conf);
}

int sentinel_watch(const struct usage *u, const struct sentinels *s,
                   const struct view_how *how, const char *const *pattern, nsec limit)
{
    static const char *const all[] = {"*", NULL};
    static struct watch w;
    int patterns = 0, rc;
    uv_loop_t loop;

    while (pattern[patterns] != NULL)
        patterns++;
    if (patterns > EAR_PATTERNS)
        return cli_usage(u, "at most %d patterns", EAR_PATTERNS);
    w = (struct watch){.usage = u, .how = how, .n = s->n};
    signal(SIGPIPE, SIG_IGN);
    rc = uv_loop_init(&loop);
    assert(rc == 0);
    rc = pool_open(&w.pool, &loop);
    assert(rc == 0);
    begin(&w, &loop, limit);
    for (size_t i = 0; i < s->n && rc == 0; i++)
        rc = listen_to(&w, i, &s->url[i], patterns ? pattern : all,
                       patterns ? patterns : 1);
    assert(rc == 0); /* only memory can lack */
    uv_run(&loop, UV_RUN_DEFAULT);
    rc = uv_loop_close(&loop);
    assert(rc == 0);
    return STATUS_MET;
}

/* http_events.c -- see http_events.h.
 *
 *   on_event -> text -> [ring of the stream] -> on_room -> MHD -> socket
 *
 * A stream without anything to send is suspended; on_event wakes it. libmicrohttpd does
 * not look at the socket of a suspended connection: only sending tells that it is gone.
 */
#include "http_events.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"

#define BLOCK 16384 /* bytes that MHD asks for at a time */

struct stream {
    struct stream *next, **at; /* in the list of all */
    struct http_events *all;
    struct MHD_Connection *connection;
    uint32_t kinds; /* a bit for each event kind wanted */
    uint64_t dropped;
    nsec beat; /* when it gets a comment, if nothing comes before */
    bool asleep, ended;
    size_t from, n; /* ring: n bytes from `from` on */
    char ring[EVENTS_UNREAD];
};

struct http_events {
    struct proxy *proxy;
    struct stream *stream;
    size_t streams;
    bool ended;
    void (*wake)(void *arg);
    void *arg;
};

/* ---- the ring ---- */

static bool put(struct stream *s, const char *p, size_t n)
{
    size_t at = (s->from + s->n) % EVENTS_UNREAD, first = EVENTS_UNREAD - at;

    if (n > EVENTS_UNREAD - s->n)
        return false;
    if (first > n)
        first = n;
    memcpy(s->ring + at, p, first);
    memcpy(s->ring, p + first, n - first);
    s->n += n;
    return true;
}

static size_t get(struct stream *s, char *buf, size_t max)
{
    size_t n = EVENTS_UNREAD - s->from;

    if (n > s->n)
        n = s->n;
    if (n > max)
        n = max;
    memcpy(buf, s->ring + s->from, n);
    s->from = (s->from + n) % EVENTS_UNREAD;
    s->n -= n;
    return n;
}

/* ---- what happens ---- */

static void rouse(struct stream *s)
{
    if (!s->asleep)
        return;
    s->asleep = false;
    mhd.resume_connection(s->connection);
    if (!s->ended)
        s->all->wake(s->all->arg);
}

/* How many were left out is said before anything that came after them. */
static bool own_up(struct stream *s)
{
    char text[80];
    int n;

    if (s->dropped == 0)
        return true;
    n = snprintf(text, sizeof text, "event: dropped\ndata: {\"dropped\":%llu}\n\n",
                 (unsigned long long)s->dropped);
    if (!put(s, text, (size_t)n))
        return false;
    s->dropped = 0;
    return true;
}

static void offer(struct stream *s, const char *text, size_t n)
{
    if (!own_up(s) || !put(s, text, n))
        s->dropped++;
    rouse(s);
}

static bool wanted(const struct http_events *h, uint32_t kind)
{
    for (const struct stream *s = h->stream; s; s = s->next)
        if (s->kinds & kind)
            return true;
    return false;
}

static void on_event(void *arg, const struct proxy_event *ev)
{
    struct http_events *h = arg;
    uint32_t kind = (uint32_t)1 << ev->kind;
    char text[1024];
    json_t *o;
    char *data;
    int n;

    if (!wanted(h, kind))
        return;
    o = describe_event(ev);
    data = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    n = data ? snprintf(text, sizeof text, "event: %s\ndata: %s\n\n",
                        proxy_event_names[ev->kind], data)
             : -1;
    free(data);
    for (struct stream *s = h->stream; s; s = s->next) {
        if (!(s->kinds & kind))
            continue;
        if (n > 0 && (size_t)n < sizeof text)
            offer(s, text, (size_t)n);
        else
            s->dropped++;
    }
}

nsec http_events_beat(struct http_events *h, nsec now)
{
    nsec next = NSEC_NEVER;

    for (struct stream *s = h->stream; s; s = s->next) {
        if (s->beat <= now) {
            (void)(own_up(s) && put(s, ":\n\n", 3));
            s->beat = now + EVENTS_BEAT;
            rouse(s);
        }
        if (s->beat < next)
            next = s->beat;
    }
    return next;
}

/* ---- streams come and go ---- */

static ssize_t on_room(void *arg, uint64_t at, char *buf, size_t max)
{
    struct stream *s = arg;

    (void)at;
    if (s->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    (void)own_up(s);
    if (s->n > 0) {
        s->beat = uv_hrtime() + EVENTS_BEAT;
        return (ssize_t)get(s, buf, max);
    }
    s->asleep = true;
    mhd.suspend_connection(s->connection);
    return 0;
}

static void on_gone(void *arg)
{
    struct stream *s = arg;
    struct http_events *h = s->all;

    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    free(s);
    if (--h->streams == 0 && !h->ended)
        proxy_unwatch(h->proxy, on_event, h);
}

static int enter(struct http_events *h, struct stream *s)
{
    int err = h->streams == 0 ? proxy_watch(h->proxy, on_event, h) : 0;

    if (err)
        return err;
    h->streams++;
    s->all = h;
    s->next = h->stream;
    s->at = &h->stream;
    if (s->next)
        s->next->at = &s->next;
    h->stream = s;
    return 0;
}

static int read_kinds(const char *kinds, uint32_t *out, struct err *e)
{
    *out = kinds ? 0 : UINT32_MAX;
    while (kinds && *kinds) {
        size_t n = strcspn(kinds, ","), k = 0;

        while (proxy_event_names[k] && (strlen(proxy_event_names[k]) != n ||
                                        strncmp(proxy_event_names[k], kinds, n) != 0))
            k++;
        if (proxy_event_names[k] == NULL) {
            err_set(e, -EINVAL, "'%.*s' is no kind of event", n > 40 ? 40 : (int)n,
                    kinds);
            err_hint(e, "%s, ... with commas between; all when it is left out",
                     proxy_event_names[0]);
            return -EINVAL;
        }
        *out |= (uint32_t)1 << k;
        kinds += n + (kinds[n] == ',');
    }
    return 0;
}

static int respond(struct stream *s)
{
    struct MHD_Response *r = mhd.create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK,
                                                               on_room, s, on_gone);
    enum MHD_Result done;

    if (r == NULL) {
        on_gone(s);
        return -ENOMEM;
    }
    (void)mhd.add_response_header(r, "Content-Type", "text/event-stream");
    (void)mhd.add_response_header(r, "Cache-Control", "no-store");
    (void)mhd.add_response_header(r, "Sunder-Version", SUNDER_VERSION);
    done = mhd.queue_response(s->connection, MHD_HTTP_OK, r);
    mhd.destroy_response(r); /* calls on_gone when nobody else has it */
    return done == MHD_YES ? 0 : -ENOMEM;
}

int http_events_serve(struct http_events *h, struct MHD_Connection *c, const char *kinds,
                      struct err *e)
{
    uint32_t wants;
    struct stream *s;
    int err = read_kinds(kinds, &wants, e);

    if (err)
        return err;
    if (h->streams == EVENTS_STREAMS)
        return err_set(e, -EBUSY, "%d streams of events are open, no more are allowed",
                       EVENTS_STREAMS);
    if ((s = malloc(sizeof *s)) == NULL)
        return -ENOMEM;
    s->connection = c;
    s->kinds = wants;
    s->dropped = 0;
    s->beat = uv_hrtime() + EVENTS_BEAT;
    s->asleep = s->ended = false;
    s->from = s->n = 0;
    (void)put(s, ":\n\n", 3); /* so that the caller hears at once that it is heard */
    if ((err = enter(h, s)) < 0) {
        free(s);
        return err_set(e, -EBUSY, "too many watch this proxy already");
    }
    return respond(s);
}

/* ---- life ---- */

struct http_events *http_events_new(struct proxy *p, void (*wake)(void *arg), void *arg)
{
    struct http_events *h = calloc(1, sizeof *h);

    if (h)
        *h = (struct http_events){.proxy = p, .wake = wake, .arg = arg};
    return h;
}

void http_events_end(struct http_events *h)
{
    if (h->streams)
        proxy_unwatch(h->proxy, on_event, h);
    h->ended = true;
    for (struct stream *s = h->stream; s; s = s->next) {
        s->ended = true;
        rouse(s);
    }
}

void http_events_free(struct http_events *h)
{
    free(h);
}

/* http.c -- see http.h. libmicrohttpd on our loop: its epoll descriptor is polled, and it
 * runs when there is something for it to do. A request is read whole and answered by
 * native.c, but for /healthz, /readyz, /metrics and /events.
 */
#include "http.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control.h"
#include "http_door.h"
#include "http_events.h"
#include "log.h"
#include "metrics.h"
#include "mhd.h"
#include "native.h"
#include "tox.h"

#define IDLE_SECONDS 30

#define TURNS_MAX 64 /* in a millisecond, before others get theirs */

struct http {
    struct MHD_Daemon *daemon;
    struct proxy *proxy;
    struct tox *tox;
    char *token;
    bool open_to_all; /* as toxiproxy-server with -host is */
    bool health;      /* shows how it fares, and takes no verbs */
    struct http_events *events;
    struct http_door door;
    struct sockaddr_storage at; /* where the door is */
    uv_poll_t poll;
    uv_timer_t timer; /* for what the daemon wants to do by itself */
    uint64_t turned;  /* the millisecond of the last turn, .. */
    unsigned turns;   /* .. and how many it has had in it */
    unsigned open;
    void (*done)(void *arg);
    void *arg;
};

struct request {
    char *body;
    size_t n;
    bool too_long;
};

typedef struct MHD_Connection connection;

/* ---- answers ---- */

static enum MHD_Result reply(connection *c, unsigned status, const char *type, char *text,
                             size_t n)
{
    struct MHD_Response *r = mhd.create_response_from_buffer(n, text,
                                                             MHD_RESPMEM_MUST_FREE);
    enum MHD_Result done;

    if (r == NULL) {
        free(text);
        return MHD_NO;
    }
    (void)mhd.add_response_header(r, "Content-Type", type);
    (void)mhd.add_response_header(r, "Sunder-Version", SUNDER_VERSION);
    done = mhd.queue_response(c, status, r);
    mhd.destroy_response(r);
    return done;
}

static enum MHD_Result reply_text(connection *c, unsigned status, const char *text)
{
    char *copy = strdup(text);

    return copy ? reply(c, status, "text/plain; charset=utf-8", copy, strlen(copy))
                : MHD_NO;
}

static enum MHD_Result reply_json(connection *c, unsigned status, const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);

    return text ? reply(c, status, "application/json", text, strlen(text)) : MHD_NO;
}

static enum MHD_Result reply_error(connection *c, unsigned status, const struct err *e)
{
    json_t *o = native_error(status, e);
    enum MHD_Result done = o ? reply_json(c, status, o) : MHD_NO;

    json_decref(o);
    return done;
}

static enum MHD_Result refuse(connection *c, unsigned status, const char *text)
{
    struct err e = {0};

    err_set(&e, -EINVAL, "%s", text);
    return reply_error(c, status, &e);
}

/* ---- may this caller ask at all? ---- */

/* An address or localhost, with or without a port. */
static bool is_own_name(const char *host)
{
    char name[256];
    unsigned char in[sizeof(struct in6_addr)];
    size_t n = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");

    if (n == 0 || n >= sizeof name)
        return false;
    memcpy(name, host + (host[0] == '['), n - (host[0] == '['));
    name[n - (host[0] == '[')] = '\0';
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, in) == 1 ||
           inet_pton(AF_INET6, name, in) == 1;
}

/* Takes the same time wherever the difference is. */
static bool same_secret(const char *a, const char *b)
{
    size_t n = strlen(a);
    unsigned char differs = (unsigned char)(n != strlen(b));

    for (size_t i = 0; !differs && i < n; i++)
        differs |= (unsigned char)(a[i] ^ b[i]);
    return !differs;
}

/* Of several Host headers each must be ours: who knows which one a proxy looked at. */
static enum MHD_Result check_host(void *arg, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    bool *own = arg;

    (void)kind;
    if (strcasecmp(key, "Host") == 0 && !is_own_name(value ? value : ""))
        *own = false;
    return *own ? MHD_YES : MHD_NO;
}

static bool may_ask(const struct http *h, connection *c)
{
    const char *auth = mhd.lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    bool own = true;

    if (h->open_to_all)
        return true;
    if (h->token)
        return auth && strncasecmp(auth, "Bearer ", 7) == 0 &&
               same_secret(h->token, auth + 7);
    (void)mhd.get_connection_values(c, MHD_HEADER_KIND, check_host, &own);
    return own;
}

/* ---- arguments ---- */

static enum MHD_Result take_query(void *arg, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    (void)kind;
    if (value == NULL) /* a flag */
        (void)json_object_set_new(arg, key, json_true());
    else
        (void)json_object_set_new(arg, key, json_string(value));
    return MHD_YES;
}

/* ---- requests ---- */

static enum MHD_Result native(struct http *h, connection *c, const char *method,
                              const char *path, const struct request *q)
{
    json_t *args = json_object(), *out;
    enum MHD_Result done;
    unsigned status;

    (void)mhd.get_connection_values(c, MHD_GET_ARGUMENT_KIND, take_query, args);
    status = native_answer(h->proxy, method, path, args, q->body, q->n, &out);
    if (out)
        done = reply_json(c, status, out);
    else if (status == MHD_HTTP_NO_CONTENT)
        done = reply(c, status, "application/json", strdup(""), 0);
    else
        done = status == MHD_HTTP_NOT_FOUND
                   ? reply_text(c, status, "404 page not found\n")
                   : MHD_NO;
    json_decref(out);
    json_decref(args);
    return done;
}

static enum MHD_Result events(struct http *h, connection *c)
{
    struct err e = {0};
    const char *kinds = mhd.lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "kinds");
    int err = http_events_serve(h->events, c, kinds, &e);

    if (err == 0)
        return MHD_YES;
    if (err == -ENOMEM)
        return MHD_NO;
    return reply_error(
        c, err == -EBUSY ? MHD_HTTP_TOO_MANY_REQUESTS : MHD_HTTP_BAD_REQUEST, &e);
}

static enum MHD_Result metrics(struct http *h, connection *c)
{
    struct answer a = {.resp = 2};

    metrics_write(h->proxy, &a);
    if (a.failed) {
        answer_release(&a);
        return MHD_NO;
    }
    return reply(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", a.p, a.n);
}

static enum MHD_Result reply_tox(connection *c, const struct tox_reply *t)
{
    struct MHD_Response *r = mhd.create_response_from_buffer(t->n, t->body,
                                                             MHD_RESPMEM_MUST_FREE);
    enum MHD_Result done;

    if (r == NULL) {
        free(t->body);
        return MHD_NO;
    }
    if (t->type)
        (void)mhd.add_response_header(r, "Content-Type", t->type);
    if (t->nosniff)
        (void)mhd.add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (t->id[0])
        (void)mhd.add_response_header(r, "X-Toxiproxy-Request-Id", t->id);
    (void)mhd.add_response_header(r, "Sunder-Version", SUNDER_VERSION);
    done = mhd.queue_response(c, t->status, r);
    mhd.destroy_response(r);
    return done;
}

static const char *user_agent(connection *c)
{
    return mhd.lookup_connection_value(c, MHD_HEADER_KIND, "User-Agent");
}

/* False: it is none of Toxiproxy's paths. */
static bool serve_tox(struct http *h, connection *c, const char *method, const char *path,
                      const struct request *q, enum MHD_Result *done)
{
    struct tox_request ask = {.method = method,
                              .path = path,
                              .agent = user_agent(c),
                              .body = q->body,
                              .n = q->n};
    struct tox_reply r;

    if (!tox_serve(h->tox, &ask, &r))
        return false;
    *done = reply_tox(c, &r);
    return true;
}

/* As Go's router does: one slash is enough. */
static enum MHD_Result redirect(connection *c, const char *path)
{
    struct MHD_Response *r = mhd.create_response_from_buffer(0, NULL,
                                                             MHD_RESPMEM_PERSISTENT);
    char clean[1024];
    size_t n = 0;
    enum MHD_Result done;

    for (; *path && n + 1 < sizeof clean; path++)
        if (*path != '/' || n == 0 || clean[n - 1] != '/')
            clean[n++] = *path;
    clean[n] = '\0';
    if (r == NULL)
        return MHD_NO;
    (void)mhd.add_response_header(r, "Location", clean);
    done = mhd.queue_response(c, MHD_HTTP_MOVED_PERMANENTLY, r);
    mhd.destroy_response(r);
    return done;
}

/* Whether this process works and takes sessions: nothing that a fault or an upstream
 * could change. Readiness ends with the draining. False when the path is no such. */
static bool health(struct http *h, connection *c, const char *path, enum MHD_Result *done)
{
    bool ready = proxy_accepts(h->proxy);

    if (strcmp(path, "/readyz") == 0)
        *done = reply_text(c, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                           ready ? "ok\n" : "draining\n");
    else if (strcmp(path, "/livez") == 0 || strcmp(path, "/healthz") == 0)
        *done = reply_text(c, MHD_HTTP_OK, "ok\n");
    else if (h->health && strcmp(path, "/metrics") == 0)
        *done = metrics(h, c);
    else if (h->health)
        *done = refuse(c, MHD_HTTP_NOT_FOUND, "there is no such path on this port");
    else
        return false;
    return true;
}

static bool is_known(const char *path)
{
    bool known;

    (void)control_route("GET", path, NULL, &known);
    return known || strcmp(path, "/events") == 0;
}

static enum MHD_Result serve(struct http *h, connection *c, const char *method,
                             const char *path, const struct request *q)
{
    enum MHD_Result done;

    if (health(h, c, path, &done))
        return done;
    if (!may_ask(h, c))
        return refuse(c, h->token ? MHD_HTTP_UNAUTHORIZED : MHD_HTTP_FORBIDDEN,
                      h->token ? "a bearer token is needed"
                               : "the Host header names another machine");
    if (q->too_long)
        return refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
    if (strcmp(path, "/metrics") == 0)
        return metrics(h, c);
    if (strstr(path, "//"))
        return redirect(c, path);
    if (serve_tox(h, c, method, path, q, &done))
        return done;
    if (tox_is_browser(user_agent(c)) && is_known(path))
        return reply_text(c, MHD_HTTP_FORBIDDEN, "User agent not allowed\n");
    if (strcmp(path, "/events") == 0 && strcmp(method, "GET") == 0)
        return events(h, c);
    return native(h, c, method, path, q);
}

static void take_upload(struct request *q, const char *p, size_t n)
{
    char *body = q->too_long || q->n + n > HTTP_BODY ? NULL
                                                     : realloc(q->body, q->n + n + 1);

    if (body == NULL) {
        q->too_long = true;
        return;
    }
    memcpy(body + q->n, p, n);
    q->body = body;
    q->n += n;
    q->body[q->n] = '\0';
}

static enum MHD_Result on_request(void *arg, connection *c, const char *path,
                                  const char *method, const char *version,
                                  const char *upload, size_t *n, void **state)
{
    struct request *q = *state;

    (void)version;
    if (q == NULL) {
        *state = calloc(1, sizeof *q);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*n > 0) {
        take_upload(q, upload, *n);
        *n = 0;
        return MHD_YES;
    }
    return serve(arg, c, method, path, q);
}

static void on_completed(void *arg, connection *c, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct request *q = *state;

    (void)arg, (void)c, (void)how;
    if (q)
        free(q->body);
    free(q);
    *state = NULL;
}

/* ---- the loop ---- */

static void turn(struct http *h);

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    turn(poll->data);
}

static void on_timer(uv_timer_t *t)
{
    turn(t->data);
}

static void on_wake(void *arg)
{
    struct http *h = arg;

    (void)uv_timer_start(&h->timer, on_timer, 0, 0);
}

/* A timer that is due at once is due before anything else has its turn: requests that
 * one caller has sent ahead would keep all others waiting. */
static bool has_had_enough(struct http *h)
{
    uint64_t now = uv_now(h->timer.loop);

    h->turns = h->turned == now ? h->turns + 1 : 0;
    h->turned = now;
    return h->turns >= TURNS_MAX;
}

static void turn(struct http *h)
{
    MHD_UNSIGNED_LONG_LONG ms;
    nsec now = uv_hrtime(), next = http_events_beat(h->events, now), door;

    (void)mhd.run(h->daemon);
    door = http_door_turn(&h->door, now);
    next = door < next ? door : next;
    if (mhd.get_timeout(h->daemon, &ms) != MHD_YES)
        ms = UINT64_MAX;
    if (next != NSEC_NEVER && (next - now) / MSEC(1) < ms)
        ms = (next - now) / MSEC(1) + 1;
    if (has_had_enough(h) && ms == 0)
        ms = 1;
    if (ms != UINT64_MAX)
        (void)uv_timer_start(&h->timer, on_timer, ms, 0);
    else
        (void)uv_timer_stop(&h->timer);
}

static void on_entered(void *arg)
{
    turn(arg);
}

static void on_closed(uv_handle_t *handle)
{
    struct http *h = handle->data;
    void (*done)(void *) = h->done;
    void *arg = h->arg;

    if (--h->open > 0)
        return;
    mhd.stop_daemon(h->daemon);
    tox_close(&h->tox);
    http_events_free(h->events);
    free(h->token);
    free(h);
    if (done)
        done(arg);
}

static struct MHD_Daemon *start(struct http *h)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;

    return mhd.start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
}

static int attach(struct http *h, uv_loop_t *loop)
{
    const union MHD_DaemonInfo *info = mhd.get_daemon_info(h->daemon,
                                                           MHD_DAEMON_INFO_EPOLL_FD);
    int err;

    h->door = (struct http_door){
        .daemon = h->daemon, .most = HTTP_CONNECTIONS, .entered = on_entered, .arg = h};
    err = info ? http_door_open(&h->door, loop, &h->at) : -ENOTSUP;
    if (err)
        return err;
    err = uv_poll_init(loop, &h->poll, info->epoll_fd);
    assert(err == 0);
    (void)uv_timer_init(loop, &h->timer);
    h->door.poll.data = h->poll.data = h->timer.data = h;
    h->open = 3;
    return uv_poll_start(&h->poll, UV_READABLE, on_ready);
}

/* Takes over h->token. */
static int open_as(uv_loop_t *loop, const struct addr *at, const struct http *as,
                   struct http **out, struct err *e)
{
    int err = mhd_load(e);
    struct http *h = err ? NULL : malloc(sizeof *h);
    struct tox *tox = NULL;
    char text[ADDR_TEXT_MAX];

    if (err) {
        free(as->token);
        return err;
    }
    if (h == NULL || (!as->health && tox_open(as->proxy, &tox) < 0)) {
        free(h);
        free(as->token);
        return err_set(e, -ENOMEM, "out of memory");
    }
    *h = *as;
    h->tox = tox;
    (void)addr_sockaddr(at, &h->at);
    if ((h->events = http_events_new(as->proxy, on_wake, h)) != NULL)
        h->daemon = start(h);
    err = h->daemon ? attach(h, loop) : errno ? -errno : -EIO;
    if (err == 0) {
        turn(h);
        *out = h;
        return 0;
    }
    if (h->daemon)
        mhd.stop_daemon(h->daemon);
    tox_close(&h->tox);
    http_events_free(h->events);
    free(h->token);
    free(h);
    err_set(e, err, "cannot open the %s on %s: %s", as->health ? "health port" : "API",
            addr_print(at, text, sizeof text), strerror(-err));
    err_hint(e, "%s", as->health ? "" : "--api ADDR names another, --api off opens none");
    return err;
}

int http_open(uv_loop_t *loop, const struct addr *at, const char *token, bool open_to_all,
              struct proxy *p, struct http **out, struct err *e)
{
    struct http h = {.proxy = p, .open_to_all = open_to_all};
    struct sockaddr_storage sa;
    char text[ADDR_TEXT_MAX];

    (void)addr_sockaddr(at, &sa);
    if (!token && !open_to_all && !addr_is_loopback((struct sockaddr *)&sa)) {
        err_set(e, -EINVAL, "the API on %s would be open to everybody",
                addr_print(at, text, sizeof text));
        err_hint(e, "--api-token-file FILE asks callers for the token in it");
        return -EINVAL;
    }
    if (token && (h.token = strdup(token)) == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    return open_as(loop, at, &h, out, e);
}

int http_open_health(uv_loop_t *loop, const struct addr *at, struct proxy *p,
                     struct http **out, struct err *e)
{
    return open_as(loop, at, &(struct http){.proxy = p, .health = true}, out, e);
}

void http_close(struct http *h, void (*done)(void *arg), void *arg)
{
    h->done = done;
    h->arg = arg;
    http_events_end(h->events);
    http_door_close(&h->door, on_closed);
    uv_close((uv_handle_t *)&h->poll, on_closed);
    uv_close((uv_handle_t *)&h->timer, on_closed);
}

struct tox *http_tox(struct http *h)
{
    return h->tox;
}

int http_address(const struct http *h, struct addr *out)
{
    char text[ADDR_TEXT_MAX];

    return addr_parse(
        addr_print_sockaddr((const struct sockaddr *)&h->at, text, sizeof text), out,
        NULL);
}

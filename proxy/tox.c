/* tox.c -- see tox.h: the routes, and what is asked there. */
#include "tox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "doc.h"
#include "tox_parts.h"

#define JSON_TYPE "application/json"
#define TEXT_TYPE "text/plain; charset=utf-8"
#define PARTS     4

/* One request on its way. */
struct call {
    struct tox *t;
    const struct tox_request *q;
    struct tox_reply *r;
    char *part[PARTS]; /* of the path */
    size_t parts;
};

int tox_open(struct proxy *p, struct tox **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return -ENOMEM;
    (*out)->proxy = p;
    return 0;
}

void tox_close(struct tox **t)
{
    struct tox *gone = *t;

    *t = NULL;
    if (gone == NULL)
        return;
    tox_forget(gone);
    free(gone);
}

bool tox_is_browser(const char *agent)
{
    return agent && strncmp(agent, "Mozilla/", 8) == 0;
}

/* ---- answers ---- */

static void say_bytes(struct call *c, unsigned status, const char *type, char *body)
{
    c->r->status = body ? status : 500;
    c->r->type = type;
    c->r->body = body;
    c->r->n = body ? strlen(body) : 0;
}

/* Takes over the reference to v. */
static void say_value(struct call *c, unsigned status, json_t *v)
{
    say_bytes(c, status, JSON_TYPE, v ? tox_print(v) : NULL);
    json_decref(v);
}

static void say_nothing(struct call *c, unsigned status)
{
    c->r->status = status;
    c->r->type = NULL;
    c->r->body = NULL;
    c->r->n = 0;
}

static json_t *error_value(const struct tox_error *e)
{
    return json_pack("{s:s, s:i}", "error", e->text, "status", (int)e->status);
}

/* JSON, but called text: so it is there. */
static void say_error(struct call *c, const struct tox_error *e)
{
    json_t *v = error_value(e);
    char *text = v ? tox_print(v) : NULL, *line = NULL;

    if (text && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    json_decref(v);
    say_bytes(c, e->status, TEXT_TYPE, line);
    c->r->nosniff = true;
}

static void fail(struct call *c, unsigned status, const char *text)
{
    struct tox_error e;

    tox_fail(&e, status, "%s", text);
    say_error(c, &e);
}

/* 96 bits in 20 letters of base32hex, as its ids have them: time, process, count. */
static void draw_id(struct tox *t, char out[21])
{
    uint64_t high = (uint64_t)time(NULL) << 32 | (uint32_t)getpid(), low = ++t->requests;

    for (int i = 19; i >= 0; i--) {
        out[i] = "0123456789abcdefghijklmnopqrstuv"[low & 31];
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    out[20] = '\0';
}

/* ---- proxies ---- */

static json_t *body_object(struct call *c)
{
    struct tox_error e;
    json_t *o = tox_parse(c->q->body ? c->q->body : "", c->q->n, JSON_OBJECT, &e);

    if (o == NULL)
        say_error(c, &e);
    return o;
}

static struct tox_proxy *the_proxy(struct call *c)
{
    struct tox_proxy *p = tox_find(c->t, c->part[1]);

    if (p == NULL)
        fail(c, 404, "proxy not found");
    return p;
}

static void version(struct call *c)
{
    say_bytes(c, 200, JSON_TYPE ";charset=utf-8",
              strdup("{\"version\": \"" TOX_VERSION "\"}\n"));
}

static void list_proxies(struct call *c)
{
    json_t *all = json_object();

    for (const struct tox_proxy *p = c->t->first; p; p = p->next)
        (void)json_object_set_new(all, p->name, tox_describe(p));
    say_value(c, 200, all);
}

static int named_and_aimed(const json_t *o, const char **name, const char **upstream,
                           struct tox_error *e)
{
    *name = *upstream = "";
    return tox_text(o, "name", name, e) < 0 || tox_text(o, "upstream", upstream, e) < 0
               ? -1
               : 0;
}

static int create(struct tox *t, const json_t *o, struct tox_proxy **p,
                  struct tox_error *e)
{
    const char *name, *upstream;

    if (named_and_aimed(o, &name, &upstream, e) < 0)
        return -1;
    if (name[0] == '\0')
        return tox_fail(e, 400, "missing required field: name");
    if (upstream[0] == '\0')
        return tox_fail(e, 400, "missing required field: upstream");
    if (tox_find(t, name))
        return tox_fail(e, 409, "proxy already exists");
    return tox_create(t, o, name, upstream, p, e);
}

static void create_proxy(struct call *c)
{
    json_t *o = body_object(c);
    struct tox_proxy *p;
    struct tox_error e;

    if (o == NULL)
        return;
    if (create(c->t, o, &p, &e) < 0)
        say_error(c, &e);
    else
        say_value(c, 201, tox_describe(p));
    json_decref(o);
}

static void show_proxy(struct call *c)
{
    const struct tox_proxy *p = the_proxy(c);

    if (p)
        say_value(c, 200, tox_describe(p));
}

static void update_proxy(struct call *c)
{
    struct tox_proxy *p = the_proxy(c);
    json_t *o = p ? body_object(c) : NULL;
    struct tox_error e;

    if (o == NULL)
        return;
    if (tox_update(c->t, p, o, &e) < 0)
        say_error(c, &e);
    else
        say_value(c, 200, tox_describe(p));
    json_decref(o);
}

static void delete_proxy(struct call *c)
{
    struct tox_proxy *p = the_proxy(c);

    if (p == NULL)
        return;
    tox_remove(c->t, p);
    say_nothing(c, 204);
}

/* ---- all of them at once ---- */

/* All items are looked at before any is made. */
static int check_items(const json_t *items, struct tox_error *e)
{
    const char *name, *upstream;
    const json_t *o;
    size_t i;

    json_array_foreach(items, i, o)
    {
        if (!json_is_object(o))
            return tox_fail(e, 400, "bad request body: proxy %zu must be an object",
                            i + 1);
        if (named_and_aimed(o, &name, &upstream, e) < 0)
            return -1;
        if (name[0] == '\0')
            return tox_fail(e, 400, "missing required field: name at proxy %zu", i + 1);
        if (upstream[0] == '\0')
            return tox_fail(e, 400, "missing required field: upstream at proxy %zu",
                            i + 1);
    }
    return 0;
}

static int populate_one(struct tox *t, const json_t *o, struct tox_proxy **p,
                        struct tox_error *e)
{
    const char *name, *upstream, *listen = "";

    if (named_and_aimed(o, &name, &upstream, e) < 0 ||
        tox_text(o, "listen", &listen, e) < 0)
        return -1;
    *p = tox_find(t, name);
    if (*p && tox_is_at(*p, listen, upstream))
        return 0; /* wholly untouched, whether or not it is enabled */
    if (*p)
        tox_remove(t, *p);
    return tox_create(t, o, name, upstream, p, e);
}

/* *done: those that were made, as JSON. 0 or -1. */
static int populate_all(struct tox *t, const json_t *items, json_t **done,
                        struct tox_error *e)
{
    struct tox_proxy *p;
    const json_t *o;
    size_t i;

    *done = json_null();
    if (check_items(items, e) < 0)
        return -1;
    json_array_foreach(items, i, o)
    {
        if (populate_one(t, o, &p, e) < 0)
            return -1;
        if (json_is_null(*done))
            *done = json_array();
        (void)json_array_append_new(*done, tox_describe(p));
    }
    return 0;
}

static void populate(struct call *c)
{
    struct tox_error e;
    json_t *done = NULL,
           *items = tox_parse(c->q->body ? c->q->body : "", c->q->n, JSON_ARRAY, &e),
           *answer;

    if (items && populate_all(c->t, items, &done, &e) == 0) {
        say_value(c, 201, json_pack("{s:o}", "proxies", done));
    } else {
        answer = error_value(&e);
        (void)json_object_set_new(answer, "proxies", done ? done : json_null());
        say_value(c, e.status, answer);
    }
    json_decref(items);
}

static void reset(struct call *c)
{
    struct tox_error e;

    for (struct tox_proxy *p = c->t->first; p; p = p->next) {
        if (!p->enabled && tox_start(c->t, p, &e) < 0) {
            say_error(c, &e);
            return;
        }
        tox_toxics_remove(c->t, p);
    }
    say_nothing(c, 204);
}

/* ---- toxics ---- */

static struct toxic *the_toxic(struct call *c, struct tox_proxy *p)
{
    struct toxic *x = p ? tox_toxic_find(p, c->part[3]) : NULL;

    if (p && x == NULL)
        fail(c, 404, "toxic not found");
    return x;
}

static void list_toxics(struct call *c)
{
    const struct tox_proxy *p = the_proxy(c);

    if (p)
        say_value(c, 200, tox_toxics_describe(p));
}

static void add_toxic(struct call *c)
{
    struct tox_proxy *p = the_proxy(c);
    json_t *o = p ? body_object(c) : NULL;
    struct tox_error e;
    struct toxic *x;

    if (o == NULL)
        return;
    if (tox_toxic_add(c->t, p, o, &x, &e) < 0)
        say_error(c, &e);
    else
        say_value(c, 200, tox_toxic_describe(x));
    json_decref(o);
}

static void show_toxic(struct call *c)
{
    const struct toxic *x = the_toxic(c, the_proxy(c));

    if (x)
        say_value(c, 200, tox_toxic_describe(x));
}

static void update_toxic(struct call *c)
{
    struct tox_proxy *p = the_proxy(c);
    struct toxic *x = the_toxic(c, p);
    json_t *o = x ? body_object(c) : NULL;
    struct tox_error e;

    if (o == NULL)
        return;
    if (tox_toxic_update(c->t, p, x, o, &e) < 0)
        say_error(c, &e);
    else
        say_value(c, 200, tox_toxic_describe(x));
    json_decref(o);
}

static void delete_toxic(struct call *c)
{
    struct tox_proxy *p = the_proxy(c);
    struct toxic *x = the_toxic(c, p);

    if (x == NULL)
        return;
    tox_toxic_remove(c->t, p, x);
    say_nothing(c, 204);
}

/* ---- routes ---- */

static const struct route {
    const char *method, *path; /* a part that is * is a name */
    void (*run)(struct call *c);
} routes[] = {
    {"GET", "/version", version},
    {"GET", "/proxies", list_proxies},
    {"POST", "/proxies", create_proxy},
    {"POST", "/populate", populate},
    {"POST", "/reset", reset},
    {"GET", "/proxies/*", show_proxy},
    {"POST", "/proxies/*", update_proxy},
    {"PATCH", "/proxies/*", update_proxy},
    {"DELETE", "/proxies/*", delete_proxy},
    {"GET", "/proxies/*/toxics", list_toxics},
    {"POST", "/proxies/*/toxics", add_toxic},
    {"GET", "/proxies/*/toxics/*", show_toxic},
    {"POST", "/proxies/*/toxics/*", update_toxic},
    {"PATCH", "/proxies/*/toxics/*", update_toxic},
    {"DELETE", "/proxies/*/toxics/*", delete_toxic},
};

/* Cut the path at its slashes, in place. False: too many parts, or an empty one. */
static bool split(char *path, struct call *c)
{
    for (c->parts = 0; *path == '/'; c->parts++) {
        if (c->parts == PARTS)
            return false;
        *path++ = '\0';
        c->part[c->parts] = path;
        if (*path == '/' || *path == '\0')
            return false;
        path = strchrnul(path, '/');
    }
    return true;
}

static bool fits(const struct route *r, const struct call *c)
{
    const char *want = r->path;
    size_t i;

    for (i = 0; *want == '/'; i++) {
        size_t n = strcspn(want + 1, "/");

        if (i == c->parts || (want[1] != '*' && (strlen(c->part[i]) != n ||
                                                 memcmp(c->part[i], want + 1, n) != 0)))
            return false;
        want += 1 + n;
    }
    return i == c->parts;
}

static void run(const struct route *r, struct call *c)
{
    draw_id(c->t, c->r->id);
    if (tox_is_browser(c->q->agent)) {
        say_bytes(c, 403, TEXT_TYPE, strdup("User agent not allowed\n"));
        c->r->nosniff = true;
        return;
    }
    tox_sync(c->t);
    r->run(c);
}

bool tox_serve(struct tox *t, const struct tox_request *q, struct tox_reply *r)
{
    struct call c = {.t = t, .q = q, .r = r};
    const struct route *found = NULL;
    char *path = strdup(q->path);
    bool known = false;

    if (path && split(path, &c))
        for (size_t i = 0; i < sizeof routes / sizeof *routes && !found; i++)
            if (fits(&routes[i], &c)) {
                known = true;
                found = strcmp(routes[i].method, q->method) == 0 ? &routes[i] : NULL;
            }
    if (known)
        *r = (struct tox_reply){0};
    if (found)
        run(found, &c);
    else if (known)
        say_nothing(&c, 405);
    free(path);
    return known;
}

/* ---- a file, and counters ---- */

bool tox_is_config(const char *path)
{
    FILE *f = fopen(path, "re");
    int first = EOF;

    if (f == NULL)
        return false;
    do
        first = fgetc(f);
    while (first == ' ' || first == '\t' || first == '\r' || first == '\n');
    fclose(f);
    return first == '[';
}

int tox_populate_file(struct tox *t, const char *path, struct err *e)
{
    struct tox_error why;
    json_t *items, *done = NULL;
    char *text;
    size_t n;
    int err = doc_slurp(path, &text, &n, e);

    if (err)
        return err;
    items = tox_parse(text, n, JSON_ARRAY, &why);
    free(text);
    tox_sync(t);
    err = items ? populate_all(t, items, &done, &why) : -1;
    json_decref(items);
    json_decref(done);
    return err ? err_set(e, -EINVAL, "%.100s: %.150s", path, why.text) : 0;
}

static void label(struct answer *a, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            answer_text(a, "\\");
        answer_text(a, "%c", *text);
    }
}

static void counter(struct answer *a, const struct proxy_node *n, const char *what,
                    int lane, uint64_t value)
{
    char text[ADDR_TEXT_MAX];

    answer_text(a, "toxiproxy_proxy_%s_bytes_total{direction=\"%s\",listener=\"%s\",",
                what, lane == LANE_REQUESTS ? "upstream" : "downstream",
                addr_print_sockaddr(n->listen, text, sizeof text));
    answer_text(a, "proxy=\"%s\",upstream=\"", n->name);
    label(a, addr_print(n->upstream, text, sizeof text));
    answer_text(a, "\"} %" PRIu64 "\n", value);
}

void tox_metrics(const struct proxy *p, struct answer *a)
{
    static const char *const what[] = {"received", "sent"};
    struct proxy_node n;

    for (int sent = 0; sent < 2; sent++) {
        answer_text(a,
                    "# HELP toxiproxy_proxy_%s_bytes_total Bytes, by proxy and "
                    "direction.\n# TYPE toxiproxy_proxy_%s_bytes_total counter\n",
                    what[sent], what[sent]);
        for (size_t i = 0; proxy_node_at(p, i, &n); i++)
            for (int lane = 0; lane < 2; lane++)
                counter(a, &n, what[sent], lane, sent ? n.sent[lane] : n.read[lane]);
    }
}

/* track.c -- see track.h.
 *
 *   request -> expect() -> [entry x count] [entry] ... -> answered() <- reply
 *
 * Most commands are one entry of kind ONE. The others are recognised by name, and by
 * length first, because every request passes here.
 */
#include "track.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum kind {
    ONE,         /* one reply */
    SUBSCRIBE,   /* one confirmation a channel */
    UNSUBSCRIBE, /* the same, or one for all that are subscribed when none is named */
    MONITOR,
    HELLO,
    RESET,
    INSTEAD, /* one reply, and it is ours */
};

enum family { CHANNELS, PATTERNS, SHARDS };

struct track_entry {
    struct track_mark mark;
    struct rule *rule;  /* that gives the reply in the server's place; else NULL */
    struct bytes reply; /* and that reply */
    uint64_t count;     /* requests alike, or confirmations still to come */
    uint8_t kind, family;
};

void track_init(struct track *t)
{
    *t = (struct track){.role = ROLE_CLIENT, .resp = 2};
}

static void forget(struct track *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        rule_unref(&t->ring[(t->first + i) & (t->size - 1)].rule);
    free(t->ring);
    t->ring = NULL;
    t->size = t->first = t->n = t->odd = 0;
}

void track_release(struct track *t)
{
    forget(t);
    free(t->name);
    free(t->user);
    t->name = t->user = NULL;
}

static void lose(struct track *t)
{
    t->lost = true;
    forget(t);
}

static struct track_entry *front(const struct track *t)
{
    return t->n ? &t->ring[t->first] : NULL;
}

static struct track_entry *back(const struct track *t)
{
    return t->n ? &t->ring[(t->first + t->n - 1) & (t->size - 1)] : NULL;
}

static bool grow(struct track *t)
{
    uint32_t size = t->size ? t->size * 2 : 4;
    struct track_entry *ring;

    if (size > TRACK_ENTRIES || (ring = malloc(size * sizeof *ring)) == NULL)
        return false;
    for (uint32_t i = 0; i < t->n; i++)
        ring[i] = t->ring[(t->first + i) & (t->size - 1)];
    free(t->ring);
    t->ring = ring;
    t->size = size;
    t->first = 0;
    return true;
}

static bool is_odd(const struct track_entry *e)
{
    return e->rule || e->mark.mute;
}

static void pop(struct track *t)
{
    t->odd -= is_odd(front(t));
    rule_unref(&front(t)->rule);
    t->first = (t->first + 1) & (t->size - 1);
    if (--t->n == 0 && t->size > 64)
        forget(t);
}

static bool same_mark(const struct track_mark *a, const struct track_mark *b)
{
    return a->mask == b->mask && a->mute == b->mute &&
           (a->mask == 0 || (a->serial == b->serial &&
                             memcmp(a->command, b->command, TRACK_COMMAND) == 0));
}

static void expect(struct track *t, enum kind kind, enum family family, uint64_t count,
                   const struct track_mark *m)
{
    struct track_entry *e = back(t);

    if (e && kind == ONE && e->kind == ONE && e->rule == NULL && same_mark(&e->mark, m)) {
        e->count += count;
        return;
    }
    if (t->n == t->size && !grow(t)) {
        lose(t);
        return;
    }
    t->n++;
    e = back(t);
    e->mark = *m;
    e->count = count;
    e->kind = (uint8_t)kind;
    e->family = (uint8_t)family;
    e->rule = NULL;
    t->odd += m->mute;
}

void track_instead(struct track *t, struct rule *rule, struct bytes reply)
{
    struct track_entry *e;
    bool skip = t->skip_next;

    t->skip_next = false;
    if (t->lost || t->replicating || t->silent || skip)
        return;
    expect(t, INSTEAD, CHANNELS, 1, &(struct track_mark){0});
    if (t->lost)
        return;
    e = back(t);
    e->rule = rule_ref(rule);
    e->reply = reply;
    t->odd++;
}

bool track_due(const struct track *t, struct bytes *reply)
{
    struct track_entry *e = front(t);

    if (e == NULL || e->rule == NULL)
        return false;
    *reply = e->reply;
    return true;
}

static void set_text(char **into, const struct resp *r, unsigned word)
{
    free(*into);
    *into = word < r->words ? strndup(r->word[word].text, r->word[word].kept) : NULL;
}

/* AUTH [user] password */
static void auth_command(struct track *t, const struct resp *r)
{
    if (r->words == 3)
        set_text(&t->user, r, 1);
}

static uint32_t database_of(const struct resp *r)
{
    char number[8] = "";
    size_t n = r->words > 1 && r->word[1].kept < sizeof number ? r->word[1].kept : 0;

    memcpy(number, r->word[1].text, n);
    return (uint32_t)strtoul(number, NULL, 10);
}

/* HELLO [version [AUTH user password] [SETNAME name]] */
static void hello_command(struct track *t, const struct resp *r)
{
    for (unsigned i = 2; i < r->words; i++) {
        if (resp_word_is(r, i, "AUTH"))
            set_text(&t->user, r, i + 1);
        if (resp_word_is(r, i, "SETNAME"))
            set_text(&t->name, r, i + 1);
    }
}

static void client_command(struct track *t, const struct resp *r,
                           const struct track_mark *m)
{
    if (resp_word_is(r, 1, "SETNAME"))
        set_text(&t->name, r, 2);
    if (resp_word_is(r, 1, "SETNAME") && r->words > 2 && r->word[2].kept >= 9 &&
        strncasecmp(r->word[2].text, "sentinel-", 9) == 0)
        t->role = ROLE_SENTINEL;
    if (!resp_word_is(r, 1, "REPLY")) {
        if (!t->silent)
            expect(t, ONE, CHANNELS, 1, m);
        return;
    }
    if (resp_word_is(r, 2, "OFF")) {
        t->silent = true;
    } else if (resp_word_is(r, 2, "SKIP")) {
        t->skip_next = !t->silent;
    } else {
        if (resp_word_is(r, 2, "ON"))
            t->silent = false;
        if (!t->silent)
            expect(t, ONE, CHANNELS, 1, m); /* ON says OK; anything else is an error */
    }
}

static void reset_command(struct track *t, const struct track_mark *m)
{
    t->in_multi = t->silent = t->skip_next = false;
    expect(t, RESET, CHANNELS, 1, m);
}

static void subscription(struct track *t, const struct resp *r, enum kind kind,
                         enum family family, const struct track_mark *m)
{
    uint64_t named = r->elements > 1 ? (uint64_t)r->elements - 1 : 0;

    if (kind == SUBSCRIBE && named == 0) {
        expect(t, ONE, CHANNELS, 1, m); /* wrong number of arguments */
        return;
    }
    if (kind == SUBSCRIBE && t->role == ROLE_CLIENT)
        t->role = ROLE_PUBSUB;
    expect(t, kind, family, named, m);
}

static void replicate(struct track *t)
{
    t->role = ROLE_REPLICATION;
    t->replicating = true;
    forget(t);
}

/* Commands whose replies are not simply one, or that change what the session is. */
static const struct special {
    const char *name;
    uint8_t length, act, kind, family;
} specials[] = {
    {"MULTI", 5, 'm', 0, 0},
    {"EXEC", 4, 'e', 0, 0},
    {"DISCARD", 7, 'e', 0, 0},
    {"CLIENT", 6, 'c', 0, 0},
    {"RESET", 5, 'r', 0, 0},
    {"PSYNC", 5, 'p', 0, 0},
    {"SYNC", 4, 'p', 0, 0},
    {"HELLO", 5, 'k', HELLO, 0},
    {"MONITOR", 7, 'k', MONITOR, 0},
    {"AUTH", 4, 'u', 0, 0},
    {"SELECT", 6, 'd', 0, 0},
    {"REPLCONF", 8, 'a', 0, 0},
    {"SUBSCRIBE", 9, 's', SUBSCRIBE, CHANNELS},
    {"PSUBSCRIBE", 10, 's', SUBSCRIBE, PATTERNS},
    {"SSUBSCRIBE", 10, 's', SUBSCRIBE, SHARDS},
    {"UNSUBSCRIBE", 11, 's', UNSUBSCRIBE, CHANNELS},
    {"PUNSUBSCRIBE", 12, 's', UNSUBSCRIBE, PATTERNS},
    {"SUNSUBSCRIBE", 12, 's', UNSUBSCRIBE, SHARDS},
};

/* Lengths that some special command has: GET, SET, INCR's neighbours pass at once. */
#define LENGTHS                                                                          \
    (1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 9 | 1u << 10 | 1u << 11 |   \
     1u << 12)

static const struct special *special(const struct resp *r)
{
    uint64_t n = r->words ? r->word[0].len : 0;

    if (n > 12 || (LENGTHS >> n & 1) == 0)
        return NULL;
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (specials[i].length == n &&
            strncasecmp(specials[i].name, r->word[0].text, n) == 0)
            return &specials[i];
    return NULL;
}

static void special_request(struct track *t, const struct special *s,
                            const struct resp *r, const struct track_mark *m)
{
    switch (s->act) {
    case 'm': t->in_multi = true; break;
    case 'e': t->in_multi = false; break;
    case 'c': client_command(t, r, m); return;
    case 'r': reset_command(t, m); return;
    case 'p': replicate(t); return;
    case 's': subscription(t, r, (enum kind)s->kind, (enum family)s->family, m); return;
    case 'd': t->database = database_of(r); break;
    case 'u': auth_command(t, r); break;
    case 'k':
        if (s->kind == HELLO)
            hello_command(t, r);
        expect(t, (enum kind)s->kind, CHANNELS, 1, m);
        return;
    case 'a':
        if (resp_word_is(r, 1, "ACK") || resp_word_is(r, 1, "GETACK"))
            return; /* neither is ever answered */
        break;
    }
    expect(t, ONE, CHANNELS, 1, m);
}

void track_request(struct track *t, const struct resp *r, const struct track_mark *m)
{
    const struct special *s = special(r);

    if (t->lost || t->replicating || r->words == 0 || r->elements <= 0)
        return; /* an empty line or array is no request */
    if (t->skip_next || t->silent) {
        bool off = t->silent;

        t->skip_next = false;
        if (s == NULL || (s->act != 'c' && s->act != 'r' && s->act != 'p'))
            return;
        if (!off && s->act == 'c')
            return; /* SKIP silences whatever comes next */
    }
    if (t->in_multi && s && s->act != 'e' && s->act != 'r')
        s = NULL; /* queued: the answer is +QUEUED or an error */
    if (s)
        special_request(t, s, r, m);
    else
        expect(t, ONE, CHANNELS, 1, m);
}

static bool is_aggregate(const struct resp *r)
{
    return r->type == '*' || r->type == '>';
}

/* "subscribe", "punsubscribe" ...: which family, and is it a confirmation at all? */
static bool confirmation(const struct resp *r, const struct track_entry *e)
{
    static const char *const words[2][3] = {
        {"subscribe", "psubscribe", "ssubscribe"},
        {"unsubscribe", "punsubscribe", "sunsubscribe"},
    };

    return is_aggregate(r) &&
           resp_word_is(r, 0, words[e->kind == UNSUBSCRIBE][e->family]);
}

static uint32_t *subscribed(struct track *t, unsigned family)
{
    return family == CHANNELS   ? &t->channels
           : family == PATTERNS ? &t->patterns
                                : &t->shards;
}

static void confirmed(struct track *t, struct track_entry *e)
{
    uint32_t *n = subscribed(t, e->family);

    if (e->count ==
        0) /* "all of them": one confirmation each, or one if there are none */
        e->count = *n ? *n : 1;
    if (e->kind == SUBSCRIBE)
        ++*n;
    else if (*n > 0)
        --*n;
    if (--e->count == 0)
        pop(t);
}

/* Does nobody ask for this frame? */
static bool unasked(const struct track *t, const struct resp *r)
{
    if (r->type == '>')
        return true;
    if (t->monitoring && r->type == '+' && r->words && r->word[0].kept &&
        r->word[0].text[0] >= '0' && r->word[0].text[0] <= '9')
        return true;
    if (r->type != '*' || t->channels + t->patterns + t->shards == 0)
        return false;
    return resp_word_is(r, 0, "message") || resp_word_is(r, 0, "pmessage") ||
           resp_word_is(r, 0, "smessage");
}

static void answered(struct track *t, struct track_entry *e, const struct resp *r)
{
    bool failed = r->type == '-' || r->type == '!';

    if (!failed && e->kind == HELLO)
        t->resp = r->type == '%' ? 3 : 2;
    if (!failed && e->kind == RESET) {
        t->channels = t->patterns = t->shards = 0;
        t->monitoring = false;
        t->resp = 2;
        t->role = ROLE_CLIENT;
    }
    if (!failed && e->kind == MONITOR) {
        t->monitoring = true;
        t->role = ROLE_MONITOR;
    }
    if (e->kind != ONE || --e->count == 0)
        pop(t);
}

enum track_answer track_reply(struct track *t, const struct resp *r, struct track_mark *m)
{
    struct track_entry *e = front(t);

    m->mask = 0;
    if (t->lost)
        return UNKNOWN;
    if (e && e->rule) {
        pop(t);
        return ANSWERS;
    }
    if (e && e->kind != ONE) {
        *m = e->mark;
        if ((e->kind == SUBSCRIBE || e->kind == UNSUBSCRIBE) && confirmation(r, e)) {
            confirmed(t, e);
            return ANSWERS;
        }
    }
    if (unasked(t, r)) {
        *m = (struct track_mark){0};
        return UNASKED;
    }
    if (e == NULL) {
        if (r->type == '-')
            return UNASKED; /* -DENIED, -ERR max number of clients, and then the end */
        lose(t);
        return UNKNOWN;
    }
    *m = e->mark;
    answered(t, e, r);
    return ANSWERS;
}

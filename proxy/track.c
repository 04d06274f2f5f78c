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
    SYNC,    /* one line, and if it is granted nothing after it */
    INSTEAD, /* one reply, and it is ours */
    LATER,   /* none: what becomes of the session once all before it is answered */
};

enum later { SUBSCRIBED, HAS_RESET, SPEAKS_2, SPEAKS_3, MONITORS };

enum family { CHANNELS, PATTERNS, SHARDS };

struct track_entry {
    struct track_mark mark;
    struct rule *rule;    /* of INSTEAD, and of what is mute: kept alive; else NULL */
    struct bytes reply;   /* of INSTEAD: what it says */
    uint64_t count;       /* requests alike, or confirmations still to come */
    uint8_t kind, family; /* of LATER: what */
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
    free(t->hello);
    t->name = t->user = t->hello = NULL;
    rule_unref(&t->muted_by);
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
    uint32_t size = t->size ? t->size * 2 : 1; /* most clients ask one thing at a time */
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
    return e->rule != NULL;
}

/* As RESET leaves the session: nothing subscribed, no monitor, RESP2. */
static void has_reset(struct track *t)
{
    t->channels = t->patterns = t->shards = 0;
    t->monitoring = t->hidden = false;
    t->resp = 2;
    t->role = ROLE_CLIENT;
}

static void happens(struct track *t, enum later what)
{
    switch (what) {
    case SUBSCRIBED: t->hidden = true; break;
    case HAS_RESET: has_reset(t); break;
    case SPEAKS_2: t->resp = 2; break;
    case SPEAKS_3: t->resp = 3; break;
    case MONITORS:
        t->monitoring = true;
        t->role = ROLE_MONITOR;
        break;
    }
}

static void pop_one(struct track *t)
{
    t->odd -= is_odd(front(t));
    rule_unref(&front(t)->rule);
    t->first = (t->first + 1) & (t->size - 1);
    if (--t->n == 0 && t->size > 64)
        forget(t);
}

static void make_happen(struct track *t)
{
    while (t->n && front(t)->kind == LATER) {
        enum later what = (enum later)front(t)->family;

        pop_one(t);
        happens(t, what);
    }
}

static void pop(struct track *t)
{
    pop_one(t);
    make_happen(t);
}

static bool same_mark(const struct track_mark *a, const struct track_mark *b)
{
    return a->mask == b->mask && a->mute == b->mute &&
           (a->mask == 0 || a->serial == b->serial) &&
           memcmp(a->command, b->command, TRACK_COMMAND) == 0;
}

static void expect(struct track *t, enum kind kind, unsigned family, uint64_t count,
                   const struct track_mark *m)
{
    struct track_entry *e = back(t);

    if (t->quiet)
        return;
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
    e->rule = m->mute ? rule_ref(m->mute) : NULL;
    t->odd += is_odd(e);
}

/* A request that has no answer, and that changes the session all the same. */
static void later(struct track *t, enum later what)
{
    bool quiet = t->quiet;

    t->quiet = false;
    expect(t, LATER, what, 1, &(struct track_mark){0});
    t->quiet = quiet;
    make_happen(t);
}

void track_instead(struct track *t, struct rule *rule, struct bytes reply)
{
    struct track_entry *e;

    t->quiet = t->silent || t->skip_next; /* the server has yet to use up a SKIP */
    if (t->lost || t->synced || t->quiet)
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

    if (e == NULL || e->kind != INSTEAD)
        return false;
    *reply = e->reply;
    return true;
}

struct rule *track_speaker(const struct track *t)
{
    return front(t)->rule;
}

void track_spoken(struct track *t)
{
    pop(t);
}

static void set_text(char **into, const struct resp *r, unsigned word)
{
    free(*into);
    *into = word < r->words ? strndup(r->word[word].text, r->word[word].kept) : NULL;
}

static void set_name(struct track *t, const struct resp *r, unsigned word)
{
    set_text(&t->name, r, word);
    t->introductions++;
}

/* AUTH [user] password */
static void auth_command(struct track *t, const struct resp *r)
{
    set_text(&t->user, r, r->words == 3 ? 1 : RESP_WORDS); /* without one: default */
}

static uint32_t number_of(const struct resp *r, unsigned word)
{
    char number[12] = "";
    size_t n = word < r->words && r->word[word].kept < sizeof number ? r->word[word].kept
                                                                     : 0;

    memcpy(number, r->word[word].text, n);
    return (uint32_t)strtoul(number, NULL, 10);
}

/* HELLO [version [AUTH user password] [SETNAME name]] */
static void hello_command(struct track *t, const struct resp *r,
                          const struct track_mark *m)
{
    if (t->quiet && r->words > 1)
        later(t, number_of(r, 1) == 3 ? SPEAKS_3 : SPEAKS_2);
    expect(t, HELLO, CHANNELS, 1, m);
    for (unsigned i = 2; i < r->words; i++) {
        if (resp_word_is(r, i, "AUTH"))
            set_text(&t->user, r, i + 1);
        if (resp_word_is(r, i, "SETNAME"))
            set_name(t, r, i + 1);
    }
}

static void client_command(struct track *t, const struct resp *r,
                           const struct track_mark *m)
{
    if (resp_word_is(r, 1, "SETNAME"))
        set_name(t, r, 2);
    if (resp_word_is(r, 1, "SETNAME") && r->words > 2 && r->word[2].kept >= 9 &&
        strncasecmp(r->word[2].text, "sentinel-", 9) == 0)
        t->role = ROLE_SENTINEL;
    if (!resp_word_is(r, 1, "REPLY") || r->elements != 3) {
        expect(t, ONE, CHANNELS, 1, m);
    } else if (resp_word_is(r, 2, "OFF")) {
        t->silent = true;
    } else if (resp_word_is(r, 2, "SKIP")) {
        t->skip_next = !t->silent;
    } else {
        if (resp_word_is(r, 2, "ON"))
            t->silent = t->quiet = false;
        expect(t, ONE, CHANNELS, 1, m); /* ON says OK; anything else is an error */
    }
}

static void reset_command(struct track *t, const struct track_mark *m)
{
    bool skipped = t->quiet && !t->silent; /* it undoes OFF before it answers */

    t->in_multi = t->silent = t->asked_monitor = false;
    t->quiet = skipped;
    t->database = 0;
    free(t->name);
    free(t->user);
    t->name = t->user = NULL;
    t->introductions++;
    if (skipped)
        later(t, HAS_RESET);
    expect(t, RESET, CHANNELS, 1, m);
}

static void monitor_command(struct track *t, const struct track_mark *m)
{
    if (t->asked_monitor) /* to ask twice is not answered */
        return;
    t->asked_monitor = true;
    if (t->quiet)
        later(t, MONITORS);
    expect(t, MONITOR, CHANNELS, 1, m);
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
    if (t->quiet)
        later(t, SUBSCRIBED); /* Redis 7 confirms all the same */
    expect(t, kind, family, named, m);
}

/* In RESP2 a subscriber may do nothing but subscribe, PING and RESET. */
static bool is_deaf(const struct track *t)
{
    return t->resp == 2 && (t->channels || t->patterns || t->shards);
}

static void replicate(struct track *t, const struct track_mark *m)
{
    t->role = ROLE_REPLICATION;
    t->replicating = t->handshaking = true;
    expect(t, SYNC, CHANNELS, 1, m);
}

/* PUBLISH __sentinel__:hello "ip,port,runid,...": every two seconds, to all it knows. */
static void publish_command(struct track *t, const struct resp *r)
{
    if (t->role != ROLE_SENTINEL || !resp_word_is(r, 1, "__sentinel__:hello"))
        return;
    set_text(&t->hello, r, 2);
    t->introductions++;
}

bool track_syncs(const struct track *t)
{
    return t->n && front(t)->kind == SYNC;
}

void track_granted(struct track *t)
{
    t->synced = true;
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
    {"HELLO", 5, 'h', 0, 0},
    {"MONITOR", 7, 'M', 0, 0},
    {"AUTH", 4, 'u', 0, 0},
    {"SELECT", 6, 'd', 0, 0},
    {"REPLCONF", 8, 'a', 0, 0},
    {"PUBLISH", 7, 'P', 0, 0},
    {"SLAVEOF", 7, 'o', 0, 0},
    {"REPLICAOF", 9, 'o', 0, 0},
    {"SUBSCRIBE", 9, 's', SUBSCRIBE, CHANNELS},
    {"PSUBSCRIBE", 10, 's', SUBSCRIBE, PATTERNS},
    {"SSUBSCRIBE", 10, 's', SUBSCRIBE, SHARDS},
    {"UNSUBSCRIBE", 11, 's', UNSUBSCRIBE, CHANNELS},
    {"PUNSUBSCRIBE", 12, 's', UNSUBSCRIBE, PATTERNS},
    {"SUNSUBSCRIBE", 12, 's', UNSUBSCRIBE, SHARDS},
};

/* GET, SET and DEL pass at once, whatever is in the table. */
static const struct special *special(const char *command, uint64_t n)
{
    if (n < 4 || n > 12)
        return NULL;
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (specials[i].length == n && strncasecmp(specials[i].name, command, n) == 0)
            return &specials[i];
    return NULL;
}

bool track_minds(const char *command, size_t n)
{
    return special(command, n) != NULL;
}

static void special_request(struct track *t, const struct special *s,
                            const struct resp *r, const struct track_mark *m)
{
    switch (s->act) {
    case 'm': t->in_multi = !is_deaf(t); break;
    case 'e': t->in_multi = false; break;
    case 'c': client_command(t, r, m); return;
    case 'r': reset_command(t, m); return;
    case 'p': replicate(t, m); return;
    case 's': subscription(t, r, (enum kind)s->kind, (enum family)s->family, m); return;
    case 'd': t->database = number_of(r, 1); break;
    case 'u': auth_command(t, r); break;
    case 'h': hello_command(t, r, m); return;
    case 'M': monitor_command(t, m); return;
    case 'a':
        if (resp_word_is(r, 1, "ACK") || resp_word_is(r, 1, "GETACK"))
            return; /* neither is ever answered */
        t->handshaking = true;
        t->introductions++;
        break;
    case 'P': publish_command(t, r); break;
    }
    expect(t, ONE, CHANNELS, 1, m);
}

uint64_t track_countable(const struct track *t, enum lane_id lane)
{
    const struct track_entry *e = front(t);

    if (t->lost || t->synced || t->handshaking)
        return 0;
    if (lane == LANE_REQUESTS)
        return t->silent || t->skip_next ? 0 : UINT64_MAX;
    if (e == NULL || e->kind != ONE || e->mark.mask || t->odd || t->hidden ||
        t->monitoring || t->channels || t->patterns || t->shards)
        return 0;
    return e->count;
}

void track_count(struct track *t, enum lane_id lane, uint64_t n,
                 const struct track_mark *m)
{
    struct track_entry *e = front(t);

    if (lane == LANE_REQUESTS) {
        t->quiet = false;
        expect(t, ONE, CHANNELS, n, m);
    } else if ((e->count -= n) == 0) {
        pop(t);
    }
}

void track_request(struct track *t, const struct resp *r, const struct track_mark *m)
{
    const struct special *s = r->words ? special(r->word[0].text, r->word[0].len) : NULL;

    if (t->lost || t->synced)
        return;
    t->quiet = t->silent || t->skip_next;
    t->skip_next = false; /* an empty line or array uses it up */
    if (r->words == 0 || r->elements <= 0)
        return; /* and is no request */
    if (s && s->act == 'o')
        t->promotions += resp_word_is(r, 1, "NO") && resp_word_is(r, 2, "ONE");
    if (t->in_multi && s && s->act != 'e' && s->act != 'r') {
        if (s->act == 's')
            later(t, SUBSCRIBED);
        s = NULL; /* queued: the answer is +QUEUED or an error */
    }
    if (s)
        special_request(t, s, r, m);
    else
        expect(t, ONE, CHANNELS, 1, m);
}

/* "subscribe", "punsubscribe" ...: is it a confirmation, and of which family? */
static bool confirmation(const struct resp *r, bool off, enum family family)
{
    static const char *const words[2][3] = {
        {"subscribe", "psubscribe", "ssubscribe"},
        {"unsubscribe", "punsubscribe", "sunsubscribe"},
    };

    return (r->type == '*' || r->type == '>') && resp_word_is(r, 0, words[off][family]);
}

static uint32_t *subscribed(struct track *t, unsigned family)
{
    return family == CHANNELS   ? &t->channels
           : family == PATTERNS ? &t->patterns
                                : &t->shards;
}

/* A confirmation says how many there are now: of channels and patterns together. */
static void recount(struct track *t, enum family family, const struct resp *r)
{
    uint32_t n = number_of(r, 2);
    uint32_t others = family == CHANNELS ? t->patterns : t->channels;

    if (family == SHARDS)
        others = 0;
    *subscribed(t, family) = n > others ? n - others : 0;
}

static void confirmed(struct track *t, struct track_entry *e, const struct resp *r)
{
    uint32_t n = *subscribed(t, e->family);

    if (e->count == 0) /* all of them: one each, or one if there are none */
        e->count = n ? n : 1;
    recount(t, (enum family)e->family, r);
    if (--e->count == 0)
        pop(t);
}

/* One that answers no request we know of: see hidden. */
static bool confirms_unasked(struct track *t, const struct resp *r)
{
    for (unsigned family = CHANNELS; family <= SHARDS; family++)
        for (unsigned off = 0; off < 2; off++)
            if (confirmation(r, off, (enum family)family)) {
                recount(t, (enum family)family, r);
                return true;
            }
    return false;
}

/* Does nobody ask for this frame? */
static bool unasked(struct track *t, const struct resp *r)
{
    if ((t->hidden && confirms_unasked(t, r)) || r->type == '>')
        return true;
    if (t->monitoring && r->type == '+' && r->words && r->word[0].kept &&
        r->word[0].text[0] >= '0' && r->word[0].text[0] <= '9')
        return true;
    if (r->type != '*' || t->resp == 3 ||
        (t->channels + t->patterns + t->shards == 0 && !t->hidden))
        return false;
    return resp_word_is(r, 0, "message") || resp_word_is(r, 0, "pmessage") ||
           resp_word_is(r, 0, "smessage");
}

static void answered(struct track *t, struct track_entry *e, const struct resp *r)
{
    bool failed = r->type == '-' || r->type == '!';

    if (!failed && e->kind == HELLO)
        t->resp = r->type == '%' ? 3 : 2;
    if (!failed && e->kind == RESET)
        has_reset(t);
    if (!failed && e->kind == MONITOR)
        happens(t, MONITORS);
    if (e->kind != ONE || --e->count == 0)
        pop(t);
}

enum track_answer track_reply(struct track *t, const struct resp *r, struct track_mark *m)
{
    struct track_entry *e = front(t);

    m->mask = 0;
    if (t->lost)
        return UNKNOWN;
    if (e && e->kind == INSTEAD) /* it is our turn, and this is the server's */
        e = NULL;
    if (e && e->mark.mute) {
        rule_unref(&t->muted_by);
        t->muted_by = rule_ref(e->mark.mute);
    }
    if (e && e->kind != ONE) {
        *m = e->mark;
        if ((e->kind == SUBSCRIBE || e->kind == UNSUBSCRIBE) &&
            confirmation(r, e->kind == UNSUBSCRIBE, (enum family)e->family)) {
            confirmed(t, e, r);
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

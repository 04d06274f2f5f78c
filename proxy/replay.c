/* replay.c -- see replay.h: reads a journal line by line into a table of decisions.
 *
 *   key=value key="quoted \"value\"" ...     of which ev= says what the line is about
 *
 * Kinds of lines and keys that are not known are passed over: a newer journal may have
 * more of them.
 */
#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS     32
#define SIZE_LEAST 64
#define LONGEST    65536 /* of a line: sentences and names have their bounds */

enum { KNOWN = DECIDED_END + 1 }; /* an entry that says: there is a rule of that name */

struct entry {
    struct replay_key key;
    struct verdict orders;
    bool used;
};

struct replay {
    struct entry *table; /* open addressing; size is a power of two */
    size_t n, size;
    struct replay_step *step;
    size_t steps;
    struct replay_party *party;
    struct replay_facts facts;
    nsec first; /* when the first session came; NSEC_NEVER = none did */
};

/* ---- the table ---- */

static uint64_t hash(const struct replay_key *k)
{
    const uint64_t parts[] = {k->rule,  k->link,           k->session,
                              k->frame, (uint64_t)k->lane, (uint64_t)k->at};

    return rng_hash(parts, sizeof parts);
}

static bool same(const struct replay_key *a, const struct replay_key *b)
{
    return a->rule == b->rule && a->link == b->link && a->session == b->session &&
           a->frame == b->frame && a->lane == b->lane && a->at == b->at;
}

/* Where the key is, or is to be. There is always a free place. */
static struct entry *place(const struct replay *r, const struct replay_key *k)
{
    size_t at = hash(k) & (r->size - 1);

    while (r->table[at].used && !same(&r->table[at].key, k))
        at = (at + 1) & (r->size - 1);
    return &r->table[at];
}

static int grow(struct replay *r)
{
    struct replay more = *r;

    more.size = r->size ? r->size * 2 : SIZE_LEAST;
    more.table = calloc(more.size, sizeof *more.table);
    if (more.table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < r->size; i++)
        if (r->table[i].used)
            *place(&more, &r->table[i].key) = r->table[i];
    free(r->table);
    *r = more;
    return 0;
}

static int put(struct replay *r, const struct replay_key *k, const struct verdict *v)
{
    struct entry *e;

    if (r->n * 3 >= r->size * 2 && grow(r) < 0)
        return -ENOMEM;
    e = place(r, k);
    r->n += !e->used;
    *e = (struct entry){*k, *v, true};
    return 0;
}

const struct verdict *replay_find(const struct replay *r, const struct replay_key *k)
{
    const struct entry *e = r->size ? place(r, k) : NULL;

    return e && e->used ? &e->orders : NULL;
}

bool replay_has(const struct replay *r, uint64_t rule)
{
    return replay_find(r, &(struct replay_key){.rule = rule,
                                               .at = (enum decided_at)KNOWN}) != NULL;
}

/* ---- lines ---- */

struct line {
    size_t n;
    struct {
        char *key, *value;
    } field[FIELDS];
    struct err *e;
};

/* "abc" with its escapes, in place. Answers what follows it, or NULL: it has no end. */
static char *unquote(char *p)
{
    char *to = p++;

    for (; *p && *p != '"'; p++) {
        unsigned code;

        if (p[0] == '\\' && p[1] == 'x' && sscanf(p + 2, "%2x", &code) == 1) {
            *to++ = (char)code;
            p += 3;
        } else {
            p += p[0] == '\\' && p[1];
            *to++ = *p;
        }
    }
    if (*p == '\0')
        return NULL;
    *to = '\0';
    return p + 1;
}

static bool split(char *p, struct line *l)
{
    for (l->n = 0; *(p += strspn(p, " ")); l->n++) {
        char *equals = strchr(p, '=');

        if (equals == NULL || l->n == FIELDS)
            return false;
        *equals = '\0';
        l->field[l->n].key = p;
        l->field[l->n].value = equals + 1;
        p = equals[1] == '"' ? unquote(equals + 1)
                             : equals + 1 + strcspn(equals + 1, " ");
        if (p == NULL || (*p && *p != ' '))
            return false;
        if (*p)
            *p++ = '\0';
    }
    return true;
}

static const char *text(const struct line *l, const char *key)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->field[i].key, key) == 0)
            return l->field[i].value;
    return NULL;
}

static int need(const struct line *l, const char *key, const char **out)
{
    *out = text(l, key);
    return *out ? 0 : err_set(l->e, -EINVAL, "a line has no %s=", key);
}

/* A whole number; what is not there is `standard`. */
static int number(const struct line *l, const char *key, uint64_t standard, uint64_t *out)
{
    const char *s = text(l, key);
    char *end;

    *out = standard;
    if (s == NULL)
        return 0;
    errno = 0;
    *out = strtoull(s, &end, 10);
    if (*s >= '0' && *s <= '9' && *end == '\0' && errno == 0)
        return 0;
    return err_set(l->e, -EINVAL, "%s=%.40s is no number", key, s);
}

/* Seconds with six decimals. */
static int seconds(const struct line *l, nsec *out)
{
    const char *s = text(l, "t");
    uint64_t whole, micro;

    if (s && sscanf(s, "%" SCNu64 ".%6" SCNu64, &whole, &micro) == 2 &&
        whole < UINT32_MAX) {
        *out = SEC(whole) + USEC(micro);
        return 0;
    }
    return err_set(l->e, -EINVAL, "t=%.40s is no time", s ? s : "");
}

static int word(const struct line *l, const char *key, const char *const *words,
                unsigned *out)
{
    const char *s = text(l, key);

    for (*out = 0; s && words[*out]; ++*out)
        if (strcmp(words[*out], s) == 0)
            return 0;
    return err_set(l->e, -EINVAL, "%s=%.40s is not known", key, s ? s : "");
}

/* ---- what lines say ---- */

/* Stands for what the fault of today does. */
static size_t no_edit(const void *conf, uint8_t *p, size_t n)
{
    (void)conf, (void)p, (void)n;
    return 0;
}

static int read_orders(const struct line *l, struct verdict *v)
{
    static const char *const closes[] = {"no", "fin", "rst", "kill", NULL};
    uint64_t cut, slice, before, instead;
    unsigned close = 0;
    int err;

    *v = VERDICT_PASS;
    if ((err = number(l, "delay", 0, &v->delay)) < 0 ||
        (err = number(l, "cut", SIZE_MAX, &cut)) < 0 ||
        (err = number(l, "slice", 0, &slice)) < 0 ||
        (err = number(l, "gap", 0, &v->gap)) < 0 ||
        (err = number(l, "gate", 0, &v->gate)) < 0 ||
        (err = number(l, "tide", 0, &v->tide)) < 0 ||
        (err = number(l, "before", 0, &before)) < 0 ||
        (err = number(l, "instead", 0, &instead)) < 0)
        return err;
    if (text(l, "close") && (err = word(l, "close", closes, &close)) < 0)
        return err;
    v->cut = (size_t)cut;
    v->slice = (size_t)slice;
    v->before.n = (size_t)before;
    v->instead.n = (size_t)instead;
    v->close = (enum close_how)close;
    v->drop = text(l, "drop") != NULL;
    v->edit = text(l, "edit") ? no_edit : NULL;
    v->owe = text(l, "owe") != NULL;
    v->stick = text(l, "stick") != NULL;
    v->twice = text(l, "twice") != NULL;
    v->freeze = text(l, "freeze") != NULL;
    if (text(l, "hold"))
        v->delay = NSEC_NEVER;
    return 0;
}

static int read_decision(struct replay *r, const struct line *l)
{
    static const char *const lanes[] = {"requests", "replies", NULL};
    static const char *const places[] = {"frame", "bytes", "open", "live", "end", NULL};
    struct replay_key k = {0};
    const char *rule, *link;
    struct verdict v;
    unsigned lane, at = DECIDED_FRAME;
    int err;

    if ((err = need(l, "rule", &rule)) < 0 || (err = need(l, "link", &link)) < 0 ||
        (err = number(l, "session", 0, &k.session)) < 0 ||
        (err = number(l, "frame", 0, &k.frame)) < 0 ||
        (err = word(l, "lane", lanes, &lane)) < 0 || (err = read_orders(l, &v)) < 0)
        return err;
    if (text(l, "at") && (err = word(l, "at", places, &at)) < 0)
        return err;
    k.rule = rng_hash(rule, strlen(rule));
    k.link = rng_hash(link, strlen(link));
    k.lane = (enum lane_id)lane;
    k.at = (enum decided_at)at;
    r->facts.decisions++;
    return put(r, &k, &v);
}

static int add_step(struct replay *r, nsec at, bool add, const char *what)
{
    struct replay_step *more = realloc(r->step, (r->steps + 1) * sizeof *more);

    if (more == NULL)
        return -ENOMEM;
    r->step = more;
    more[r->steps] = (struct replay_step){at, add, strdup(what)};
    return more[r->steps].text ? (r->steps++, 0) : -ENOMEM;
}

/* The sentence without its life: when the rule went is a line of its own. */
static int read_rule(struct replay *r, const struct line *l)
{
    const char *name, *sentence;
    char plain[RULE_TEXT_MAX];
    struct rule *rule;
    nsec at;
    int err;

    if ((err = need(l, "name", &name)) < 0 || (err = need(l, "text", &sentence)) < 0 ||
        (err = seconds(l, &at)) < 0 || (err = rule_parse(sentence, &rule, l->e)) < 0)
        return err;
    rule->life = NSEC_NEVER;
    rule_print(rule, plain, sizeof plain);
    rule_unref(&rule);
    err = add_step(r, at, true, plain);
    if (err == 0)
        err = put(r,
                  &(struct replay_key){.rule = rng_hash(name, strlen(name)),
                                       .at = (enum decided_at)KNOWN},
                  &VERDICT_PASS);
    return err;
}

static int read_unrule(struct replay *r, const struct line *l)
{
    const char *name;
    nsec at;
    int err;

    if ((err = need(l, "name", &name)) < 0 || (err = seconds(l, &at)) < 0)
        return err;
    return add_step(r, at, false, name);
}

static char *copy_of(const struct line *l, const char *key)
{
    const char *s = text(l, key);

    return strdup(s ? s : "");
}

static int read_party(struct replay *r, const struct line *l)
{
    struct replay_party *more = realloc(r->party, (r->facts.parties + 1) * sizeof *more);
    struct replay_party *p;

    if (more == NULL)
        return -ENOMEM;
    r->party = more;
    p = &more[r->facts.parties++];
    *p = (struct replay_party){copy_of(l, "name"),    copy_of(l, "kind"),
                               copy_of(l, "listen"),  copy_of(l, "upstream"),
                               copy_of(l, "sources"), copy_of(l, "said")};
    return p->name && p->kind && p->listen && p->upstream && p->sources && p->said
               ? 0
               : -ENOMEM;
}

static int read_line(struct replay *r, const struct line *l, bool first)
{
    const char *ev = text(l, "ev");

    if (first && (ev == NULL || strcmp(ev, "start") != 0))
        return err_set(l->e, -EINVAL, "it does not begin with ev=start");
    if (ev == NULL)
        return err_set(l->e, -EINVAL, "a line has no ev=");
    if (first)
        return number(l, "seed", 0, &r->facts.seed);
    if (strcmp(ev, "decision") == 0)
        return read_decision(r, l);
    if (strcmp(ev, "rule") == 0)
        return read_rule(r, l);
    if (strcmp(ev, "unrule") == 0)
        return read_unrule(r, l);
    if (strcmp(ev, "node") == 0 || strcmp(ev, "client") == 0)
        return read_party(r, l);
    return strcmp(ev, "first") == 0 ? seconds(l, &r->first) : 0;
}

/* ---- the whole ---- */

static bool is_name_of(const char *name, const char *sentence)
{
    size_t n = strlen(name);

    return strncmp(name, sentence, n) == 0 && sentence[n] == ':';
}

static void drop_step(struct replay *r, size_t i)
{
    free(r->step[i].text);
    memmove(&r->step[i], &r->step[i + 1], (--r->steps - i) * sizeof *r->step);
}

/* The step before i that added the rule that step i removes; i if there is none. */
static size_t added_by(const struct replay *r, size_t i)
{
    for (size_t j = i; j-- > 0;)
        if (r->step[j].add && is_name_of(r->step[i].text, r->step[j].text))
            return j;
    return i;
}

/* Count from the first session. What came and went before it never was. */
static void count_from_first(struct replay *r)
{
    for (size_t i = 0; i < r->steps; i++)
        r->step[i].at = r->step[i].at > r->first ? r->step[i].at - r->first : 0;
    for (size_t i = 0; i < r->steps;) {
        size_t j = added_by(r, i);

        if (r->step[i].add || r->step[i].at > 0) {
            i++;
            continue;
        }
        drop_step(r, i);
        if (j < i) {
            drop_step(r, j);
            i--;
        }
    }
}

static int read_any_line(struct replay *r, char *buf, bool first, struct err *e)
{
    struct line l = {.e = e};
    size_t n = strlen(buf);

    if (n == 0 || buf[n - 1] != '\n')
        return err_set(e, -EINVAL, "a line is too long, or no text");
    buf[n - 1] = '\0';
    return split(buf, &l) ? read_line(r, &l, first)
                          : err_set(e, -EINVAL, "a line is not key=value");
}

/* A last line without an end was being written when the proxy was killed. */
static int read_all(struct replay *r, FILE *f, struct err *e)
{
    char *buf = malloc(LONGEST);
    size_t lines = 0;
    int err = buf ? 0 : -ENOMEM;

    while (err == 0 && fgets(buf, LONGEST, f) != NULL && !feof(f))
        err = read_any_line(r, buf, lines++ == 0, e);
    if (err == -ENOMEM)
        err_set(e, err, "out of memory");
    else if (err == 0 && lines == 0)
        err = err_set(e, -EINVAL, "it is empty");
    else if (err)
        err_place(e, lines, 0);
    free(buf);
    return err;
}

int replay_open(struct replay **out, const char *path, struct err *e)
{
    struct replay *r = calloc(1, sizeof *r);
    struct err why = {0};
    FILE *f;
    int err;

    *out = NULL;
    if (r == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    r->first = NSEC_NEVER;
    f = fopen(path, "re");
    err = f ? read_all(r, f, &why) : -errno;
    if (err == 0 && ferror(f))
        err = -EIO;
    if (f)
        fclose(f);
    if (err) {
        replay_close(&r);
        if (why.text[0] == '\0')
            return err_set(e, err, "cannot read '%.150s': %s", path, strerror(-err));
        err_set(e, err, "'%.100s' is no journal: %.120s", path, why.text);
        err_place(e, why.line, 0);
        return err;
    }
    count_from_first(r);
    *out = r;
    return 0;
}

void replay_close(struct replay **out)
{
    struct replay *r = *out;

    *out = NULL;
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->steps; i++)
        free(r->step[i].text);
    for (size_t i = 0; i < r->facts.parties; i++) {
        free(r->party[i].name);
        free(r->party[i].kind);
        free(r->party[i].listen);
        free(r->party[i].upstream);
        free(r->party[i].sources);
        free(r->party[i].said);
    }
    free(r->party);
    free(r->step);
    free(r->table);
    free(r);
}

size_t replay_steps(const struct replay *r, const struct replay_step **out)
{
    *out = r->step;
    return r->steps;
}

void replay_facts(const struct replay *r, struct replay_facts *out)
{
    *out = r->facts;
    out->party = r->party;
}

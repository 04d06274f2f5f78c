/* shape.c -- see shape.h.
 *
 *   text --groups()--> party -> group --shape--> pairs of groups --pair()--> sentences
 *
 * A group is a number; 0 is nobody's. The rules have it spelled as lists of names.
 */
#include "shape.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule_parts.h"
#include "value.h"

#define TEXT_MAX  1024
#define LISTS_MAX 64 /* that one group is spelled as */

const char *const shape_kinds[] = {"cut", "isolate", "split", "ring", "bridge", NULL};
const char *const shape_hows[] = {"hang", "blackhole", "reset", "refuse", NULL};

static const char *const words[] = {"master", "replica", "sentinel", "client", NULL};
static const char *const examples[] = {"cut r1 r2", "isolate r1",
                                       "split r1,client / r2,r3,s*", "ring r1,r2,r3",
                                       "bridge r2"};

/* A shape under way. */
struct plot {
    const struct shape *shape;
    const struct party *party;
    size_t n;
    uint8_t group[SHAPE_PARTIES];
    unsigned groups;
    struct shape_rules *out;
    struct err *e;
};

/* A group as a rule spells it: lists of names, each short enough for a rule. */
struct lists {
    char text[LISTS_MAX][RULE_NAME_MAX];
    bool dialed[LISTS_MAX]; /* somebody in it can be dialed */
    size_t n;
};

PRINTF_LIKE(2, 3) static int refuse(struct plot *p, const char *fmt, ...)
{
    char text[ERR_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(p->e, -EINVAL, "%s", text);
    err_hint(p->e, "such as: %s", examples[p->shape->kind]);
    return -EINVAL;
}

/* ---- who is in which group ---- */

static bool is_word(const char *item)
{
    for (size_t i = 0; words[i]; i++)
        if (strcmp(words[i], item) == 0)
            return true;
    return false;
}

static bool is_outright(const char *item)
{
    return !is_word(item) && strpbrk(item, "*?[") == NULL;
}

static int nobody(struct plot *p, const char *item)
{
    const char *names[SHAPE_PARTIES + 5] = {NULL}, *near;
    char all[ERR_MAX] = "";
    size_t n = 0, at = 0;

    for (size_t i = 0; i < p->n; i++)
        names[n++] = p->party[i].name;
    memcpy(names + n, words, sizeof words);
    near = err_nearest(item, names);
    err_set(p->e, -EINVAL, "there is no node or client named '%.63s'", item);
    for (size_t i = 0; i < p->n && at < sizeof all; i++)
        at += (size_t)snprintf(all + at, sizeof all - at, " %s", names[i]);
    if (near)
        err_hint(p->e, "did you mean '%s'?", near);
    else
        err_hint(p->e, "there is%s", all);
    return -EINVAL;
}

/* Put whoever the item means into the group, if he is not in one that named him. */
static int place(struct plot *p, const char *item, unsigned group)
{
    bool outright = is_outright(item);
    size_t met = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (!match_who(item, &p->party[i]))
            continue;
        met++;
        if (outright && p->group[i] && p->group[i] != group)
            return refuse(p, "'%s' is on two sides", item);
        if (p->group[i] == 0)
            p->group[i] = (uint8_t)group;
    }
    return met == 0 && outright ? nobody(p, item) : 0;
}

/* The next list of the text; groups are parted by spaces and '/', a list by commas. */
static char *next_list(char **text)
{
    char *list = *text + strspn(*text, " \t/");
    size_t n = strcspn(list, " \t/");

    if (n == 0)
        return NULL;
    *text = list + n + (list[n] != '\0');
    list[n] = '\0';
    return list;
}

/* "r1, r2" is one list: no spaces around commas. */
static int tidy(struct plot *p, char *into)
{
    const char *from = p->shape->of;
    size_t n = 0;

    if (strlen(from) >= TEXT_MAX)
        return refuse(p, "more than 1 KiB of names");
    for (; *from; from++) {
        bool space = isspace((unsigned char)*from);

        if (space && (n == 0 || into[n - 1] == ',' || into[n - 1] == ' '))
            continue;
        while (*from == ',' && n > 0 && into[n - 1] == ' ')
            n--;
        into[n++] = (char)(space ? ' ' : *from);
    }
    into[n] = '\0';
    return 0;
}

/* outright: first those who are named, then those whom words and globs find. */
static int place_all(struct plot *p, char *text, bool outright)
{
    char *list, *item;
    int err = 0;

    for (p->groups = 0; err == 0 && (list = next_list(&text)) != NULL;) {
        if (++p->groups > SHAPE_PARTIES)
            return refuse(p, "more groups than parties");
        while (err == 0 && (item = strsep(&list, ",")) != NULL) {
            if (*item == '\0')
                return refuse(p, "an empty name in '%s'", p->shape->of);
            if (is_outright(item) == outright)
                err = place(p, item, p->groups);
        }
    }
    return err;
}

static size_t members(const struct plot *p, unsigned group)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += p->group[i] == group;
    return n;
}

static int read_groups(struct plot *p)
{
    char text[TEXT_MAX], copy[TEXT_MAX];
    int err = tidy(p, text);

    for (int pass = 0; pass < 2 && err == 0; pass++) {
        strcpy(copy, text);
        err = place_all(p, copy, pass == 0);
    }
    for (unsigned g = 1; g <= p->groups && err == 0; g++)
        if (members(p, g) == 0)
            err = refuse(p, "nobody is left for one side of '%s'", p->shape->of);
    return err;
}

/* ---- sentences ---- */

static bool is_node(const struct party *party)
{
    return party->kind != PARTY_CLIENT;
}

/* The word client means every client, those with a name too: when some of them are
 * elsewhere, it is spelled as a glob that only the name itself matches. */
static const char *spelling(const struct plot *p, size_t i)
{
    if (strcmp(p->party[i].name, "client") != 0)
        return p->party[i].name;
    for (size_t j = 0; j < p->n; j++)
        if (!is_node(&p->party[j]) && p->group[j] != p->group[i])
            return "[c]lient";
    return "client";
}

static int spell(struct plot *p, unsigned group, struct lists *l)
{
    l->n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const char *name = spelling(p, i);
        size_t had = l->n ? strlen(l->text[l->n - 1]) : 0;

        if (p->group[i] != group)
            continue;
        if (l->n == 0 || had + 1 + strlen(name) >= RULE_NAME_MAX) {
            if (l->n == LISTS_MAX)
                return err_set(p->e, -E2BIG, "too many names for one cut");
            snprintf(l->text[l->n], RULE_NAME_MAX, "%s", name);
            l->dialed[l->n++] = false;
        } else {
            snprintf(l->text[l->n - 1] + had, RULE_NAME_MAX - had, ",%s", name);
        }
        l->dialed[l->n - 1] |= is_node(&p->party[i]);
    }
    return 0;
}

/* lane with its space, or "". */
static int say(struct plot *p, const char *from, const char *arrow, const char *to,
               const char *lane, const char *fault)
{
    struct shape_rules *r = p->out;
    char life[32], how_long[40] = "";
    char **more = realloc(r->sentence, (r->n + 1) * sizeof *more);

    if (more == NULL)
        return err_set(p->e, -ENOMEM, "out of memory");
    r->sentence = more;
    if (r->n == SHAPE_RULES) {
        err_set(p->e, -E2BIG, "this takes more than %d rules", SHAPE_RULES);
        err_hint(p->e, "shorter names make longer lists");
        return -E2BIG;
    }
    if (p->shape->life != NSEC_NEVER)
        snprintf(how_long, sizeof how_long, " for %s",
                 value_print_time(p->shape->life, life, sizeof life));
    if (asprintf(&r->sentence[r->n], "%s.%zu: on %s %s %s%s do %s%s", p->shape->name,
                 r->n + 1, from, arrow, to, lane, fault, how_long) < 0)
        return err_set(p->e, -ENOMEM, "out of memory");
    r->n++;
    return 0;
}

/* Sessions as such: those that a dials to b, or that either dials. */
static int part_sessions(struct plot *p, const char *a, const char *b, bool b_dialed)
{
    const char *arrow = p->shape->one_way ? "->" : "<->";
    int err = 0;

    if (p->shape->one_way && !b_dialed)
        return 0;
    err = say(p, a, arrow, b, "", "refuse");
    if (err == 0 && p->shape->how == SHAPE_RESET)
        err = say(p, a, arrow, b, " both", "reset");
    return err;
}

/* Bytes from a to b: what a asks of b, and what a answers b. */
static int part_bytes(struct plot *p, const char *a, bool a_dialed, const char *b,
                      bool b_dialed)
{
    const char *fault = shape_hows[p->shape->how];
    int err = 0;

    if (!p->shape->one_way)
        return say(p, a, "<->", b, "", fault);
    if (b_dialed)
        err = say(p, a, "->", b, " requests", fault);
    if (err == 0 && a_dialed)
        err = say(p, b, "->", a, " replies", fault);
    return err;
}

static int part(struct plot *p, const char *a, bool a_dialed, const char *b,
                bool b_dialed)
{
    if (!a_dialed && !b_dialed)
        return 0; /* two clients: there is no link between them */
    if (p->shape->how == SHAPE_RESET || p->shape->how == SHAPE_REFUSE)
        return part_sessions(p, a, b, b_dialed);
    return part_bytes(p, a, a_dialed, b, b_dialed);
}

/* Cut group g off from group h. */
static int pair(struct plot *p, unsigned g, unsigned h)
{
    struct lists a, b;
    int err = spell(p, g, &a);

    if (err == 0)
        err = spell(p, h, &b);
    for (size_t i = 0; i < a.n && err == 0; i++)
        for (size_t j = 0; j < b.n && err == 0; j++)
            err = part(p, a.text[i], a.dialed[i], b.text[j], b.dialed[j]);
    return err;
}

/* ---- the shapes ---- */

static int cut(struct plot *p)
{
    if (p->groups != 2)
        return refuse(p, "a cut is between two lists of names, not '%s'", p->shape->of);
    return pair(p, 1, 2);
}

static int isolate(struct plot *p)
{
    struct lists a;
    int err = 0;

    if (p->groups == 0)
        return refuse(p, "isolate whom?");
    for (unsigned g = 1; g <= p->groups && err == 0; g++) {
        err = spell(p, g, &a);
        for (size_t i = 0; i < a.n && err == 0; i++)
            err = part(p, a.text[i], a.dialed[i], "*", true);
    }
    return err;
}

/* The nodes that were not named are a group of their own, as with Blockade; clients are
 * outside of it all, as Jepsen's are. */
static int split(struct plot *p)
{
    int err = 0;

    if (p->groups == 0)
        return refuse(p, "split whom from whom?");
    for (size_t i = 0; i < p->n; i++)
        if (p->group[i] == 0 && is_node(&p->party[i]))
            p->group[i] = (uint8_t)(p->groups + 1);
    p->groups += members(p, p->groups + 1) > 0;
    if (p->groups < 2)
        return refuse(p, "'%s' is everyone: from whom is it to be split?", p->shape->of);
    for (unsigned g = 1; g <= p->groups && err == 0; g++)
        for (unsigned h = g + 1; h <= p->groups && err == 0; h++)
            err = pair(p, g, h);
    return err;
}

/* Is j one of those whom i still sees, of n in a ring? A majority needs n / 2 others: as
 * many on the left as on the right. An odd one is who sits opposite; where nobody does
 * (n = 3, 7, 11 ...), they pair off across the ring and one is left, who joins a pair. */
static bool ring_sees(size_t i, size_t j, size_t n)
{
    size_t low = i < j ? i : j, high = i < j ? j : i, half = n / 2, others = half;
    size_t apart = high - low < n - (high - low) ? high - low : n - (high - low);

    if (apart <= others / 2)
        return true;
    if (others % 2 == 0)
        return false;
    if (n % 2 == 0)
        return apart == half;
    return (low < half && high == low + half) || (low == half - 1 && high == n - 1);
}

/* Every node, or everyone in the one list that was given, is a group by himself. */
static void one_each(struct plot *p)
{
    bool all = p->groups == 0;

    p->groups = 0;
    for (size_t i = 0; i < p->n; i++)
        if (all ? is_node(&p->party[i]) : p->group[i] != 0)
            p->group[i] = (uint8_t)++p->groups;
}

static int ring(struct plot *p)
{
    int err = 0;

    if (p->groups < 2)
        one_each(p);
    if (p->shape->one_way)
        return refuse(p, "a ring has no direction: it cannot be one way");
    if (p->groups < 3)
        return refuse(p, "a ring takes three or more");
    for (unsigned g = 1; g <= p->groups && err == 0; g++)
        for (unsigned h = g + 1; h <= p->groups && err == 0; h++)
            if (!ring_sees(g - 1, h - 1, p->groups))
                err = pair(p, g, h);
    return err;
}

/* The nodes of a kind that are in no group: the first half to the left, the rest to the
 * right. By kind, so that each side gets its share of the sentinels. */
static void halve(struct plot *p, enum party_kind kind, unsigned left, unsigned right)
{
    size_t n = 0, at = 0;

    for (size_t i = 0; i < p->n; i++)
        n += p->party[i].kind == kind && p->group[i] == 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->party[i].kind == kind && p->group[i] == 0)
            p->group[i] = (uint8_t)(at++ < n / 2 ? left : right);
}

static int bridge(struct plot *p)
{
    if (p->groups == 3)
        return pair(p, 1, 3);
    if (p->groups != 1)
        return refuse(p, "a bridge is one list, or left / bridge / right, not '%s'",
                      p->shape->of);
    halve(p, PARTY_REDIS, 2, 3);
    halve(p, PARTY_SENTINEL, 2, 3);
    if (members(p, 2) == 0 || members(p, 3) == 0)
        return refuse(p, "a bridge needs a node on each side");
    return pair(p, 2, 3);
}

int shape_rules(const struct shape *s, const struct party *party, size_t n,
                struct shape_rules *out, struct err *e)
{
    static int (*const shapes[])(struct plot *) = {cut, isolate, split, ring, bridge};
    struct plot p = {.shape = s, .party = party, .n = n, .out = out, .e = e};
    size_t name = strlen(s->name);
    int err;

    *out = (struct shape_rules){0};
    if (n > SHAPE_PARTIES)
        return err_set(e, -E2BIG, "more than %d nodes and clients", SHAPE_PARTIES);
    if (name == 0 || name >= SHAPE_NAME_MAX || strspn(s->name, NAME) < name) {
        err_set(e, -EINVAL, "'%.70s' cannot name a cut", s->name);
        err_hint(e, "letters, digits and . _ - up to %d", SHAPE_NAME_MAX - 1);
        return -EINVAL;
    }
    err = read_groups(&p);
    if (err == 0)
        err = shapes[s->kind](&p);
    if (err)
        shape_release(out);
    return err;
}

void shape_release(struct shape_rules *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->sentence[i]);
    free(r->sentence);
    *r = (struct shape_rules){0};
}

/* ---- names ---- */

bool shape_is_taken(const struct plan *plan, const char *glob)
{
    for (size_t i = 0; i < plan->n; i++)
        if (fnmatch(glob, plan->entry[i].rule->name, 0) == 0)
            return true;
    return false;
}

const char *shape_glob(const char *name, char *buf, size_t size)
{
    snprintf(buf, size, "%s.[0-9]*", name ? name : "*");
    return buf;
}

const char *shape_name(enum shape_kind kind, const struct plan *plan, char *buf,
                       size_t size)
{
    char glob[RULE_NAME_MAX + 8];
    size_t i = 0;

    do
        snprintf(buf, size, "%s-%zu", shape_kinds[kind], ++i);
    while (shape_is_taken(plan, shape_glob(buf, glob, sizeof glob)));
    return buf;
}

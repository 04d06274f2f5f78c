/* scenario_words.c -- the two small languages of a scenario: what a step waits for, and
 * what is expected in the end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "scenario_parts.h"
#include "value.h"

#define WORDS_MAX 8

/* A text cut into words; "r2->r1" is three of them. */
struct words {
    char buf[512];
    const char *word[WORDS_MAX + 1];
    size_t n;
};

static int cut(const char *text, struct words *w, struct err *e)
{
    char *p = w->buf, *end = w->buf + sizeof w->buf - 4;

    for (const char *s = text; *s && p < end; s++) {
        bool arrow = strncmp(s, "->", 2) == 0;

        if (arrow)
            *p++ = ' ';
        *p++ = *s;
        if (arrow) {
            *p++ = *++s;
            *p++ = ' ';
        }
    }
    *p = '\0';
    w->n = 0;
    for (char *rest = w->buf, *word; (word = strsep(&rest, " \t")) != NULL;) {
        if (*word == '\0')
            continue;
        if (w->n == WORDS_MAX)
            return err_set(e, -EINVAL, "too many words in '%.60s'", text);
        w->word[w->n++] = word;
    }
    w->word[w->n] = NULL;
    if (p >= end)
        return err_set(e, -EINVAL, "'%.60s...' is too long", text);
    return w->n ? 0 : err_set(e, -EINVAL, "there is nothing here");
}

static bool is(const struct words *w, size_t i, const char *word)
{
    return i < w->n && strcmp(w->word[i], word) == 0;
}

static int find(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

/* What the text says is not what it could say. */
static int refuse(const char *text, const char *form, struct err *e)
{
    err_set(e, -EINVAL, "'%.80s' is not understood", text);
    err_hint(e, "write: %s", form);
    return -EINVAL;
}

static int unknown(const char *word, const char *const *words, const char *what,
                   struct err *e)
{
    const char *near = err_nearest(word, words);
    char all[ERR_MAX] = "";

    for (size_t i = 0, n = 0; words[i] && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, " %s", words[i]);
    err_set(e, -EINVAL, "unknown %s '%.40s'", what, word);
    if (near)
        err_hint(e, "did you mean '%s'?", near);
    else
        err_hint(e, "one of%s", all);
    return -EINVAL;
}

static int copy_name(const char *word, char *into, struct err *e)
{
    if (strlen(word) >= RULE_NAME_MAX)
        return err_set(e, -EINVAL, "'%.40s...' is too long for a name", word);
    strcpy(into, word);
    return 0;
}

/* FROM -> TO at word i. */
static int read_link(const struct words *w, size_t i, char *from, char *to, struct err *e)
{
    int rc = copy_name(w->word[i], from, e);

    return rc < 0 ? rc : copy_name(w->word[i + 2], to, e);
}

int scenario_event_parse(const char *text, struct scenario_event *out, struct err *e)
{
    static const char *const subjects[] = {"rule", "session", "replica", "node", NULL};
    static const char *const forms[] = {
        "rule NAME fired", "session r2 -> r1 opened (or closed)",
        "replica r2 up (or down)", "node r1 up (or down)"};
    struct words w = {.n = 0};
    int subject, rc = cut(text, &w, e);

    if (rc < 0)
        return rc;
    subject = find(subjects, w.word[0]);
    *out = (struct scenario_event){.news = NEWS_RULE_FIRED};
    if (subject < 0)
        return unknown(w.word[0], subjects, "event", e);
    if (subject == 0 && w.n == 3 && is(&w, 2, "fired"))
        return copy_name(w.word[1], out->who, e);
    if (subject == 1 && w.n == 5 && is(&w, 2, "->") &&
        (is(&w, 4, "opened") || is(&w, 4, "closed"))) {
        out->news = is(&w, 4, "opened") ? NEWS_SESSION_OPENED : NEWS_SESSION_CLOSED;
        return read_link(&w, 1, out->who, out->to, e);
    }
    if (subject >= 2 && w.n == 3 && (is(&w, 2, "up") || is(&w, 2, "down"))) {
        bool up = is(&w, 2, "up");

        if (subject == 2)
            out->news = up ? NEWS_REPLICA_UP : NEWS_REPLICA_DOWN;
        else
            out->news = up ? NEWS_NODE_UP : NEWS_NODE_DOWN;
        return copy_name(w.word[1], out->who, e);
    }
    return refuse(text, forms[subject], e);
}

/* [OP] N at word i, and nothing behind it. */
static bool read_number(const struct words *w, size_t i, struct scenario_expect *out)
{
    static const char *const ops[] = {"==", "!=", ">=", ">", "<=", "<", NULL};
    int op = i < w->n ? find(ops, w->word[i]) : -1;

    out->op = op < 0 ? OP_EQ : (enum scenario_op)op;
    i += op >= 0;
    return i + 1 == w->n && value_count(w->word[i], &out->number, NULL) == 0;
}

static int read_in_sync(const struct words *w, struct scenario_expect *out,
                        const char *text, struct err *e)
{
    out->within = SEC(10);
    if (w->n == 1)
        return 0;
    if (w->n == 3 && is(w, 1, "within"))
        return value_time(w->word[2], &out->within, e);
    return refuse(text, "in-sync within 5s", e);
}

int scenario_expect_parse(const char *text, struct scenario_expect *out, struct err *e)
{
    static const char *const claims[] = {"fired",   "run",      "node",
                                         "in-sync", "sessions", NULL};
    static const char *const forms[] = {"fired NAME >= 1", "run NAME exits 0",
                                        "node r1 up (or down)", "in-sync within 5s",
                                        "sessions r2 -> r1 >= 1"};
    struct words w = {.n = 0};
    int claim, rc = cut(text, &w, e);

    if (rc < 0)
        return rc;
    claim = find(claims, w.word[0]);
    if (claim < 0)
        return unknown(w.word[0], claims, "expectation", e);
    out->claim = (enum scenario_claim)claim;
    if (out->claim == CLAIM_IN_SYNC)
        return read_in_sync(&w, out, text, e);
    if (out->claim == CLAIM_FIRED && w.n >= 3 && read_number(&w, 2, out))
        return copy_name(w.word[1], out->who, e);
    if (out->claim == CLAIM_RUN && is(&w, 2, "exits") && read_number(&w, 3, out))
        return copy_name(w.word[1], out->who, e);
    if (out->claim == CLAIM_SESSIONS && is(&w, 2, "->") && w.n >= 5 &&
        read_number(&w, 4, out))
        return read_link(&w, 1, out->who, out->to, e);
    if (out->claim == CLAIM_NODE && w.n == 3 && (is(&w, 2, "up") || is(&w, 2, "down"))) {
        out->up = is(&w, 2, "up");
        return copy_name(w.word[1], out->who, e);
    }
    return refuse(text, forms[claim], e);
}

bool scenario_holds(enum scenario_op op, uint64_t seen, uint64_t number)
{
    switch (op) {
    case OP_EQ: return seen == number;
    case OP_NE: return seen != number;
    case OP_GE: return seen >= number;
    case OP_GT: return seen > number;
    case OP_LE: return seen <= number;
    default: return seen < number;
    }
}

/* sentence.h -- a rule's text as words with columns, and what to say of a wrong one.
 *
 * Private to rule.c. A cursor stands on one word; at the end of the text that is "".
 */
#ifndef SENTENCE_H
#define SENTENCE_H

#include "err.h"
#include "rule.h"

#define SENTENCE_SPACE " \t\r\n"

struct sentence {
    const char *text;
    size_t at;                /* where the next word may begin */
    char word[RULE_TEXT_MAX]; /* the word at hand */
    size_t column;            /* where it begins, from 1 */
    char *value;              /* what follows its '=' once split, or NULL */
    unsigned seen;            /* for the caller: what was given, by bit */
    struct err *e;
};

/* 0, or -EINVAL when the text is empty, too long or has control characters. */
int sentence_open(struct sentence *s, const char *text, struct err *e);

void sentence_next(struct sentence *s);
void sentence_next_of_links(struct sentence *s); /* arrows need no spaces around them */

bool sentence_is(const struct sentence *s, const char *word);
bool sentence_ends(const struct sentence *s);

/* Set name=value apart: the word becomes the name. */
void sentence_split(struct sentence *s);

/* All of these but the last answer -EINVAL. fail: that text, at the column of the word.
 * fail_value: what *e says already, at the column of the value. missing: "expected WHAT"
 * and an example. */
int sentence_fail(struct sentence *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
int sentence_fail_value(struct sentence *s);
int sentence_missing(struct sentence *s, const char *what, const char *example);

/* Hint at the nearest of words; when none is near, at others (may be NULL). */
int sentence_suggest(struct sentence *s, const char *typed, const char *const *words,
                     const char *others);

/* Note that thing `bit` is given; -EINVAL when it was before: "NAME is given twice". */
int sentence_once(struct sentence *s, unsigned bit, const char *name);

#endif

/* sentence.c -- see sentence.h. */
#include "sentence.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int sentence_open(struct sentence *s, const char *text, struct err *e)
{
    size_t n = strlen(text);

    *s = (struct sentence){.text = text, .e = e};
    if (n >= RULE_TEXT_MAX)
        return err_set(e, -EINVAL, "a rule of more than %d bytes", RULE_TEXT_MAX - 1);
    for (; s->column < n; s->column++) {
        unsigned char c = (unsigned char)text[s->column];

        if (iscntrl(c) && strchr(SENTENCE_SPACE, c) == NULL) {
            err_set(e, -EINVAL, "a control character in a rule");
            err_place(e, 0, s->column + 1);
            return -EINVAL;
        }
    }
    sentence_next(s);
    if (!sentence_ends(s))
        return 0;
    err_set(e, -EINVAL, "the rule is empty");
    err_hint(e, "such as: on r2 -> r1 do latency 50ms");
    return -EINVAL;
}

static void take(struct sentence *s, size_t n)
{
    memcpy(s->word, s->text + s->at, n);
    s->word[n] = '\0';
    s->column = s->at + 1;
    s->at += n;
    s->value = NULL;
}

/* A word ends at a space that is not in quotes. */
static size_t word_length(const char *p)
{
    bool quoted = false;
    size_t n = 0;

    for (; p[n] && (quoted || strchr(SENTENCE_SPACE, p[n]) == NULL); n++) {
        if (p[n] == '"')
            quoted = !quoted;
        else if (p[n] == '\\' && quoted && p[n + 1])
            n++;
    }
    return n;
}

void sentence_next(struct sentence *s)
{
    s->at += strspn(s->text + s->at, SENTENCE_SPACE);
    take(s, word_length(s->text + s->at));
}

void sentence_next_of_links(struct sentence *s)
{
    const char *word, *arrow;
    size_t n;

    s->at += strspn(s->text + s->at, SENTENCE_SPACE);
    word = s->text + s->at;
    n = strcspn(word, SENTENCE_SPACE);
    for (arrow = word; arrow < word + n; arrow++)
        if (strncmp(arrow, "->", 2) == 0 || strncmp(arrow, "<->", 3) == 0)
            break;
    if (arrow == word && n > 0)
        n = *arrow == '<' ? 3 : 2;
    else if (arrow < word + n)
        n = (size_t)(arrow - word);
    take(s, n);
}

bool sentence_is(const struct sentence *s, const char *word)
{
    return strcmp(s->word, word) == 0;
}

bool sentence_ends(const struct sentence *s)
{
    return s->word[0] == '\0' && s->value == NULL;
}

void sentence_split(struct sentence *s)
{
    char *equals = strchr(s->word, '=');

    if (equals == NULL || s->value || s->word[0] == '"')
        return;
    *equals = '\0';
    s->value = equals + 1;
}

int sentence_fail(struct sentence *s, const char *fmt, ...)
{
    char text[ERR_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(s->e, -EINVAL, "%s", text);
    err_place(s->e, 0, s->column);
    return -EINVAL;
}

int sentence_fail_value(struct sentence *s)
{
    size_t in_word = s->value ? (size_t)(s->value - s->word) : 0;

    err_place(s->e, 0, s->column + in_word);
    return -EINVAL;
}

int sentence_missing(struct sentence *s, const char *what, const char *example)
{
    if (sentence_ends(s))
        sentence_fail(s, "expected %s, but the rule ends here", what);
    else
        sentence_fail(s, "expected %s, not '%.40s'", what, s->word);
    if (example)
        err_hint(s->e, "%s", example);
    return -EINVAL;
}

int sentence_suggest(struct sentence *s, const char *typed, const char *const *words,
                     const char *others)
{
    const char *near = err_nearest(typed, words);

    if (near)
        err_hint(s->e, "did you mean '%s'?", near);
    else if (others)
        err_hint(s->e, "%s", others);
    return -EINVAL;
}

int sentence_once(struct sentence *s, unsigned bit, const char *name)
{
    if (s->seen & 1u << bit)
        return sentence_fail(s, "%s is given twice", name);
    s->seen |= 1u << bit;
    return 0;
}

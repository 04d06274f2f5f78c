/* rule_parts.h -- the parts of a rule's grammar. Private to rule.c and rule_when.c.
 *
 * Each takes the sentence at its first word, leaves it at the word after its last, and
 * answers 0, or -EINVAL with *s->e.
 */
#ifndef RULE_PARTS_H
#define RULE_PARTS_H

#include "rule.h"
#include "sentence.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME    LETTERS "0123456789._-" /* what names are made of */

/* [lane] [when] cond... often... [after NAME fired], up to 'do' */
int rule_clauses(struct sentence *s, struct rule *r) MUST_CHECK;

/* 'after' or 'until', then [rule] NAME fired; the name goes into that field. */
int rule_fired(struct sentence *s, char *into) MUST_CHECK;

#endif

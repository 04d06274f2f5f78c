/* value.h -- the quantities people write: 50ms, 64kb, 10mbit, 5%, 1e3 is not one.
 *
 * One grammar for rules, flags and configuration. Each parser takes the whole string,
 * refuses signs, spaces, exponents, NaN, infinities, overflow and unknown units, and
 * answers 0 or -EINVAL with *e saying what was expected ("a time such as 50ms").
 */
#ifndef VALUE_H
#define VALUE_H

#include "clock.h"
#include "err.h"

/* ns us ms s m h; a fraction is fine (0.25ms); a bare number is refused, but 0 is 0. */
int value_time(const char *s, nsec *out, struct err *e) MUST_CHECK;

/* b, k kb m mb g gb as redis.conf has them: 1k = 1000, 1kb = 1024. Bare = bytes. */
int value_bytes(const char *s, uint64_t *out, struct err *e) MUST_CHECK;

/* Bytes a second: as bytes, with an optional /s; or kbit mbit gbit (1000s of bits). */
int value_rate(const char *s, uint64_t *out, struct err *e) MUST_CHECK;

/* A whole number. */
int value_count(const char *s, uint64_t *out, struct err *e) MUST_CHECK;

/* 0%..100% as a fraction of one; a bare fraction 0..1 is accepted too. */
int value_fraction(const char *s, double *out, struct err *e) MUST_CHECK;

/* The shortest text that reads back as the same value. Answers buf. */
const char *value_print_time(nsec t, char *buf, size_t size);
const char *value_print_bytes(uint64_t n, char *buf, size_t size);
const char *value_print_fraction(double x, char *buf, size_t size); /* as percent */

#endif

/* payload.h -- the values that are written: a version, padded to a size if asked.
 *
 *   827            or, of 12 bytes:   827:xxxxxxxx
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_DIGITS 20

/* Writes at least `size` bytes, or as many as the version needs; buf has room for both.
 * Answers how many. */
size_t payload_write(uint64_t version, size_t size, char *buf);

/* The version in a value that was written with that size; CHECK_CORRUPT if none. */
uint64_t payload_read(const char *p, size_t n, size_t size);

#endif

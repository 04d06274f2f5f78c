/* payload.c -- see payload.h. */
#include "payload.h"

#include <string.h>

#include "check.h"

size_t payload_write(uint64_t version, size_t size, char *buf)
{
    char digits[PAYLOAD_DIGITS];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + version % 10);
    while ((version /= 10) > 0);
    for (size_t i = 0; i < n; i++)
        buf[i] = digits[n - 1 - i];
    if (size <= n)
        return n;
    memset(buf + n, 'x', size - n);
    buf[n] = ':';
    return size;
}

uint64_t payload_read(const char *p, size_t n, size_t size)
{
    uint64_t version = 0;
    size_t digits = 0;

    while (digits < n && digits < PAYLOAD_DIGITS - 1 && p[digits] >= '0' &&
           p[digits] <= '9')
        version = version * 10 + (uint64_t)(p[digits++] - '0');
    if (digits == 0 || p[0] == '0' || n != (size > digits ? size : digits))
        return CHECK_CORRUPT;
    for (size_t i = digits; i < n; i++)
        if (p[i] != (i == digits ? ':' : 'x'))
            return CHECK_CORRUPT;
    return version;
}

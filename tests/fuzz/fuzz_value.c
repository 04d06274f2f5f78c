/* fuzz_value.c -- any text as a quantity or an address.
 *
 * What is read prints as a text that is read as the same; what is refused says why.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "value.h"

#define TEXT_MAX (ADDR_TEXT_MAX + 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void refused(const struct err *e)
{
    assert(e->code < 0 && e->text[0] && strchr(e->text, '\n') == NULL);
}

static void numbers(const char *s)
{
    char text[TEXT_MAX];
    uint64_t n, back;
    struct err e;

    if (value_time(s, &n, &e) < 0)
        refused(&e);
    else
        assert(!value_time(value_print_time(n, text, sizeof text), &back, &e) &&
               n == back);
    if (value_bytes(s, &n, &e) < 0)
        refused(&e);
    else
        assert(!value_bytes(value_print_bytes(n, text, sizeof text), &back, &e) &&
               n == back);
    if (value_rate(s, &n, &e) < 0)
        refused(&e);
    if (value_count(s, &n, &e) < 0)
        refused(&e);
}

static void fractions(const char *s)
{
    char text[TEXT_MAX];
    double x, back;
    struct err e;

    if (value_fraction(s, &x, &e) < 0) {
        refused(&e);
        return;
    }
    assert(x >= 0 && x <= 1);
    value_print_fraction(x, text, sizeof text);
    assert(value_fraction(text, &back, &e) == 0 && x >= back && x <= back);
}

static void addresses(const char *s)
{
    struct addr_range range;
    struct sockaddr_storage sa;
    struct addr a, back;
    char text[TEXT_MAX];
    struct err e;

    if (addr_range_parse(s, &range, &e) < 0)
        refused(&e);
    if (addr_parse(s, &a, &e) < 0) {
        refused(&e);
        return;
    }
    assert(addr_parse(addr_print(&a, text, sizeof text), &back, &e) == 0);
    assert(a.kind == back.kind && a.port == back.port && !strcmp(a.host, back.host));
    if (a.kind == ADDR_IP)
        assert(addr_sockaddr(&a, &sa) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *s = malloc(n + 1);

    assert(s != NULL);
    if (n)
        memcpy(s, data, n);
    s[n] = '\0';
    numbers(s);
    fractions(s);
    addresses(s);
    free(s);
    return 0;
}

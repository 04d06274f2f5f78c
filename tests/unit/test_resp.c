#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "resp.h"

/* Frame ends found in s when it arrives in slices of the given size; -1 if opaque. */
static int frames(enum resp_dialect dialect, const char *s, size_t n, size_t slice,
                  size_t *end)
{
    struct resp r;
    size_t at = 0;
    int found = 0;

    resp_init(&r, dialect);
    while (at < n) {
        size_t have = n - at < slice ? n - at : slice;
        struct resp_part part = resp_next(&r, (const uint8_t *)s + at, have);

        at += part.len;
        if (part.opaque)
            return -1;
        if (part.last)
            end[found++] = at;
    }
    return resp_idle(&r) ? found : -2;
}

static int count(enum resp_dialect dialect, const char *s)
{
    size_t end[64];

    return frames(dialect, s, strlen(s), strlen(s), end);
}

static const char REPLIES[] =
    "+OK\r\n:7\r\n$-1\r\n*0\r\n*-1\r\n-ERR no\r\n"
    "*2\r\n*1\r\n$0\r\n\r\n*2\r\n:1\r\n#t\r\n"
    "%1\r\n+a\r\n,1.5\r\n>2\r\n+message\r\n$2\r\nhi\r\n"
    "|1\r\n+ttl\r\n:9\r\n$1\r\nx\r\n_\r\n(123456789012345678901234567890\r\n"
    "=7\r\ntxt:abc\r\n!5\r\nERR x\r\n~2\r\n:1\r\n:2\r\n";

static const char REQUESTS[] =
    "PING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nb\n\r\nGET k\n\r\n*0\r\n*-1\r\n"
    "*1\r\n$4\r\nPING\r\n  SET  a 'b c'\r\n";

/* Where the kernel cuts a stream is no business of the peer's. */
static void slicing_does_not_move_frames(void **state)
{
    size_t whole[64], sliced[64];
    int n = frames(RESP_REPLIES, REPLIES, sizeof REPLIES - 1, sizeof REPLIES, whole);

    (void)state;
    assert_int_equal(15, n);
    for (size_t slice = 1; slice < sizeof REPLIES; slice++) {
        assert_int_equal(
            n, frames(RESP_REPLIES, REPLIES, sizeof REPLIES - 1, slice, sliced));
        assert_memory_equal(whole, sliced, (size_t)n * sizeof *whole);
    }
    n = frames(RESP_REQUESTS, REQUESTS, sizeof REQUESTS - 1, sizeof REQUESTS, whole);
    assert_int_equal(8, n);
    for (size_t slice = 1; slice < sizeof REQUESTS; slice++) {
        assert_int_equal(
            n, frames(RESP_REQUESTS, REQUESTS, sizeof REQUESTS - 1, slice, sliced));
        assert_memory_equal(whole, sliced, (size_t)n * sizeof *whole);
    }
}

static struct resp_part scan(struct resp *r, enum resp_dialect dialect, const char *s)
{
    resp_init(r, dialect);
    return resp_next(r, (const uint8_t *)s, strlen(s));
}

static void words_are_known_before_the_payload_is_over(void **state)
{
    const char *s = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\n";
    uint8_t value[4096];
    struct resp r;
    struct resp_part part = scan(&r, RESP_REQUESTS, s);

    (void)state;
    memset(value, 'v', sizeof value);
    assert_true(!part.head && part.len == strlen(s));
    part = resp_next(&r, value, sizeof value);
    assert_true(part.head && !part.last);
    assert_int_equal(RESP_WORD_MAX, part.len);
    assert_true(resp_word_is(&r, 0, "set"));
    assert_true(resp_word_is(&r, 1, "KEY"));
    assert_int_equal(1000000, r.word[2].len);
    assert_int_equal(3, r.elements);
}

static void many_small_elements_do_not_hide_the_head(void **state)
{
    const char *s = "*1000\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n:9\r\n";
    struct resp r;
    struct resp_part part = scan(&r, RESP_REPLIES, s);

    (void)state;
    assert_true(part.head && !part.last);
    assert_int_equal(strlen(s) - strlen(":9\r\n"), part.len);
    assert_int_equal(1000, r.elements);
}

static void inline_commands_are_split_like_redis_does(void **state)
{
    struct resp r;
    struct resp_part part = scan(&r, RESP_REQUESTS, "  set user:1 'two words' \"x\"\r\n");

    (void)state;
    assert_true(part.head && part.last);
    assert_int_equal(0, r.type);
    assert_int_equal(4, r.words);
    assert_true(resp_word_is(&r, 0, "SET"));
    assert_true(resp_word_is(&r, 1, "user:1"));
    assert_true(resp_word_is(&r, 2, "two words"));
    assert_true(resp_word_is(&r, 3, "x"));
    (void)scan(&r, RESP_REQUESTS, "\r\n");
    assert_int_equal(0, r.words);
}

static void nonsense_is_opaque_and_kept_whole(void **state)
{
    const char *replies[] = {"hello\r\n", "$5\r\nabcdeXX", "*1\r\nGET",
                             "$abc\r\n",  "$-2\r\n",       "*99999999999999999999\r\n",
                             "$?\r\n",    ":1\rx",         "\x16\x03\x01"};
    const char *requests[] = {"*1\r\n:1\r\n", "*1\r\n$3\r\nGETxx", "\x16\x03\x01",
                              "*x\r\n"};
    struct resp r;

    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct resp_part part = scan(&r, RESP_REPLIES, replies[i]);

        assert_true(part.opaque);
        assert_int_equal(strlen(replies[i]), part.len);
    }
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        assert_int_equal(-1, count(RESP_REQUESTS, requests[i]));
}

static void nesting_has_a_bound(void **state)
{
    char s[4 * (RESP_DEPTH + 2) + 1] = "";

    (void)state;
    for (int i = 0; i < RESP_DEPTH; i++)
        strcat(s, "*1\r\n");
    strcat(s, ":1\r\n");
    assert_int_equal(1, count(RESP_REPLIES, s));
    memmove(s + 4, s, strlen(s) + 1);
    memcpy(s, "*1\r\n", 4);
    assert_int_equal(-1, count(RESP_REPLIES, s));
}

/* A caller holds bytes back until the head is known: that must never be many. */
static void a_head_is_known_in_bounded_space(void **state)
{
    char s[8192];
    size_t n = (size_t)sprintf(s, "*9\r\n"), at = 0;
    struct resp r;

    (void)state;
    for (int i = 0; i < 9; i++) {
        n += (size_t)sprintf(s + n, "$000000000000000127\r\n");
        memset(s + n, 'x', 127);
        n += 127;
        n += (size_t)sprintf(s + n, "\r\n");
    }
    resp_init(&r, RESP_REQUESTS);
    while (at < n) {
        struct resp_part part = resp_next(&r, (const uint8_t *)s + at, 1);

        at += part.len;
        assert_false(part.opaque);
        if (part.head)
            break;
    }
    assert_in_range(at, 1, RESP_HEAD_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slicing_does_not_move_frames),
        cmocka_unit_test(words_are_known_before_the_payload_is_over),
        cmocka_unit_test(many_small_elements_do_not_hide_the_head),
        cmocka_unit_test(inline_commands_are_split_like_redis_does),
        cmocka_unit_test(nonsense_is_opaque_and_kept_whole),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(a_head_is_known_in_bounded_space),
    };

    return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}

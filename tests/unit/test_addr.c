/* test_addr.c -- addresses as people write them, and whose source an address is. */
#include "addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

static struct addr addr_of(const char *s)
{
    struct addr a;
    struct err e;

    if (addr_parse(s, &a, &e) < 0)
        fail_msg("%s", e.text);
    return a;
}

static const char *through(const char *s)
{
    static char buf[ADDR_TEXT_MAX];
    struct addr a = addr_of(s);

    return addr_print(&a, buf, sizeof buf);
}

static struct addr_range range_of(const char *s)
{
    struct addr_range r;
    struct err e;

    if (addr_range_parse(s, &r, &e) < 0)
        fail_msg("%s", e.text);
    return r;
}

static bool has(const char *range, const char *host)
{
    struct addr_range r = range_of(range);
    struct sockaddr_storage sa;
    struct addr a = {.kind = ADDR_IP};

    snprintf(a.host, sizeof a.host, "%s", host);
    addr_sockaddr(&a, &sa);
    return addr_range_has(&r, (struct sockaddr *)&sa);
}

static void every_kind_of_address_is_told_apart(void **s)
{
    struct addr a;

    (void)s;
    a = addr_of("127.0.0.1:6379");
    assert_int_equal(ADDR_IP, a.kind);
    assert_string_equal("127.0.0.1", a.host);
    assert_int_equal(6379, a.port);
    a = addr_of("[::1]:6380");
    assert_int_equal(ADDR_IP, a.kind);
    assert_string_equal("::1", a.host);
    a = addr_of("redis-0.redis.default.svc:6379");
    assert_int_equal(ADDR_NAME, a.kind);
    a = addr_of("unix:/run/redis.sock");
    assert_int_equal(ADDR_UNIX, a.kind);
    assert_string_equal("/run/redis.sock", a.host);
    assert_int_equal(0, a.port);
    a = addr_of(":6379");
    assert_int_equal(ADDR_IP, a.kind);
    assert_string_equal("127.0.0.1", a.host);
    assert_int_equal(0, addr_of("127.0.0.1:0").port);
}

static void an_address_prints_as_it_is_written(void **s)
{
    (void)s;
    assert_string_equal("127.0.0.1:6379", through("127.0.0.1:6379"));
    assert_string_equal("[::1]:6379", through("[::1]:6379"));
    assert_string_equal("redis:6379", through("redis:6379"));
    assert_string_equal("unix:/tmp/r.sock", through("unix:/tmp/r.sock"));
    assert_string_equal("127.0.0.1:6379", through(":6379"));
}

static void nonsense_addresses_are_refused(void **s)
{
    static const char *const bad[] = {"",
                                      "6379",
                                      "localhost",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "a:65536",
                                      "a:-1",
                                      "a:+1",
                                      "a:1e3",
                                      "a:0x10",
                                      "::1:6379",
                                      "[::1]",
                                      "[::1]6379",
                                      "[::1:6379",
                                      "[1.2.3.4]:1",
                                      "[redis]:1",
                                      "300.1.1.1:1",
                                      "1.2.3:4",
                                      "*:6379",
                                      "a b:1",
                                      "unix:",
                                      "-x:1",
                                      ".x:1",
                                      "a/b:1",
                                      "r\xc3\xa9:1",
                                      "user@h:6379",
                                      "redis://h:1",
                                      "[]:1",
                                      "127.0.0.1:1 ",
                                      NULL};
    struct addr a;
    struct err e;

    (void)s;
    for (size_t i = 0; bad[i]; i++) {
        if (addr_parse(bad[i], &a, &e) == 0)
            fail_msg("'%s' was accepted", bad[i]);
        assert_true(e.text[0] && e.hint[0]);
    }
}

static void an_error_shows_the_way_out(void **s)
{
    struct addr a;
    struct err e;

    (void)s;
    assert_int_equal(-EINVAL, addr_parse("::1:6379", &a, &e));
    assert_string_equal("address '::1:6379': an IPv6 address needs brackets", e.text);
    assert_string_equal("such as [::1]:6379", e.hint);
    assert_int_equal(-EINVAL, addr_parse("*:6379", &a, &e));
    assert_string_equal("0.0.0.0 or [::] listen everywhere", e.hint);
}

static void addresses_that_are_too_long_are_refused(void **s)
{
    static char huge[10241];
    struct addr_range r;
    struct addr a;
    struct err e;

    (void)s;
    memset(huge, 'x', sizeof huge - 1);
    memcpy(huge + sizeof huge - 3, ":1", 3);
    assert_int_equal(-EINVAL, addr_parse(huge, &a, &e));
    assert_int_equal(-EINVAL, addr_range_parse(huge, &r, &e));
    memcpy(huge, "unix:", 5);
    assert_int_equal(-EINVAL, addr_parse(huge, &a, &e));
    huge[5 + 107] = '\0';
    assert_int_equal(0, addr_parse(huge, &a, &e));
    huge[5 + 107] = 'x';
    huge[5 + 108] = '\0';
    assert_int_equal(-EINVAL, addr_parse(huge, &a, &e));
}

static void a_socket_address_carries_host_and_port(void **s)
{
    struct addr v4 = addr_of("127.0.1.2:6379"), v6 = addr_of("[fd00::1]:6380");
    struct sockaddr_storage sa;
    char buf[ADDR_TEXT_MAX];

    (void)s;
    assert_int_equal(sizeof(struct sockaddr_in), addr_sockaddr(&v4, &sa));
    assert_string_equal("127.0.1.2:6379",
                        addr_print_sockaddr((struct sockaddr *)&sa, buf, sizeof buf));
    assert_int_equal(sizeof(struct sockaddr_in6), addr_sockaddr(&v6, &sa));
    assert_string_equal("[fd00::1]:6380",
                        addr_print_sockaddr((struct sockaddr *)&sa, buf, sizeof buf));
}

static void a_peer_of_a_dual_stack_listener_is_the_ipv4_it_is(void **s)
{
    struct addr a = addr_of("[::ffff:127.0.1.1]:7");
    struct sockaddr_storage sa;
    char buf[ADDR_TEXT_MAX];

    (void)s;
    addr_sockaddr(&a, &sa);
    assert_string_equal("127.0.1.1:7",
                        addr_print_sockaddr((struct sockaddr *)&sa, buf, sizeof buf));
    assert_true(has("127.0.1.0/24", "::ffff:127.0.1.1"));
    assert_true(has("::ffff:127.0.1.0/120", "127.0.1.1"));
    assert_false(has("127.0.1.0/24", "::ffff:127.0.2.1"));
    assert_false(has("::/0", "::ffff:127.0.1.1"));
}

static void a_unix_peer_has_no_address_to_match(void **s)
{
    struct addr_range all = range_of("0.0.0.0/0");
    struct sockaddr sa = {.sa_family = AF_UNIX};
    char buf[ADDR_TEXT_MAX];

    (void)s;
    assert_false(addr_range_has(&all, &sa));
    assert_string_equal("unix:", addr_print_sockaddr(&sa, buf, sizeof buf));
}

static void a_range_has_its_addresses_and_no_others(void **s)
{
    (void)s;
    assert_true(has("127.0.1.1", "127.0.1.1"));
    assert_false(has("127.0.1.1", "127.0.1.2"));
    assert_true(has("10.1.0.0/16", "10.1.255.255"));
    assert_false(has("10.1.0.0/16", "10.2.0.0"));
    assert_true(has("10.0.0.0/9", "10.127.0.1"));
    assert_false(has("10.0.0.0/9", "10.128.0.1"));
    assert_true(has("0.0.0.0/0", "1.2.3.4"));
    assert_false(has("0.0.0.0/0", "::1"));
    assert_true(has("fd00::/8", "fd12::1"));
    assert_false(has("fd00::/8", "fe80::1"));
    assert_true(has("::1", "::1"));
    assert_true(has("::/0", "::1"));
}

static void nonsense_ranges_are_refused(void **s)
{
    static const char *const bad[] = {
        "",           "10.0.0.0/33", "10.0.0.0/",    "10.0.0.0/-1", "10.0.0/8", "/8",
        "fd00::/129", "redis",       "10.0.0.0/8/8", "10.0.0.0 /8", "*",        NULL};
    struct addr_range r;
    struct err e;

    (void)s;
    for (size_t i = 0; bad[i]; i++)
        if (addr_range_parse(bad[i], &r, &e) == 0)
            fail_msg("'%s' was accepted", bad[i]);
}

static void bits_after_the_prefix_are_a_mistake(void **s)
{
    struct addr_range r;
    struct err e;

    (void)s;
    assert_int_equal(-EINVAL, addr_range_parse("10.1.2.3/16", &r, &e));
    assert_string_equal("did you mean '10.1.0.0/16'?", e.hint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_address_is_told_apart),
        cmocka_unit_test(an_address_prints_as_it_is_written),
        cmocka_unit_test(nonsense_addresses_are_refused),
        cmocka_unit_test(an_error_shows_the_way_out),
        cmocka_unit_test(addresses_that_are_too_long_are_refused),
        cmocka_unit_test(a_socket_address_carries_host_and_port),
        cmocka_unit_test(a_peer_of_a_dual_stack_listener_is_the_ipv4_it_is),
        cmocka_unit_test(a_unix_peer_has_no_address_to_match),
        cmocka_unit_test(a_range_has_its_addresses_and_no_others),
        cmocka_unit_test(nonsense_ranges_are_refused),
        cmocka_unit_test(bits_after_the_prefix_are_a_mistake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

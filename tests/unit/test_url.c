/* test_url.c -- every way to write where a Redis is, and a way out of every wrong one. */
#include "url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static struct url url_of(const char *s)
{
    struct url u;
    struct err e;

    if (url_parse(s, &u, &e) < 0)
        fail_msg("%s: %s", s, e.text);
    return u;
}

static void a_host_and_a_port_are_enough(void **state)
{
    static const char *const ways[] = {"redis://127.0.0.1:7001", "127.0.0.1:7001",
                                       "redis://127.0.0.1:7001/",
                                       "REDIS://127.0.0.1:7001/0"};

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct url u = url_of(ways[i]);

        assert_int_equal(u.at.kind, ADDR_IP);
        assert_string_equal(u.at.host, "127.0.0.1");
        assert_int_equal(u.at.port, 7001);
        assert_int_equal(u.db, 0);
        assert_string_equal(u.password, "");
    }
}

static void the_port_is_6379_if_left_out(void **state)
{
    (void)state;
    assert_int_equal(url_of("redis://127.0.0.1").at.port, 6379);
    assert_int_equal(url_of("redis://redis-0.redis/3").at.port, 6379);
    assert_int_equal(url_of("localhost").at.port, 6379);
    assert_int_equal(url_of("redis://[::1]").at.port, 6379);
}

static void ipv6_stands_in_brackets(void **state)
{
    struct url u = url_of("redis://:s3cret@[::1]:7001/2");

    (void)state;
    assert_string_equal(u.at.host, "::1");
    assert_int_equal(u.at.port, 7001);
    assert_int_equal(u.db, 2);
    assert_string_equal(url_of("[::1]:6380").at.host, "::1");
}

static void user_password_and_database_are_read(void **state)
{
    struct url u = url_of("redis://app:s%40:%2f%25x@redis.local:6379/15");

    (void)state;
    assert_string_equal(u.user, "app");
    assert_string_equal(u.password, "s@:/%x");
    assert_string_equal(u.at.host, "redis.local");
    assert_int_equal(u.db, 15);
    u = url_of("redis://:p@ss@h:1");
    assert_string_equal(u.user, "");
    assert_string_equal(u.password, "p@ss");
}

static void a_unix_socket_is_a_path(void **state)
{
    static const char *const ways[] = {"unix:/run/r.sock", "unix:///run/r.sock"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct url u = url_of(ways[i]);

        assert_int_equal(u.at.kind, ADDR_UNIX);
        assert_string_equal(u.at.host, "/run/r.sock");
    }
}

static void a_wrong_url_is_one_line_with_a_hint_and_without_the_password(void **state)
{
    static const char *const wrong[] = {
        "",
        "redis://",
        "redis://:hunter2@",
        "redis://hunter2@h:1",
        "redis://u:@h:1",
        "redis://u:hunter2%4@h:1",
        "redis://u:hunter2%zz@h:1",
        "redis://u:hunter2%00@h:1",
        "redis://h:99999",
        "redis://h:0",
        "redis://u:hunter2@h:port",
        "redis://h:1/x",
        "redis://h:1/-1",
        "redis://h:1/99999999999999999999",
        "redis://h:1/0?hunter2=1",
        "rediss://:hunter2@h:1",
        "http://h:1",
        "h:1/0",
        "u:hunter2@h:1",
        "[::1:6379",
        "unix:",
        "unix://",
        "h h:1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct url u;
        struct err e = {.code = 0};

        if (url_parse(wrong[i], &u, &e) == 0)
            fail_msg("'%s' was accepted", wrong[i]);
        assert_true(e.code < 0);
        assert_int_not_equal(e.text[0], '\0');
        assert_int_not_equal(e.hint[0], '\0');
        assert_null(strchr(e.text, '\n'));
        assert_null(strstr(e.text, "hunter2"));
    }
}

static void too_long_a_url_is_refused(void **state)
{
    char host[4000], auth[4000];
    struct url u;
    struct err e;

    (void)state;
    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_true(url_parse(host, &u, &e) < 0);
    memset(auth, 'p', sizeof auth);
    memcpy(auth, "redis://:", 9);
    strcpy(auth + sizeof auth - 5, "@h:1");
    assert_true(url_parse(auth, &u, &e) < 0);
}

static void it_is_printed_without_its_password(void **state)
{
    static const struct {
        const char *in, *out;
    } both[] = {
        {"127.0.0.1:6379", "redis://127.0.0.1:6379"},
        {"redis://app:hunter2@h:1/3", "redis://app:***@h:1/3"},
        {"redis://:hunter2@[::1]:1", "redis://:***@[::1]:1"},
        {"unix:///run/r.sock", "unix:/run/r.sock"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        struct url u = url_of(both[i].in);
        char buf[URL_TEXT_MAX];

        assert_string_equal(url_print(&u, buf, sizeof buf), both[i].out);
    }
}

static void what_is_given_goes_before_the_environment(void **state)
{
    struct err e;

    (void)state;
    setenv("URL_M", "redis://env:1", 1);
    assert_string_equal(url_or_env(NULL, "URL_M", &e), "redis://env:1");
    assert_string_equal(url_or_env("given:1", "URL_M", &e), "given:1");
    unsetenv("URL_M");
    assert_null(url_or_env(NULL, "URL_M", &e));
    assert_non_null(strstr(e.text, "URL_M"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_and_a_port_are_enough),
        cmocka_unit_test(the_port_is_6379_if_left_out),
        cmocka_unit_test(ipv6_stands_in_brackets),
        cmocka_unit_test(user_password_and_database_are_read),
        cmocka_unit_test(a_unix_socket_is_a_path),
        cmocka_unit_test(a_wrong_url_is_one_line_with_a_hint_and_without_the_password),
        cmocka_unit_test(too_long_a_url_is_refused),
        cmocka_unit_test(it_is_printed_without_its_password),
        cmocka_unit_test(what_is_given_goes_before_the_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

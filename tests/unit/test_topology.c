/* test_topology.c -- addresses and configuration text, for every server we promise. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "topology.h"

static const struct server_version redis62 = {false, 6, 2, 14};
static const struct server_version redis70 = {false, 7, 0, 15};
static const struct server_version redis8 = {false, 8, 0, 1};
static const struct server_version valkey9 = {true, 9, 0, 0};

static char conf[2048];

static const char *conf_of(const struct topology *t, size_t node,
                           const struct server_version *v, enum persistence persistence)
{
    const struct tuning tuning = {.persistence = persistence};
    size_t n = topology_conf(t, node, v, &tuning, conf, sizeof conf);

    assert_int_equal(strlen(conf), n);
    return conf;
}

/* Does the configuration have exactly this line? */
static bool has(const char *text, const char *line)
{
    size_t n = strlen(line);

    for (const char *p = text; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
        if (strncmp(p, line, n) == 0 && p[n] == '\n')
            return true;
    return false;
}

static struct topology lab(size_t replicas, size_t sentinels, bool direct)
{
    struct topology t;

    topology_init(&t, replicas, sentinels, direct);
    t.port = 21000;
    return t;
}

static void the_master_comes_first_and_all_have_their_own_addresses(void **state)
{
    struct topology t = lab(2, 3, false);

    (void)state;
    assert_int_equal(6, t.n);
    assert_string_equal("r1", t.node[0].name);
    assert_int_equal(TOPOLOGY_MASTER, t.node[0].role);
    assert_string_equal("127.0.1.1", t.node[0].real);
    assert_string_equal("127.0.2.1", t.node[0].known);
    assert_string_equal("r3", t.node[2].name);
    assert_int_equal(TOPOLOGY_REPLICA, t.node[2].role);
    assert_string_equal("127.0.2.3", t.node[2].known);
    assert_string_equal("s1", t.node[3].name);
    assert_int_equal(TOPOLOGY_SENTINEL, t.node[3].role);
    assert_string_equal("127.0.1.11", t.node[3].real);
    assert_string_equal("127.0.2.13", t.node[5].known);
}

static void no_two_nodes_of_the_largest_lab_share_an_address(void **state)
{
    struct topology t = lab(TOPOLOGY_REPLICAS, TOPOLOGY_SENTINELS, false);

    (void)state;
    for (size_t i = 0; i < t.n; i++)
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(t.node[i].name, t.node[j].name);
            assert_string_not_equal(t.node[i].real, t.node[j].real);
            assert_string_not_equal(t.node[i].known, t.node[j].known);
        }
}

static void urls_name_all_nodes_of_a_role(void **state)
{
    struct topology t = lab(2, 0, false);
    char buf[256];

    (void)state;
    assert_string_equal("redis://127.0.2.1:21000",
                        topology_urls(&t, TOPOLOGY_MASTER, buf, sizeof buf));
    assert_string_equal("redis://127.0.2.2:21000,redis://127.0.2.3:21000",
                        topology_urls(&t, TOPOLOGY_REPLICA, buf, sizeof buf));
    assert_string_equal("", topology_urls(&t, TOPOLOGY_SENTINEL, buf, sizeof buf));
}

static void every_data_node_announces_where_the_proxy_listens(void **state)
{
    struct topology t = lab(2, 0, false);

    (void)state;
    assert_true(
        has(conf_of(&t, 0, &redis70, PERSIST_NONE), "replica-announce-ip 127.0.2.1"));
    assert_true(has(conf, "replica-announce-port 21000"));
    assert_true(has(conf, "bind 127.0.1.1"));
    assert_null(strstr(conf, "replicaof"));
    assert_true(
        has(conf_of(&t, 2, &redis70, PERSIST_NONE), "replica-announce-ip 127.0.2.3"));
    assert_true(has(conf, "bind-source-addr 127.0.1.3"));
}

static void replicas_follow_the_master_through_the_proxy(void **state)
{
    struct topology t = lab(2, 0, false);

    (void)state;
    assert_true(has(conf_of(&t, 1, &redis70, PERSIST_NONE), "replicaof 127.0.2.1 21000"));
    assert_true(has(conf_of(&t, 2, &redis70, PERSIST_NONE), "replicaof 127.0.2.1 21000"));
}

static void a_direct_lab_knows_no_proxy_address(void **state)
{
    struct topology t = lab(2, 1, true);

    (void)state;
    for (size_t i = 0; i < t.n; i++)
        assert_null(strstr(conf_of(&t, i, &redis70, PERSIST_NONE), "127.0.2."));
    assert_true(has(conf_of(&t, 1, &redis70, PERSIST_NONE), "replicaof 127.0.1.1 21000"));
}

/* A directive that a server does not know keeps it from starting. */
static void a_server_is_told_only_what_it_knows(void **state)
{
    struct topology t = lab(1, 1, false);
    const char *since7[] = {"bind-source-addr", "enable-debug-command",
                            "shutdown-timeout"};
    const struct server_version *newer[] = {&redis70, &redis8, &valkey9};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_null(strstr(conf_of(&t, 1, &redis62, PERSIST_NONE), since7[i]));
        assert_null(strstr(conf_of(&t, 2, &redis62, PERSIST_NONE), since7[i]));
        for (size_t j = 0; j < 3; j++)
            assert_non_null(strstr(conf_of(&t, 1, newer[j], PERSIST_NONE), since7[i]));
    }
}

static void a_62_dials_from_its_own_address_for_want_of_any_other(void **state)
{
    struct topology t = lab(1, 0, false);

    (void)state;
    assert_true(has(conf_of(&t, 1, &redis62, PERSIST_NONE), "bind 127.0.1.2"));
}

static void persistence_is_what_was_asked_for(void **state)
{
    struct topology t = lab(0, 0, false);

    (void)state;
    assert_true(has(conf_of(&t, 0, &redis70, PERSIST_NONE), "save \"\""));
    assert_true(has(conf, "appendonly no"));
    assert_false(has(conf_of(&t, 0, &redis70, PERSIST_RDB), "save \"\""));
    assert_true(has(conf, "appendonly no"));
    assert_true(has(conf_of(&t, 0, &redis70, PERSIST_AOF), "save \"\""));
    assert_true(has(conf, "appendonly yes"));
    assert_false(has(conf_of(&t, 0, &redis70, PERSIST_BOTH), "save \"\""));
    assert_true(has(conf, "appendonly yes"));
}

static void in_a_chain_each_replica_follows_the_one_before_it(void **state)
{
    struct topology t = lab(3, 0, false);

    (void)state;
    t.chain = true;
    assert_true(has(conf_of(&t, 1, &redis70, PERSIST_NONE), "replicaof 127.0.2.1 21000"));
    assert_true(has(conf_of(&t, 2, &redis70, PERSIST_NONE), "replicaof 127.0.2.2 21000"));
    assert_true(has(conf_of(&t, 3, &redis70, PERSIST_NONE), "replicaof 127.0.2.3 21000"));
    assert_null(strstr(conf_of(&t, 0, &redis70, PERSIST_NONE), "replicaof"));
}

static void what_is_tuned_is_said_and_the_rest_is_left_to_the_server(void **state)
{
    static const char *const names[] = {"repl-backlog-size", "min-replicas-to-write",
                                        "min-replicas-max-lag", "rdbcompression"};
    const struct tuning tuning = {.disk = true,
                                  .incompressible = true,
                                  .backlog = 65536,
                                  .min_replicas = 1,
                                  .max_lag = 2};
    struct topology t = lab(1, 0, false);

    (void)state;
    conf_of(&t, 0, &redis70, PERSIST_NONE);
    assert_true(has(conf, "repl-diskless-sync yes"));
    for (size_t i = 0; i < 4; i++)
        assert_null(strstr(conf, names[i]));
    topology_conf(&t, 0, &redis70, &tuning, conf, sizeof conf);
    assert_true(has(conf, "repl-diskless-sync no"));
    assert_true(has(conf, "repl-backlog-size 65536"));
    assert_true(has(conf, "min-replicas-to-write 1"));
    assert_true(has(conf, "min-replicas-max-lag 2"));
    assert_true(has(conf, "rdbcompression no"));
}

static void sentinels_watch_the_proxied_master_and_need_a_majority(void **state)
{
    struct topology t = lab(2, 3, false);

    (void)state;
    assert_true(has(conf_of(&t, 3, &redis70, PERSIST_NONE),
                    "sentinel monitor mymaster 127.0.2.1 21000 2"));
    assert_true(has(conf, "sentinel announce-ip 127.0.2.11"));
    assert_true(has(conf, "sentinel announce-port 21000"));
    assert_null(strstr(conf, "replica-announce"));
    t = lab(2, 5, false);
    conf_of(&t, 3, &redis70, PERSIST_NONE);
    assert_true(has(conf, "sentinel monitor mymaster 127.0.2.1 21000 3"));
}

static void sentinels_watch_as_they_are_told(void **state)
{
    struct topology t = lab(2, 3, false);
    struct topology_watch w = {.quorum = 1, .down_after = MSEC(500), .fast = true};

    (void)state;
    assert_null(topology_hasten(&t, &redis70));
    topology_set_watch(&t, &w);
    assert_true(has(conf_of(&t, 3, &redis70, PERSIST_NONE),
                    "sentinel monitor mymaster 127.0.2.1 21000 1"));
    assert_true(has(conf, "sentinel down-after-milliseconds mymaster 500"));
    assert_true(has(conf, "sentinel failover-timeout mymaster 10000"));
    assert_non_null(topology_hasten(&t, &redis70));
    assert_null(topology_hasten(&t, &redis62));
}

static void expect_version(const char *text, bool valkey, unsigned major, unsigned minor)
{
    struct server_version v;
    struct err e;

    assert_int_equal(0, server_version_parse(text, &v, &e));
    assert_int_equal(valkey, v.valkey);
    assert_int_equal(major, v.major);
    assert_int_equal(minor, v.minor);
}

static void versions_are_read_from_what_servers_print(void **state)
{
    (void)state;
    expect_version("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 "
                   "build=b1c1e2d3\n",
                   false, 7, 0);
    expect_version("Redis server v=6.2.14 sha=0:0 malloc=libc bits=64 build=0\n", false,
                   6, 2);
    expect_version("Redis server v=8.0.1 sha=0:1\n", false, 8, 0);
    expect_version("Valkey server v=7.2.5 sha=0:0\n", true, 7, 2);
    expect_version("Valkey server v=9.0.0 sha=0:0\n", true, 9, 0);
}

static void what_is_no_server_or_too_old_is_refused_by_name(void **state)
{
    struct server_version v;
    struct err e;

    (void)state;
    assert_int_equal(-ENOTSUP,
                     server_version_parse("Redis server v=6.0.16 sha=0\n", &v, &e));
    assert_non_null(strstr(e.text, "6.0"));
    assert_non_null(strstr(e.text, "6.2"));
    assert_int_equal(-EINVAL,
                     server_version_parse("ls (GNU coreutils) 9.1\nx\n", &v, &e));
    assert_non_null(strstr(e.text, "'ls (GNU coreutils) 9.1'"));
    assert_int_equal(-EINVAL, server_version_parse("", &v, &e));
    assert_int_equal(-EINVAL, server_version_parse("Redis server v=seven\n", &v, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_master_comes_first_and_all_have_their_own_addresses),
        cmocka_unit_test(no_two_nodes_of_the_largest_lab_share_an_address),
        cmocka_unit_test(urls_name_all_nodes_of_a_role),
        cmocka_unit_test(every_data_node_announces_where_the_proxy_listens),
        cmocka_unit_test(replicas_follow_the_master_through_the_proxy),
        cmocka_unit_test(a_direct_lab_knows_no_proxy_address),
        cmocka_unit_test(a_server_is_told_only_what_it_knows),
        cmocka_unit_test(a_62_dials_from_its_own_address_for_want_of_any_other),
        cmocka_unit_test(persistence_is_what_was_asked_for),
        cmocka_unit_test(in_a_chain_each_replica_follows_the_one_before_it),
        cmocka_unit_test(what_is_tuned_is_said_and_the_rest_is_left_to_the_server),
        cmocka_unit_test(sentinels_watch_the_proxied_master_and_need_a_majority),
        cmocka_unit_test(sentinels_watch_as_they_are_told),
        cmocka_unit_test(versions_are_read_from_what_servers_print),
        cmocka_unit_test(what_is_no_server_or_too_old_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

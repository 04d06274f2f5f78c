/* test_config.c -- configurations: what they say, and where they are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#define R1                                                                               \
    "{name: r1, listen: 127.0.2.1:6379, upstream: 127.0.1.1:6379, sources: [127.0.1.1]}"
#define R2                                                                               \
    "{name: r2, listen: 127.0.2.2:6379, upstream: 127.0.1.2:6379, sources: [127.0.1.2]}"

static int parse(struct config *c, const char *text, struct err *e)
{
    config_init(c);
    return config_parse(c, text, strlen(text), e);
}

static void sound(struct config *c, const char *text)
{
    char line[2 * ERR_MAX];
    struct err e;

    if (parse(c, text, &e) < 0)
        fail_msg("%s", err_print(&e, line, sizeof line));
}

static const char *error_of(const char *text)
{
    static char line[3 * ERR_MAX];
    struct config c;
    struct err e;

    if (parse(&c, text, &e) == 0)
        fail_msg("accepted: %s", text);
    config_release(&c);
    assert_true(e.code < 0);
    return err_print(&e, line, sizeof line);
}

static bool has(const struct config_party *p, size_t i, const char *host)
{
    struct addr a = {.kind = ADDR_IP};
    struct sockaddr_storage sa;

    snprintf(a.host, sizeof a.host, "%s", host);
    addr_sockaddr(&a, &sa);
    return i < p->nsources && addr_range_has(&p->sources[i], (struct sockaddr *)&sa);
}

static void a_file_sets_every_part(void **s)
{
    struct config c;

    (void)s;
    sound(&c, "seed: 42\n"
              "nodes:\n"
              "  - " R1 "\n"
              "  - {name: s1, kind: sentinel, listen: 127.0.2.11:26379,\n"
              "     upstream: 'unix:/run/s1.sock', sources: ['fd00::/8', 10.0.0.0/8]}\n"
              "clients:\n"
              "  - name: app\n"
              "    sources: 127.0.3.1\n"
              "rules:\n"
              "  - on app -> r1 replies do latency 50ms\n"
              "limits: {lane: 1mb, total: 2mb, sessions: 3}\n"
              "when-down: refuse\n"
              "connect-timeout: 250ms\n"
              "precise: true\n"
              "journal: /tmp/j\n");
    assert_int_equal(2, c.nnodes);
    assert_string_equal("r1", c.nodes[0].party.name);
    assert_int_equal(NODE_REDIS, c.nodes[0].kind);
    assert_string_equal("127.0.2.1", c.nodes[0].listen.host);
    assert_int_equal(6379, c.nodes[0].upstream.port);
    assert_true(has(&c.nodes[0].party, 0, "127.0.1.1"));
    assert_int_equal(NODE_SENTINEL, c.nodes[1].kind);
    assert_int_equal(ADDR_UNIX, c.nodes[1].upstream.kind);
    assert_true(has(&c.nodes[1].party, 0, "fd00::1"));
    assert_true(has(&c.nodes[1].party, 1, "10.9.9.9"));
    assert_int_equal(1, c.nclients);
    assert_string_equal("app", c.clients[0].name);
    assert_true(has(&c.clients[0], 0, "127.0.3.1"));
    assert_int_equal(1, c.nrules);
    assert_string_equal("app", c.rules[0]->from);
    assert_true(c.seed_given && c.seed == 42);
    assert_int_equal(1 << 20, c.lane_limit);
    assert_int_equal(2 << 20, c.total_limit);
    assert_int_equal(3, c.session_limit);
    assert_int_equal(WHEN_DOWN_REFUSE, c.when_down);
    assert_int_equal(MSEC(250), c.connect_timeout);
    assert_true(c.precise);
    assert_string_equal("/tmp/j", c.journal);
    config_release(&c);
    assert_int_equal(0, c.nnodes);
}

static void what_a_file_does_not_say_has_a_default(void **s)
{
    struct config c;

    (void)s;
    sound(&c, "nodes: [" R1 "]");
    assert_false(c.seed_given);
    assert_int_equal(8 << 20, c.lane_limit);
    assert_int_equal(512 << 20, c.total_limit);
    assert_int_equal(20000, c.session_limit);
    assert_int_equal(WHEN_DOWN_RESET, c.when_down);
    assert_int_equal(SEC(5), c.connect_timeout);
    assert_false(c.precise);
    assert_null(c.journal);
    config_release(&c);
}

static void json_is_read_too(void **s)
{
    struct config c;

    (void)s;
    sound(&c,
          "{\"nodes\": [{\"name\": \"r1\", \"listen\": \":1\", \"upstream\": "
          "\"[::1]:2\", \"sources\": [\"::1\"]}],\n\t\"precise\": false, \"seed\": 7}");
    assert_int_equal(7, c.seed);
    assert_string_equal("127.0.0.1", c.nodes[0].listen.host);
    assert_string_equal("::1", c.nodes[0].upstream.host);
    config_release(&c);
}

static void lists_may_be_empty_but_for_the_nodes(void **s)
{
    struct config c;

    (void)s;
    sound(&c, "nodes: [" R1 "]\nrules:\nclients:\nlimits:\n");
    config_release(&c);
    sound(&c, "nodes: [" R1 "]\nrules: []\n");
    config_release(&c);
    assert_string_equal("no nodes; hint: a node has a name, an address to listen on and "
                        "an upstream",
                        error_of("nodes:\n"));
}

static void a_rule_with_a_name_needs_no_quotes(void **s)
{
    char text[RULE_TEXT_MAX];
    struct config c;

    (void)s;
    sound(&c, "nodes: [" R1 "]\nrules:\n"
              "  - slow: on client -> * when key=user:* do latency 20ms\n"
              "  - 'quoted: on * -> r1 do hang'\n");
    assert_string_equal("slow: on client -> * when key=user:* do latency 20ms",
                        rule_print(c.rules[0], text, sizeof text));
    assert_string_equal("quoted", c.rules[1]->name);
    config_release(&c);
}

static void localhost_can_be_listened_on_and_no_other_name(void **s)
{
    struct config c;

    (void)s;
    sound(&c, "nodes: [{name: r1, listen: 'localhost:0', upstream: redis:6379}]");
    assert_int_equal(ADDR_IP, c.nodes[0].listen.kind);
    assert_string_equal("127.0.0.1", c.nodes[0].listen.host);
    assert_int_equal(ADDR_NAME, c.nodes[0].upstream.kind);
    config_release(&c);
    assert_non_null(
        strstr(error_of("nodes: [{name: r1, listen: redis:1, upstream: h:2}]"),
               "cannot listen on 'redis:1': not an IP address (line 1"));
    assert_non_null(
        strstr(error_of("nodes: [{name: r1, listen: 'unix:/x', upstream: h:2}]"),
               "not an IP address"));
}

static void unknown_keys_have_a_place_and_the_nearest_word(void **s)
{
    (void)s;
    assert_string_equal("unknown key 'nods' in the configuration (line 2, column 1); "
                        "hint: did you mean 'nodes'?",
                        error_of("seed: 1\nnods: []"));
    assert_string_equal("unknown key 'source' in a node (line 1, column 20); "
                        "hint: did you mean 'sources'?",
                        error_of("nodes: [{name: r1, source: c}]"));
    assert_non_null(
        strstr(error_of("limits: {memory: 1}"), "hint: one of lane total sessions"));
}

static void what_is_missing_or_twice_is_named(void **s)
{
    (void)s;
    assert_string_equal("a node needs 'upstream' (line 2, column 5)",
                        error_of("nodes:\n  - {name: r1, listen: 127.0.0.1:1}"));
    assert_string_equal("a node needs 'name' (line 2, column 4)",
                        error_of("nodes:\n  -\n"));
    assert_string_equal("a client needs 'name' (line 1, column 11)",
                        error_of("clients: [{sources: 1.2.3.4}]"));
    assert_string_equal("'seed' is given twice in the configuration (line 2, column 1)",
                        error_of("seed: 1\nseed: 2"));
}

static void two_parties_cannot_share_a_name_an_address_or_a_source(void **s)
{
    (void)s;
    assert_string_equal(
        "two nodes or clients are named 'r1' (line 3, column 3)",
        error_of("nodes:\n- " R1 "\n- {name: r1, listen: ':1', upstream: h:1}"));
    assert_string_equal(
        "two nodes or clients are named 'r1' (line 4, column 3)",
        error_of("nodes:\n- " R1 "\nclients:\n- {name: r1, sources: 1.2.3.4}"));
    assert_string_equal(
        "'b' listens on 127.0.2.1:6379, and so does 'r1' (line 3, column 3); "
        "hint: each node needs an address or a port of its own",
        error_of("nodes:\n- " R1 "\n- {name: b, listen: 127.0.2.1:6379, upstream: h:1}"));
    assert_string_equal(
        "'r1' and 'app' have a source in common (line 4, column 3); hint: only a Redis "
        "node and a Sentinel may share one",
        error_of("nodes:\n- " R1
                 "\nclients:\n- {name: app, sources: [1.1.1.1, 127.0.1.1/32]}"));
}

static void a_redis_and_a_sentinel_may_share_a_source(void **s)
{
    struct config c;

    (void)s;
    sound(&c, "nodes:\n- " R1 "\n- {name: s1, kind: sentinel, listen: ':1', "
              "upstream: 'h:1', sources: 127.0.1.1}");
    config_release(&c);
}

static void what_a_party_says_of_itself_is_kept_as_it_is_compared(void **s)
{
    struct config c;

    (void)s;
    sound(&c, "nodes:\n- {name: a, listen: ':0', upstream: 'h:1', "
              "announces: ['10.0.0.1:6379', '[fd00::1]:6379']}\n"
              "clients: [{name: app, client-names: 'app-*'}, {name: web}]");
    assert_int_equal(2, c.nodes[0].party.nsaid);
    assert_string_equal("10.0.0.1:6379", c.nodes[0].party.said[0]);
    assert_string_equal("[fd00::1]:6379", c.nodes[0].party.said[1]);
    assert_string_equal("app-*", c.clients[0].said[0]);
    assert_int_equal(0, c.clients[1].nsaid);
    config_release(&c);
    assert_string_equal("'a b' cannot be a client name (line 1, column 37); hint: as in "
                        "CLIENT SETNAME: without spaces; * and ? stand for others",
                        error_of("clients: [{name: app, client-names: 'a b'}]"));
}

static void any_free_port_may_be_asked_for_twice(void **s)
{
    struct config c;

    (void)s;
    sound(&c, "nodes:\n- {name: a, listen: 127.0.0.1:0, upstream: h:1}\n"
              "- {name: b, listen: 127.0.0.1:0, upstream: h:1}");
    config_release(&c);
}

static void a_range_may_lie_inside_another(void **s)
{
    struct config c;

    (void)s;
    sound(&c, "nodes: [" R1 "]\nclients: [{name: a, sources: 127.0.1.0/24}, "
              "{name: b, sources: 127.0.1.0/25}]");
    config_release(&c);
}

static void words_of_the_rule_language_are_no_names(void **s)
{
    static const char *const words[] = {
        "master", "replica", "sentinel", "client", "requests", "replies", "both", "on",
        "when",   "do",      "for",      "'*'",    "a b",      "'r1:'",   "''"};
    char text[200];

    (void)s;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        snprintf(text, sizeof text, "nodes: [{name: %s, listen: h:1, upstream: h:1}]",
                 words[i]);
        assert_non_null(strstr(error_of(text), "cannot be a name"));
        snprintf(text, sizeof text, "clients: [{name: %s, sources: 1.1.1.1}]", words[i]);
        assert_non_null(strstr(error_of(text), "cannot be a name"));
    }
}

static void a_rule_may_name_only_who_is_there(void **s)
{
    struct config c;

    (void)s;
    assert_string_equal("a rule names 'replica1', but there is no such node or client "
                        "(line 3, column 3); hint: did you mean 'replica'?",
                        error_of("nodes: [" R1 "]\nrules:\n- on replica1 -> r1 do hang"));
    assert_string_equal(
        "a rule names 'x9', but there is no such node or client "
        "(line 3, column 3); hint: there is r1 master replica sentinel client",
        error_of("nodes: [" R1 "]\nrules:\n- on r1,x9 -> r1 do hang"));
    assert_non_null(
        strstr(error_of("nodes: [" R1 "]\nrules: [on r1 -> r2 do hang]"), "'r2'"));
    sound(&c, "nodes: [" R1
              "]\nrules: [\"on x* -> r? do hang\", on replica -> master do hang,"
              " \"on client,sentinel -> r[12] do hang\"]");
    config_release(&c);
}

static void a_rule_on_a_link_that_cannot_be_is_refused(void **s)
{
    struct config c;

    (void)s;
    assert_string_equal(
        "a rule on r1 -> client never acts: nobody dials a client "
        "(line 3, column 3); hint: the dialer comes first; what it is sent "
        "is its lane 'replies'",
        error_of("nodes: [" R1 "]\nrules:\n- on r1 -> client do hang"));
    assert_non_null(
        strstr(error_of("nodes: [" R1 "]\nclients: [{name: a, sources: 1.1.1.1}]"
                        "\nrules:\n- on client <-> a do hang"),
               "never acts"));
    sound(&c, "nodes: [" R1
              "]\nrules: [on r1 <-> client do hang, \"on r1 -> client,r1 do hang\"]");
    config_release(&c);
}

static void two_rules_cannot_share_a_name(void **s)
{
    (void)s;
    assert_string_equal("two rules are named 'a' (line 4, column 3)",
                        error_of("nodes: [" R1 "]\nrules:\n- a: on * -> r1 do hang\n"
                                 "- a: on * -> r1 do close"));
}

/* The column is that of the word in the file, where the file has the rule as it is. */
static void a_wrong_rule_points_into_the_file(void **s)
{
    (void)s;
    assert_string_equal(
        "unknown fault 'latancy' (line 3, column 18); "
        "hint: did you mean 'latency'?",
        error_of("nodes: [" R1 "]\nrules:\n- on r1 -> r1 do latancy 5ms"));
    assert_string_equal(
        "unknown fault 'latancy' (line 3, column 19); "
        "hint: did you mean 'latency'?",
        error_of("nodes: [" R1 "]\nrules:\n- \"on r1 -> r1 do latancy 5ms\""));
    assert_string_equal(
        "unknown fault 'latancy' (line 3, column 21); "
        "hint: did you mean 'latency'?",
        error_of("nodes: [" R1 "]\nrules:\n- a: on r1 -> r1 do latancy 5ms"));
    assert_string_equal(
        "unknown fault 'latancy' (line 3, column 3); "
        "hint: did you mean 'latency'?",
        error_of("nodes: [" R1 "]\nrules:\n- >\n  on r1 -> r1\n  do latancy 5ms"));
}

static void values_out_of_range_are_refused(void **s)
{
    static const char *const wrong[] = {"seed: -1",
                                        "seed: 1.5",
                                        "seed: [1]",
                                        "seed: 18446744073709551616",
                                        "seed: nan",
                                        "limits: {lane: 1kb}",
                                        "limits: {lane: -1}",
                                        "limits: {total: 1mb}",
                                        "limits: {sessions: 0}",
                                        "limits: {lane: 1e9999}",
                                        "limits: [1]",
                                        "when-down: restart",
                                        "connect-timeout: 5",
                                        "connect-timeout: 0",
                                        "connect-timeout: -5s",
                                        "precise: maybe",
                                        "precise: [true]",
                                        "journal: ''",
                                        "journal: {a: b}",
                                        NULL};
    char text[400];

    (void)s;
    for (size_t i = 0; wrong[i]; i++) {
        snprintf(text, sizeof text, "nodes: [" R1 "]\n%s", wrong[i]);
        (void)error_of(text);
    }
}

static void what_is_not_a_configuration_is_refused(void **s)
{
    static const char *const wrong[] = {
        "",
        "# nothing",
        "just text",
        "- a",
        "nodes: [",
        "nodes: {a: b}",
        "nodes: text",
        "nodes: [text]",
        "nodes: [[]]",
        "a: \"\\xZZ\"",
        "? [a]\n: b",
        "? {a: b}\n: c",
        "nodes: &a [*a]",
        "&a {nodes: *a}",
        "nodes: [&n {sources: *n}]",
        "nodes: *none",
        "seed: 1\n---\nseed: 2",
        "seed: 1\n...\n}",
        "\xff\xfe\xfd",
        "\"se\\0ed\": 1",
        "nodes: [{name: \"r\\0\", listen: h:1, upstream: h:1}]",
        "rules: [{a: b, c: d}]",
        "rules: [{}]",
        "rules: [[]]",
        "rules: [{[a]: b}]",
        "rules: [{a: [b]}]",
        "rules: [on]",
        "clients: [{name: app, sources: [[]]}]",
        "\t",
        "%YAML 9.9\n---\na: b",
        NULL};

    (void)s;
    for (size_t i = 0; wrong[i]; i++)
        assert_true(strlen(error_of(wrong[i])) > 5);
}

static void one_document_and_nothing_behind_it(void **s)
{
    struct config c;

    (void)s;
    sound(&c, "---\nnodes: [" R1 "]\n...\n");
    config_release(&c);
    assert_string_equal("more than one YAML document",
                        error_of("nodes: [" R1 "]\n---\nseed: 2"));
    assert_non_null(strstr(error_of("nodes: [" R1 "]\n...\n}"), "not YAML"));
}

/* Else a name would end where C ends it, and not where the file does. */
static void nul_characters_are_refused(void **s)
{
    (void)s;
    assert_string_equal(
        "a name with a NUL character (line 1, column 16)",
        error_of("nodes: [{name: \"r\\0\", listen: 127.0.0.1:1, upstream: h:1}]"));
}

static void megabytes_of_nonsense_are_refused(void **s)
{
    static char huge[1 << 20];

    (void)s;
    memset(huge, '[', sizeof huge - 1);
    (void)error_of(huge);
    memset(huge, 'x', sizeof huge - 1);
    (void)error_of(huge);
    memcpy(huge, "rules: [", 8);
    huge[sizeof huge - 2] = ']';
    assert_non_null(strstr(error_of(huge), "a rule of more than 1023 bytes"));
}

static void a_file_is_read_and_a_missing_one_is_named(void **s)
{
    char path[] = "/tmp/test_config_XXXXXX", want[200];
    int fd = mkstemp(path);
    struct config c;
    struct err e;

    (void)s;
    assert_true(fd >= 0);
    assert_int_equal(sizeof "nodes: [" R1 "]",
                     write(fd, "nodes: [" R1 "]\n", sizeof "nodes: [" R1 "]"));
    close(fd);
    config_init(&c);
    assert_int_equal(0, config_load(&c, path, &e));
    assert_int_equal(1, c.nnodes);
    config_release(&c);
    unlink(path);
    assert_int_equal(-ENOENT, config_load(&c, path, &e));
    snprintf(want, sizeof want, "cannot read '%s': No such file or directory", path);
    assert_string_equal(want, e.text);
    assert_int_equal(-EISDIR, config_load(&c, "/tmp", &e));
    config_release(&c);
}

static void flags_add_nodes_clients_sources_and_rules(void **s)
{
    struct config c;
    struct err e;

    (void)s;
    config_init(&c);
    assert_int_equal(0, config_add_node(&c, NULL, ":1", "127.0.0.1:6379", &e));
    assert_int_equal(0, config_add_node(&c, "r3", ":3", "127.0.0.1:6379", &e));
    assert_int_equal(0, config_add_node(&c, NULL, ":2", "127.0.0.1:6379", &e));
    assert_int_equal(0, config_add_node(&c, NULL, ":4", "127.0.0.1:6379", &e));
    assert_string_equal("r1", c.nodes[0].party.name);
    assert_string_equal("r2", c.nodes[2].party.name);
    assert_string_equal("r4", c.nodes[3].party.name);
    assert_int_equal(0, config_add_client(&c, "app", &e));
    assert_int_equal(0, config_add_source(&c.clients[0], "10.0.0.0/8", &e));
    assert_int_equal(0, config_add_rule(&c, "on app -> r4 do hang", &e));
    assert_int_equal(0, config_check(&c, &e));
    assert_int_equal(0, config_add_rule(&c, "on ap -> r4 do hang", &e));
    assert_int_equal(-EINVAL, config_check(&c, &e));
    assert_true(e.line == 0 && e.column == 0);
    config_release(&c);
}

static void a_flag_that_is_refused_adds_nothing(void **s)
{
    struct config c;
    struct err e;

    (void)s;
    config_init(&c);
    assert_int_equal(-EINVAL, config_add_node(&c, "on", ":1", "h:1", &e));
    assert_int_equal(-EINVAL, config_add_node(&c, "a", "1", "h:1", &e));
    assert_int_equal(-EINVAL, config_add_node(&c, "a", ":1", "h:0", &e));
    assert_int_equal(-EINVAL, config_add_client(&c, "both", &e));
    assert_int_equal(-EINVAL, config_add_rule(&c, "on", &e));
    assert_int_equal(0, c.nnodes + c.nclients + c.nrules);
    assert_int_equal(-EINVAL, config_check(&c, &e));
    config_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_sets_every_part),
        cmocka_unit_test(what_a_file_does_not_say_has_a_default),
        cmocka_unit_test(json_is_read_too),
        cmocka_unit_test(lists_may_be_empty_but_for_the_nodes),
        cmocka_unit_test(a_rule_with_a_name_needs_no_quotes),
        cmocka_unit_test(localhost_can_be_listened_on_and_no_other_name),
        cmocka_unit_test(unknown_keys_have_a_place_and_the_nearest_word),
        cmocka_unit_test(what_is_missing_or_twice_is_named),
        cmocka_unit_test(two_parties_cannot_share_a_name_an_address_or_a_source),
        cmocka_unit_test(a_redis_and_a_sentinel_may_share_a_source),
        cmocka_unit_test(what_a_party_says_of_itself_is_kept_as_it_is_compared),
        cmocka_unit_test(any_free_port_may_be_asked_for_twice),
        cmocka_unit_test(a_range_may_lie_inside_another),
        cmocka_unit_test(words_of_the_rule_language_are_no_names),
        cmocka_unit_test(a_rule_may_name_only_who_is_there),
        cmocka_unit_test(a_rule_on_a_link_that_cannot_be_is_refused),
        cmocka_unit_test(two_rules_cannot_share_a_name),
        cmocka_unit_test(a_wrong_rule_points_into_the_file),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(what_is_not_a_configuration_is_refused),
        cmocka_unit_test(one_document_and_nothing_behind_it),
        cmocka_unit_test(nul_characters_are_refused),
        cmocka_unit_test(megabytes_of_nonsense_are_refused),
        cmocka_unit_test(a_file_is_read_and_a_missing_one_is_named),
        cmocka_unit_test(flags_add_nodes_clients_sources_and_rules),
        cmocka_unit_test(a_flag_that_is_refused_adds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

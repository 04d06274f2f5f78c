/* test_traps.c -- which facts of a survey are a trap, and which are none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "traps.h"

static struct survey s;
static struct traps found;
static struct places places;

static struct addr at(const char *text)
{
    struct addr a;

    assert_int_equal(0, addr_parse(text, &a, NULL));
    return a;
}

static void set(struct setting *to, const char *text)
{
    to->known = true;
    snprintf(to->text, sizeof to->text, "%s", text);
}

/* A server that is reached by way of the proxy at 10.0.0.9:port, and is at real. */
static struct survey_server *server(const char *id, unsigned port, const char *real)
{
    char known[32];
    struct addr a;
    size_t spot, i = survey_server(&s, id);

    snprintf(known, sizeof known, "10.0.0.9:%u", port);
    a = at(known);
    spot = survey_spot(&s, &a);
    s.server[i].real = at(real);
    s.server[i].major = 7;
    s.server[i].no_password = true;
    survey_reached(&s, spot, i, WAY_PROXIED);
    s.spot[spot].state = SPOT_ANSWERS;
    snprintf(s.server[i].name, sizeof s.server[i].name, "%s", id);
    set(&s.server[i].announce_ip, "10.0.0.9");
    snprintf(known, sizeof known, "%u", port);
    set(&s.server[i].announce_port, known);
    return &s.server[i];
}

static struct listing *lists(struct survey_server *by, enum listing_kind kind,
                             const char *address, const char *state)
{
    struct addr a = at(address);
    size_t i = survey_list(&s, kind, (size_t)(by - s.server), &a);

    assert_true(i < SURVEY_LISTINGS);
    snprintf(s.listing[i].state, sizeof s.listing[i].state, "%s", state);
    return &s.listing[i];
}

static struct survey_server *r1, *r2, *s1, *s2;

/* A master, a replica and two sentinels, and nothing wrong with them. */
static int set_up(void **state)
{
    (void)state;
    s = (struct survey){.places = &places, .service = "mymaster"};
    places = (struct places){0};
    r1 = server("r1", 6001, "10.0.0.1:6379");
    r2 = server("r2", 6002, "10.0.0.2:6379");
    s1 = server("s1", 7001, "10.0.0.3:26379");
    s2 = server("s2", 7002, "10.0.0.4:26379");
    r2->replica = true;
    s1->sentinel = s2->sentinel = true;
    lists(r1, LISTS_REPLICA, "10.0.0.9:6002", "online");
    lists(r2, FOLLOWS_MASTER, "10.0.0.9:6001", "up");
    lists(s1, WATCHES_MASTER, "10.0.0.9:6001", "master");
    lists(s2, WATCHES_MASTER, "10.0.0.9:6001", "master");
    lists(s1, WATCHES_REPLICA, "10.0.0.9:6002", "slave");
    return 0;
}

/* The traps as "name node, name node". */
static const char *traps(void)
{
    static char text[512];
    size_t n = 0;

    text[0] = '\0';
    traps_find(&s, &found);
    for (size_t i = 0; i < found.n && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %s", i ? ", " : "",
                              trap_words[found.trap[i].kind].name, found.trap[i].node);
    return text;
}

static void nothing_wrong_is_no_trap(void **state)
{
    (void)state;
    assert_string_equal("", traps());
}

static void the_line_says_the_proxys_address(void **state)
{
    (void)state;
    set(&r2->announce_ip, "");
    assert_string_equal("replica-announce r2", traps());
    assert_string_equal("replica-announce-ip 10.0.0.9\nreplica-announce-port 6002",
                        found.trap[0].line);
}

static void what_we_are_not_told_is_judged_by_what_is_listed(void **state)
{
    (void)state;
    r2->announce_ip.known = r2->announce_port.known = false;
    s.listing[0].at = at("10.0.0.9:6379");
    s.listing[0].spot = survey_spot(&s, &s.listing[0].at);
    assert_string_equal("replica-announce 10.0.0.9:6379", traps());
}

static void a_port_of_its_own_matters_only_where_the_proxy_has_another(void **state)
{
    (void)state;
    set(&r2->announce_port, "0");
    assert_string_equal("announce-port r2", traps());
    r2->real = at("10.0.0.2:6002");
    assert_string_equal("", traps());
}

static void a_password_makes_protected_mode_harmless(void **state)
{
    (void)state;
    set(&r1->protected_mode, "yes");
    assert_string_equal("protected-mode r1", traps());
    r1->no_password = false;
    assert_string_equal("", traps());
}

static void all_of_the_loopback_is_local_from_7_2_on(void **state)
{
    (void)state;
    set(&r1->protected_mode, "yes");
    r1->real = at("127.0.1.1:6379");
    assert_string_equal("protected-mode r1", traps());
    r1->minor = 2;
    assert_string_equal("", traps());
    r1->minor = 0;
    r1->real = at("127.0.0.1:6379");
    assert_string_equal("", traps());
}

static void a_second_channel_is_a_trap_until_it_was_mended(void **state)
{
    static const struct {
        bool valkey;
        unsigned major, minor;
        const char *traps;
    } cases[] = {
        {false, 8, 0, "ghost-replica r1"},
        {false, 8, 4, "ghost-replica r1"},
        {false, 8, 6, ""},
        {true, 8, 1, "ghost-replica r1"},
        {true, 9, 0, "ghost-replica r1"},
        {true, 9, 1, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set(&r1->second_channel, "yes");
        r1->valkey = cases[i].valkey;
        r1->major = cases[i].major;
        r1->minor = cases[i].minor;
        assert_string_equal(cases[i].traps, traps());
    }
    set(&r1->second_channel, "no");
    r1->minor = 0;
    assert_string_equal("", traps());
}

/* In the middle of a failover, one has switched and the other has not. */
static void two_masters_are_not_two_addresses_of_one(void **state)
{
    (void)state;
    s.listing[3].at = at("10.0.0.9:6002");
    s.listing[3].spot = survey_spot(&s, &s.listing[3].at);
    assert_string_equal("", traps());
    s.listing[3].at = at("10.0.0.9:6009");
    s.listing[3].spot = survey_spot(&s, &s.listing[3].at);
    survey_reached(&s, s.listing[3].spot, 0, WAY_PROXIED);
    assert_string_equal("many-addresses s2", traps());
    assert_non_null(strstr(found.trap[0].line, "10.0.0.9 6001"));
}

static void who_does_not_answer_is_a_leftover_only_if_we_know_all_there_are(void **state)
{
    (void)state;
    lists(s1, WATCHES_REPLICA, "10.0.0.8:6005", "s_down,slave,disconnected");
    lists(s1, WATCHES_SENTINEL, "10.0.0.8:7005", "s_down,sentinel,disconnected");
    assert_string_equal("", traps());
    assert_int_equal(0,
                     places_add(&places, false, "r1,10.0.0.9:6001,10.0.0.1:6379", NULL));
    assert_string_equal("reused-conf s1, reused-conf s1", traps());
    assert_int_equal(0,
                     places_add(&places, false, "r5,10.0.0.8:6005,10.0.0.5:6379", NULL));
    assert_int_equal(0,
                     places_add(&places, true, "s5,10.0.0.8:7005,10.0.0.5:7005", NULL));
    assert_string_equal("", traps());
}

static void where_the_proxy_dials_from_a_stranger_is_a_ghost(void **state)
{
    (void)state;
    survey_dialer(&s, "10.0.0.9");
    lists(s1, WATCHES_REPLICA, "10.0.0.9:6379", "s_down,slave,disconnected");
    lists(s2, WATCHES_REPLICA, "10.0.0.9:6379", "s_down,slave,disconnected");
    assert_string_equal("ghost-replica 10.0.0.9:6379", traps());
    assert_string_equal("SENTINEL RESET mymaster", found.trap[0].line);
}

/* The proxy's own address, and one of its ports: a node that is dead. */
static void a_dead_node_behind_the_proxy_is_no_ghost(void **state)
{
    (void)state;
    survey_dialer(&s, "10.0.0.9");
    lists(s1, WATCHES_REPLICA, "10.0.0.9:6005", "s_down,slave,disconnected");
    assert_string_equal("", traps());
}

static void a_proxy_that_closes_is_told_of_only_when_its_node_is_dead(void **state)
{
    struct addr known = at("10.0.0.9:6005"), real = at("10.0.0.5:6379");
    size_t spot, behind;

    (void)state;
    assert_int_equal(0,
                     places_add(&places, false, "r5,10.0.0.9:6005,10.0.0.5:6379", NULL));
    spot = survey_spot(&s, &known);
    behind = survey_spot(&s, &real);
    s.spot[spot].state = SPOT_CLOSES;
    s.spot[behind].state = SPOT_ANSWERS; /* a fault, then */
    assert_string_equal("", traps());
    s.spot[behind].state = SPOT_REFUSES;
    assert_string_equal("dead-accepts r5", traps());
    s.spot[spot].state = SPOT_REFUSES;
    assert_string_equal("", traps());
}

static void more_traps_than_there_is_room_for_are_said_to_be(void **state)
{
    char address[32];

    (void)state;
    assert_int_equal(0,
                     places_add(&places, false, "r1,10.0.0.9:6001,10.0.0.1:6379", NULL));
    for (unsigned i = 0; i < TRAPS_MAX + 5; i++) {
        snprintf(address, sizeof address, "10.1.0.%u:6379", i % 140);
        lists(s1, WATCHES_REPLICA, address, "slave");
    }
    traps_find(&s, &found);
    assert_int_equal(TRAPS_MAX, found.n);
    assert_true(found.more);
}

static void traps_come_by_kind(void **state)
{
    (void)state;
    set(&r1->announce_ip, "");
    set(&r1->protected_mode, "yes");
    set(&r2->announce_ip, "");
    set(&s1->announce_ip, "");
    assert_string_equal("replica-announce r2, sentinel-announce s1, protected-mode r1, "
                        "master-announce r1",
                        traps());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_wrong_is_no_trap, set_up),
        cmocka_unit_test_setup(the_line_says_the_proxys_address, set_up),
        cmocka_unit_test_setup(what_we_are_not_told_is_judged_by_what_is_listed, set_up),
        cmocka_unit_test_setup(a_port_of_its_own_matters_only_where_the_proxy_has_another,
                               set_up),
        cmocka_unit_test_setup(a_password_makes_protected_mode_harmless, set_up),
        cmocka_unit_test_setup(all_of_the_loopback_is_local_from_7_2_on, set_up),
        cmocka_unit_test_setup(a_second_channel_is_a_trap_until_it_was_mended, set_up),
        cmocka_unit_test_setup(two_masters_are_not_two_addresses_of_one, set_up),
        cmocka_unit_test_setup(
            who_does_not_answer_is_a_leftover_only_if_we_know_all_there_are, set_up),
        cmocka_unit_test_setup(a_dead_node_behind_the_proxy_is_no_ghost, set_up),
        cmocka_unit_test_setup(where_the_proxy_dials_from_a_stranger_is_a_ghost, set_up),
        cmocka_unit_test_setup(a_proxy_that_closes_is_told_of_only_when_its_node_is_dead,
                               set_up),
        cmocka_unit_test_setup(more_traps_than_there_is_room_for_are_said_to_be, set_up),
        cmocka_unit_test_setup(traps_come_by_kind, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

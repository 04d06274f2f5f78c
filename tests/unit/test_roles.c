/* Roles that nodes were seen in, and what follows from the order in which they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "roles.h"

#define AT(seconds) SEC(seconds)

/* r0 is the master of r1 and r2. At 10 it is lost, at 12 r1 is promoted, at 13 r2 follows
 * it; at 20 r0 returns and thinks that it is the master, until 25. */
static void play(struct roles *r)
{
    *r = (struct roles){.change = NULL};
    roles_note(r, AT(1), 0, ROLES_MASTER);
    roles_note(r, AT(1), 1, ROLES_REPLICA);
    roles_note(r, AT(1), 2, ROLES_REPLICA);
    roles_note(r, AT(10), 0, ROLES_SILENT);
    roles_note(r, AT(12), 1, ROLES_MASTER);
    roles_note(r, AT(13), 2, ROLES_UNLINKED);
    roles_note(r, AT(14), 2, ROLES_REPLICA);
    roles_note(r, AT(20), 0, ROLES_MASTER);
    roles_note(r, AT(25), 0, ROLES_UNLINKED);
    roles_note(r, AT(26), 0, ROLES_REPLICA);
}

static void only_what_changes_is_news(void **state)
{
    struct roles r = {.change = NULL};

    (void)state;
    assert_true(roles_note(&r, AT(1), 0, ROLES_MASTER));
    assert_false(roles_note(&r, AT(2), 0, ROLES_MASTER));
    assert_true(roles_note(&r, AT(3), 0, ROLES_SILENT));
    assert_int_equal(2, r.n);
    roles_release(&r);
}

static void the_promotion_is_of_another_node_and_after_the_break(void **state)
{
    struct roles r;
    size_t who = 9;

    (void)state;
    play(&r);
    assert_int_equal(AT(12), roles_promotion(&r, AT(9), 0, &who));
    assert_int_equal(1, who);
    assert_true(roles_promotion(&r, AT(13), 0, &who) == NSEC_NEVER);
    roles_release(&r);
}

static void the_old_master_is_demoted_when_it_first_replicates(void **state)
{
    struct roles r;

    (void)state;
    play(&r);
    assert_int_equal(AT(25), roles_demotion(&r, AT(12), 0));
    assert_true(roles_demotion(&r, AT(12), 1) == NSEC_NEVER);
    roles_release(&r);
}

static void two_masters_are_counted_while_both_say_so(void **state)
{
    struct roles r;

    (void)state;
    play(&r);
    assert_int_equal(AT(5), roles_dual(&r, AT(9), AT(30)));
    assert_int_equal(AT(2), roles_dual(&r, AT(9), AT(22)));
    assert_int_equal(AT(1), roles_dual(&r, AT(24), AT(30)));
    assert_int_equal(0, roles_dual(&r, AT(9), AT(15)));
    roles_release(&r);
}

static void two_masters_to_the_end_are_counted_to_the_end(void **state)
{
    struct roles r = {.change = NULL};

    (void)state;
    roles_note(&r, AT(1), 0, ROLES_MASTER);
    roles_note(&r, AT(3), 1, ROLES_MASTER);
    assert_int_equal(AT(7), roles_dual(&r, AT(1), AT(10)));
    roles_release(&r);
}

static void it_is_whole_with_one_master_and_linked_replicas(void **state)
{
    struct roles r = {.change = NULL};

    (void)state;
    assert_false(roles_whole(&r, 3, false));
    roles_note(&r, AT(1), 0, ROLES_MASTER);
    roles_note(&r, AT(1), 1, ROLES_REPLICA);
    roles_note(&r, AT(1), 2, ROLES_UNLINKED);
    assert_false(roles_whole(&r, 3, true));
    roles_note(&r, AT(2), 2, ROLES_REPLICA);
    assert_true(roles_whole(&r, 3, false));
    assert_int_equal(0, roles_master(&r, 3));
    roles_note(&r, AT(3), 2, ROLES_SILENT);
    assert_false(roles_whole(&r, 3, false));
    assert_true(roles_whole(&r, 3, true));
    roles_note(&r, AT(4), 1, ROLES_MASTER);
    assert_false(roles_whole(&r, 3, true));
    assert_int_equal(3, roles_master(&r, 3));
    roles_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_changes_is_news),
        cmocka_unit_test(the_promotion_is_of_another_node_and_after_the_break),
        cmocka_unit_test(the_old_master_is_demoted_when_it_first_replicates),
        cmocka_unit_test(two_masters_are_counted_while_both_say_so),
        cmocka_unit_test(two_masters_to_the_end_are_counted_to_the_end),
        cmocka_unit_test(it_is_whole_with_one_master_and_linked_replicas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* by_name.c -- T=text in the environment runs only the tests whose name contains it.
 *
 * Linked into every unit test, so that none has to know of it: cmocka's filter is set
 * before main() runs. tests/run sets T.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void pick_by_name(void)
{
    static char pattern[256]; /* cmocka keeps the pointer */
    const char *text = getenv("T");

    if (text == NULL || *text == '\0')
        return;
    snprintf(pattern, sizeof pattern, "*%s*", text);
    cmocka_set_test_filter(pattern);
}

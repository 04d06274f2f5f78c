/* test_cli.c -- options, help and error lines of every command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* What the options of every test write into, defaults first. */
static bool quiet;
static const char *file;
static struct texts rules;
static uint64_t pairs, memory;
static nsec lag;
static double share;

static const struct opt opts[] = {
    {"file", 'f', OPT_TEXT, &file, "FILE", "read this"},
    {"rule", 'r', OPT_TEXTS, &rules, "SENTENCE", "put a rule in force"},
    {"pairs", 0, OPT_COUNT, &pairs, "N", "writers and readers"},
    {"memory", 0, OPT_BYTES, &memory, "SIZE", "at most"},
    {"lag", 'l', OPT_TIME, &lag, "TIME", "delay of the replicas"},
    {"share", 0, OPT_FRACTION, &share, "SHARE", "of the writes"},
    {"quiet", 'q', OPT_FLAG, &quiet, NULL, "say less"},
    {"spread", 0, OPT_FLAG, &quiet, NULL, "of the draws"},
    {0},
};

static const struct usage usage = {
    "probe stale", "[--lag TIME] FILE...",
    "Write here and read there, which is a sentence that is longer than what fits on "
    "a line.\nA second line.",
    "sunder probe stale --lag 50ms", opts};

#define ARGS 16

struct run {
    int first, status, argc;
    char words[ARGS][256], *argv[ARGS + 1];
    char out[8192], err[2048];
};

static void reset(void)
{
    quiet = false;
    file = NULL;
    free(rules.item);
    rules = (struct texts){NULL, 0};
    pairs = 100;
    memory = 0;
    lag = MSEC(50);
    share = 0.01;
}

static void read_all(FILE *f, char *buf, size_t size)
{
    size_t n;

    rewind(f);
    n = fread(buf, 1, size - 1, f);
    buf[n] = '\0';
    fclose(f);
}

/* Parse a line of words, and catch what is said meanwhile. A comma in a word is a
 * space. */
static void run(struct run *r, const char *line)
{
    FILE *out = tmpfile(), *err = tmpfile();
    int was[2] = {dup(1), dup(2)};

    *r = (struct run){.status = -1};
    for (const char *s = line; *s; s += strcspn(s, " "), s += strspn(s, " ")) {
        char *word = r->words[r->argc];

        snprintf(word, sizeof r->words[0], "%.*s", (int)strcspn(s, " "), s);
        for (char *c = word; *c; c++)
            if (*c == ',')
                *c = ' ';
        r->argv[r->argc++] = word;
    }
    reset();
    fflush(stdout);
    dup2(fileno(out), 1);
    dup2(fileno(err), 2);
    r->first = cli_parse(&usage, r->argc, r->argv, &r->status);
    fflush(stdout);
    dup2(was[0], 1);
    dup2(was[1], 2);
    close(was[0]);
    close(was[1]);
    read_all(out, r->out, sizeof r->out);
    read_all(err, r->err, sizeof r->err);
}

/* The line ends the command with that status, and says that on stderr. */
static void refused(const char *line, const char *err)
{
    struct run r;

    run(&r, line);
    assert_string_equal(err, r.err);
    assert_int_equal(-1, r.first);
    assert_int_equal(STATUS_USAGE, r.status);
    assert_string_equal("", r.out);
}

static void every_type_of_option_is_stored(void **s)
{
    struct run r;

    (void)s;
    run(&r, "stale -f a.yaml --rule one --pairs 7 --memory=64kb -l 0.25ms --share 5% -q");
    assert_int_equal(r.argc, r.first);
    assert_string_equal("", r.err);
    assert_string_equal("a.yaml", file);
    assert_int_equal(1, rules.n);
    assert_string_equal("one", rules.item[0]);
    assert_int_equal(7, pairs);
    assert_int_equal(65536, memory);
    assert_int_equal(USEC(250), lag);
    assert_true(share == 0.05);
    assert_true(quiet);
}

static void what_is_not_given_keeps_its_default(void **s)
{
    struct run r;

    (void)s;
    run(&r, "stale");
    assert_int_equal(1, r.first);
    assert_int_equal(100, pairs);
    assert_int_equal(MSEC(50), lag);
    assert_null(file);
    assert_false(quiet);
    assert_int_equal(0, rules.n);
}

static void a_repeated_option_collects_in_order(void **s)
{
    struct run r;

    (void)s;
    run(&r, "stale -r a,b --rule=c -r d");
    assert_int_equal(3, rules.n);
    assert_string_equal("a b", rules.item[0]);
    assert_string_equal("c", rules.item[1]);
    assert_string_equal("d", rules.item[2]);
}

static void options_may_follow_words_until_two_dashes(void **s)
{
    struct run r;

    (void)s;
    run(&r, "stale one -q two --pairs 7 -- --three -q");
    assert_int_equal(4, r.argc - r.first);
    assert_string_equal("one", r.argv[r.first]);
    assert_string_equal("two", r.argv[r.first + 1]);
    assert_string_equal("--three", r.argv[r.first + 2]);
    assert_string_equal("-q", r.argv[r.first + 3]);
    assert_true(quiet);
    assert_int_equal(7, pairs);
}

static void one_command_can_be_parsed_after_another(void **s)
{
    struct run r;

    (void)s;
    run(&r, "stale --pairs 7 x");
    run(&r, "stale --pairs 8 y");
    assert_int_equal(8, pairs);
    assert_string_equal("y", r.argv[r.first]);
}

static void help_shows_usage_options_defaults_and_an_example(void **s)
{
    struct run r;

    (void)s;
    run(&r, "stale --help");
    assert_int_equal(-1, r.first);
    assert_int_equal(STATUS_MET, r.status);
    assert_string_equal("", r.err);
    assert_string_equal(
        "usage: sunder probe stale [--lag TIME] FILE...\n"
        "\n"
        "Write here and read there, which is a sentence that is longer than what fits\n"
        "on a line.\n"
        "A second line.\n"
        "\n"
        "options:\n"
        "  -f, --file FILE      read this\n"
        "  -r, --rule SENTENCE  put a rule in force\n"
        "      --pairs N        writers and readers (default 100)\n"
        "      --memory SIZE    at most\n"
        "  -l, --lag TIME       delay of the replicas (default 50ms)\n"
        "      --share SHARE    of the writes (default 1%)\n"
        "  -q, --quiet          say less\n"
        "      --spread         of the draws\n"
        "  -h, --help           show this\n"
        "      --version        print the version\n"
        "\n"
        "example:\n"
        "  sunder probe stale --lag 50ms\n",
        r.out);
    run(&r, "stale -h");
    assert_int_equal(STATUS_MET, r.status);
}

static void the_version_is_printed(void **s)
{
    struct run r;

    (void)s;
    run(&r, "stale --version");
    assert_int_equal(STATUS_MET, r.status);
    assert_int_equal(0, strncmp(r.out, "sunder ", 7));
    assert_true(r.out[7] >= '0' && r.out[7] <= '9');
}

static void an_unknown_option_gets_the_nearest_word(void **s)
{
    (void)s;
    refused("stale --lga 5ms", "sunder probe stale: unknown option '--lga'\n"
                               "hint: did you mean '--lag'?\n");
    refused("stale --zzz", "sunder probe stale: unknown option '--zzz'\n"
                           "hint: see 'sunder probe stale --help'\n");
    refused("stale --qiet=1", "sunder probe stale: unknown option '--qiet'\n"
                              "hint: did you mean '--quiet'?\n");
    refused("stale -z", "sunder probe stale: unknown option '-z'\n"
                        "hint: see 'sunder probe stale --help'\n");
}

static void a_beginning_must_fit_one_option(void **s)
{
    struct run r;

    (void)s;
    run(&r, "stale --mem 1kb");
    assert_int_equal(1024, memory);
    run(&r, "stale --sha 5%");
    assert_true(share == 0.05);
    refused("stale --s 5%", "sunder probe stale: option '--s' can mean several\n"
                            "hint: see 'sunder probe stale --help'\n");
}

static void a_missing_or_superfluous_value_is_refused(void **s)
{
    (void)s;
    refused("stale --lag", "sunder probe stale: --lag needs a value: TIME\n"
                           "hint: see 'sunder probe stale --help'\n");
    refused("stale -f", "sunder probe stale: --file needs a value: FILE\n"
                        "hint: see 'sunder probe stale --help'\n");
    refused("stale --quiet=1", "sunder probe stale: --quiet takes no value\n"
                               "hint: see 'sunder probe stale --help'\n");
    refused("stale --help=1", "sunder probe stale: --help takes no value\n"
                              "hint: see 'sunder probe stale --help'\n");
}

static void a_value_of_the_wrong_kind_names_its_option(void **s)
{
    (void)s;
    refused("stale --lag 50", "sunder probe stale: --lag: '50' has no unit\n"
                              "hint: a time such as 50ms (h m s ms us ns)\n");
    refused("stale --pairs -1",
            "sunder probe stale: --pairs: '-1' is not a whole number\n"
            "hint: digits only, such as 100\n");
    refused("stale --share 101%", "sunder probe stale: --share: '101%' is more than all\n"
                                  "hint: 0% to 100%\n");
    refused("stale --memory 1e9999",
            "sunder probe stale: --memory: unknown unit 'e9999' in '1e9999'\n"
            "hint: a size such as 64kb (b k kb m mb g gb)\n");
}

static void ten_kilobytes_of_option_stay_one_line(void **s)
{
    static char huge[10241] = "--";
    char *argv[] = {"stale", huge, NULL}, text[2048];
    FILE *err = tmpfile();
    int was = dup(2), status = -1;

    (void)s;
    memset(huge + 2, 'x', sizeof huge - 3);
    dup2(fileno(err), 2);
    assert_int_equal(-1, cli_parse(&usage, 2, argv, &status));
    dup2(was, 2);
    close(was);
    read_all(err, text, sizeof text);
    assert_true(strlen(text) < 300);
    assert_int_equal(STATUS_USAGE, status);
}

static void colour_is_for_terminals_only(void **s)
{
    FILE *f = tmpfile();

    (void)s;
    assert_false(cli_colour(f));
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_of_option_is_stored),
        cmocka_unit_test(what_is_not_given_keeps_its_default),
        cmocka_unit_test(a_repeated_option_collects_in_order),
        cmocka_unit_test(options_may_follow_words_until_two_dashes),
        cmocka_unit_test(one_command_can_be_parsed_after_another),
        cmocka_unit_test(help_shows_usage_options_defaults_and_an_example),
        cmocka_unit_test(the_version_is_printed),
        cmocka_unit_test(an_unknown_option_gets_the_nearest_word),
        cmocka_unit_test(a_beginning_must_fit_one_option),
        cmocka_unit_test(a_missing_or_superfluous_value_is_refused),
        cmocka_unit_test(a_value_of_the_wrong_kind_names_its_option),
        cmocka_unit_test(ten_kilobytes_of_option_stay_one_line),
        cmocka_unit_test(colour_is_for_terminals_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

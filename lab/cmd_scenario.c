/* cmd_scenario.c -- `sunder scenario run FILE`, `sunder scenario check FILE`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "log.h"
#include "scenario_parts.h"

#define UNSET UINT64_MAX

static struct flags {
    const char *output, *journal, *server;
    uint64_t seed;
} flags;

static const struct opt opts[] = {
    {"output", 'o', OPT_TEXT, &flags.output, "FORMAT",
     "text, or json: a line for each event, then one object"},
    {"journal", 'j', OPT_TEXT, &flags.journal, "FILE", "write down every decision"},
    {"seed", 0, OPT_COUNT, &flags.seed, "N", "instead of the one in the file"},
    {"redis-server", 0, OPT_TEXT, &flags.server, "PATH",
     "the server to run; redis-server or valkey-server from PATH when not given"},
    {0},
};

static const struct usage usage = {
    .command = "scenario",
    .line = "run FILE | check FILE | play FILE | stop | resume | show",
    .about =
        "Run a lab through a list of rules, partitions and process actions, by the "
        "clock and by events, and say whether it came out as expected. `check` only "
        "says whether the file is sound. `play` has a proxy that runs already take "
        "up verbs at times, a line each; `sunder scenario play --help`. Exit status: 0 "
        "as expected, 1 not, 2 the file or the command line is wrong, 3 something "
        "needed is not there.",
    .example = "sunder scenario run docs/scenarios/lagging-replica.yaml",
    .opts = opts,
};

static int refuse(const struct err *e)
{
    return cli_fail(&usage, e->code == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT, e);
}

static void count(const char *before, unsigned long long n, const char *what)
{
    printf("%s%llu %s%s", before, n, what, n == 1 ? "" : "s");
}

static int check(const struct scenario *s)
{
    count("sound: ", s->lab.replicas, "replica");
    count(", ", s->lab.sentinels, "sentinel");
    count(", ", s->nrules, "rule");
    count(", ", s->nsteps, "step");
    count(", ", s->nexpect, "expectation");
    putchar('\n');
    return STATUS_MET;
}

static int run(const struct scenario *s, const char *file)
{
    const struct scenario_options o = {
        .file = file,
        .json = strcmp(flags.output, "json") == 0,
        .server = flags.server,
        .journal = flags.journal,
        .seed = flags.seed,
        .seed_given = flags.seed != UNSET,
    };

    log_level = LOG_WARN;
    return scenario_play(s, &o, &usage);
}

static bool is_for_proxy(const char *word)
{
    return strcmp(word, "play") == 0 || strcmp(word, "stop") == 0 ||
           strcmp(word, "show") == 0 || strcmp(word, "resume") == 0;
}

int cmd_scenario(int argc, char **argv)
{
    struct scenario s;
    struct err e = {0};
    int status, at;
    bool only_check;

    if (argc > 1 && is_for_proxy(argv[1]))
        return cmd_control(argc, argv);
    flags = (struct flags){.output = "text", .seed = UNSET};
    at = cli_parse(&usage, argc, argv, &status);
    if (at < 0)
        return status;
    if (argc - at != 2 ||
        (strcmp(argv[at], "run") != 0 && strcmp(argv[at], "check") != 0))
        return cli_usage(&usage, "run, check or play FILE; stop, resume or show");
    if (strcmp(flags.output, "text") != 0 && strcmp(flags.output, "json") != 0)
        return cli_usage(&usage, "--output is text or json, not '%.20s'", flags.output);
    only_check = strcmp(argv[at], "check") == 0;
    if (scenario_load(&s, argv[at + 1], &e) < 0)
        status = refuse(&e);
    else
        status = only_check ? check(&s) : run(&s, argv[at + 1]);
    scenario_release(&s);
    return status;
}

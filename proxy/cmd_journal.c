/* cmd_journal.c -- `sunder journal replay FILE`: a configuration that does it again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "replay.h"

static const struct opt opts[] = {{0}};

static const struct usage usage = {
    "journal",
    "replay FILE | tail [N]",
    "A journal (--journal FILE of proxy, lab and scenario run) has a line for every "
    "decision of every rule. `replay` prints a configuration for `sunder proxy` that "
    "makes the same rules act on the same frames of the same sessions with the same "
    "orders, whatever the seed. It names FILE, which must stay where it is. `tail` asks "
    "a running proxy for the last lines of its journal; `sunder journal tail --help`.",
    "sunder journal replay run.journal >again.yaml && sunder proxy --config again.yaml",
    opts,
};

/* 'text' as YAML has it: a quote in it is written twice. */
static void put_quoted(const char *s)
{
    putchar('\'');
    for (; *s; s++) {
        if (*s == '\'')
            putchar('\'');
        putchar(*s);
    }
    putchar('\'');
}

static void put_list(const char *key, const char *list)
{
    if (*list == '\0')
        return;
    printf(", %s: [", key);
    for (const char *item = list; *item;) {
        size_t n = strcspn(item, ",");

        printf("%s'%.*s'", item == list ? "" : ", ", (int)n, item);
        item += n + (item[n] == ',');
    }
    printf("]");
}

static void put_party(const struct replay_party *p)
{
    printf("  - {name: %s", p->name);
    if (p->upstream[0])
        printf(", kind: %s, listen: '%s', upstream: '%s'", p->kind, p->listen,
               p->upstream);
    put_list("sources", p->sources);
    put_list(p->upstream[0] ? "announces" : "client-names", p->said);
    printf("}\n");
}

static void put_parties(const struct replay_facts *f, bool nodes)
{
    bool any = false;

    for (size_t i = 0; i < f->parties; i++) {
        if ((f->party[i].upstream[0] != '\0') != nodes)
            continue;
        if (!any)
            printf(nodes ? "nodes:\n" : "clients:\n");
        any = true;
        put_party(&f->party[i]);
    }
    if (nodes && !any)
        printf("# nodes: the journal does not say; add --listen and --upstream\n");
}

/* Those that were in force when the first session came; the others come from FILE. */
static void put_rules(const struct replay *r)
{
    const struct replay_step *step;
    size_t n = replay_steps(r, &step), later = 0;
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        if (step[i].at > 0) {
            later++;
            continue;
        }
        printf("%s  - ", any ? "" : "rules:\n");
        any = true;
        put_quoted(step[i].text);
        putchar('\n');
    }
    if (later)
        printf(
            "# %zu times a rule came or went later: the journal knows which and when\n",
            later);
}

static int replay(const char *path)
{
    char *where = realpath(path, NULL);
    struct replay_facts f;
    struct replay *r;
    struct err e;

    if (replay_open(&r, path, &e) < 0) {
        free(where);
        return cli_fail(&usage, e.code == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT,
                        &e);
    }
    replay_facts(r, &f);
    printf("# %" PRIu64 " decisions, to be made again: sunder proxy --config THIS\n",
           f.decisions);
    printf("seed: %" PRIu64 "\n", f.seed);
    put_parties(&f, true);
    put_parties(&f, false);
    put_rules(r);
    printf("replay: ");
    put_quoted(where ? where : path);
    printf("\n");
    replay_close(&r);
    free(where);
    return STATUS_MET;
}

int cmd_journal(int argc, char **argv)
{
    int status, first;

    if (argc > 1 && strcmp(argv[1], "tail") == 0)
        return cmd_control(argc, argv);
    first = cli_parse(&usage, argc, argv, &status);
    if (first < 0)
        return status;
    if (first == argc)
        return cli_usage(&usage,
                         "what is to be done with a journal? replay FILE, or tail");
    if (strcmp(argv[first], "replay") != 0)
        return cli_usage(&usage, "'%.40s' is nothing to do with a journal: replay, tail",
                         argv[first]);
    if (argc - first != 2)
        return cli_usage(&usage, "replay takes one FILE");
    return replay(argv[first + 1]);
}

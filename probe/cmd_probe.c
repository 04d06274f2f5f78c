/* cmd_probe.c -- `sunder probe`: the probes there are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "probe.h"

static const struct command probes[] = {
    {"stale", "how often, and for how long, a replica's answer is out of date",
     cmd_stale},
    {"retry", "is it safe to send a command again when its answer is lost?", cmd_retry},
    {"pipeline", "when a pipeline breaks half way, what has been done?", cmd_pipeline},
    {"half-open", "who notices that a server has gone silent, and when?", cmd_half_open},
    {"pubsub", "what does a subscriber miss that is cut off for a while?", cmd_pubsub},
    {"failover", "what does losing a master cost its clients?", cmd_failover},
    {"read", "what becomes of reads while a server cannot answer?", cmd_read},
    {"writes", "what is a client told of its writes?", cmd_writes},
    {"session", "does a client see its own writes, and never go back?", cmd_session},
};
#define PROBES (sizeof probes / sizeof *probes)

static void print_probes(FILE *f)
{
    fprintf(f, "usage: sunder probe PROBE [option ...]\n\n"
               "Put a workload on any Redis and say what its clients saw.\n\nprobes:\n");
    for (size_t i = 0; i < PROBES; i++)
        fprintf(f, "  %-10s %s\n", probes[i].name, probes[i].help);
    fprintf(f, "\nURL_M and URL_R of the environment say where to write and to read.\n"
               "\nexample:\n  sunder probe stale --help\n");
}

int cmd_probe(int argc, char **argv)
{
    static const struct usage u = {.command = "probe"};
    const char *words[PROBES + 1] = {NULL}, *near;
    struct err e;

    if (argc < 2) {
        print_probes(stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_probes(stdout);
        return STATUS_MET;
    }
    for (size_t i = 0; i < PROBES; i++) {
        words[i] = probes[i].name;
        if (strcmp(argv[1], probes[i].name) == 0)
            return probes[i].run(argc - 1, argv + 1);
    }
    near = err_nearest(argv[1], words);
    err_set(&e, -EINVAL, "there is no probe '%s'", argv[1]);
    err_hint(&e, near ? "did you mean '%s'?" : "see 'sunder probe --help'%.0s",
             near ? near : "");
    return cli_fail(&u, STATUS_USAGE, &e);
}

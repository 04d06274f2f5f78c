/* cmd_clean.c -- `sunder clean`: take off the devices what dead processes left there. */
#include <stdio.h>

#include "cli.h"
#include "commands.h"
#include "host.h"

static const struct usage usage = {
    "clean",
    "",
    "Remove what a proxy that was killed left on the network devices of this machine. "
    "What others put there stays, and so does what a living proxy needs. A proxy that "
    "starts does this by itself, and one that ends leaves nothing.",
    "sunder clean",
    (const struct opt[]){{0}},
};

static void print(const struct host_cleaned *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const char *name = c->device[i].name;

        if (c->device[i].whole)
            printf("%s: removed\n", name);
        else
            printf("%s: process %d still uses it; removed %zu classes of dead ones\n",
                   name, (int)c->device[i].used_by, c->device[i].classes);
    }
    if (c->n == 0)
        puts("nothing of ours is on any device");
}

int cmd_clean(int argc, char **argv)
{
    struct host_cleaned c;
    struct err e = {0};
    int status, first = cli_parse(&usage, argc, argv, &status), rc;

    if (first < 0)
        return status;
    if (first < argc)
        return cli_usage(&usage, "unexpected word '%s'", argv[first]);
    rc = host_clean(&c, &e);
    if (rc < 0)
        return cli_fail(&usage, STATUS_ENVIRONMENT, &e);
    print(&c);
    return STATUS_MET;
}

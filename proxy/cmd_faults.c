/* cmd_faults.c -- `sunder faults`: the catalogue, from the faults' own tables. The table
 * in README.md is its --markdown output. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "fault.h"

static bool markdown;

static const struct opt opts[] = {
    {"markdown", 0, OPT_FLAG, &markdown, NULL, "as the table of README.md"},
    {0},
};

static const struct usage usage = {
    "faults",
    "[NAME] [--markdown]",
    "List the faults there are, or one with all its parameters.",
    "sunder faults latency",
    opts,
};

static const char *const lanes[] = {"requests", "replies", "both"};

static void print_table(void)
{
    puts("| fault | what it does | lane | parameters | example |");
    puts("|---|---|---|---|---|");
    for (const struct fault *const *f = faults; *f; f++) {
        printf("| `%s` | %s | %s | ", (*f)->name, (*f)->help, lanes[(*f)->lane]);
        for (const struct param *p = (*f)->params; p && p->name; p++)
            printf("%s`%s`", p == (*f)->params ? "" : " ", p->name);
        printf(" | `%sdo %s` |\n", fault_when(*f), (*f)->example);
    }
}

static void print_list(void)
{
    for (const struct fault *const *f = faults; *f; f++)
        printf("%-12s %-8s  %s\n", (*f)->name, lanes[(*f)->lane], (*f)->help);
}

static void print_one(const struct fault *f)
{
    printf("%s: %s\n\nwithout a lane it acts on: %s\nexample: %sdo %s\n", f->name,
           f->help, lanes[f->lane], fault_when(f), f->example);
    if (f->poison)
        printf("offset-clean: %s\n", f->skews ? "no" : "yes");
    if (f->params && f->params->name)
        printf("\nparameters:\n");
    for (const struct param *p = f->params; p && p->name; p++)
        printf("  %-12s %s (%s%s)\n", p->name, p->help,
               p->standard ? "default " : "required", p->standard ? p->standard : "");
    if (f->note)
        printf("\n%s\n", f->note);
}

static int unknown(const char *name)
{
    const char *names[64] = {0};
    const char *near;

    for (size_t i = 0; i < 63 && faults[i]; i++)
        names[i] = faults[i]->name;
    near = err_nearest(name, names);
    return near ? cli_usage(&usage, "unknown fault '%.40s', did you mean '%s'?", name,
                            near)
                : cli_usage(&usage, "unknown fault '%.40s'", name);
}

int cmd_faults(int argc, char **argv)
{
    int status, first = cli_parse(&usage, argc, argv, &status);
    const struct fault *f;

    if (first < 0)
        return status;
    if (first == argc) {
        if (markdown)
            print_table();
        else
            print_list();
        return STATUS_MET;
    }
    f = fault_named(argv[first]);
    if (f == NULL)
        return unknown(argv[first]);
    print_one(f);
    return STATUS_MET;
}

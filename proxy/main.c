/* main.c -- the table of subcommands. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "commands.h"
#include "completion.h"
#include "control.h"
#include "doctor.h"
#include "exercise.h"
#include "lab.h"
#include "picture.h"
#include "probe.h"
#include "scenario.h"

#ifndef SUNDER_VERSION
#define SUNDER_VERSION "0.1.0"
#endif

static int cmd_completion(int argc, char **argv);

static const struct command commands[] = {
    {"proxy", "stand in front of Redis nodes and break what the rules say", cmd_proxy},
    {"lab", "real Redis servers on this machine, wired through the proxy", cmd_lab},
    {"scenario", "run a lab through a list of faults, and judge it", cmd_scenario},
    {"exercise", "run a lesson: lab, faults, probe and a verdict", cmd_exercise},
    {"probe", "measure what a client sees: stale, lost, late or done twice", cmd_probe},
    {"sentinel", "what Sentinel says, and how to make it act", cmd_sentinel},
    {"hello", "connect, say HELLO, read the key mystery", cmd_hello},
    {"topology", "is every link proxied, and will it stay so?", cmd_topology},
    {"faults", "the catalogue of faults and their parameters", cmd_faults},
    {"doctor", "what this machine can do, and how to get the rest", cmd_doctor},
    {"clean", "remove what a killed proxy left on network devices", cmd_clean},
    {"journal", "do again what rules have decided before", cmd_journal},
    {"completion", "what a shell offers when Tab is pressed", cmd_completion},
    {0},
};

static int cmd_completion(int argc, char **argv)
{
    return completion(commands, argc, argv);
}

static const char *lower_case(const char *words, char *buf, size_t size)
{
    size_t n = 0;

    for (; n < size - 1 && words[n]; n++)
        buf[n] = (char)tolower((unsigned char)words[n]);
    buf[n] = '\0';
    return buf;
}

#define VERBS_MAX 48

static int help(FILE *f)
{
    char name[32];

    fprintf(f,
            "sunder breaks exactly the link, direction, command or moment you name.\n\n"
            "usage: sunder COMMAND [OPTION]...\n\n");
    for (const struct command *c = commands; c->name; c++)
        fprintf(f, "  %-10s %s\n", c->name, c->help);
    fprintf(f, "\nand of a running proxy, or of several (--api ADDR,...):\n\n");
    for (const struct control_verb *v = control_verbs; v->words; v++)
        if (v->route)
            fprintf(f, "  %-15s %s\n", lower_case(v->words, name, sizeof name), v->help);
    fprintf(
        f,
        "\n`sunder COMMAND --help` says more. Start with:\n\n  sunder exercise stale\n");
    return f == stderr ? STATUS_USAGE : STATUS_MET;
}

static int unknown(const char *word)
{
    const char *names[sizeof commands / sizeof *commands + VERBS_MAX] = {0}, *near;
    char verb[VERBS_MAX][32];
    size_t n = 0;

    for (; commands[n].name; n++)
        names[n] = commands[n].name;
    for (size_t i = 0; i < VERBS_MAX && control_verbs[i].words; i++, n++) {
        names[n] = lower_case(control_verbs[i].words, verb[i], sizeof verb[i]);
        verb[i][strcspn(verb[i], " ")] = '\0';
    }
    near = err_nearest(word, names);
    fprintf(stderr, "sunder: unknown command '%.40s'\n", word);
    if (near)
        fprintf(stderr, "hint: did you mean '%s'?\n", near);
    else
        fprintf(stderr, "hint: `sunder --help` lists them\n");
    return STATUS_USAGE;
}

/* What is opened later must not become our standard output because nobody gave us one. */
static void hold_standard_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* All that was asked for has been written, or the exit code says otherwise. A reader who
 * went away, as `head` does, need not be told. */
static int close_output(int status)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    bool failed;
    int why;

    errno = 0;
    failed = fflush(stdout) != 0;
    why = errno;
    if ((!failed && !ferror(stdout)) || status > STATUS_NOT_MET)
        return status;
    if (poll(&out, 1, 0) != 1 || !(out.revents & POLLERR))
        fprintf(stderr, "sunder: cannot write the output%s%s\n", why ? ": " : "",
                why ? strerror(why) : "");
    return STATUS_ENVIRONMENT;
}

/* `sunder help proxy` is `sunder proxy --help`. */
static void turn_round(int argc, char **argv)
{
    static char option[] = "--help";

    memmove(argv + 1, argv + 2, (size_t)(argc - 2) * sizeof *argv);
    argv[argc - 1] = option;
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr);
    if (argc > 2 && strcmp(argv[1], "help") == 0)
        turn_round(argc, argv);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return help(stdout);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("sunder %s\n", SUNDER_VERSION);
        return STATUS_MET;
    }
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(c->name, argv[1]) == 0)
            return c->run(argc - 1, argv + 1);
    if (control_knows(argv[1]))
        return cmd_control(argc - 1, argv + 1);
    return unknown(argv[1]);
}

int main(int argc, char **argv)
{
    hold_standard_files();
    return close_output(run(argc, argv));
}

/* cli.h -- the words of a command line, the same for every subcommand.
 *
 * A command describes its options in a table; from it come parsing (getopt_long),
 * --help with an example, range errors and shell completion. Every error is one line
 * "sunder probe stale: ..." on stderr, with a hint line where there is one.
 */
#ifndef CLI_H
#define CLI_H

#include <stdio.h>

#include "clock.h"
#include "err.h"

/* Exit codes of every command. */
enum {
    STATUS_MET = 0,         /* done; the expectation was met */
    STATUS_NOT_MET = 1,     /* done; it was not */
    STATUS_USAGE = 2,       /* the command line or a file is wrong */
    STATUS_ENVIRONMENT = 3, /* something needed is not there */
};

struct texts { /* a repeated option */
    const char **item;
    size_t       n;
};

enum opt_type {
    OPT_FLAG,     /* bool */
    OPT_TEXT,     /* const char * */
    OPT_TEXTS,    /* struct texts; may be given again and again */
    OPT_COUNT,    /* uint64_t */
    OPT_TIME,     /* nsec */
    OPT_BYTES,    /* uint64_t */
    OPT_FRACTION, /* double */
};

/* A table ends with .name == NULL. */
struct opt {
    const char   *name;   /* without the dashes */
    char          letter; /* 0 = none */
    enum opt_type type;
    void         *into; /* where the value goes; holds the default before */
    const char   *arg;  /* what the help calls its value: "FILE" */
    const char   *help;
};

struct usage {
    const char       *command; /* "proxy", "probe stale" */
    const char       *line;    /* "[--config FILE | --listen ADDR --upstream ADDR]" */
    const char       *about;   /* a paragraph */
    const char       *example; /* a command line that works, without the prompt */
    const struct opt *opts;
};

/* Parse argv[1..). Answers the index of the first word that is no option; or -1 when
 * the command is over (help shown, or an error printed), with *status to exit with.
 * --help and --version need no entry in the table. */
int cli_parse(const struct usage *u, int argc, char **argv, int *status);

/* Print "sunder COMMAND: text" and the hint to stderr; answers status. */
int cli_fail(const struct usage *u, int status, const struct err *e);
int cli_usage(const struct usage *u, const char *fmt, ...)
    PRINTF_LIKE(2, 3); /* STATUS_USAGE */

bool cli_redraws(FILE *f); /* a terminal on which a line can be written over */
bool cli_colour(FILE *f);  /* such a one, and NO_COLOR is not set */

/* Write over the line that is there, on such a terminal; "" takes it away. What does not
 * fit is cut off: a line that wraps could not be written over. */
void cli_line(FILE *f, const char *text);

/* A subcommand. argv[0] is its own name. */
struct command {
    const char *name;
    const char *help; /* one line */
    int (*run)(int argc, char **argv);
};

#endif

/* commands.h -- the subcommands of `sunder` that are not declared by their own module. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>

int cmd_proxy(int argc, char **argv);   /* run the proxy */
int cmd_faults(int argc, char **argv);  /* the catalogue */
int cmd_clean(int argc, char **argv);   /* take what was left off the devices */
int cmd_journal(int argc, char **argv); /* what a journal is good for */

/* A verb for a running proxy: argv[0] is its first word, one that control_knows. */
int  cmd_control(int argc, char **argv);
bool control_knows(const char *word);
int  cmd_play(int argc, char **argv); /* `scenario play` */

#endif

/* commands.h -- the subcommands of `sunder` that are not declared by their own module. */
#ifndef COMMANDS_H
#define COMMANDS_H

int cmd_proxy(int argc, char **argv);  /* run the proxy */
int cmd_faults(int argc, char **argv); /* the catalogue */

#endif

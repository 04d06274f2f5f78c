/* completion.h -- what a shell offers when Tab is pressed behind `sunder`.
 *
 * The shell's script is a few lines: it asks the program, and the program asks its own
 * tables and its own --help. So what is offered is always what there is.
 */
#ifndef COMPLETION_H
#define COMPLETION_H

#include "cli.h"

/* `sunder completion bash|zsh` prints the script; `words WORD...` what may stand in the
 * place of the last word, which may be "". The table ends with .name == NULL. */
int completion(const struct command *all, int argc, char **argv);

#endif

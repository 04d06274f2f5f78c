/* token.h -- the secret that the API asks for, in a file. */
#ifndef TOKEN_H
#define TOKEN_H

#include "err.h"

#define TOKEN_MAX 256 /* bytes, the end included; the rest of a longer one is ignored */

/* The first line of the file. 0, or a negative errno and *e; a file without one is an
 * error too: whoever names it does not want to go without. */
int token_read(const char *path, char token[TOKEN_MAX], struct err *e) MUST_CHECK;

#endif

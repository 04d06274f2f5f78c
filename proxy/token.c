/* token.c -- see token.h. */
#include "token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int token_read(const char *path, char token[TOKEN_MAX], struct err *e)
{
    FILE *f = fopen(path, "re");

    if (f == NULL)
        return err_set(e, -errno, "cannot read '%.200s': %s", path, strerror(errno));
    if (fgets(token, TOKEN_MAX, f) == NULL)
        token[0] = '\0';
    fclose(f);
    token[strcspn(token, "\r\n")] = '\0';
    return token[0] ? 0 : err_set(e, -EINVAL, "there is no token in '%.200s'", path);
}

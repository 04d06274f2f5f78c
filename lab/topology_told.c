/* topology_told.c -- which addresses are the proxy's, by what the command line says. */
#include <errno.h>

#include "token.h"
#include "topology_parts.h"

static int of_words(const struct told *t, struct places *p, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < t->nodes.n && rc == 0; i++)
        rc = places_add(p, false, t->nodes.item[i], e);
    for (size_t i = 0; i < t->sentinels.n && rc == 0; i++)
        rc = places_add(p, true, t->sentinels.item[i], e);
    return rc;
}

static int of_file(const char *path, struct places *p, struct err *e)
{
    struct config c;
    int rc;

    config_init(&c);
    rc = config_load(&c, path, e);
    if (rc == 0)
        rc = places_of_config(p, &c, e);
    config_release(&c);
    return rc < 0 ? -EINVAL : 0;
}

int told_places(const struct told *t, struct places *p, struct err *e)
{
    char token[TOKEN_MAX] = "";
    int rc = of_words(t, p, e);

    if (rc == 0 && t->config)
        rc = of_file(t->config, p, e);
    if (rc == 0 && t->token_file)
        rc = token_read(t->token_file, token, e);
    if (rc == 0 && t->api)
        rc = places_of_api(p, t->api, *token ? token : NULL, t->timeout, e);
    return rc;
}

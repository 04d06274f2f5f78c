/* cmd_topology_check.c -- `sunder topology check`: is every link of a running set-up
 * proxied, and will it be after a failover?
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "talk.h"
#include "topology_parts.h"

#define URLS_MAX 32

static struct flags {
    const char *master, *output;
    struct told told;
} flags;

static const struct opt opts[] = {
    TOLD_OPTS(&flags.told),
    {"master", 0, OPT_TEXT, &flags.master, "NAME",
     "what the sentinels call the master, if they watch several"},
    {"timeout", 0, OPT_TIME, &flags.told.timeout, "TIME",
     "to connect, and for each answer"},
    {"output", 'o', OPT_TEXT, &flags.output, "FORMAT", "text or json"},
    {0},
};

static const struct usage usage = {
    .command = "topology check",
    .line = "[options] [URL_S]...",
    .about =
        "Ask the sentinels (URL_S, or that of the environment) and every server they "
        "know who is where; draw it; and name each known trap in which links go past "
        "the proxy or a failover will fail, with the line that mends it. Which "
        "addresses are the proxy's is told by --api, --config or --node; without them "
        "it is found out by asking each server where it sees us come from. Redis "
        "servers are asked as the user of URL_M if that is set. Exit status: 0 no "
        "trap, 1 traps, 2 the command line is wrong, 3 nobody answers.",
    .example = "sunder topology check --config sunder.yaml redis://10.0.0.9:26379",
    .opts = opts,
};

/* ---- whom to ask ---- */

/* "redis://a,redis://b": URL_S may hold several. */
static int add_urls(struct url *url, size_t *n, const char *text, struct err *e)
{
    char one[URL_TEXT_MAX];

    for (const char *at = text; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");

        if (*n == URLS_MAX)
            return err_set(e, -EINVAL, "more than %d URLs", URLS_MAX);
        if (len >= sizeof one)
            return err_set(e, -EINVAL, "a URL is too long");
        memcpy(one, at, len);
        one[len] = '\0';
        if (url_parse(one, &url[*n], e) < 0)
            return -EINVAL;
        at += len;
        ++*n;
    }
    return 0;
}

static int read_urls(struct url *url, size_t *n, char **word, struct err *e)
{
    const char *standard = *word ? NULL : url_or_env(NULL, "URL_S", e);
    int rc = 0;

    if (*word == NULL)
        return standard ? add_urls(url, n, standard, e) : -EINVAL;
    for (; *word && rc == 0; word++)
        rc = add_urls(url, n, *word, e);
    return rc;
}

/* Redis and Sentinel have passwords of their own, as a rule. */
static int read_login(struct url *login, const struct url *sentinel, struct err *e)
{
    const char *m = getenv("URL_M");

    *login = *sentinel;
    return m && *m ? url_parse(m, login, e) : 0;
}

/* ---- the answer ---- */

static int tell(const struct survey *s, const struct traps *t)
{
    json_t *all;
    struct err e;

    if (strcmp(flags.output, "json") == 0) {
        all = picture_json(s, t);
        if (all == NULL) {
            err_set(&e, -EILSEQ, "what the servers say is no text");
            return cli_fail(&usage, STATUS_ENVIRONMENT, &e);
        }
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(all);
    } else {
        picture_servers(stdout, s);
        picture_traps(stdout, t, cli_colour(stdout));
    }
    return t->n ? STATUS_NOT_MET : STATUS_MET;
}

static int look(const struct places *places, const struct url *url, size_t n,
                const struct url *login)
{
    struct survey *s = calloc(1, sizeof *s);
    struct traps *t = calloc(1, sizeof *t);
    struct err e = {0};
    int status = STATUS_ENVIRONMENT, rc = -ENOMEM;

    if (s && t) {
        s->places = places;
        s->master = flags.master;
        s->sentinel_login = &url[0];
        s->data_login = login;
        s->timeout = flags.told.timeout;
        rc = survey_read(s, url, n, &e);
    }
    if (rc == 0) {
        traps_find(s, t);
        status = tell(s, t);
    } else {
        cli_fail(&usage, STATUS_ENVIRONMENT, &e);
        status = rc == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT;
    }
    if (rc == -EINTR)
        status = 128 + talk_signal;
    free(s);
    free(t);
    return status;
}

static int run(char **word)
{
    static struct places places;
    static struct url url[URLS_MAX], login;
    struct err e = {0};
    size_t n = 0;
    int rc = read_urls(url, &n, word, &e);

    if (rc == 0)
        rc = read_login(&login, &url[0], &e);
    if (rc == 0)
        rc = told_places(&flags.told, &places, &e);
    if (rc < 0)
        return cli_fail(&usage, rc == -EIO ? STATUS_ENVIRONMENT : STATUS_USAGE, &e);
    talk_catch();
    return look(&places, url, n, &login);
}

int cmd_topology_check(int argc, char **argv)
{
    int status, rest;

    flags = (struct flags){.master = "", .output = "text", .told.timeout = SEC(2)};
    rest = cli_parse(&usage, argc, argv, &status);
    if (rest < 0)
        return status;
    if (strcmp(flags.output, "text") != 0 && strcmp(flags.output, "json") != 0)
        return cli_usage(&usage, "'%.20s' is no output: text or json", flags.output);
    if (flags.told.timeout < MSEC(1))
        return cli_usage(&usage, "--timeout is at least 1ms");
    return run(argv + rest);
}

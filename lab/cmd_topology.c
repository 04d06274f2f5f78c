/* cmd_topology.c -- `sunder topology`: check a set-up that runs, or print the lines for
 * one that is to be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "recipe.h"
#include "topology_parts.h"

#define PROXY "proxy"

static struct flags {
    const char *master, *only, *output;
    uint64_t quorum;
    bool old;
    struct told told;
} flags;

static const struct opt opts[] = {
    TOLD_OPTS(&flags.told),
    {"master", 0, OPT_TEXT, &flags.master, "NAME", "what sentinels call the master"},
    {"quorum", 0, OPT_COUNT, &flags.quorum, "N", "more than half when not given"},
    {"for", 0, OPT_TEXT, &flags.only, "NAME", "only the lines of this node, or 'proxy'"},
    {"redis-6", 0, OPT_FLAG, &flags.old, NULL, "for servers older than 7.0"},
    {"output", 'o', OPT_TEXT, &flags.output, "FORMAT", "text or json"},
    {0},
};

static const struct usage usage = {
    .command = "topology config",
    .line = "[options]",
    .about = "Print the lines of redis.conf and sentinel.conf, and the proxy's own "
             "configuration, that put every link of these nodes through the proxy and "
             "keep it there after failovers. PROXY is where all others are to find the "
             "node, REAL where it is; NAME,PROXY,REAL,LISTEN if the proxy listens at yet "
             "another address. The first node is the master.",
    .example = "sunder topology config --node r1,10.0.0.9:6001,10.0.0.1:6379 "
               "--node r2,10.0.0.9:6002,10.0.0.2:6379 "
               "--sentinel s1,10.0.0.9:7001,10.0.0.3:26379",
    .opts = opts,
};

/* What one of them says, to be freed; NULL: out of memory. */
static char *text_of(const struct recipe *r, size_t node)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    if (f == NULL)
        return NULL;
    if (node < r->places->n)
        recipe_node(f, r, node);
    else
        recipe_proxy(f, r);
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

static bool is_wanted(const char *name)
{
    return flags.only == NULL || strcmp(flags.only, name) == 0;
}

static int print(const struct recipe *r)
{
    bool json = strcmp(flags.output, "json") == 0;
    json_t *all = json_object();
    size_t printed = 0;

    for (size_t i = 0; i <= r->places->n; i++) {
        const char *name = i < r->places->n ? r->places->place[i].name : PROXY;
        char *text = is_wanted(name) ? text_of(r, i) : NULL;

        if (text && json)
            json_object_set_new(all, name, json_string(text));
        else if (text)
            printf("%s%s", printed++ ? "\n" : "", text);
        free(text);
    }
    if (json)
        json_dumpf(all, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    if (json)
        putchar('\n');
    json_decref(all);
    return STATUS_MET;
}

static int check_name(const struct places *p, struct err *e)
{
    const char *names[PLACES_MAX + 2] = {PROXY};
    const char *near;

    for (size_t i = 0; i < p->n; i++) {
        names[i + 1] = p->place[i].name;
        if (strcmp(p->place[i].name, PROXY) == 0)
            return err_set(e, -EINVAL, "a node cannot be called '%s' here", PROXY);
    }
    for (size_t i = 0; names[i]; i++)
        if (is_wanted(names[i]))
            return 0;
    near = err_nearest(flags.only, names);
    err_set(e, -EINVAL, "no node is called '%.60s'", flags.only);
    if (near)
        err_hint(e, "did you mean '%s'?", near);
    return -EINVAL;
}

static int config(int argc, char **argv)
{
    static struct places places;
    struct recipe r = {.places = &places};
    struct err e = {0};
    int status, rest, rc;

    flags = (struct flags){
        .master = "mymaster", .output = "text", .told.timeout = SEC(2)};
    rest = cli_parse(&usage, argc, argv, &status);
    if (rest < 0)
        return status;
    if (rest < argc)
        return cli_usage(&usage, "'%.60s' is no option", argv[rest]);
    if (strcmp(flags.output, "text") != 0 && strcmp(flags.output, "json") != 0)
        return cli_usage(&usage, "'%.20s' is no output: text or json", flags.output);
    r.master = flags.master;
    r.quorum = (unsigned)(flags.quorum > PLACES_MAX ? PLACES_MAX + 1 : flags.quorum);
    r.old = flags.old;
    rc = told_places(&flags.told, &places, &e);
    if (rc == 0)
        rc = recipe_check(&r, &e);
    if (rc == 0)
        rc = check_name(&places, &e);
    if (rc < 0)
        return cli_fail(&usage, rc == -EIO ? STATUS_ENVIRONMENT : STATUS_USAGE, &e);
    return print(&r);
}

/* ---- the two of them ---- */

static int help(FILE *f)
{
    fprintf(f, "usage: sunder topology COMMAND [option ...]\n\n"
               "  check   are all links of a running set-up proxied, and will they be?\n"
               "  config  print the configuration that makes them so\n"
               "\nexample:\n  sunder topology check --help\n");
    return f == stderr ? STATUS_USAGE : STATUS_MET;
}

int cmd_topology(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(stdout);
    if (strcmp(argv[1], "check") == 0)
        return cmd_topology_check(argc - 1, argv + 1);
    if (strcmp(argv[1], "config") == 0)
        return config(argc - 1, argv + 1);
    fprintf(stderr, "sunder topology: '%.40s' is neither check nor config\n", argv[1]);
    return STATUS_USAGE;
}

/* cmd_doctor.c -- `sunder doctor`: what this machine can do, and how to get what it
 * cannot. Each thing is tried; nothing is changed.
 *
 * Who may not ask the kernel for its qdiscs here may do so in a network of his own: a
 * child goes there, and tells.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <net/if.h>
#include <netlink/version.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>
#include <yaml.h>

#include "cli.h"
#include "doctor.h"
#include "filter.h"
#include "host.h"
#include "mhd.h"
#include "netns.h"
#include "server.h"
#include "tc.h"
#include "web.h"

static const char *output;

static const struct opt opts[] = {
    {"output", 'o', OPT_TEXT, &output, "FORMAT", "text or json"},
    {0},
};

static const struct usage usage = {
    "doctor",
    "[-o FORMAT]",
    "Say what this machine can do: which faults, as whom, with which servers; and how "
    "to get what is missing. Everything is tried, and nothing is changed.",
    "sunder doctor",
    opts,
};

/* What the kernel said: 0 = it can be done, -EPERM = not by us, else why not. */
struct findings {
    int htb, netem, tbf, kill, filter;
};

struct exam {
    struct findings here, own; /* in our network, and in one of our own */
    int own_network;           /* 0, or why there cannot be one */
    int left;                  /* host_left */
    struct host_cleaned leftover;
    int server;
    char server_text[128], server_hint[ERR_MAX];
    struct err no_mhd, no_web; /* why there is no libmicrohttpd, no libcurl */
    struct utsname system;
};

static struct findings look(void)
{
    int lo = (int)if_nametoindex("lo");
    struct findings f = {.kill = host_kill_check(NULL), .filter = filter_check(NULL)};
    struct tc *tc;
    int rc = tc_open(&tc);

    f.htb = rc < 0 ? rc : tc_kind(tc, lo, "htb");
    f.netem = rc < 0 ? rc : tc_kind(tc, lo, "netem");
    f.tbf = rc < 0 ? rc : tc_kind(tc, lo, "tbf");
    if (rc == 0)
        tc_close(&tc);
    return f;
}

/* The same in a child that moves to a network of its own. */
static int look_elsewhere(struct findings *out)
{
    struct {
        int rc;
        struct findings f;
    } told = {.rc = -EIO};
    int fds[2];
    pid_t child;

    if (pipe(fds) < 0)
        return -errno;
    child = fork();
    if (child == 0) {
        told.rc = netns_own(NULL);
        if (told.rc == 0)
            told.f = look();
        _exit(write(fds[1], &told, sizeof told) < 0);
    }
    close(fds[1]);
    if (child < 0 || read(fds[0], &told, sizeof told) != (ssize_t)sizeof told)
        told.rc = child < 0 ? -errno : -EIO;
    close(fds[0]);
    if (child > 0)
        (void)waitpid(child, NULL, 0);
    *out = told.f;
    return told.rc;
}

static void examine(struct exam *x)
{
    struct server s = {0};
    struct err e = {0};

    (void)uname(&x->system);
    x->here = look();
    x->own_network = look_elsewhere(&x->own);
    x->left = host_left(&x->leftover, NULL);
    x->server = server_find(&s, NULL, &e);
    if (x->server == 0)
        server_print(&s, x->server_text, sizeof x->server_text);
    else
        snprintf(x->server_text, sizeof x->server_text, "%.127s", e.text);
    snprintf(x->server_hint, sizeof x->server_hint, "%s", e.hint);
    (void)!mhd_load(&x->no_mhd);
    (void)!web_load(&x->no_web);
}

/* ---- what is said of it ---- */

#define AS_ROOT "run it as root, or with CAP_NET_ADMIN (NET_ADMIN in a container)"
#define IN_OWN  "as root; or unshare -rn sunder ..., in a network of your own"

static void add(json_t *all, const char *name, const char *what, bool can,
                const char *detail, const char *get)
{
    json_array_append_new(all, json_pack("{s:s, s:s, s:b, s:s, s:s*}", "name", name,
                                         "for", what, "can", (int)can, "detail", detail,
                                         "get", can ? NULL : get));
}

/* The kernel has it, as far as anybody could ask? */
static bool has(const struct exam *x, int here, int own)
{
    return here == 0 || (here == -EPERM && x->own_network == 0 && own == 0);
}

static const char *say(const struct exam *x, int here, int own)
{
    if (here == 0)
        return "yes";
    if (here != -EPERM)
        return "this kernel has none";
    if (x->own_network < 0)
        return "not asked: that takes CAP_NET_ADMIN";
    return own == 0 ? "the kernel can, but we may not" : "this kernel has none";
}

static void add_kernel(json_t *all, const struct exam *x, const char *name,
                       const char *what, int here, int own, const char *without)
{
    add(all, name, what, here == 0, say(x, here, own),
        here == -EPERM && (has(x, here, own) || x->own_network < 0) ? AS_ROOT : without);
}

/* What processes that are dead left on the devices. */
static void add_leftovers(json_t *all, const struct exam *x)
{
    char text[HOST_CLEANED * 48] = "";
    size_t n = 0;

    for (size_t i = 0; i < x->leftover.n && x->left == 0; i++)
        if (x->leftover.device[i].whole || x->leftover.device[i].classes > 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s: %s",
                                  n > 0 ? ", " : "", x->leftover.device[i].name,
                                  x->leftover.device[i].whole ? "a root qdisc of ours"
                                                              : "classes of ours");
    add(all, "clean devices", "nothing is left of a proxy that was killed",
        x->left == 0 && n == 0,
        x->left ? strerror(-x->left)
        : n > 0 ? text
                : "yes",
        "as root: sunder clean");
}

static void add_library(json_t *all, const char *name, const char *what,
                        const struct err *none)
{
    add(all, name, what, none->code == 0, none->code ? none->text : "yes", none->hint);
}

static json_t *faults_of(const struct exam *x)
{
    json_t *all = json_array();

    add(all, "stream", "latency, hang, reset, error and all that name commands", true,
        "they need nothing", NULL);
    add(all, "packet filters", "blackhole, loss", x->here.filter == 0,
        say(x, x->here.filter, x->own.filter), IN_OWN);
    add_kernel(all, x, "htb", "rate, netem", x->here.htb, x->own.htb,
               "modprobe sch_htb, or a kernel with CONFIG_NET_SCH_HTB");
    add_kernel(all, x, "netem", "netem", x->here.netem, x->own.netem,
               "modprobe sch_netem (Debian, Ubuntu: linux-modules-extra), or a kernel "
               "with CONFIG_NET_SCH_NETEM");
    add_kernel(all, x, "tbf", "nothing of ours, but tc often wants it", x->here.tbf,
               x->own.tbf, "modprobe sch_tbf");
    add_kernel(all, x, "SOCK_DESTROY", "kill", x->here.kill, x->own.kill,
               "a kernel with CONFIG_INET_DIAG_DESTROY");
    add(all, "own network", "blackhole and loss in exercises, without being root",
        x->own_network == 0, x->own_network == 0 ? "yes" : strerror(-x->own_network),
        "sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces > 0");
    add_leftovers(all, x);
    add(all, "redis-server", "labs, exercises, scenarios", x->server == 0, x->server_text,
        x->server_hint);
    add_library(all, "libmicrohttpd", "the API and the health port of a proxy",
                &x->no_mhd);
    add_library(all, "libcurl", "status, rule, cut and all that ask a running proxy",
                &x->no_web);
    return all;
}

static json_t *versions_of(const struct exam *x)
{
    char hiredis[32], kernel[sizeof x->system.release + sizeof x->system.machine + 8];

    snprintf(hiredis, sizeof hiredis, "%d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR,
             HIREDIS_PATCH);
    snprintf(kernel, sizeof kernel, "%s %s", x->system.release, x->system.machine);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s*, s:s}", "sunder",
                     SUNDER_VERSION, "kernel", kernel, "libuv", uv_version_string(),
                     "hiredis", hiredis, "jansson", JANSSON_VERSION, "libyaml",
                     yaml_get_version_string(), "libmicrohttpd",
                     x->no_mhd.code ? NULL : mhd.get_version(), "libcurl", web_version(),
                     "libnl", LIBNL_VERSION);
}

static void print(const json_t *all, json_t *versions)
{
    json_t *item;

    printf("as %s, on Linux %s\n\n", geteuid() == 0 ? "root" : "a user who is not root",
           json_string_value(json_object_get(versions, "kernel")));
    for (size_t i = 0; (item = json_array_get(all, i)) != NULL; i++) {
        const char *detail = json_string_value(json_object_get(item, "detail"));
        const char *get = json_string_value(json_object_get(item, "get"));

        printf("  %-3s  %-14s  %s",
               json_is_true(json_object_get(item, "can")) ? "yes" : "no",
               json_string_value(json_object_get(item, "name")),
               json_string_value(json_object_get(item, "for")));
        if (strcmp(detail, "yes") != 0)
            printf(" (%s)", detail);
        if (get)
            printf("\n       %-14s  to get it: %s", "", get);
        puts("");
    }
    puts("");
    for (void *at = json_object_iter(versions); at;
         at = json_object_iter_next(versions, at))
        printf("  %s %s\n", json_object_iter_key(at),
               json_string_value(json_object_iter_value(at)));
}

int cmd_doctor(int argc, char **argv)
{
    struct exam x = {0};
    json_t *all, *versions;
    int status, first;

    output = "text";
    first = cli_parse(&usage, argc, argv, &status);
    if (first < 0)
        return status;
    if (first < argc)
        return cli_usage(&usage, "unexpected word '%.60s'", argv[first]);
    if (strcmp(output, "text") != 0 && strcmp(output, "json") != 0)
        return cli_usage(&usage, "'%.20s' is no output: text or json", output);
    examine(&x);
    all = faults_of(&x);
    versions = versions_of(&x);
    if (strcmp(output, "json") == 0) {
        json_t *whole = json_pack("{s:b, s:O, s:O}", "root", geteuid() == 0, "checks",
                                  all, "versions", versions);

        json_dumpf(whole, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(whole);
    } else {
        print(all, versions);
    }
    json_decref(all);
    json_decref(versions);
    return STATUS_MET;
}

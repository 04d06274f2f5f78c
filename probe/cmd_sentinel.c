/* cmd_sentinel.c -- `sunder sentinel`: what Sentinel says, and how to make it act. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "probe.h"
#include "sentinel.h"
#include "sentinel_view.h"
#include "sentinel_watch.h"

#define ANSWER SEC(1)
#define LOOK   MSEC(20) /* between two questions for the master */
#define AGAIN  SEC(1)   /* between two kills */

static struct flags {
    const char *sentinel, *master, *output, *pod, *space, *from;
    uint64_t pid;
    nsec timeout;
    bool pretty, kubectl;
} flags;

static const struct opt opts[] = {
    {"sentinel", 0, OPT_TEXT, &flags.sentinel, "URL,...",
     "the sentinels; URL_S of the environment when not given"},
    {"master", 0, OPT_TEXT, &flags.master, "NAME", "what they call the master"},
    {"timeout", 0, OPT_TIME, &flags.timeout, "TIME",
     "to wait for a new master, 60s; of watch: to listen, for ever"},
    {"from", 0, OPT_TEXT, &flags.from, "ADDRESS",
     "of wait: the master that was, if it may have changed already"},
    {"pid", 0, OPT_COUNT, &flags.pid, "PID", "of kill: end this process"},
    {"pod", 0, OPT_TEXT, &flags.pod, "NAME", "of kill: run kubectl delete pod NAME"},
    {"kubectl", 0, OPT_FLAG, &flags.kubectl, NULL,
     "of kill: likewise the pod that the master's address is named after"},
    {"namespace", 0, OPT_TEXT, &flags.space, "NAME", "of kill: where the pod is"},
    {"output", 'o', OPT_TEXT, &flags.output, "FORMAT", "text, wide or json"},
    {"pretty", 0, OPT_FLAG, &flags.pretty, NULL, "JSON over many lines"},
    {0},
};

static const struct usage usage = {
    .command = "sentinel",
    .line = "status|master|replicas|sentinels|failover|kill|wait|watch [options]",
    .about =
        "status: what each sentinel thinks. master, replicas, sentinels: what they know "
        "of them. failover: have another master elected. kill: end the master's process, "
        "again if it comes back, until another is elected. wait: until there is another "
        "master. watch [PATTERN...]: print every event as it happens.",
    .example = "sunder sentinel watch '*switch-master' '*down'",
    .opts = opts,
};

static struct sentinels group;
static struct view_how how;

static int fail(int rc, const struct err *e)
{
    if (rc == -EINTR)
        return 128 + (talk_signal ? talk_signal : SIGINT);
    return cli_fail(&usage, rc == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT, e);
}

/* -- what they know --------------------------------------------------------------- */

static const struct view_column master_columns[] = {
    {"NAME", "name", false},
    {"ADDRESS", "address", false},
    {"FLAGS", "flags", false},
    {"REPLICAS", "num-slaves", false},
    {"OTHERS", "num-other-sentinels", false},
    {"QUORUM", "quorum", false},
    {"EPOCH", "config-epoch", false},
    {"DOWN-AFTER", "down-after-milliseconds", true},
    {"TIMEOUT", "failover-timeout", true},
    {"PARALLEL", "parallel-syncs", true},
    {"RUN", "runid", true},
    {0},
};

static const struct view_column replica_columns[] = {
    {"ADDRESS", "address", false},
    {"FLAGS", "flags", false},
    {"LINK", "master-link-status", false},
    {"OFFSET", "slave-repl-offset", false},
    {"PRIORITY", "slave-priority", false},
    {"PONG-MS", "last-ok-ping-reply", true},
    {"INFO-MS", "info-refresh", true},
    {"MASTER", "master-host", true},
    {"RUN", "runid", true},
    {0},
};

static const struct view_column sentinel_columns[] = {
    {"ADDRESS", "address", false},
    {"FLAGS", "flags", false},
    {"HELLO-MS", "last-hello-message", false},
    {"VOTED", "voted-leader", true},
    {"EPOCH", "voted-leader-epoch", true},
    {"RUN", "runid", true},
    {0},
};

static void add_address(json_t *o)
{
    const char *ip = json_string_value(json_object_get(o, "ip"));
    long long port = json_integer_value(json_object_get(o, "port"));

    json_object_set_new(
        o, "address",
        json_sprintf(ip != NULL && strchr(ip, ':') ? "[%s]:%lld" : "%s:%lld",
                     ip != NULL ? ip : "?", port));
}

/* Ask them in turn until one gives an answer that is no error. */
static int ask_any(const char *what, redisReply **out, struct err *e)
{
    const char *word[] = {"SENTINEL", what, group.master};
    char address[SENTINEL_ADDRESS_MAX];
    int rc;

    for (size_t i = 0; i < group.n; i++) {
        rc = sentinels_ask(&group, i, 3, word, out);
        if (rc == -EINTR)
            return rc;
        if (rc == 0 && (*out)->type == REDIS_REPLY_ARRAY)
            return 0;
        if (rc == 0)
            freeReplyObject(*out);
    }
    rc = sentinels_find_master(&group, address, e); /* says what is wrong */
    return rc < 0 ? rc : err_set(e, -EIO, "no sentinel answers SENTINEL %s", what);
}

static int list(const char *what, const struct view_column *columns)
{
    redisReply *r = NULL;
    struct err e;
    json_t *all;
    int rc = ask_any(what, &r, &e);

    if (rc < 0)
        return fail(rc, &e);
    all = r->elements > 0 && r->element[0]->type != REDIS_REPLY_ARRAY
              ? json_pack("[o]", sentinel_object(r))
              : sentinel_objects(r);
    freeReplyObject(r);
    for (size_t i = 0; i < json_array_size(all); i++)
        add_address(json_array_get(all, i));
    view_list(&how, columns, all);
    return STATUS_MET;
}

/* As the tutorial has it: only where it is; the rest when asked for. */
static int master(void)
{
    char address[SENTINEL_ADDRESS_MAX];
    struct err e;
    int rc;

    if (how.view != VIEW_TEXT)
        return list("MASTER", master_columns);
    rc = sentinels_find_master(&group, address, &e);
    if (rc < 0)
        return fail(rc, &e);
    printf("%s\n", address);
    return STATUS_MET;
}

static int replicas(void)
{
    return list("SLAVES", replica_columns);
}

static int others(void)
{
    return list("SENTINELS", sentinel_columns);
}

/* -- what each of them thinks ----------------------------------------------------- */

static const struct view_column status_columns[] = {
    {"SENTINEL", "sentinel", false},
    {"MASTER", "address", false},
    {"FLAGS", "flags", false},
    {"REPLICAS", "num-slaves", false},
    {"OTHERS", "num-other-sentinels", false},
    {"QUORUM", "quorum", false},
    {"EPOCH", "config-epoch", false},
    {"CKQUORUM", "ckquorum", true},
    {"DOWN-AFTER", "down-after-milliseconds", true},
    {0},
};

static json_t *think(size_t i)
{
    const char *ask[] = {"SENTINEL", "MASTER", group.master};
    const char *check[] = {"SENTINEL", "CKQUORUM", group.master};
    redisReply *r = NULL;
    json_t *o = NULL;
    char url[URL_TEXT_MAX];

    if (sentinels_ask(&group, i, 3, ask, &r) == 0) {
        if (r->type == REDIS_REPLY_ARRAY) {
            o = sentinel_object(r);
            add_address(o);
        } else {
            o = json_pack("{s:s}", "flags", r->str != NULL ? r->str : "unknown master");
        }
        freeReplyObject(r);
    }
    if (o != NULL && sentinels_ask(&group, i, 3, check, &r) == 0) {
        json_object_set_new(o, "ckquorum", json_string(r->str));
        freeReplyObject(r);
    }
    if (o == NULL)
        o = json_pack("{s:s}", "flags", group.talk[i].why);
    json_object_set_new(o, "sentinel",
                        json_string(url_print(&group.url[i], url, sizeof url)));
    return o;
}

/* All answer, name one master, and do not think that it is down. */
static bool agree(const json_t *all)
{
    const json_t *first = json_object_get(json_array_get(all, 0), "address");

    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *o = json_array_get(all, i);
        const char *state = json_string_value(json_object_get(o, "flags"));

        if (first == NULL || !json_equal(json_object_get(o, "address"), first) ||
            state == NULL || strstr(state, "down") != NULL)
            return false;
    }
    return true;
}

static int status(void)
{
    json_t *all = json_array();
    bool fine;

    for (size_t i = 0; i < group.n; i++)
        json_array_append_new(all, think(i));
    fine = agree(all);
    view_list(&how, status_columns, all);
    return talk_signal ? 128 + talk_signal : fine ? STATUS_MET : STATUS_NOT_MET;
}

/* -- another master --------------------------------------------------------------- */

struct change {
    char previous[SENTINEL_ADDRESS_MAX], next[SENTINEL_ADDRESS_MAX];
    nsec began, again;
    unsigned attempts;
};

static int told(const struct change *c)
{
    double seconds = (double)(talk_now() - c->began) / 1e9;

    if (how.view == VIEW_JSON) {
        view_json(&how,
                  json_pack("{s:s, s:s, s:f, s:i}", "previous", c->previous, "new",
                            c->next, "seconds", seconds, "attempts", (int)c->attempts));
        return STATUS_MET;
    }
    printf("previous  %s\nnew       %s\nafter     %.2f s", c->previous, c->next, seconds);
    if (c->attempts > 1)
        printf(", %u attempts", c->attempts);
    printf("\n");
    return STATUS_MET;
}

static int late(const struct change *c)
{
    struct err e;

    err_set(&e, -ETIME, "after %.3g s %s is still the master",
            (double)flags.timeout / 1e9, c->previous);
    err_hint(&e, "`sunder sentinel status -o wide` says what each sentinel thinks");
    return cli_fail(&usage, STATUS_NOT_MET, &e);
}

/* Until there is another master; again(c) is called at first, and once a second. */
static int change(int (*again)(struct change *c, struct err *e))
{
    struct change c = {.began = talk_now()};
    struct err e;
    int rc = 0;

    if (flags.from != NULL)
        snprintf(c.previous, sizeof c.previous, "%s", flags.from);
    else
        rc = sentinels_find_master(&group, c.previous, &e);
    while (rc == 0) {
        if (again != NULL && talk_now() >= c.again) {
            rc = again(&c, &e);
            c.again = talk_now() + AGAIN;
        }
        if (rc == 0)
            rc = sentinels_find_master(&group, c.next, &e);
        if (rc == -ENOTCONN && again == NULL)
            rc = 0; /* who waits can wait for the sentinels, too */
        else if (rc == 0 && strcmp(c.previous, c.next) != 0)
            return told(&c);
        if (rc == 0 && talk_now() - c.began >= flags.timeout)
            return late(&c);
        rc = rc < 0 ? rc : talk_sleep(LOOK);
    }
    return fail(rc, &e);
}

/* While one failover goes on, or no replica is known to be good, ask again later. */
static int ask_failover(struct change *c, struct err *e)
{
    const char *word[] = {"SENTINEL", "FAILOVER", group.master};
    redisReply *r = NULL;
    int rc = -ENOTCONN;

    err_set(e, -ENOTCONN, "no sentinel answers");
    for (size_t i = 0; i < group.n; i++) {
        rc = sentinels_ask(&group, i, 3, word, &r);
        if (rc == -EINTR)
            return rc;
        if (rc < 0)
            continue;
        if (r->type == REDIS_REPLY_ERROR && strncmp(r->str, "INPROG", 6) != 0 &&
            strncmp(r->str, "NOGOODSLAVE", 11) != 0)
            rc = err_set(e, -EIO, "the sentinel refuses: %.200s", r->str);
        c->attempts += r->type == REDIS_REPLY_STATUS;
        freeReplyObject(r);
        return rc;
    }
    return rc < 0 ? -ENOTCONN : rc;
}

static int failover(void)
{
    return change(ask_failover);
}

/* "redis-0.redis.svc.cluster.local:6379" is pod redis-0; a number is nobody's name. It
 * goes to a command, so it is what a pod may be called and nothing else. */
static int name_pod(const char *address, char pod[ADDR_HOST_MAX], struct err *e)
{
    size_t len = strcspn(address, ".:");

    snprintf(pod, ADDR_HOST_MAX, "%.*s", (int)len, address);
    if (strspn(pod, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && pod[0] != '-' &&
        strspn(pod, "0123456789") < len)
        return 0;
    err_set(e, -EINVAL, "no pod is named after %s", address);
    err_hint(e, "name it with --pod, or have hostnames announced");
    return -EINVAL;
}

static int delete_pod(const char *pod, struct err *e)
{
    const char *argv[] = {"kubectl",     "delete",       "pod",
                          pod,           "--wait=false", "--ignore-not-found",
                          "--namespace", flags.space,    NULL};
    int ended = 0;
    pid_t child;

    if (flags.space == NULL)
        argv[6] = NULL;
    child = fork();
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(argv[0], (char *const *)argv);
        fprintf(stderr, "cannot run kubectl: %s\n", strerror(errno));
        _exit(127);
    }
    if (child < 0 || waitpid(child, &ended, 0) < 0)
        return err_set(e, -errno, "cannot run kubectl: %s", strerror(errno));
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0)
        return 0;
    return err_set(e, -EIO, "kubectl delete pod %s has failed", pod);
}

static int end_pod(struct change *c, struct err *e)
{
    char named[ADDR_HOST_MAX];
    const char *pod = flags.pod;

    if (pod == NULL && name_pod(c->previous, named, e) < 0)
        return -EINVAL;
    c->attempts++;
    return delete_pod(pod != NULL ? pod : named, e);
}

/* The first time it must work; later it may be dead, and is hoped to stay so. */
static int end_master(struct change *c, struct err *e)
{
    struct err later;
    pid_t pid = (pid_t)flags.pid;

    if (flags.pod != NULL || flags.kubectl)
        return end_pod(c, e);
    if (pid == 0)
        pid = sentinel_find_process(&group, c->previous, ANSWER,
                                    c->attempts ? &later : e);
    if (pid < 0)
        return c->attempts ? 0 : pid;
    if (kill(pid, SIGKILL) == 0)
        c->attempts++;
    else if (c->attempts == 0)
        return err_set(e, -errno, "cannot kill process %ld: %s", (long)pid,
                       strerror(errno));
    return 0;
}

static int kill_master(void)
{
    return change(end_master);
}

static int wait_master(void)
{
    return change(NULL);
}

/* -- the words -------------------------------------------------------------------- */

static const struct {
    const char *word;
    int (*run)(void);
} verbs[] = {
    {"status", status},    {"master", master},     {"replicas", replicas},
    {"sentinels", others}, {"failover", failover}, {"kill", kill_master},
    {"wait", wait_master}, {"watch", NULL},
};

#define VERBS (sizeof verbs / sizeof *verbs)

static int unknown(const char *word)
{
    const char *words[VERBS + 1] = {NULL}, *near;
    struct err e;

    for (size_t i = 0; i < VERBS; i++)
        words[i] = verbs[i].word;
    near = err_nearest(word, words);
    err_set(&e, -EINVAL, "'%.40s' is nothing to do with a sentinel", word);
    err_hint(&e, near ? "did you mean '%s'?" : "%s", near ? near : usage.line);
    return cli_fail(&usage, STATUS_USAGE, &e);
}

static int run(size_t verb, char **rest)
{
    struct err e;
    int rc;

    how.pretty = flags.pretty;
    if (view_parse(flags.output, &how.view, &e) < 0)
        return cli_fail(&usage, STATUS_USAGE, &e);
    if (verbs[verb].run != NULL && *rest != NULL)
        return cli_usage(&usage, "'%.40s' is one word too many", *rest);
    group = (struct sentinels){.master = flags.master, .patience = ANSWER};
    if (sentinels_parse(&group, flags.sentinel, &e) < 0)
        return cli_fail(&usage, STATUS_USAGE, &e);
    if (verbs[verb].run == NULL)
        return sentinel_watch(&usage, &group, &how, (const char *const *)rest,
                              flags.timeout);
    flags.timeout = flags.timeout ? flags.timeout : SEC(60);
    talk_catch();
    rc = verbs[verb].run();
    sentinels_close(&group);
    return rc;
}

int cmd_sentinel(int argc, char **argv)
{
    int ended, rest;

    flags = (struct flags){.master = SENTINEL_MASTER, .output = "text"};
    if (argc < 2 || argv[1][0] == '-') {
        rest = cli_parse(&usage, argc, argv, &ended);
        return rest < 0 ? ended : cli_usage(&usage, "what is it to do?");
    }
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(argv[1], verbs[i].word) == 0) {
            rest = cli_parse(&usage, argc - 1, argv + 1, &ended);
            return rest < 0 ? ended : run(i, argv + 1 + rest);
        }
    return unknown(argv[1]);
}

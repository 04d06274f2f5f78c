/* trial.c -- see trial.h. */
#include "trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "addr.h"
#include "talk.h"

int trial_check_source(const char *s, struct err *e)
{
    struct addr_range one;

    if (s == NULL || (strchr(s, '/') == NULL && addr_range_parse(s, &one, NULL) == 0))
        return 0;
    err_set(e, -EINVAL, "'%s' is no address to come from", s);
    err_hint(e, "an IP address of this machine, such as 127.0.0.2");
    return -EINVAL;
}

int trial_url(const char *option, const char *given, const char *variable,
              struct url *out, struct err *e)
{
    const char *text = url_or_env(given, variable, e);
    struct err why;

    if (text == NULL)
        return -EINVAL;
    if (url_parse(text, out, &why) == 0)
        return 0;
    err_set(e, why.code, "%s: %s", given && *given ? option : variable, why.text);
    err_hint(e, "%s", why.hint);
    return why.code;
}

static void draw_run(struct trial *t)
{
    unsigned char id[4] = {0};

    (void)uv_random(NULL, NULL, id, sizeof id, 0, NULL);
    snprintf(t->run, sizeof t->run, "%02x%02x%02x%02x", id[0], id[1], id[2], id[3]);
}

int trial_parse(struct trial *t, int argc, char **argv)
{
    struct err e;
    int status, rest;

    t->output = "text";
    rest = cli_parse(t->usage, argc, argv, &status);
    if (rest < 0)
        return status;
    if (argv[rest])
        return cli_usage(t->usage, "'%s' is one word too many", argv[rest]);
    if (strcmp(t->output, "text") != 0 && strcmp(t->output, "json") != 0)
        return cli_usage(t->usage, "'%s' is no output: text or json", t->output);
    if (trial_check_source(t->source, &e) < 0)
        return cli_fail(t->usage, STATUS_USAGE, &e);
    draw_run(t);
    return -1;
}

int trial_check_claims(const struct trial *t, const struct sheet *blank, struct err *e)
{
    struct err why;
    bool met;

    for (size_t i = 0; i < t->asserts.n; i++)
        if (sheet_claim(blank, t->asserts.item[i], &met, &why) < 0) {
            err_set(e, why.code, "--assert: %s", why.text);
            err_hint(e, "%s", why.hint);
            return why.code;
        }
    return 0;
}

int trial_cannot(const struct talk *t, const struct talk_conf *c, struct err *e)
{
    char url[URL_TEXT_MAX];

    if (talk_signal)
        return -EINTR;
    url_print(c->url, url, sizeof url);
    err_set(e, -ENOTCONN, "cannot connect to %s: %s", url, t->why);
    err_hint(e, "is a server running there? try: sunder hello %s", url);
    return -ENOTCONN;
}

int trial_connect(struct talk *t, const struct talk_conf *c, struct err *e)
{
    return talk_open(t, c) < 0 ? trial_cannot(t, c, e) : 0;
}

static void remove_keys(struct talk *t, const struct talk_conf *c, int words,
                        const char *const *word)
{
    redisReply *reply;

    if (words > 1 && talk_ask(t, c->timeout, words, word, &reply) == 0)
        freeReplyObject(reply);
}

void trial_clean(struct talk *t, const struct talk_conf *c, const char *key, uint64_t n)
{
    char name[TALK_WORDS][96];
    const char *word[TALK_WORDS] = {"DEL", key};
    int words = 2;

    talk_go_on();
    if (t->ctx == NULL && talk_open(t, c) < 0)
        return;
    for (uint64_t i = 1; i <= n && t->ctx; i++) {
        snprintf(name[words], sizeof name[words], "%s:%llu", key, (unsigned long long)i);
        word[words] = name[words];
        if (++words == TALK_WORDS) {
            remove_keys(t, c, words, word);
            words = 1;
        }
    }
    if (t->ctx)
        remove_keys(t, c, words, word);
}

/* -- the end ---------------------------------------------------------------------- */

static bool holds(const struct sheet *s, const char *claim)
{
    struct err e;
    bool met;

    return sheet_claim(s, claim, &met, &e) == 0 && met;
}

static void print_json(const struct trial *t, const struct sheet *s)
{
    json_t *all = sheet_json(s), *list = json_array();

    for (size_t i = 0; i < t->asserts.n; i++)
        json_array_append_new(list, json_pack("{s:s, s:b}", "text", t->asserts.item[i],
                                              "met", (int)holds(s, t->asserts.item[i])));
    json_object_set_new(all, "interrupted", json_boolean(talk_signal != 0));
    json_object_set_new(all, "assertions", list);
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
    json_decref(all);
    putchar('\n');
}

/* Of a report on stdout the unmet claims are part; stderr has them for who reads JSON. */
static int say_unmet(const struct trial *t, const struct sheet *s)
{
    int status = STATUS_MET;

    for (size_t i = 0; i < t->asserts.n; i++) {
        bool met = holds(s, t->asserts.item[i]);

        if (strcmp(t->output, "text") == 0)
            printf("  %s  %s\n", met ? "met" : "NOT MET", t->asserts.item[i]);
        status = met ? status : STATUS_NOT_MET;
    }
    return status;
}

/* Whether it could be written is for main() to see. */
static int report(const struct trial *t, const struct sheet *s)
{
    if (strcmp(t->output, "json") == 0)
        print_json(t, s);
    else
        sheet_print(s, stdout);
    return say_unmet(t, s);
}

int trial_end(struct trial *t, const struct sheet *s, int rc, const struct err *e)
{
    int status;

    if (rc < 0 && rc != -EINTR)
        status = cli_fail(t->usage, rc == -EINVAL ? STATUS_USAGE : STATUS_ENVIRONMENT, e);
    else
        status = report(t, s);
    free(t->asserts.item);
    t->asserts = (struct texts){0};
    return talk_signal ? 128 + talk_signal : status;
}

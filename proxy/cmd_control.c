/* cmd_control.c -- `sunder rule add ...`, `sunder cut ...`, `sunder status`: the verbs of
 * control.h, sent to a running proxy over its HTTP API.
 *
 * Nothing here knows a verb by name: what the table gains, the command line has.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"
#include "commands.h"
#include "control.h"
#include "http.h"
#include "table.h"

#define ANSWER_MAX ((size_t)64 << 20)
#define TOKEN_MAX  256

struct flags {
    const char *api, *token_file, *output;
    nsec timeout;
};

/* What came back. */
struct received {
    char *p;
    size_t n;
    long status;
};

static struct flags flags;

static const struct opt opts[] = {
    {"api", 0, OPT_TEXT, &flags.api, "ADDR", "of the proxy (SUNDER_API, 127.0.0.1:8474)"},
    {"api-token-file", 0, OPT_TEXT, &flags.token_file, "FILE", "the token it asks for"},
    {"timeout", 0, OPT_TIME, &flags.timeout, "TIME", "how long to wait for it"},
    {"output", 'o', OPT_TEXT, &flags.output, "FORMAT", "text or json"},
    {0},
};

static struct usage usage = {
    /* .command is the verb at hand */
    "COMMAND",
    "[options] [WORD]...",
    "Ask something of a running proxy. Words are those of its console: see "
    "docs/console.md. Options of a verb are written --how reset, --for 5s, --one-way, "
    "--name NAME.",
    "sunder cut r1 r2 --how hang --for 5s",
    opts,
};

/* ---- words ---- */

/* --how and how are one; our own options stay with cli.c. Answers the words of the verb;
 * ours are moved to the front of argv. */
static size_t split_words(int argc, char **argv, const char **word, int *ours)
{
    size_t n = 0;

    *ours = 1;
    for (int i = 0; i < argc; i++) {
        bool own = false, takes_value = false;

        for (const struct opt *o = opts; i > 0 && o->name; o++) {
            size_t len = strlen(o->name);
            bool is_long = strncmp(argv[i], "--", 2) == 0 &&
                           strncmp(argv[i] + 2, o->name, len) == 0 &&
                           (argv[i][len + 2] == '\0' || argv[i][len + 2] == '=');

            own |= is_long || (o->letter && argv[i][0] == '-' &&
                               argv[i][1] == o->letter && argv[i][2] == '\0');
            takes_value |= own && !(is_long && argv[i][len + 2] == '=');
        }
        own |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        if (!own) {
            word[n++] = strncmp(argv[i], "--", 2) == 0 ? argv[i] + 2 : argv[i];
            continue;
        }
        argv[(*ours)++] = argv[i];
        if (takes_value && i + 1 < argc)
            argv[(*ours)++] = argv[++i];
    }
    return n;
}

bool control_knows(const char *word)
{
    for (const struct control_verb *v = control_verbs; v->words; v++) {
        size_t n = strcspn(v->words, " ");

        if (v->route && strlen(word) == n && strncasecmp(v->words, word, n) == 0)
            return true;
    }
    return false;
}

/* ---- HTTP ---- */

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
    struct received *r = arg;
    char *grown = r->n + n > ANSWER_MAX ? NULL : realloc(r->p, r->n + n + 1);

    (void)size;
    if (grown == NULL)
        return 0;
    memcpy(grown + r->n, p, n);
    r->p = grown;
    r->n += n;
    r->p[r->n] = '\0';
    return n;
}

/* The route with its {name} filled in from args, which loses it. */
static void url_of(const struct control_verb *v, json_t *args, char *buf, size_t size)
{
    const char *path = strchr(v->route, ' ') + 1, *brace = strchr(path, '{');
    char name[32];
    char *escaped;

    if (brace == NULL) {
        snprintf(buf, size, "http://%s%s", flags.api, path);
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)strcspn(brace + 1, "}"), brace + 1);
    escaped = curl_easy_escape(NULL, json_string_value(json_object_get(args, name)), 0);
    snprintf(buf, size, "http://%s%.*s%s", flags.api, (int)(brace - path), path,
             escaped ? escaped : "");
    curl_free(escaped);
    json_object_del(args, name);
}

static int read_token(char *header, size_t size, struct err *e)
{
    char token[TOKEN_MAX] = "";
    FILE *f = fopen(flags.token_file, "re");

    if (f == NULL)
        return err_set(e, -errno, "cannot read '%.200s': %s", flags.token_file,
                       strerror(errno));
    (void)!fgets(token, sizeof token, f);
    fclose(f);
    token[strcspn(token, "\r\n")] = '\0';
    snprintf(header, size, "Authorization: Bearer %s", token);
    return 0;
}

static int perform(CURL *curl, const char *url, struct received *r, struct err *e)
{
    char why[CURL_ERROR_SIZE] = "";
    CURLcode code;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(flags.timeout / MSEC(1)));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r->status);
    if (code == CURLE_OK)
        return 0;
    err_set(e, -EIO, "cannot reach a proxy at %s: %s", flags.api,
            why[0] ? why : curl_easy_strerror(code));
    err_hint(e, "is `sunder proxy` running? --api ADDR says where");
    return -EIO;
}

static int send_verb(const struct control_verb *v, json_t *args, struct received *r,
                     struct err *e)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL,
                                                   "Content-Type: application/json");
    char url[2048], method[16], auth[TOKEN_MAX + 32];
    char *body;
    int err = flags.token_file ? read_token(auth, sizeof auth, e) : 0;

    url_of(v, args, url, sizeof url);
    body = json_dumps(args, JSON_COMPACT);
    snprintf(method, sizeof method, "%.*s", (int)strcspn(v->route, " "), v->route);
    if (err == 0 && flags.token_file)
        headers = curl_slist_append(headers, auth);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (strcmp(method, "GET") != 0)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (err == 0)
        err = perform(curl, url, r, e);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    free(body);
    return err;
}

/* ---- the answer ---- */

static int say(const struct received *r)
{
    json_t *v = r->n ? json_loadb(r->p, r->n, JSON_DECODE_ANY, NULL) : NULL;
    const char *error = json_string_value(json_object_get(v, "error"));
    const char *hint = json_string_value(json_object_get(v, "hint"));
    int status = STATUS_MET;

    if (r->status >= 400 || (r->n && v == NULL)) {
        fprintf(stderr, "sunder: %s\n", error ? error : "the answer makes no sense");
        if (hint)
            fprintf(stderr, "hint: %s\n", hint);
        status = r->status >= 500 ? STATUS_ENVIRONMENT : STATUS_USAGE;
    } else if (strcmp(flags.output, "json") == 0) {
        if (v)
            json_dumpf(v, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        puts(v ? "" : "null");
    } else if (v) {
        table_print(stdout, v);
    }
    json_decref(v);
    return status;
}

static int ask(size_t n, const char *const *word)
{
    struct received r = {0};
    struct err e = {0};
    size_t took;
    const struct control_verb *v = control_find(n, word, &took, &e);
    json_t *args = NULL;
    int status;

    if (v && v->route == NULL)
        return cli_usage(&usage, "%s is only for the console", v->words);
    if (v == NULL || control_args(v, n - took, word + took, &args, &e) < 0)
        return cli_fail(&usage, STATUS_USAGE, &e);
    if (send_verb(v, args, &r, &e) < 0)
        status = cli_fail(&usage, STATUS_ENVIRONMENT, &e);
    else
        status = say(&r);
    json_decref(args);
    free(r.p);
    return status;
}

int cmd_control(int argc, char **argv)
{
    const char *standard = getenv("SUNDER_API");
    const char **word = calloc((size_t)argc + 1, sizeof *word);
    int status, ours;
    size_t n;

    if (word == NULL)
        return STATUS_ENVIRONMENT;
    usage.command = argv[0];
    flags = (struct flags){.api = standard && *standard ? standard : HTTP_STANDARD,
                           .output = "text",
                           .timeout = SEC(10)};
    n = split_words(argc, argv, word, &ours);
    argv[ours < argc ? ours : argc] = NULL;
    if (cli_parse(&usage, ours, argv, &status) >= 0) {
        if (strcmp(flags.output, "text") != 0 && strcmp(flags.output, "json") != 0)
            status = cli_usage(&usage, "'%s' is no output: text or json", flags.output);
        else
            status = ask(n, word);
    }
    free(word);
    return status;
}

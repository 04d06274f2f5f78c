/* completion.c -- see completion.h.
 *
 *   sunder completion words exercise stale --du
 *     -> the help of `sunder exercise stale`, its options that begin with --du
 *
 * A command's own help is what is read: it is made from the table of its options, and
 * names its second words in its usage line or in a list.
 */
#include "completion.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "commands.h"
#include "control.h"
#include "live.h"
#include "shape.h"

#define HELP_MAX 65536
#define WORD_MAX 64

static const char bash_script[] =
    "# bash completion for sunder; `sunder completion bash` prints it\n"
    "_sunder() {\n"
    "    local IFS=$'\\n'\n"
    "    COMPREPLY=($(\"${COMP_WORDS[0]}\" completion words \\\n"
    "        \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null))\n"
    "    if [ \"${COMPREPLY[0]}\" = @file ]; then\n"
    "        COMPREPLY=()\n"
    "        compopt -o default 2>/dev/null\n"
    "    fi\n"
    "}\n"
    "complete -F _sunder sunder\n";

static const char zsh_script[] =
    "#compdef sunder\n"
    "# zsh completion for sunder; `sunder completion zsh` prints it\n"
    "_sunder() {\n"
    "    local -a found\n"
    "    found=(\"${(@f)$(\"${words[1]}\" completion words \\\n"
    "        \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
    "    if [[ $found[1] == @file ]]; then\n"
    "        _files\n"
    "    else\n"
    "        compadd -- ${found:#}\n"
    "    fi\n"
    "}\n"
    "if [[ $funcstack[1] == _sunder ]]; then _sunder; else compdef _sunder sunder; fi\n";

/* What is typed, and what begins like it. */
struct typed {
    const char *const *word;
    size_t n; /* the last one is not finished */
};

static const char *unfinished(const struct typed *t)
{
    return t->word[t->n - 1];
}

static void offer(const struct typed *t, const char *word, size_t n)
{
    size_t len = strlen(unfinished(t));

    if (n > 0 && n >= len && strncmp(word, unfinished(t), len) == 0)
        printf("%.*s\n", (int)n, word);
}

/* "reset|refuse" */
static void offer_each(const struct typed *t, const char *list, size_t n)
{
    while (n > 0) {
        size_t len = 0;

        while (len < n && list[len] != '|')
            len++;
        offer(t, list, len);
        list += len + (len < n);
        n -= len + (len < n);
    }
}

/* ---- what a command says of itself ---- */

/* Everything on standard output goes into a file in memory meanwhile. */
static void capture(const struct command *c, const char *second, const char *third,
                    char *into)
{
    char *argv[4] = {(char *)(uintptr_t)c->name, (char *)(uintptr_t)second,
                     (char *)(uintptr_t)third, NULL};
    int fd = memfd_create("help", MFD_CLOEXEC), out;
    ssize_t n;

    into[0] = '\0';
    fflush(stdout);
    if (fd < 0 || (out = dup(STDOUT_FILENO)) < 0)
        return;
    (void)dup2(fd, STDOUT_FILENO);
    (void)c->run(third ? 3 : 2, argv);
    fflush(stdout);
    (void)dup2(out, STDOUT_FILENO);
    close(out);
    n = pread(fd, into, HELP_MAX - 1, 0);
    into[n > 0 ? n : 0] = '\0';
    close(fd);
}

/* "  -o, --output FORMAT  what it is" begins an option. Answers its name and its length,
 * and what it takes. */
static const char *option_of(const char *line, size_t *n, const char **arg, size_t *len)
{
    const char *name = line + strspn(line, " ");

    if (name - line < 2 || name - line > 6)
        return NULL;
    if (name[0] == '-' && isalnum((unsigned char)name[1]) && name[2] == ',')
        name += 4;
    if (strncmp(name, "--", 2) != 0)
        return NULL;
    *n = strcspn(name, " \n");
    *arg = name + *n + (name[*n] == ' ');
    *len = name[*n] == ' ' && name[*n + 1] != ' ' ? strcspn(*arg, " \n") : 0;
    return name;
}

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return line + (*line == '\n');
}

/* Is it this one, by its name or by its letter? */
static bool is_option(const char *word, const char *line, const char *name, size_t n)
{
    const char *letter = line + strspn(line, " ");

    if (letter < name && strlen(word) == 2)
        return strncmp(letter, word, 2) == 0;
    return strlen(word) == n && strncmp(name, word, n) == 0;
}

/* Offers the values of an option; false when the word before is none that takes one. */
static bool offer_values(const struct typed *t, const char *help)
{
    const char *before = t->n > 1 ? t->word[t->n - 2] : "", *arg;
    size_t n, len;

    for (const char *line = help; *line; line = next_line(line)) {
        const char *name = option_of(line, &n, &arg, &len);

        if (name == NULL || !is_option(before, line, name, n))
            continue;
        if (len == 0)
            return false;
        if (strncmp(arg, "FILE", 4) == 0 || strncmp(arg, "PATH", 4) == 0 ||
            strncmp(arg, "DIR", 3) == 0)
            puts("@file");
        else if (memchr(arg, '|', len))
            offer_each(t, arg, len);
        return true;
    }
    return false;
}

static void offer_options(const struct typed *t, const char *help)
{
    const char *arg;
    size_t n, len;

    for (const char *line = help; *line; line = next_line(line)) {
        const char *name = option_of(line, &n, &arg, &len);

        if (name)
            offer(t, name, n);
    }
}

/* ---- its second words ---- */

typedef void on_word(void *arg, const char *word, size_t n);

static bool is_plain(const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!islower((unsigned char)word[i]) && word[i] != '-')
            return false;
    return n > 0 && word[0] != '-';
}

/* "usage: sunder journal replay FILE | tail [N]": the first word, and each behind " | ";
 * "status|master|..." are several. */
static void usage_words(const char *line, size_t skip, on_word *on, void *arg)
{
    const char *end = line + strcspn(line, "\n");

    for (const char *p = line + skip; p < end;) {
        size_t n = strcspn(p, " |\n");

        if (is_plain(p, n))
            on(arg, p, n);
        p += n;
        if (*p == '|' && p[1] != ' ') {
            p++;
            continue;
        }
        while (p < end && strncmp(p, " | ", 3) != 0)
            p++;
        p += p < end ? 3 : 0;
    }
}

/* The first word of each line: of "NAME  what it is", two spaces deep or not at all. */
static void list_words(const char *text, size_t indent, on_word *on, void *arg)
{
    for (const char *line = text; *line; line = next_line(line)) {
        size_t blank = strspn(line, " "), n = strcspn(line + blank, " \n");

        if (blank == indent && strncmp(line + blank + n, "  ", 2) == 0 &&
            is_plain(line + blank, n))
            on(arg, line + blank, n);
    }
}

struct seen {
    bool list; /* "list" is one of the words */
};

static void see(void *arg, const char *word, size_t n)
{
    struct seen *s = arg;

    s->list |= n == 4 && strncmp(word, "list", 4) == 0;
}

static void second_words(const struct command *c, const char *help, on_word *on,
                         void *arg)
{
    size_t skip = strlen("usage: sunder ") + strlen(c->name) + 1;
    struct seen seen = {.list = false};
    char *list;

    if (strlen(help) <= skip)
        return;
    usage_words(help, skip, on, arg);
    list_words(help, 2, on, arg);
    usage_words(help, skip, see, &seen);
    if (!seen.list || (list = malloc(HELP_MAX)) == NULL)
        return;
    capture(c, "list", NULL, list);
    list_words(list, 0, on, arg);
    free(list);
}

static void on_offer(void *arg, const char *word, size_t n)
{
    offer(arg, word, n);
}

struct asked {
    const char *word;
    bool found;
};

static void on_compare(void *arg, const char *word, size_t n)
{
    struct asked *a = arg;

    a->found |= strlen(a->word) == n && strncmp(a->word, word, n) == 0;
}

static void of_command(const struct command *c, const struct typed *t)
{
    char *help = malloc(HELP_MAX);
    struct asked second = {t->n > 2 ? t->word[1] : "", false};

    if (help == NULL)
        return;
    capture(c, "--help", NULL, help);
    second_words(c, help, on_compare, &second);
    if (second.found)
        capture(c, second.word, "--help", help);
    if (!offer_values(t, help)) {
        if (t->n == 2)
            second_words(c, help, on_offer, (void *)(uintptr_t)t);
        if (unfinished(t)[0] == '-')
            offer_options(t, help);
        else if (t->n > 2)
            puts("@file");
    }
    free(help);
}

/* ---- verbs for a running proxy ---- */

static void lower(const char *word, size_t n, char *into)
{
    size_t i = 0;

    for (; i < n && i < WORD_MAX - 1; i++)
        into[i] = (char)tolower((unsigned char)word[i]);
    into[i] = '\0';
}

/* "how=reset|close" and "one-way?" are --how and --one-way. */
static void offer_params(const struct typed *t, const struct control_verb *v)
{
    char option[WORD_MAX];

    for (const char *p = v->params; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        size_t n = strcspn(p, "=? ");

        if (p[n] != '=' && p[n] != '?')
            continue;
        snprintf(option, sizeof option, "--%.*s", (int)n, p);
        offer(t, option, strlen(option));
    }
}

static bool is_flag(const struct control_verb *v, const char *option)
{
    size_t n = strlen(option);

    for (const char *p = v->params; n > 0 && (p = strstr(p, option)) != NULL; p += n)
        if (p[n] == '?')
            return true;
    return strcmp(option, "watch") == 0;
}

/* What the unfinished word of a verb is called in its params; "" when it is none of them
 * but the value of an option, or one too many. Fills in the value of --api, if any. */
static const char *param_at_hand(const struct typed *t, const struct control_verb *v,
                                 size_t took, const char **api)
{
    const char *p = v->params;
    size_t i = took;

    for (; i + 1 < t->n; i++) {
        const char *word = t->word[i];

        if (strncmp(word, "--", 2) != 0 && strcmp(word, "-o") != 0) {
            p += strcspn(p, " ");
            p += strspn(p, " ");
            continue;
        }
        if (strcmp(word, "--api") == 0 && i + 2 < t->n)
            *api = t->word[i + 1];
        i += !strchr(word, '=') && !is_flag(v, word + strspn(word, "-"));
    }
    return i + 1 == t->n && !memchr(p, '=', strcspn(p, " ")) &&
                   !memchr(p, '?', strcspn(p, " "))
               ? p + (*p == '[')
               : "";
}

/* Of "r1,r2/r" the last one is unfinished, and what is offered begins with the others. */
static void on_live(void *arg, const char *word)
{
    const struct typed *t = arg;
    const char *last = unfinished(t);
    size_t n = strlen(last);
    char whole[256];

    while (n > 0 && !strchr(",/", last[n - 1]))
        n--;
    if (snprintf(whole, sizeof whole, "%.*s%s", (int)n, last, word) < (int)sizeof whole)
        offer(t, whole, strlen(whole));
}

static void offer_live(const struct typed *t, const struct control_verb *v, size_t took)
{
    static const char *const roles[] = {"master", "replica", "sentinel", "client", NULL};
    const char *api = NULL, *param = param_at_hand(t, v, took, &api);
    size_t n = strcspn(param, "] ");
    char name[WORD_MAX];

    snprintf(name, sizeof name, "|%.*s|", (int)n, param);
    if (n > 0 && strstr("|a|b|who|groups|", name)) {
        live_names(api, LIVE_PARTIES, on_live, (void *)(uintptr_t)t);
        for (size_t i = 0; roles[i]; i++)
            on_live((void *)(uintptr_t)t, roles[i]);
    } else if (strcmp(name, "|name|") == 0) {
        live_names(api, strcmp(v->words, "HEAL") == 0 ? LIVE_PARTITIONS : LIVE_RULES,
                   on_live, (void *)(uintptr_t)t);
    } else if (strcmp(name, "|id|") == 0) {
        live_names(api, LIVE_SESSIONS, on_live, (void *)(uintptr_t)t);
    }
}

/* The verbs that begin with what is typed, but for the last word. */
static void of_verb(const struct typed *t)
{
    char name[WORD_MAX];
    struct err e;
    size_t took;
    const struct control_verb *v = control_find(t->n - 1, t->word, &took, &e);

    for (const struct control_verb *o = control_verbs; t->n == 2 && o->words; o++) {
        size_t n = strcspn(o->words, " ");

        lower(o->words, n, name);
        if (o->words[n] == '\0' || strcmp(name, t->word[0]) != 0)
            continue;
        lower(o->words + n + 1, strlen(o->words + n + 1), name);
        offer(t, name, strlen(name));
    }
    if (took > 0 && strcmp(t->word[t->n - 2], "--how") == 0) {
        for (int i = 0; shape_hows[i]; i++)
            offer(t, shape_hows[i], strlen(shape_hows[i]));
        return;
    }
    if (took > 0 && unfinished(t)[0] == '-')
        offer_params(t, v);
    else if (took > 0)
        offer_live(t, v, took);
}

static void of_verb_and_options(const struct typed *t)
{
    const struct command c = {.name = t->word[0], .run = cmd_control};
    char *help = malloc(HELP_MAX);

    if (help == NULL)
        return;
    of_verb(t);
    capture(&c, "--help", NULL, help);
    if (!offer_values(t, help) && unfinished(t)[0] == '-')
        offer_options(t, help);
    free(help);
}

/* ---- the first word ---- */

static void first_words(const struct command *all, const struct typed *t)
{
    char name[WORD_MAX], last[WORD_MAX] = "";

    offer(t, "help", strlen("help"));
    for (const struct command *c = all; c->name; c++)
        offer(t, c->name, strlen(c->name));
    for (const struct control_verb *v = control_verbs; v->words; v++) {
        lower(v->words, strcspn(v->words, " "), name);
        if (v->route && strcmp(name, last) != 0 && strcmp(name, "journal") != 0)
            offer(t, name, strlen(name));
        snprintf(last, sizeof last, "%s", name);
    }
}

static void offer_words(const struct command *all, const struct typed *t)
{
    if (t->n == 1) {
        first_words(all, t);
        return;
    }
    for (const struct command *c = all; c->name; c++)
        if (strcmp(c->name, t->word[0]) == 0) {
            of_command(c, t);
            return;
        }
    if (control_knows(t->word[0]))
        of_verb_and_options(t);
}

static const struct opt opts[] = {{0}};

static const struct usage usage = {
    "completion",
    "bash | zsh",
    "Print what makes a shell complete the words behind sunder. `make install` puts it "
    "where the shells look for it.",
    "source <(sunder completion bash)",
    opts,
};

int completion(const struct command *all, int argc, char **argv)
{
    const char *const *word = (const char *const *)argv + 2;
    int status, first;
    size_t help = argc > 3 && strcmp(word[0], "help") == 0; /* before a command */

    if (argc > 2 && strcmp(argv[1], "words") == 0) {
        offer_words(all, &(struct typed){word + help, (size_t)argc - 2 - help});
        return STATUS_MET;
    }
    first = cli_parse(&usage, argc, argv, &status);
    if (first < 0)
        return status;
    if (argc - first != 1)
        return cli_usage(&usage, "for which shell? bash or zsh");
    if (strcmp(argv[first], "bash") == 0)
        fputs(bash_script, stdout);
    else if (strcmp(argv[first], "zsh") == 0)
        fputs(zsh_script, stdout);
    else
        return cli_usage(&usage, "'%.20s' is no shell: bash or zsh", argv[first]);
    return STATUS_MET;
}

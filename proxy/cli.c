/* cli.c -- one table per command; parsing, help and error lines follow from it. */
#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "value.h"

#ifndef SUNDER_VERSION
#define SUNDER_VERSION "0.1.0"
#endif

#define OPTS_MAX 48
#define WIDTH    78

/* getopt's codes for long options; those of the table follow from FIRST on. */
enum { CODE_HELP = 256, CODE_VERSION, CODE_FIRST };

static const struct opt help_opt = {"help", 'h', OPT_FLAG, NULL, NULL, "show this"};
static const struct opt version_opt = {"version", 0,    OPT_FLAG,
                                       NULL,      NULL, "print the version"};

/* errors */

static const char *gap(const struct usage *u)
{
    return u->command[0] ? " " : "";
}

int cli_fail(const struct usage *u, int status, const struct err *e)
{
    struct err line = *e;
    char text[2 * ERR_MAX];

    line.hint[0] = '\0';
    fprintf(stderr, "sunder%s%s: %s\n", gap(u), u->command,
            err_print(&line, text, sizeof text));
    if (e->hint[0])
        fprintf(stderr, "hint: %s\n", e->hint);
    return status;
}

int cli_usage(const struct usage *u, const char *fmt, ...)
{
    struct err e;
    va_list ap;
    char text[ERR_MAX];

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(&e, -EINVAL, "%s", text);
    err_hint(&e, "see 'sunder%s%s --help'", gap(u), u->command);
    return cli_fail(u, STATUS_USAGE, &e);
}

bool cli_redraws(FILE *f)
{
    const char *term = getenv("TERM");

    return !(term && strcmp(term, "dumb") == 0) && isatty(fileno(f));
}

bool cli_colour(FILE *f)
{
    const char *no = getenv("NO_COLOR");

    return !(no && *no) && cli_redraws(f);
}

void cli_line(FILE *f, const char *text)
{
    struct winsize size = {.ws_col = 0};
    int columns = 80;

    if (ioctl(fileno(f), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    fprintf(f, "\r%.*s\033[K", columns - 1, text);
    fflush(f);
}

/* help */

/* Print words from column `at` on, later lines indented, none beyond WIDTH. */
static void print_wrapped(const char *s, int indent, int at)
{
    while (*s) {
        int n = (int)strcspn(s, " \n");

        if (at > indent && at + 1 + n > WIDTH) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        printf("%.*s", n, s);
        at += n;
        s += n;
        if (*s == '\n') {
            printf("\n%*s", indent, "");
            at = indent;
        }
        if (*s)
            s++;
    }
    putchar('\n');
}

/* "  -c, --config FILE" */
static int opt_head(const struct opt *o, char *buf, size_t size)
{
    char letter[5] = "    ";

    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    return snprintf(buf, size, "  %s--%s%s%s", letter, o->name, o->arg ? " " : "",
                    o->arg ? o->arg : "");
}

/* The value an option has when it is not given; "" when that is nothing: 0, or the
 * greatest number, which stands for "not given". */
static const char *opt_default(const struct opt *o, char *buf, size_t size)
{
    uint64_t n = 0;

    buf[0] = '\0';
    if (o->into == NULL)
        return buf;
    if (o->type == OPT_COUNT || o->type == OPT_TIME || o->type == OPT_BYTES)
        n = *(const uint64_t *)o->into;
    if (n == UINT64_MAX)
        n = 0;
    if (o->type == OPT_TEXT && *(const char **)o->into)
        snprintf(buf, size, "%s", *(const char **)o->into);
    else if (o->type == OPT_COUNT && n)
        snprintf(buf, size, "%llu", (unsigned long long)n);
    else if (o->type == OPT_TIME && n)
        value_print_time(n, buf, size);
    else if (o->type == OPT_BYTES && n)
        value_print_bytes(n, buf, size);
    else if (o->type == OPT_FRACTION && *(double *)o->into > 0)
        value_print_fraction(*(double *)o->into, buf, size);
    return buf;
}

static void print_opt(const struct opt *o, int column)
{
    char head[128], standard[128], help[512];
    int at = opt_head(o, head, sizeof head);

    opt_default(o, standard, sizeof standard);
    snprintf(help, sizeof help, "%s%s%s%s", o->help ? o->help : "",
             standard[0] ? " (default " : "", standard, standard[0] ? ")" : "");
    printf("%s", head);
    if (at + 2 > column)
        printf("\n%*s", column, "");
    else
        printf("%*s", column - at, "");
    print_wrapped(help, column, column);
}

static int help_column(const struct usage *u)
{
    char head[128];
    int widest = opt_head(&version_opt, head, sizeof head);

    for (const struct opt *o = u->opts; o && o->name; o++) {
        int at = opt_head(o, head, sizeof head);

        if (at > widest && at <= 30)
            widest = at;
    }
    return widest + 2;
}

static void print_help(const struct usage *u)
{
    int column = help_column(u);

    printf("usage: sunder%s%s%s%s\n\n", gap(u), u->command, u->line[0] ? " " : "",
           u->line);
    print_wrapped(u->about, 0, 0);
    printf("\noptions:\n");
    for (const struct opt *o = u->opts; o && o->name; o++)
        print_opt(o, column);
    print_opt(&help_opt, column);
    print_opt(&version_opt, column);
    if (u->example)
        printf("\nexample:\n  %s\n", u->example);
}

/* values */

static void add_text(struct texts *t, const char *s, bool first)
{
    if (first)
        *t = (struct texts){NULL, 0};
    t->item = realloc(t->item, (t->n + 1) * sizeof *t->item);
    if (t->item == NULL)
        abort();
    t->item[t->n++] = s;
}

static int read_value(const struct opt *o, const char *s, bool first, struct err *e)
{
    switch (o->type) {
    case OPT_FLAG: *(bool *)o->into = true; return 0;
    case OPT_TEXT: *(const char **)o->into = s; return 0;
    case OPT_TEXTS: add_text(o->into, s, first); return 0;
    case OPT_COUNT: return value_count(s, o->into, e);
    case OPT_TIME: return value_time(s, o->into, e);
    case OPT_BYTES: return value_bytes(s, o->into, e);
    case OPT_FRACTION: return value_fraction(s, o->into, e);
    }
    return -EINVAL;
}

static int store(const struct usage *u, const struct opt *o, const char *s, bool first)
{
    struct err e, about;

    if (read_value(o, s, first, &e) == 0)
        return 0;
    err_set(&about, e.code, "--%s: %s", o->name, e.text);
    err_hint(&about, "%s", e.hint);
    cli_fail(u, STATUS_USAGE, &about);
    return -1;
}

/* parsing */

struct parser {
    struct option longs[OPTS_MAX + 3];
    char letters[2 * OPTS_MAX + 4];
    const char *names[OPTS_MAX + 3];
    bool seen[OPTS_MAX];
    size_t n;
};

static void add_letter(struct parser *p, char letter, bool arg)
{
    size_t n = strlen(p->letters);

    p->letters[n] = letter;
    if (arg)
        p->letters[n + 1] = ':';
}

static void add_long(struct parser *p, const char *name, bool arg, int code)
{
    size_t i = 0;

    while (p->names[i])
        i++;
    p->names[i] = name;
    p->longs[i] = (struct option){name, arg ? required_argument : no_argument, NULL,
                                  code};
}

static void prepare(struct parser *p, const struct opt *o)
{
    memset(p, 0, sizeof *p);
    p->letters[0] = ':'; /* tell a missing value from an unknown option */
    for (; o && o->name; o++, p->n++) {
        bool arg = o->type != OPT_FLAG;

        assert(p->n < OPTS_MAX);
        add_long(p, o->name, arg, CODE_FIRST + (int)p->n);
        if (o->letter)
            add_letter(p, o->letter, arg);
    }
    add_long(p, "help", false, CODE_HELP);
    add_long(p, "version", false, CODE_VERSION);
    if (strchr(p->letters, 'h') == NULL)
        add_letter(p, 'h', false);
}

/* The entry that getopt's code is about, or NULL. */
static const struct opt *opt_of(const struct usage *u, const struct parser *p, int code)
{
    if (code >= CODE_FIRST)
        return &u->opts[code - CODE_FIRST];
    for (size_t i = 0; i < p->n; i++)
        if (code && u->opts[i].letter == code)
            return &u->opts[i];
    if (code == CODE_HELP || code == 'h')
        return &help_opt;
    return code == CODE_VERSION ? &version_opt : NULL;
}

static bool ambiguous(const struct parser *p, const char *name)
{
    size_t n = strlen(name), hits = 0;

    for (size_t i = 0; p->names[i]; i++)
        hits += strncmp(p->names[i], name, n) == 0;
    return n > 0 && hits > 1;
}

static int refuse(const struct usage *u, const struct parser *p, const char *word)
{
    char name[64];
    const char *near;
    struct err e;

    if (optopt > 0 && optopt < CODE_HELP)
        return cli_usage(u, "unknown option '-%c'", optopt);
    if (optopt >= CODE_HELP)
        return cli_usage(u, "--%s takes no value", opt_of(u, p, optopt)->name);
    word += strspn(word, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    if (ambiguous(p, name))
        return cli_usage(u, "option '--%s' can mean several", name);
    near = err_nearest(name, p->names);
    if (near == NULL)
        return cli_usage(u, "unknown option '--%s'", name);
    err_set(&e, -EINVAL, "unknown option '--%s'", name);
    err_hint(&e, "did you mean '--%s'?", near);
    return cli_fail(u, STATUS_USAGE, &e);
}

/* One option that getopt found. Answers false when the command is over. */
static bool take(const struct usage *u, struct parser *p, int code, const char *word,
                 int *status)
{
    const struct opt *o;

    *status = STATUS_USAGE;
    if (code == '?') {
        *status = refuse(u, p, word);
        return false;
    }
    if (code == ':') {
        o = opt_of(u, p, optopt);
        *status = cli_usage(u, "--%s needs a value: %s", o->name, o->arg ? o->arg : "");
        return false;
    }
    o = opt_of(u, p, code);
    if (o == &help_opt || o == &version_opt) {
        if (o == &help_opt)
            print_help(u);
        else
            printf("sunder %s\n", SUNDER_VERSION);
        *status = STATUS_MET;
        return false;
    }
    if (store(u, o, optarg, !p->seen[o - u->opts]) < 0)
        return false;
    p->seen[o - u->opts] = true;
    return true;
}

int cli_parse(const struct usage *u, int argc, char **argv, int *status)
{
    struct parser p;
    int code;

    prepare(&p, u->opts);
    optind = 0; /* start afresh, also when another command parsed before */
    opterr = 0;
    for (;;) {
        code = getopt_long(argc, argv, p.letters, p.longs, NULL);
        if (code == -1)
            return optind;
        if (!take(u, &p, code, argv[optind - 1], status))
            return -1;
    }
}

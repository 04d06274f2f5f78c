/* script.c -- see script.h. */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "filter.h"
#include "log.h"
#include "shell.h"
#include "value.h"

#define BLANK " \t\r"
#define WORDS 128 /* of a line */

struct step {
    nsec at;
    const struct control_verb *verb;
    json_t *args;
    char *text;  /* the line behind its time */
    char *error; /* what went wrong when its time came; or NULL */
};

struct script {
    struct proxy *proxy;
    struct wake_node wake;
    nsec begun, ended; /* 0 = it is not over */
    bool stopped;
    size_t n, done;
    struct step *step;
};

/* ---- reading ---- */

void script_free(struct script **s)
{
    struct script *gone = *s;

    *s = NULL;
    if (gone == NULL)
        return;
    for (size_t i = 0; i < gone->n; i++) {
        json_decref(gone->step[i].args);
        free(gone->step[i].text);
        free(gone->step[i].error);
    }
    free(gone->step);
    free(gone);
}

static size_t cut_words(char *line, const char **word, size_t max)
{
    char *rest = NULL;
    size_t n = 0;

    for (char *w = strtok_r(line, BLANK, &rest); w && n < max;
         w = strtok_r(NULL, BLANK, &rest))
        word[n++] = w;
    return n;
}

/* Does it change something, and nothing about scripts? */
static bool may_play(const struct control_verb *v)
{
    return v->route && strncmp(v->route, "GET ", 4) != 0 &&
           !strstr(v->route, "/scenario");
}

/* What can be told of a step before its time: of its rule, and of what it needs here. */
static int check_step(const json_t *args, struct err *e)
{
    const char *sentence = json_string_value(json_object_get(args, "rule"));
    const char *how = json_string_value(json_object_get(args, "how"));
    bool packets = how && strcmp(how, "blackhole") == 0;
    struct rule *r;
    int err = sentence ? rule_parse(sentence, &r, e) : 0;

    if (sentence && err == 0) {
        packets = r->fault->wire != NULL;
        rule_unref(&r);
    }
    return err == 0 && packets ? filter_check(e) : err;
}

/* What follows so many words, as it was written: spaces in quotes count. */
static const char *behind(const char *text, size_t words)
{
    while (words-- > 0) {
        text += strcspn(text, BLANK);
        text += strspn(text, BLANK);
    }
    return text;
}

static int read_verb(struct step *s, size_t n, const char *const *word, struct err *e)
{
    const char *rest;
    size_t took;
    int err;

    s->verb = control_find(n, word, &took, e);
    if (s->verb == NULL)
        return -EINVAL;
    if (!may_play(s->verb))
        return err_set(e, -EINVAL, "%s changes nothing", s->verb->words);
    rest = behind(s->text, took);
    if (strstr(s->verb->params, "...") && *rest)
        err = control_args(s->verb, 1, &rest, &s->args, e);
    else
        err = control_args(s->verb, n - took, word + took, &s->args, e);
    return err ? err : check_step(s->args, e);
}

static int read_line(struct step *s, const char *line, nsec least, struct err *e)
{
    const char *word[WORDS];
    char *copy = strdup(line);
    size_t n;
    int err = -ENOMEM;

    s->text = strdup(behind(line, 1));
    if (copy && s->text) {
        n = cut_words(copy, word, WORDS);
        err = n == WORDS ? err_set(e, -EINVAL, "too many words")
                         : value_time(word[0], &s->at, e);
        if (err == 0 && s->at < least)
            err = err_set(e, -EINVAL, "%s is before the step above", word[0]);
        if (err == 0)
            err = read_verb(s, n - 1, word + 1, e);
    }
    free(copy);
    return err;
}

/* A # that stands at the beginning of a word, and in no quotes. */
static void cut_comment(char *line)
{
    bool quoted = false;
    size_t n = 0;

    for (; line[n]; n++) {
        if (line[n] == '\\' && quoted && line[n + 1])
            n++;
        else if (line[n] == '"')
            quoted = !quoted;
        else if (line[n] == '#' && !quoted && (n == 0 || strchr(BLANK, line[n - 1])))
            break;
    }
    while (n > 0 && strchr(BLANK, line[n - 1]))
        n--;
    line[n] = '\0';
}

/* One more step, or none when the line is empty. */
static int add_line(struct script *s, char *line, struct err *e)
{
    struct step *more;

    cut_comment(line);
    line += strspn(line, BLANK);
    if (*line == '\0')
        return 0;
    if (s->n == SCRIPT_STEPS)
        return err_set(e, -E2BIG, "more than %d steps", SCRIPT_STEPS);
    if ((more = realloc(s->step, (s->n + 1) * sizeof *more)) == NULL)
        return -ENOMEM;
    s->step = more;
    s->step[s->n++] = (struct step){0};
    return read_line(&s->step[s->n - 1], line, s->n > 1 ? s->step[s->n - 2].at : 0, e);
}

static int read_script(struct script *s, const char *text, struct err *e)
{
    char *copy = strdup(text), *line = copy;
    size_t number = 1;
    int err = copy ? 0 : -ENOMEM;

    for (; line && err == 0; number++) {
        char *next = strchr(line, '\n');

        if (next)
            *next++ = '\0';
        err = add_line(s, line, e);
        line = next;
    }
    free(copy);
    if (err == -ENOMEM)
        return err_set(e, err, "out of memory");
    if (err)
        err_place(e, number - 1, 0);
    else if (s->n == 0)
        err = err_set(e, -EINVAL, "there is no step in it");
    return err;
}

/* ---- telling ---- */

static json_t *describe_step(const struct step *s)
{
    char at[32];
    json_t *o = json_pack("{s:s, s:s}", "at", value_print_time(s->at, at, sizeof at),
                          "verb", s->text);

    if (s->error)
        (void)json_object_set_new(o, "error", json_string(s->error));
    return o;
}

static json_t *describe_steps(const struct script *s)
{
    json_t *steps = json_array();

    for (size_t i = 0; i < s->n; i++)
        (void)json_array_append_new(steps, describe_step(&s->step[i]));
    return steps;
}

/* ---- playing ---- */

static void take_step(struct script *s, struct step *step)
{
    struct err e = {0};
    json_t *out = NULL;

    if (step->verb->run(s->proxy, step->args, &out, &e) < 0) {
        step->error = strdup(e.text);
        log_error("scenario", "step=%zu verb=\"%s\" reason=\"%s\"", s->done + 1,
                  step->verb->words, e.text);
    }
    json_decref(out);
}

static void on_wake(struct wake_node *n, nsec now)
{
    struct script *s = (struct script *)((char *)n - offsetof(struct script, wake));

    while (s->done < s->n && s->begun + s->step[s->done].at <= now) {
        take_step(s, &s->step[s->done]);
        s->done++;
    }
    if (s->done < s->n) {
        wake_set(&s->proxy->wake, n, s->begun + s->step[s->done].at);
        return;
    }
    s->ended = uv_hrtime();
    log_info("scenario", "state=over steps=%zu", s->n);
}

static bool is_playing(const struct script *s)
{
    return s && !s->stopped && s->done < s->n;
}

/* One that could be played now, or NULL and *e. */
static struct script *new_script(const struct proxy *p, const char *text, struct err *e)
{
    struct script *s;

    if (is_playing(p->script)) {
        err_set(e, -EBUSY, "a scenario is being played");
        err_hint(e, "SCENARIO STOP ends it");
        return NULL;
    }
    if ((s = calloc(1, sizeof *s)) == NULL)
        err_set(e, -ENOMEM, "out of memory");
    else if (read_script(s, text, e) < 0)
        script_free(&s);
    return s;
}

int script_check(const struct proxy *p, const char *text, json_t **out, struct err *e)
{
    struct script *s = new_script(p, text, e);

    if (s == NULL)
        return e->code;
    *out = json_pack("{s:s, s:o}", "state", "sound", "steps", describe_steps(s));
    script_free(&s);
    return 0;
}

int script_play(struct proxy *p, const char *text, struct err *e)
{
    struct script *s = new_script(p, text, e);

    if (s == NULL)
        return e->code;
    s->proxy = p;
    s->wake.call = on_wake;
    s->begun = uv_hrtime();
    script_free(&p->script);
    p->script = s;
    wake_set(&p->wake, &s->wake, s->begun + s->step[0].at);
    log_info("scenario", "state=playing steps=%zu", s->n);
    return 0;
}

int script_stop(struct proxy *p, struct err *e)
{
    if (!is_playing(p->script))
        return err_set(e, -ENOENT, "no scenario is being played");
    p->script->stopped = true;
    p->script->ended = uv_hrtime();
    wake_set(&p->wake, &p->script->wake, NSEC_NEVER);
    log_info("scenario", "state=stopped done=%zu steps=%zu", p->script->done,
             p->script->n);
    return 0;
}

int script_resume(struct proxy *p, struct err *e)
{
    struct script *s = p->script;

    if (s == NULL || !s->stopped || s->done == s->n)
        return err_set(e, -ENOENT, "no scenario has been stopped");
    s->begun += uv_hrtime() - s->ended;
    s->stopped = false;
    s->ended = 0;
    wake_set(&p->wake, &s->wake, s->begun + s->step[s->done].at);
    log_info("scenario", "state=resumed done=%zu steps=%zu", s->done, s->n);
    return 0;
}

json_t *script_describe(const struct proxy *p)
{
    const struct script *s = p->script;
    nsec end;

    if (s == NULL)
        return json_pack("{s:s, s:[]}", "state", "none", "steps");
    end = s->ended ? s->ended : uv_hrtime();
    return json_pack("{s:s, s:f, s:I, s:o}", "state",
                     s->stopped      ? "stopped"
                     : is_playing(s) ? "playing"
                                     : "over",
                     "seconds", (double)(end - s->begun) / 1e9, "done",
                     (json_int_t)s->done, "steps", describe_steps(s));
}

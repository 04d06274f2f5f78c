/* control.c -- see control.h: finding a verb, and reading what it is given. */
#include "control.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PARAM_NAME_MAX 32

enum param_form { REQUIRED, OPTIONAL, REST, OPTION, FLAG };

struct param_word {
    char name[PARAM_NAME_MAX];
    enum param_form form;
};

/* The next word of a verb's params. Answers what follows it, or NULL at the end. */
static const char *next_param(const char *s, struct param_word *p)
{
    size_t n;

    s += strspn(s, " ");
    n = strcspn(s, " ");
    if (n == 0)
        return NULL;
    p->form = s[0] == '[' ? OPTIONAL : REQUIRED;
    if (n > 3 && strncmp(s + n - 3, "...", 3) == 0)
        p->form = REST;
    else if (memchr(s, '=', n) != NULL)
        p->form = OPTION;
    else if (s[n - 1] == '?')
        p->form = FLAG;
    snprintf(p->name, sizeof p->name, "%.*s", (int)strcspn(s + (*s == '['), "]=?. "),
             s + (*s == '['));
    return s + n;
}

static bool find_param(const struct control_verb *v, const char *name,
                       struct param_word *p)
{
    for (const char *s = v->params; (s = next_param(s, p)) != NULL;)
        if (strcasecmp(p->name, name) == 0)
            return true;
    return false;
}

/* ---- words ---- */

/* Does the verb's name begin the words? Answers how many it takes, or 0. */
static size_t takes(const struct control_verb *v, size_t n, const char *const *word)
{
    size_t took = 0;

    for (const char *s = v->words; *s; took++) {
        size_t len = strcspn(s, " ");

        if (took == n || strlen(word[took]) != len ||
            strncasecmp(s, word[took], len) != 0)
            return 0;
        s += len + (s[len] == ' ');
    }
    return took;
}

static void hint_nearest(const char *typed, struct err *e)
{
    const char *names[64] = {NULL}, *near;
    char upper[64];
    size_t n = 0;

    for (size_t i = 0; i < 63 && control_verbs[i].words; i++)
        names[i] = control_verbs[i].words;
    for (; n < sizeof upper - 1 && typed[n]; n++)
        upper[n] = (char)toupper((unsigned char)typed[n]);
    upper[n] = '\0';
    near = err_nearest(upper, names);
    if (near)
        err_hint(e, "did you mean '%s'?", near);
    else
        err_hint(e, "HELP lists what there is");
}

const struct control_verb *control_find(size_t n, const char *const *word, size_t *took,
                                        struct err *e)
{
    const struct control_verb *best = NULL;
    char typed[64];

    *took = 0;
    for (const struct control_verb *v = control_verbs; v->words; v++) {
        size_t t = takes(v, n, word);

        if (t > *took) {
            best = v;
            *took = t;
        }
    }
    if (best)
        return best;
    snprintf(typed, sizeof typed, "%s%s%.40s", n ? word[0] : "", n > 1 ? " " : "",
             n > 1 ? word[1] : "");
    err_set(e, -EINVAL, "unknown command '%s'", typed);
    hint_nearest(typed, e);
    return NULL;
}

/* All words from here on, joined by spaces: a sentence needs no quotes. */
static int take_rest(json_t *args, const char *name, size_t n, const char *const *word)
{
    char text[4096];
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(word[i]);

        if (at + len + 2 > sizeof text)
            return -E2BIG;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "",
                               word[i]);
    }
    return json_object_set_new(args, name, json_string(text)) < 0 ? -EINVAL : 0;
}

static int bad_words(const struct control_verb *v, struct err *e, const char *what,
                     const char *word)
{
    char usage[256];

    err_set(e, -EINVAL, "%s '%.60s'", what, word);
    err_hint(e, "%s", control_usage(v, false, usage, sizeof usage));
    return -EINVAL;
}

/* NAME value, or NAME alone for a flag. Answers how many words it took; 0 = neither. */
static size_t take_option(const struct control_verb *v, json_t *args, size_t n,
                          const char *const *word)
{
    struct param_word p;

    if (!find_param(v, word[0], &p) || (p.form != OPTION && p.form != FLAG))
        return 0;
    if (p.form == FLAG)
        return json_object_set_new(args, p.name, json_true()) < 0 ? 0 : 1;
    if (n < 2 || json_object_set_new(args, p.name, json_string(word[1])) < 0)
        return 0;
    return 2;
}

/* A word in its place; "r1 / r2,r3" is one in three. Answers how many it took; 0 = it is
 * no text. */
static size_t take_word(json_t *args, const char *name, size_t n, const char *const *word)
{
    char joined[1024];
    size_t k = 1, at = (size_t)snprintf(joined, sizeof joined, "%s", word[0]);

    while (k < n && at > 0 && at < sizeof joined &&
           (word[k][0] == '/' || joined[at - 1] == '/'))
        at += (size_t)snprintf(joined + at, sizeof joined - at, "%s", word[k++]);
    if (at >= sizeof joined)
        k = 1;
    return json_object_set_new(args, name, json_string(k > 1 ? joined : word[0])) < 0 ? 0
                                                                                      : k;
}

int control_args(const struct control_verb *v, size_t n, const char *const *word,
                 json_t **args, struct err *e)
{
    const char *s = v->params;
    struct param_word p;
    size_t i = 0;
    int err = 0;

    *args = json_object();
    while (err == 0 && i < n) {
        size_t took = take_option(v, *args, n - i, word + i);

        i += took;
        if (took)
            continue;
        do
            s = s ? next_param(s, &p) : NULL;
        while (s && (p.form == OPTION || p.form == FLAG));
        if (s == NULL) {
            err = bad_words(v, e, "one word too many:", word[i]);
        } else if (p.form == REST) {
            err = take_rest(*args, p.name, n - i, word + i);
            if (err)
                err_set(e, err, "too long, or no UTF-8");
            took = n - i;
        } else if ((took = take_word(*args, p.name, n - i, word + i)) == 0) {
            err = err_set(e, -EINVAL, "no UTF-8");
        }
        i += took;
    }
    if (err == 0)
        err = control_check(v, *args, e);
    if (err) {
        json_decref(*args);
        *args = NULL;
    }
    return err;
}

/* Numbers are taken for the text they are written as. */
static bool is_value(const json_t *v, const struct param_word *p)
{
    return p->form == FLAG ? json_is_boolean(v) : json_is_string(v) || json_is_integer(v);
}

int control_check(const struct control_verb *v, const json_t *args, struct err *e)
{
    struct param_word p;
    const char *key;
    json_t *value;

    for (const char *s = v->params; (s = next_param(s, &p)) != NULL;)
        if ((p.form == REQUIRED || p.form == REST) && !json_object_get(args, p.name))
            return bad_words(v, e, "missing", p.name);
    json_object_foreach((json_t *)(uintptr_t)args, key, value)
    {
        if (!find_param(v, key, &p))
            return bad_words(v, e, "unknown", key);
        if (!is_value(value, &p))
            return bad_words(v, e, "no sound value for", key);
    }
    return 0;
}

/* One parameter of the usage: s[0..n) as the verb declares it. */
static int print_param(const char *s, size_t n, bool shell, char *buf, size_t size)
{
    size_t name = strcspn(s, "=? "), i;
    char word[PARAM_NAME_MAX];

    if (name >= n) /* a word to be given in its place */
        return snprintf(buf, size, " %.*s", (int)n, s);
    for (i = 0; i < name && i + 1 < sizeof word; i++)
        word[i] = (char)(shell ? s[i] : toupper((unsigned char)s[i]));
    word[i] = '\0';
    return snprintf(buf, size, " [%s%s%s%.*s]", shell ? "--" : "", word,
                    s[name] == '=' ? " " : "", (int)(n - name - 1), s + name + 1);
}

const char *control_usage(const struct control_verb *v, bool shell, char *buf,
                          size_t size)
{
    size_t at = (size_t)snprintf(buf, size, "%s", v->words), n;

    for (size_t i = 0; shell && i < at && i < size; i++)
        buf[i] = (char)tolower((unsigned char)buf[i]);
    for (const char *s = v->params; *s && at < size; s += n, s += strspn(s, " ")) {
        n = strcspn(s, " ");
        at += (size_t)print_param(s, n, shell, buf + at, size - at);
    }
    return buf;
}

/* ---- routes ---- */

/* What stands in braces in the route is what stands here in the path. */
static void take_segment(json_t *args, const char *route, size_t r, const char *path,
                         size_t n)
{
    char name[PARAM_NAME_MAX];

    snprintf(name, sizeof name, "%.*s", (int)r - 2, route + 1);
    (void)json_object_set_new(args, name, json_stringn(path, n));
}

/* /rules/{name} against /rules/x: what stands in braces goes into args (may be NULL). */
static bool same_path(const char *route, const char *path, json_t *args)
{
    for (;;) {
        size_t r = strcspn(route, "/"), n = strcspn(path, "/");

        if (route[0] == '{' && n > 0) {
            if (args)
                take_segment(args, route, r, path, n);
        } else if (r != n || strncmp(route, path, n) != 0) {
            return false;
        }
        if (route[r] != path[n])
            return false;
        if (path[n] == '\0')
            return true;
        route += r + 1;
        path += n + 1;
    }
}

const struct control_verb *control_route(const char *method, const char *path,
                                         json_t *args, bool *known)
{
    *known = false;
    for (const struct control_verb *v = control_verbs; v->words; v++) {
        const char *route = v->route ? strchr(v->route, ' ') : NULL;
        size_t n = route ? (size_t)(route - v->route) : 0;

        if (route == NULL || !same_path(route + 1, path, NULL))
            continue;
        *known = true;
        if (strlen(method) == n && strncmp(method, v->route, n) == 0) {
            (void)same_path(route + 1, path, args);
            return v;
        }
    }
    return NULL;
}

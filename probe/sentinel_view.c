/* sentinel_view.c -- see sentinel_view.h. */
#include "sentinel_view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int view_parse(const char *word, enum view *out, struct err *e)
{
    static const char *const words[] = {"text", "wide", "json"};

    for (int i = 0; i < 3; i++)
        if (strcmp(word, words[i]) == 0) {
            *out = (enum view)i;
            return 0;
        }
    return err_set(e, -EINVAL, "'%.40s' is no output: text, wide or json", word);
}

void view_json(const struct view_how *how, json_t *what)
{
    json_dumpf(what, stdout,
               (how->pretty ? JSON_INDENT(2) : JSON_COMPACT) | JSON_REAL_PRECISION(6));
    printf("\n");
    fflush(stdout);
    json_decref(what);
}

static const char *cell(const json_t *o, const char *field, char *buf, size_t size)
{
    const json_t *v = json_object_get(o, field);

    if (json_is_string(v))
        snprintf(buf, size, "%s", json_string_value(v));
    else if (json_is_integer(v))
        snprintf(buf, size, "%lld", (long long)json_integer_value(v));
    else
        snprintf(buf, size, "-");
    return buf;
}

static size_t width(const struct view_column *c, const json_t *list)
{
    size_t widest = strlen(c->title);
    char buf[256];

    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t n = strlen(cell(json_array_get(list, i), c->field, buf, sizeof buf));

        widest = n > widest ? n : widest;
    }
    return widest;
}

/* o == NULL prints the titles. */
static void row(const struct view_how *how, const struct view_column *c,
                const json_t *list, const json_t *o)
{
    const char *before = "";
    char buf[256];

    for (; c->title != NULL; c++) {
        if (c->wide && how->view != VIEW_WIDE)
            continue;
        printf("%s%-*s", before, (int)width(c, list),
               o != NULL ? cell(o, c->field, buf, sizeof buf) : c->title);
        before = "  ";
    }
    printf("\n");
}

void view_list(const struct view_how *how, const struct view_column *c, json_t *list)
{
    if (how->view == VIEW_JSON) {
        view_json(how, list);
        return;
    }
    row(how, c, list, NULL);
    for (size_t i = 0; i < json_array_size(list); i++)
        row(how, c, list, json_array_get(list, i));
    fflush(stdout);
    json_decref(list);
}

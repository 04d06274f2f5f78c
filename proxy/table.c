/* table.c -- see table.h. */
#include "table.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 64
#define CELL_MAX    160
#define PATH_ROOM   64

/* The columns of a table: what is to be found where in a row, and how wide it is. */
struct sheet {
    char path[COLUMNS_MAX][PATH_ROOM];
    int width[COLUMNS_MAX];
    size_t n;
};

/* "a, b" of a list of texts. Answers whether it was one. */
static bool join(const json_t *list, char *buf, size_t size)
{
    size_t n = 0;

    snprintf(buf, size, "%s", json_array_size(list) ? "" : "-");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text == NULL)
            return false;
        if (n < size)
            n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? "," : "", text);
    }
    return true;
}

/* A value in one cell. Answers buf. */
static const char *cell(const json_t *v, char *buf, size_t size)
{
    char *text;

    if (json_is_string(v))
        snprintf(buf, size, "%s", json_string_value(v));
    else if (v == NULL || json_is_null(v))
        snprintf(buf, size, "-");
    else if (json_is_boolean(v))
        snprintf(buf, size, "%s", json_is_true(v) ? "yes" : "no");
    else if (json_is_real(v))
        snprintf(buf, size, "%.3f", json_real_value(v));
    else if (json_is_array(v) && join(v, buf, size))
        return buf;
    else if ((text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY)) != NULL) {
        snprintf(buf, size, "%s", text);
        free(text);
    }
    return buf;
}

/* What "requests.bytes" is in a row; NULL when there is no such thing. */
static const json_t *find(const json_t *row, const char *path)
{
    char name[PATH_ROOM];

    while (row && *path) {
        size_t n = strcspn(path, ".");

        snprintf(name, sizeof name, "%.*s", (int)n, path);
        row = json_object_get(row, name);
        path += n + (path[n] == '.');
    }
    return row;
}

static void add_column(struct sheet *s, const char *before, const char *name)
{
    if (s->n < COLUMNS_MAX)
        snprintf(s->path[s->n++], PATH_ROOM, "%s%s%s", before, *before ? "." : "", name);
}

static void add_all(struct sheet *s, const json_t *row, const char *before, bool nested)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, key, value)
    {
        if (!json_is_object(value))
            add_column(s, before, key);
        else if (nested && *before == '\0')
            add_all(s, value, key, true);
    }
}

/* In a column that some rows have nested and some not, the nested names are wanted. */
static const json_t *fullest(const json_t *rows)
{
    const json_t *row = json_array_get(rows, 0);
    size_t most = 0;

    for (size_t r = 0; r < json_array_size(rows); r++) {
        struct sheet s = {.n = 0};

        add_all(&s, json_array_get(rows, r), "", true);
        if (s.n > most) {
            most = s.n;
            row = json_array_get(rows, r);
        }
    }
    return row;
}

static bool any_has(const json_t *rows, const char *path)
{
    for (size_t r = 0; r < json_array_size(rows); r++)
        if (find(json_array_get(rows, r), path))
            return true;
    return false;
}

static void choose(struct sheet *s, const json_t *rows, enum table_width width,
                   const char *columns)
{
    char path[PATH_ROOM];

    s->n = 0;
    for (; width == TABLE_TEXT && columns && *columns; columns += strspn(columns, " ")) {
        size_t n = strcspn(columns, " ");

        snprintf(path, sizeof path, "%.*s", (int)n, columns);
        if (any_has(rows, path))
            add_column(s, "", path);
        columns += n;
    }
    if (s->n == 0)
        add_all(s, width == TABLE_WIDE ? fullest(rows) : json_array_get(rows, 0), "",
                width == TABLE_WIDE);
}

static void measure(struct sheet *s, const json_t *rows)
{
    char text[CELL_MAX];

    for (size_t c = 0; c < s->n; c++) {
        s->width[c] = (int)strlen(s->path[c]);
        for (size_t r = 0; r < json_array_size(rows); r++) {
            cell(find(json_array_get(rows, r), s->path[c]), text, sizeof text);
            if ((int)strlen(text) > s->width[c])
                s->width[c] = (int)strlen(text);
        }
    }
}

static void print_table(FILE *f, const json_t *rows, enum table_width width,
                        const char *columns)
{
    struct sheet s;
    char text[CELL_MAX];

    choose(&s, rows, width, columns);
    measure(&s, rows);
    for (size_t c = 0; c < s.n; c++)
        fprintf(f, "%-*s%s", c + 1 < s.n ? s.width[c] : 0, s.path[c],
                c + 1 < s.n ? "  " : "\n");
    for (size_t r = 0; r < json_array_size(rows); r++)
        for (size_t c = 0; c < s.n; c++) {
            cell(find(json_array_get(rows, r), s.path[c]), text, sizeof text);
            fprintf(f, "%-*s%s", c + 1 < s.n ? s.width[c] : 0, text,
                    c + 1 < s.n ? "  " : "\n");
        }
}

static void print_array(FILE *f, const json_t *v, enum table_width width,
                        const char *columns)
{
    char text[CELL_MAX * 8];

    if (json_is_object(json_array_get(v, 0))) {
        print_table(f, v, width, columns);
        return;
    }
    for (size_t i = 0; i < json_array_size(v); i++)
        fprintf(f, "%s\n", cell(json_array_get(v, i), text, sizeof text));
}

static void print_object(FILE *f, const json_t *v, enum table_width width,
                         const char *columns)
{
    const char *key;
    json_t *value;
    char text[CELL_MAX * 8];

    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        if (json_is_array(value) || json_is_object(value)) {
            fprintf(f, "%s:\n", key);
            table_print(f, value, width, columns);
            fputc('\n', f);
        } else {
            fprintf(f, "%-16s %s\n", key, cell(value, text, sizeof text));
        }
    }
}

void table_print(FILE *f, const json_t *v, enum table_width width, const char *columns)
{
    char text[CELL_MAX * 8];

    if (json_is_array(v))
        print_array(f, v, width, columns);
    else if (json_is_object(v))
        print_object(f, v, width, columns);
    else
        fprintf(f, "%s\n", cell(v, text, sizeof text));
}

/* table.c -- see table.h. */
#include "table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16
#define CELL_MAX    160

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
    else if ((text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY)) != NULL) {
        snprintf(buf, size, "%s", text);
        free(text);
    }
    return buf;
}

static void print_table(FILE *f, const json_t *rows)
{
    const char *name[COLUMNS_MAX], *key;
    int width[COLUMNS_MAX];
    char text[CELL_MAX];
    size_t n = 0;
    json_t *value;

    json_object_foreach(json_array_get(rows, 0), key, value)
    {
        if (n < COLUMNS_MAX)
            name[n++] = key;
    }
    for (size_t c = 0; c < n; c++) {
        width[c] = (int)strlen(name[c]);
        for (size_t r = 0; r < json_array_size(rows); r++) {
            cell(json_object_get(json_array_get(rows, r), name[c]), text, sizeof text);
            if ((int)strlen(text) > width[c])
                width[c] = (int)strlen(text);
        }
    }
    for (size_t c = 0; c < n; c++)
        fprintf(f, "%-*s%s", c + 1 < n ? width[c] : 0, name[c], c + 1 < n ? "  " : "\n");
    for (size_t r = 0; r < json_array_size(rows); r++)
        for (size_t c = 0; c < n; c++) {
            cell(json_object_get(json_array_get(rows, r), name[c]), text, sizeof text);
            fprintf(f, "%-*s%s", c + 1 < n ? width[c] : 0, text, c + 1 < n ? "  " : "\n");
        }
}

static void print_array(FILE *f, const json_t *v)
{
    char text[CELL_MAX * 8];

    if (json_is_object(json_array_get(v, 0))) {
        print_table(f, v);
        return;
    }
    for (size_t i = 0; i < json_array_size(v); i++)
        fprintf(f, "%s\n", cell(json_array_get(v, i), text, sizeof text));
}

static void print_object(FILE *f, const json_t *v)
{
    const char *key;
    json_t *value;
    char text[CELL_MAX * 8];

    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        if (json_is_array(value) || json_is_object(value)) {
            fprintf(f, "%s:\n", key);
            table_print(f, value);
            fputc('\n', f);
        } else {
            fprintf(f, "%-16s %s\n", key, cell(value, text, sizeof text));
        }
    }
}

void table_print(FILE *f, const json_t *v)
{
    char text[CELL_MAX * 8];

    if (json_is_array(v))
        print_array(f, v);
    else if (json_is_object(v))
        print_object(f, v);
    else
        fprintf(f, "%s\n", cell(v, text, sizeof text));
}

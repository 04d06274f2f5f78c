/* live.c -- see live.h. */
#include "live.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fan.h"
#include "http.h"
#include "web.h"

#define PATIENCE MSEC(300)

struct telling {
    void (*on)(void *arg, const char *word);
    void *arg;
};

/* A member of each object of the list: a text, or a number. */
static void tell_each(const struct telling *t, const json_t *list, const char *key)
{
    char number[32];
    json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        const json_t *v = json_object_get(one, key);

        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        if (json_is_string(v))
            t->on(t->arg, json_string_value(v));
        else if (json_is_integer(v))
            t->on(t->arg, number);
    }
}

/* The rules away.1, away.2, ... are those of the partition "away". */
static void tell_partitions(const struct telling *t, const json_t *rules)
{
    json_t *one;
    size_t i;

    json_array_foreach(rules, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        const char *dot = name ? strrchr(name, '.') : NULL;
        char *partition = dot && isdigit((unsigned char)dot[1])
                              ? strndup(name, (size_t)(dot - name))
                              : NULL;

        if (partition)
            t->on(t->arg, partition);
        free(partition);
    }
}

static void tell(const struct telling *t, enum live_kind kind, const json_t *answer)
{
    switch (kind) {
    case LIVE_PARTIES:
        tell_each(t, json_object_get(answer, "nodes"), "name");
        tell_each(t, json_object_get(answer, "links"), "from");
        break;
    case LIVE_RULES: tell_each(t, answer, "name"); break;
    case LIVE_PARTITIONS: tell_partitions(t, answer); break;
    case LIVE_SESSIONS: tell_each(t, json_object_get(answer, "sessions"), "id"); break;
    }
}

void live_names(const char *api, enum live_kind kind,
                void (*on)(void *arg, const char *word), void *arg)
{
    static const char *const paths[] = {"/status", "/rules", "/rules", "/sessions"};
    const struct fan_request q = {"GET", paths[kind], NULL};
    const struct telling t = {on, arg};
    const char *standard = getenv("SUNDER_API");
    struct err e;
    struct fan f;

    if (api == NULL)
        api = standard && *standard ? standard : HTTP_STANDARD;
    if (web_load(&e) < 0)
        return;
    (void)alarm(1); /* nothing else ends a lookup of a name */
    if (fan_open(&f, api, getenv("SUNDER_API_TOKEN_FILE"), PATIENCE, &e) < 0)
        return;
    fan_ask(&f, &q, NULL);
    (void)alarm(0);
    for (size_t i = 0; i < f.n; i++)
        if (f.peer[i].trouble.code == 0)
            tell(&t, kind, f.peer[i].answer);
    fan_close(&f);
}

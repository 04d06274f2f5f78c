/* merge.c -- see merge.h. Answers are taken in one after the other: what is there so far,
 * and what one more proxy says.
 */
#include "merge.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char *const greatest[] = {"held_max", "seconds_left", "age",
                                       "rules",    "seconds",      NULL};
static const char *const least[] = {"done", NULL};
static const char *const alike[] = {"seed", "port", "status", NULL};

static bool among(const char *const *names, const char *key)
{
    for (; key && *names; names++)
        if (strcmp(*names, key) == 0)
            return true;
    return false;
}

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* Are both about one thing? What has no name is about nothing but itself. */
static bool same_thing(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"name", "from", "to"};
    bool any = false;

    if (json_object_get(a, "id"))
        return false;
    for (size_t i = 0; i < 3; i++) {
        const char *x = text_of(a, keys[i]), *y = text_of(b, keys[i]);

        if ((x == NULL) != (y == NULL) || (x && strcmp(x, y) != 0))
            return false;
        any |= x != NULL;
    }
    return any;
}

static json_t *merge(const char *key, json_t *a, json_t *b);

static json_t *merge_numbers(const char *key, const json_t *a, const json_t *b)
{
    double x = json_number_value(a), y = json_number_value(b);

    if (among(alike, key) && x != y)
        return json_pack("[O, O]", a, b);
    if (among(greatest, key) || among(alike, key))
        return json_incref((json_t *)(uintptr_t)(x < y ? b : a));
    if (among(least, key))
        return json_incref((json_t *)(uintptr_t)(x < y ? a : b));
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer(json_integer_value(a) + json_integer_value(b));
    return json_real(x + y);
}

/* "a,b" and "b" are "a,b". */
static json_t *merge_texts(const json_t *a, const json_t *b)
{
    const char *x = json_string_value(a), *y = json_string_value(b);
    size_t n = strlen(y);

    for (const char *at = x; (at = strstr(at, y)) != NULL; at++)
        if ((at == x || at[-1] == ',') && (at[n] == ',' || at[n] == '\0'))
            return json_incref((json_t *)(uintptr_t)a);
    return json_sprintf("%s,%s", x, y);
}

static json_t *merge_objects(json_t *a, json_t *b)
{
    json_t *all = json_copy(a), *value;
    const char *key;

    json_object_foreach(b, key, value)
    {
        json_t *have = json_object_get(all, key);

        json_object_set_new(all, key,
                            have ? merge(key, have, value) : json_incref(value));
    }
    return all;
}

/* A step of a scenario is the same as the other's if it stands in the same place. */
static bool is_step(const json_t *list, size_t i, const json_t *v)
{
    const json_t *have = json_array_get(list, i);

    return text_of(v, "verb") && text_of(v, "at") && text_of(have, "verb") &&
           text_of(have, "at") &&
           strcmp(text_of(v, "verb"), text_of(have, "verb")) == 0 &&
           strcmp(text_of(v, "at"), text_of(have, "at")) == 0;
}

static size_t place_of(const json_t *list, size_t place, const json_t *v)
{
    size_t i;
    json_t *have;

    if (is_step(list, place, v))
        return place;

    json_array_foreach(list, i, have)
    {
        if (json_is_object(v) ? same_thing(have, v)
                              : !json_is_object(have) && json_equal(have, v))
            break;
    }
    return i;
}

static json_t *merge_lists(const json_t *a, const json_t *b)
{
    json_t *all = json_array(), *v;
    size_t i;

    json_array_extend(all, (json_t *)(uintptr_t)a);
    json_array_foreach(b, i, v)
    {
        size_t at = place_of(all, i, v);

        if (at == json_array_size(all))
            json_array_append(all, v);
        else
            json_array_set_new(all, at, merge(NULL, json_array_get(all, at), v));
    }
    return all;
}

/* key is what b is called in its object, or NULL. */
static json_t *merge(const char *key, json_t *a, json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return merge_numbers(key, a, b);
    if (json_is_object(a) && json_is_object(b))
        return merge_objects(a, b);
    if (json_is_array(a) && json_is_array(b))
        return merge_lists(a, b);
    if (json_is_string(a) && json_is_string(b))
        return merge_texts(a, b);
    if (json_is_boolean(a) && json_is_boolean(b))
        return json_boolean(json_is_true(a) && json_is_true(b));
    if (json_is_array(a))
        return json_array_append(a, b) == 0 ? json_incref(a) : NULL;
    return json_incref(json_is_null(a) ? b : a);
}

/* Say of each rule on how many proxies it is, of each session on which, and of what went
 * wrong with a step, where. */
static void mark(json_t *v, const char *at)
{
    const char *key, *error = text_of(v, "error");
    json_t *member;
    size_t i;

    if (json_is_object(v) && text_of(v, "name") && text_of(v, "rule"))
        json_object_set_new(v, "proxies", json_integer(1));
    if (json_is_object(v) && json_object_get(v, "id"))
        json_object_set_new(v, "proxy", json_string(at));
    if (json_is_object(v) && text_of(v, "verb") && error)
        json_object_set_new(v, "error", json_sprintf("%s: %s", at, error));
    json_object_foreach(v, key, member)
    {
        mark(member, at);
    }
    json_array_foreach(v, i, member)
    {
        mark(member, at);
    }
}

/* Those that all have need not say so. */
static void unmark(json_t *v, size_t n)
{
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_object(v) &&
        json_integer_value(json_object_get(v, "proxies")) == (json_int_t)n)
        json_object_del(v, "proxies");
    json_object_foreach(v, key, member)
    {
        unmark(member, n);
    }
    json_array_foreach(v, i, member)
    {
        unmark(member, n);
    }
}

static bool all_equal(json_t *const *answer, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if ((answer[i] == NULL) != (answer[0] == NULL) ||
            (answer[0] && !json_equal(answer[0], answer[i])))
            return false;
    return true;
}

json_t *merge_answers(json_t *const *answer, const char *const *at, size_t n)
{
    json_t *all = NULL;

    /* One that counts something must be counted, however alike. */
    if (all_equal(answer, n) && !json_is_object(answer[0]) && !json_is_array(answer[0]))
        return answer[0] ? json_incref(answer[0]) : NULL;
    for (size_t i = 0; i < n; i++) {
        json_t *one = answer[i] ? json_deep_copy(answer[i]) : NULL, *both;

        if (one == NULL)
            continue;
        mark(one, at[i]);
        both = all ? merge(NULL, all, one) : json_incref(one);
        json_decref(all);
        json_decref(one);
        all = both;
    }
    unmark(all, n);
    return all;
}

/* tox_types.c -- the toxics: their attributes and units, and the fault that each is. */
#include <string.h>

#include "tox_parts.h"

#define HOUR_MS INT64_C(3600000)
#define HOUR_US (HOUR_MS * 1000)

/* Toxiproxy's KB is 1000 bytes. */
#define RATE_MAX ((INT64_C(10) << 30) / 1000)

static const char *nothing(const struct tox_value *v, char *buf, size_t size)
{
    (void)v;
    snprintf(buf, size, "latency 0");
    return buf;
}

static const char *latency(const struct tox_value *v, char *buf, size_t size)
{
    snprintf(buf, size, "latency %lldms jitter=%lldms", (long long)v[0].n,
             (long long)v[1].n);
    return buf;
}

/* No rate at all is a link on which nothing moves. */
static const char *bandwidth(const struct tox_value *v, char *buf, size_t size)
{
    if (v[0].n == 0)
        snprintf(buf, size, "hang");
    else
        snprintf(buf, size, "bandwidth %lld", (long long)v[0].n * 1000);
    return buf;
}

static const char *slow_close(const struct tox_value *v, char *buf, size_t size)
{
    snprintf(buf, size, "slow-close %lldms", (long long)v[0].n);
    return buf;
}

static const char *timeout(const struct tox_value *v, char *buf, size_t size)
{
    snprintf(buf, size, "swallow idle=%lldms", (long long)v[0].n);
    return buf;
}

static const char *reset_peer(const struct tox_value *v, char *buf, size_t size)
{
    snprintf(buf, size, "reset after=%lldms idle=wait", (long long)v[0].n);
    return buf;
}

static const char *slicer(const struct tox_value *v, char *buf, size_t size)
{
    if (v[0].n == 0)
        return nothing(v, buf, size);
    snprintf(buf, size, "slice %lld variation=%lld gap=%lldus", (long long)v[0].n,
             (long long)v[1].n, (long long)v[2].n);
    return buf;
}

static const char *limit_data(const struct tox_value *v, char *buf, size_t size)
{
    snprintf(buf, size, "limit %lld", (long long)v[0].n);
    return buf;
}

static const char *packet_loss(const struct tox_value *v, char *buf, size_t size)
{
    snprintf(buf, size, "swallow part=%.9f correlation=%.9f", v[0].x, v[1].x);
    return buf;
}

static const struct tox_type types[] = {
    {"noop", {{0}}, false, nothing},
    {"latency", {{"latency", HOUR_MS}, {"jitter", HOUR_MS}}, false, latency},
    {"bandwidth", {{"rate", RATE_MAX}}, false, bandwidth},
    {"slow_close", {{"delay", HOUR_MS}}, false, slow_close},
    {"timeout", {{"timeout", HOUR_MS}}, true, timeout},
    {"reset_peer", {{"timeout", HOUR_MS}}, false, reset_peer},
    {"slicer",
     {{"average_size", INT64_C(1) << 30},
      {"size_variation", INT64_C(1) << 30},
      {"delay", HOUR_US}},
     false,
     slicer},
    {"limit_data", {{"bytes", INT64_MAX}}, false, limit_data},
    {"packet_loss", {{"loss_rate", 0}, {"correlation", 0}}, false, packet_loss},
};

const struct tox_type *tox_type_named(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

static int read_value(const struct tox_attr *a, const json_t *given, struct tox_value *v,
                      struct tox_error *e)
{
    if (a->max == 0) {
        if (!json_is_number(given))
            return tox_fail(e, 400, "bad request body: %s must be a number", a->name);
        v->x = json_number_value(given);
        if (v->x >= 0 && v->x <= 1)
            return 0;
        return tox_fail(e, 400, "%s must be from 0 to 1", a->name);
    }
    if (!json_is_integer(given))
        return tox_fail(e, 400, "bad request body: %s must be an integer", a->name);
    v->n = json_integer_value(given);
    if (v->n >= 0 && v->n <= a->max)
        return 0;
    return tox_fail(e, 400, "%s must be from 0 to %lld", a->name, (long long)a->max);
}

int tox_read_values(const struct tox_type *type, const json_t *attributes,
                    struct tox_value *v, struct tox_error *e)
{
    if (attributes && !json_is_object(attributes))
        return tox_fail(e, 400, "bad request body: attributes must be an object");
    for (size_t i = 0; i < TOX_ATTRS && type->attr[i].name; i++) {
        const json_t *given = tox_field(attributes, type->attr[i].name);

        if (given && read_value(&type->attr[i], given, &v[i], e) < 0)
            return -1;
    }
    if (type->fault == slicer && v[1].n > 0 && v[1].n >= v[0].n)
        return tox_fail(e, 400, "size_variation must be less than average_size");
    return 0;
}

json_t *tox_values(const struct tox_type *type, const struct tox_value *v)
{
    json_t *o = json_object();

    for (size_t i = 0; i < TOX_ATTRS && type->attr[i].name; i++)
        (void)json_object_set_new(o, type->attr[i].name,
                                  type->attr[i].max ? json_integer(v[i].n)
                                                    : tox_number(v[i].x));
    return o;
}

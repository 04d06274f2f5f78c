/* standing.c -- see standing.h. */
#include "standing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static const char config_text[] =
    "seed: 1\n"
    "nodes:\n"
    "  - {name: r1, listen: '127.0.0.1:0', upstream: '127.0.0.1:1'}\n"
    "  - {name: r2, listen: '127.0.0.1:0', upstream: '127.0.0.1:1'}\n"
    "  - {name: s1, kind: sentinel, listen: '127.0.0.1:0', upstream: '127.0.0.1:1'}\n"
    "clients:\n"
    "  - {name: app, sources: [127.0.3.1]}\n";

static uv_loop_t loop;
static struct proxy *proxy;

static void open_proxy(void)
{
    struct config c;
    struct err e;

    log_level = LOG_ERROR;
    config_init(&c);
    if (uv_loop_init(&loop) < 0 ||
        config_parse(&c, config_text, sizeof config_text - 1, &e) < 0 ||
        proxy_open_alone(&loop, &c, &proxy, &e) < 0)
        abort();
    config_release(&c);
}

static bool is_ours(const char *name)
{
    return strcmp(name, "r1") == 0 || strcmp(name, "r2") == 0 || strcmp(name, "s1") == 0;
}

static void remove_others(void)
{
    struct proxy_node n;
    struct err e;

    for (size_t i = 0; proxy_node_at(proxy, i, &n);)
        if (is_ours(n.name) || proxy_node_remove(proxy, n.name, &e) < 0)
            i++;
}

static void restore_ours(void)
{
    static const char *const names[] = {"r1", "r2", "s1"};

    for (size_t i = 0; i < 3; i++) {
        struct config_node c = {.kind = i == 2 ? NODE_SENTINEL : NODE_REDIS};
        struct err e;

        if (addr_parse("127.0.0.1:0", &c.listen, &e) < 0 ||
            addr_parse("127.0.0.1:1", &c.upstream, &e) < 0)
            abort();
        snprintf(c.party.name, sizeof c.party.name, "%s", names[i]);
        if (proxy_node_add(proxy, &c, false, &e) == 0)
            (void)!proxy_node_start(proxy, names[i], &e);
    }
}

struct proxy *standing_proxy(void)
{
    if (proxy == NULL)
        open_proxy();
    proxy_rule_clear(proxy);
    remove_others();
    restore_ours();
    return proxy;
}

void standing_turn(void)
{
    (void)uv_run(&loop, UV_RUN_NOWAIT);
}

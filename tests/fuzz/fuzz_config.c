/* fuzz_config.c -- any bytes as a configuration.
 *
 * It is read or refused, never a crash or a leak; also when what was read before the
 * mistake is released. What is read is sound, and stays so when it is checked again.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_config(const struct config *c)
{
    struct err e;

    assert(c->nnodes > 0 && config_check(c, &e) == 0);
    for (size_t i = 0; i < c->nnodes; i++) {
        const struct config_node *node = &c->nodes[i];

        assert(node->party.name[0] && node->listen.kind == ADDR_IP);
        assert(node->upstream.kind == ADDR_UNIX || node->upstream.port > 0);
    }
    for (size_t i = 0; i < c->nrules; i++)
        assert(c->rules[i]->refs == 1 && c->rule_places[i].line > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct config c;
    struct err e = {0};

    config_init(&c);
    if (config_parse(&c, (const char *)data, n, &e) == 0)
        check_config(&c);
    else
        assert(e.code < 0 && e.text[0] != '\0' && strchr(e.text, '\n') == NULL);
    config_release(&c);
    return 0;
}

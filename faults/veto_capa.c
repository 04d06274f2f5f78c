/* veto_capa.c -- keep a master from learning what a replica can.
 *
 * The name is made one that no master knows, and masters ignore those: replica and master
 * fall back to what both have always done. The usual ones put the RDB on a connection of
 * its own, which confuses Sentinel when that comes through a proxy (Redis 8.0 to 8.4,
 * Valkey 8.0 to 9.0). Compression of the stream, which nothing can read, has one too.
 */
#include <string.h>

#include "fault.h"

struct veto_capa {
    char names[PARAM_TEXT_SIZE];
};

static const struct param params[] = {
    {"names", PARAM_TEXT, offsetof(struct veto_capa, names), 0, 0,
     "rdb-channel-repl,dual-channel", NULL, "of capabilities, with a comma between"},
    {0},
};

static bool is_listed(const char *list, const uint8_t *name, size_t n)
{
    for (; *list; list += strcspn(list, ","), list += *list == ',')
        if (strcspn(list, ",") == n && memcmp(list, name, n) == 0)
            return true;
    return false;
}

/* capa CRLF $n CRLF name CRLF: one byte of the name is changed, and none added. */
static size_t rename_capas(const void *conf, uint8_t *p, size_t n)
{
    const struct veto_capa *c = conf;
    uint8_t *at = p, *end = p + n, *cr;
    bool changed = false;

    while ((at = memmem(at, (size_t)(end - at), "capa\r\n$", 7)) != NULL) {
        at = memchr(at + 7, '\n', (size_t)(end - at - 7));
        cr = at ? memchr(at, '\r', (size_t)(end - at)) : NULL;
        if (cr == NULL)
            break;
        if (is_listed(c->names, at + 1, (size_t)(cr - at - 1)))
            changed = (at[1] = '_');
    }
    return changed ? n : 0;
}

static void on_frame(const void *conf, void *state, const struct unit *u,
                     struct verdict *v)
{
    (void)state;
    if (u->phase == PHASE_HANDSHAKE)
        verdict_edit(v, rename_capas, conf);
}

const struct fault fault_veto_capa = {
    .name = "veto-capa",
    .help = "keep a master from learning what a replica can",
    .example = "veto-capa",
    .lane = LANE_REQUESTS,
    .replicas = true,
    .params = params,
    .conf_size = sizeof(struct veto_capa),
    .on_frame = on_frame,
};

/* seats_level.c -- rules that need not be asked one frame at a time.
 *
 * A choosy rule names the commands it acts on: other frames are none of its business. A
 * blind one looks at no frame at all. A level one orders the same delay for every frame.
 */
#include <strings.h>

#include "seats_parts.h"

static bool is_choosy(const struct seat *s)
{
    return s->rule->commands > 0 && !s->told;
}

/* It acts on packets, or on sessions as such. */
static bool is_blind(const struct seat *s)
{
    return !s->rule->fault->on_frame && !s->rule->fault->on_bytes && !s->told;
}

static bool is_unconditional(const struct seat *s)
{
    const struct rule *r = s->rule;

    return s->slot < 0 && !s->told && !r->reply[0] && !r->phase && !r->offset &&
           !r->nth && !r->every && !r->first && !r->after && r->chance >= 1;
}

/* Nothing is counted or drawn, and nobody wants to be told of each. */
static bool is_level(const struct dialog *d, const struct seat *s, nsec *delay)
{
    const struct rule *r = s->rule;

    return r->fault->level && r->fault->level(r->conf, delay) && is_unconditional(s) &&
           !d->plan->triggers && (*delay == 0 || d->core->decided == NULL);
}

bool seats_level(const struct dialog *d, enum lane_id lane, struct level *out)
{
    const struct lane *l = &d->lane[lane];
    nsec most = 0, delay = 0;

    *out = (struct level){0};
    for (unsigned i = 0; i < l->seats; i++) {
        const struct seat *s = &l->seat[i];

        if (is_choosy(s) || is_blind(s))
            continue;
        if (!is_level(d, s, &delay))
            return false;
        out->delay = nsec_add(out->delay, delay);
        if (delay > most) {
            most = delay;
            out->by = s->serial;
        }
    }
    return true;
}

void seats_levelled(struct dialog *d, enum lane_id lane, uint64_t frames)
{
    struct lane *l = &d->lane[lane];
    nsec delay = 0;

    for (unsigned i = 0; i < l->seats; i++) {
        struct seat *s = &l->seat[i];

        s->asked = s->on = false;
        if (is_choosy(s) || is_blind(s))
            continue;
        (void)s->rule->fault->level(s->rule->conf, &delay);
        s->met += frames;
        s->acted += frames;
        if (delay == 0)
            continue;
        s->fired = true;
        s->rule->fired += frames;
        d->decisions += frames;
        d->core->decisions += frames;
    }
}

bool seats_name(const struct lane *l, const char *command, size_t n)
{
    for (unsigned i = 0; i < l->seats; i++) {
        const struct rule *r = l->seat[i].rule;

        for (unsigned c = 0; c < r->commands; c++)
            if (n < sizeof r->command[c] && strncasecmp(command, r->command[c], n) == 0 &&
                r->command[c][n] == '\0')
                return true;
    }
    return false;
}

bool seats_mark_none(const struct dialog *d)
{
    const struct lane *l = &d->lane[LANE_REPLIES];

    for (unsigned i = 0; i < l->seats; i++)
        if (!is_choosy(&l->seat[i]) && (l->seat[i].slot >= 0 || d->core->decided))
            return false;
    return true;
}

/* ledger.c -- see ledger.h. */
#include "ledger.h"

#include <assert.h>
#include <stdlib.h>

uint64_t ledger_begin(struct ledger *l, uint32_t client, uint8_t node, nsec now)
{
    if (l->n == l->size) {
        l->size = l->size ? l->size * 2 : 4096;
        l->entry = realloc(l->entry, l->size * sizeof *l->entry);
        assert(l->entry != NULL);
    }
    l->entry[l->n++] = (struct entry){.client = client, .node = node, .begun = now};
    return l->n;
}

void ledger_end(struct ledger *l, uint64_t value, enum fate fate, nsec now)
{
    struct entry *e = &l->entry[value - 1];

    assert(value > 0 && value <= l->n && e->fate == FATE_OPEN);
    e->fate = fate;
    e->ended = now;
}

void ledger_found(struct ledger *l, uint64_t value)
{
    if (value > 0 && value <= l->n)
        l->entry[value - 1].found = true;
}

void ledger_release(struct ledger *l)
{
    free(l->entry);
    *l = (struct ledger){.entry = NULL};
}

static void count_side(const struct entry *e, nsec promotion, size_t promoted,
                       struct ledger_sum *s)
{
    if (e->ended < promotion)
        return;
    if (e->node == promoted) {
        s->by_new++;
        return;
    }
    if (s->by_old == 0 || e->ended < s->old_first)
        s->old_first = e->ended;
    if (e->ended > s->old_last)
        s->old_last = e->ended;
    s->by_old++;
    s->lost_by_old += !e->found;
}

void ledger_sum(const struct ledger *l, nsec promotion, size_t promoted,
                struct ledger_sum *out)
{
    *out = (struct ledger_sum){.begun = l->n};
    for (size_t i = 0; i < l->n; i++) {
        const struct entry *e = &l->entry[i];

        if (e->fate == FATE_ACKED) {
            out->acked++;
            out->lost += !e->found;
            count_side(e, promotion, promoted, out);
        } else if (e->fate == FATE_REFUSED) {
            out->refused++;
            out->refused_found += e->found;
        } else {
            out->unknown++;
            out->unknown_found += e->found;
        }
    }
}

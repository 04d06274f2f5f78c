/* seats_whole.c -- what rules order for a session as a whole: when it begins, when they
 * are added to it, and when a side of it ends.
 */
#include "seats_parts.h"

/* A rule with no condition on frames can act on a session as such. */
static bool acts_on_sessions(const struct seat *s)
{
    const struct rule *r = s->rule;

    return s->slot < 0 && !r->reply[0] && !r->phase && !r->offset && !r->nth &&
           !r->every && !r->first && !r->after && (s->told || rule_in_force(r));
}

/* Of a rule for both lanes one speaks for the session; either can be frozen. */
static void speak_once(const struct rule *r, enum lane_id lane, struct verdict *v)
{
    bool freeze = v->freeze;
    nsec idle = v->idle;

    if (r->lane != LANE_BOTH || lane == LANE_REPLIES)
        return;
    *v = VERDICT_PASS;
    v->freeze = freeze;
    v->idle = idle;
}

static bool by_chance(const struct seat *s, struct rng *rng)
{
    return s->rule->chance >= 1 || rng_unit(rng) < s->rule->chance;
}

void seats_open(struct dialog *d, enum lane_id lane, nsec now, bool live,
                struct verdict *v, uint64_t *by)
{
    struct lane *l = &d->lane[lane];
    enum decided_at at = live ? DECIDED_LIVE : DECIDED_OPEN;
    uint64_t frames = l->frames;
    const struct verdict *told;
    nsec most = 0;

    for (unsigned i = 0; i < l->seats; i++) {
        struct seat *s = &l->seat[i];
        struct verdict one = VERDICT_PASS;
        struct rng rng;
        struct unit u = seat_unit(d, lane, s, now, NULL, &rng);

        if (!s->fresh || s->rule->fault->on_open == NULL || !acts_on_sessions(s))
            continue;
        s->fresh = false;
        l->frames = 0; /* the draw is about the session itself */
        rng = seat_draws(d, lane, s);
        u.live = live;
        told = s->told ? seat_recorded(d, lane, s, at) : NULL;
        if (s->told ? told == NULL : !by_chance(s, &rng))
            continue;
        s->rule->fault->on_open(s->rule->conf, s->state, &u, &one);
        speak_once(s->rule, lane, &one);
        if (told)
            seat_repeat(&one, told);
        seat_orders(d, lane, v, &one, s, &most, by);
        if (verdict_is_pass(&one))
            continue;
        s->fired = false;
        seat_report(d, lane, now, s, "", &one, at);
    }
    l->frames = frames;
}

nsec seats_end(struct dialog *d, enum lane_id lane, nsec now, enum close_how *how,
               uint64_t *by)
{
    struct lane *l = &d->lane[lane];
    struct verdict v = VERDICT_PASS;
    const struct verdict *told = NULL;
    nsec most = 0;

    for (unsigned i = 0; i < l->seats; i++) {
        struct seat *s = &l->seat[i];
        struct verdict one = VERDICT_PASS;
        struct rng rng = seat_draws(d, lane, s);
        struct unit u = seat_unit(d, lane, s, now, NULL, &rng);

        if (s->rule->fault->on_end == NULL || !acts_on_sessions(s))
            continue;
        told = s->told ? seat_recorded(d, lane, s, DECIDED_END) : NULL;
        if (s->told ? told == NULL : !by_chance(s, &rng))
            continue;
        s->rule->fault->on_end(s->rule->conf, s->state, &u, &one);
        if (told)
            seat_repeat(&one, told);
        if (verdict_is_pass(&one))
            continue;
        seat_orders(d, lane, &v, &one, s, &most, by);
        s->fired = false;
        seat_report(d, lane, now, s, "", &one, DECIDED_END);
    }
    *how = v.close;
    return v.delay;
}

/* seats.c -- see seats.h. */
#include "seats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct seat {
    struct rule *rule;
    uint64_t serial; /* of its plan entry */
    int slot;
    bool on;        /* acts on the frame now passing */
    uint64_t met;   /* frames that met its conditions */
    uint64_t acted; /* frames it acted on */
    void *state;    /* the fault's own */
};

static bool applies(const struct dialog *d, enum lane_id lane, const struct plan_entry *e)
{
    return match_lane(e->rule, lane) && match_role(e->rule, d->track.role) &&
           match_link(e->rule, d->from, d->to);
}

static size_t aligned(size_t n)
{
    size_t a = _Alignof(max_align_t);

    return (n + a - 1) / a * a;
}

static struct seat *seat_of(const struct lane *l, uint64_t serial)
{
    for (unsigned i = 0; i < l->seats; i++)
        if (l->seat[i].serial == serial)
            return &l->seat[i];
    return NULL;
}

bool seats_have(const struct lane *l, uint64_t serial)
{
    return seat_of(l, serial) != NULL;
}

/* Fill a zeroed seat: its state lies at `state`. */
static void take(const struct lane *l, struct seat *s, const struct plan_entry *e,
                 void *state)
{
    const struct seat *old = seat_of(l, e->serial);

    if (old)
        *s = *old;
    s->rule = rule_ref(e->rule);
    s->serial = e->serial;
    s->slot = e->slot;
    s->state = state;
    if (old)
        memcpy(state, old->state, e->rule->fault->state_size);
}

int seats_take(struct dialog *d, enum lane_id lane, const struct plan *plan)
{
    struct lane *l = &d->lane[lane];
    struct seat *seat = NULL;
    unsigned n = 0;
    size_t size = 0;
    char *state;

    for (size_t i = 0; i < plan->n; i++)
        if (applies(d, lane, &plan->entry[i])) {
            size += aligned(plan->entry[i].rule->fault->state_size);
            n++;
        }
    if (n && (seat = calloc(1, aligned(n * sizeof *seat) + size)) == NULL)
        return -ENOMEM;
    state = (char *)seat + aligned(n * sizeof *seat);
    for (size_t i = 0, at = 0; i < plan->n; i++)
        if (applies(d, lane, &plan->entry[i])) {
            take(l, &seat[at++], &plan->entry[i], state);
            state += aligned(plan->entry[i].rule->fault->state_size);
        }
    seats_release(l);
    l->seat = seat;
    l->seats = n;
    return 0;
}

void seats_release(struct lane *l)
{
    for (unsigned i = 0; i < l->seats; i++)
        rule_unref(&l->seat[i].rule);
    free(l->seat);
    l->seat = NULL;
    l->seats = 0;
}

static bool meets(const struct seat *s, enum lane_id lane, const struct resp *frame,
                  const struct track_mark *mark)
{
    if (s->slot < 0)
        return true;
    if (lane == LANE_REQUESTS)
        return frame && match_request(s->rule, frame);
    return mark && s->serial <= mark->serial && (mark->mask >> s->slot & 1);
}

/* Of the frames that meet the conditions, is it this one's turn? */
static bool its_turn(struct seat *s, struct rng *rng)
{
    const struct rule *r = s->rule;
    uint64_t n = ++s->met;

    if (n <= r->after)
        return false;
    n -= r->after;
    if ((r->nth && n != r->nth) || (r->first && n > r->first) ||
        (r->every && n % r->every))
        return false;
    return r->chance >= 1 || rng_unit(rng) < r->chance;
}

static struct rng draws(const struct dialog *d, enum lane_id lane, const struct seat *s)
{
    return rng_for(&(struct rng_about){
        .seed = d->core->seed,
        .rule = s->rule->id,
        .link = d->link,
        .session = d->ordinal,
        .frame = d->lane[lane].frames,
        .lane = (unsigned)lane,
    });
}

/* Add one rule's orders to the whole. The rule that delays most answers for the wait. */
static void add(struct verdict *all, const struct verdict *v, uint64_t serial, nsec *most,
                uint64_t *by)
{
    if (v->delay > *most) {
        *most = v->delay;
        *by = serial;
    }
    verdict_delay(all, v->delay);
    all->drop |= v->drop;
    verdict_cut(all, v->cut);
    verdict_close(all, v->close);
    if (v->slice)
        verdict_slice(all, v->slice, v->gap);
}

static void report(struct dialog *d, enum lane_id lane, nsec now, const struct seat *s,
                   const char *command, const struct verdict *v)
{
    struct decision what = {s->rule, d, lane, d->lane[lane].frames, command, v, now};

    d->core->decisions++;
    if (d->core->decided)
        d->core->decided(d->core->arg, &what);
}

/* The command a decision is about, for the journal. */
static const char *command_of(const struct resp *frame, const struct track_mark *mark,
                              char *buf, size_t size)
{
    size_t n;

    if (mark)
        return mark->command;
    buf[0] = '\0';
    if (frame && frame->words && (frame->type == 0 || frame->type == '*')) {
        n = frame->word[0].kept < size - 1 ? frame->word[0].kept : size - 1;
        memcpy(buf, frame->word[0].text, n);
        buf[n] = '\0';
    }
    return buf;
}

void seats_judge(struct dialog *d, enum lane_id lane, nsec now, const struct resp *frame,
                 const struct track_mark *mark)
{
    struct lane *l = &d->lane[lane];
    char command[TRACK_COMMAND];
    nsec most = 0;

    l->verdict = VERDICT_PASS;
    l->by = 0;
    l->acting = false;
    for (unsigned i = 0; i < l->seats; i++) {
        struct seat *s = &l->seat[i];
        struct rng rng;
        struct unit u = {.now = now, .frame = frame, .rng = &rng};
        struct verdict v = VERDICT_PASS;

        s->on = meets(s, lane, frame, mark);
        if (!s->on)
            continue;
        rng = draws(d, lane, s);
        s->on = its_turn(s, &rng);
        if (!s->on)
            continue;
        l->acting = true;
        u.nth = s->acted++;
        if (s->rule->fault->on_frame)
            s->rule->fault->on_frame(s->rule->conf, s->state, &u, &v);
        add(&l->verdict, &v, s->serial, &most, &l->by);
        report(d, lane, now, s, command_of(frame, mark, command, sizeof command), &v);
    }
}

void seats_pass(struct lane *l)
{
    l->verdict = VERDICT_PASS;
    l->by = 0;
    l->acting = false;
    for (unsigned i = 0; i < l->seats; i++)
        l->seat[i].on = false;
}

static size_t grain(const struct lane *l, size_t n)
{
    for (unsigned i = 0; i < l->seats; i++) {
        const struct seat *s = &l->seat[i];

        if (s->on && s->rule->fault->grain) {
            size_t g = s->rule->fault->grain(s->rule->conf, s->state);

            n = g < n ? g : n;
        }
    }
    return n;
}

size_t seats_judge_bytes(struct dialog *d, enum lane_id lane, nsec now,
                         const struct resp *frame, size_t n, struct verdict *v,
                         uint64_t *by)
{
    struct lane *l = &d->lane[lane];
    nsec most = l->verdict.delay;

    n = grain(l, n);
    *v = l->verdict;
    *by = l->by;
    v->cut = SIZE_MAX; /* the frame's own cut is counted by the caller */
    for (unsigned i = 0; i < l->seats; i++) {
        struct seat *s = &l->seat[i];
        struct rng rng;
        struct unit u = {now, frame, n, s->acted - 1, &rng};
        struct verdict one = VERDICT_PASS;

        if (!s->on || s->rule->fault->on_bytes == NULL)
            continue;
        rng = draws(d, lane, s);
        s->rule->fault->on_bytes(s->rule->conf, s->state, &u, &one);
        add(v, &one, s->serial, &most, by);
        if (one.drop || one.close || one.cut != SIZE_MAX)
            report(d, lane, now, s, "", &one);
    }
    return n;
}

void seats_mark(const struct dialog *d, const struct resp *request, struct track_mark *m)
{
    const struct lane *l = &d->lane[LANE_REPLIES];

    m->mask = 0;
    m->serial = d->plan->serial;
    for (unsigned i = 0; i < l->seats; i++)
        if (l->seat[i].slot >= 0 && match_request(l->seat[i].rule, request))
            m->mask |= UINT64_C(1) << l->seat[i].slot;
    if (m->mask)
        (void)command_of(request, NULL, m->command, sizeof m->command);
}

/* seats.c -- see seats.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dialog_parts.h"
#include "seats_parts.h"
#include "shares.h"

/* Is the session of the share that the rule is for? Drawn once: the same whoever asks,
 * and however often, for both lanes. */
static bool is_drawn(const struct dialog *d, const struct rule *r)
{
    struct rng rng;

    if (r->share >= 1)
        return true;
    rng = rng_for(&(struct rng_about){.seed = d->core->seed,
                                      .rule = r->id,
                                      .link = d->link,
                                      .session = d->ordinal,
                                      .lane = LANE_BOTH});
    return rng_unit(&rng) < r->share;
}

static bool applies(const struct dialog *d, enum lane_id lane, const struct plan_entry *e)
{
    const struct rule *r = e->rule;

    return match_lane(r, lane) && match_role(r, d->track.role) &&
           match_link(r, d->from, d->to) &&
           (r->session == 0 || r->session == d->ordinal) && is_drawn(d, r);
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

static void release(struct seat *seat, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (seat[i].share)
            share_leave(seat[i].share);
        rule_unref(&seat[i].rule);
    }
    free(seat);
}

/* Fill a zeroed seat: its state lies at `state`. */
static bool take(struct dialog *d, const struct lane *l, struct seat *s,
                 const struct plan_entry *e, void *state)
{
    const struct seat *old = seat_of(l, e->serial);

    if (old)
        *s = *old;
    s->fresh = old == NULL || old->fresh;
    s->share = NULL;
    s->rule = rule_ref(e->rule);
    s->serial = e->serial;
    s->slot = e->slot;
    s->state = state;
    if (d->core->replay) {
        s->key = rng_hash(e->rule->name, strlen(e->rule->name));
        s->told = replay_has(d->core->replay, s->key);
    }
    if (old)
        memcpy(state, old->state, e->rule->fault->state_size);
    return share_join(d, s->rule, s->serial, &s->share);
}

int seats_take(struct dialog *d, enum lane_id lane, const struct plan *plan)
{
    struct lane *l = &d->lane[lane];
    struct seat *seat = NULL;
    unsigned n = 0, at = 0;
    size_t size = 0;
    bool fine = true;
    char *state;

    for (size_t i = 0; i < plan->n; i++)
        if (applies(d, lane, &plan->entry[i])) {
            size += aligned(plan->entry[i].rule->fault->state_size);
            n++;
        }
    if (n && (seat = calloc(1, aligned(n * sizeof *seat) + size)) == NULL)
        return -ENOMEM;
    state = n ? (char *)seat + aligned(n * sizeof *seat) : NULL;
    for (size_t i = 0; i < plan->n; i++)
        if (applies(d, lane, &plan->entry[i])) {
            fine &= take(d, l, &seat[at++], &plan->entry[i], state);
            state += aligned(plan->entry[i].rule->fault->state_size);
        }
    if (!fine) {
        release(seat, n);
        return -ENOMEM;
    }
    seats_release(d, lane);
    l->seat = seat;
    l->seats = n;
    shares_sweep(d->core, plan);
    return 0;
}

void seats_release(struct dialog *d, enum lane_id lane)
{
    struct lane *l = &d->lane[lane];

    release(l->seat, l->seats);
    l->seat = NULL;
    l->seats = 0;
}

/* Is the frame an answer, as far as can be known? */
static bool is_answer(const struct dialog *d, const struct resp *frame,
                      const struct track_mark *mark)
{
    return mark || (d->track.lost && !d->track.synced && frame && frame->type != '>');
}

static bool in_phase(const struct rule *r, enum repl_phase phase)
{
    return r->phase ? r->phase == phase : !r->fault->replicas || phase != PHASE_NONE;
}

/* Is the link there yet? */
static bool reached(const struct dialog *d, enum lane_id lane, uint64_t offset)
{
    struct unit u = {0};

    if (offset == 0)
        return true;
    repl_show(d, lane, &u);
    return u.anchored && u.phase >= PHASE_RDB && u.offset >= offset;
}

static bool meets(const struct dialog *d, const struct seat *s, enum lane_id lane,
                  const struct resp *frame, const struct track_mark *mark)
{
    const struct rule *r = s->rule;

    if ((!r->fault->on_frame && !r->fault->on_bytes) || !rule_in_force(r))
        return false;
    if (!in_phase(r, phase_of(d, lane)) || !reached(d, lane, r->offset))
        return false;
    if (r->fault->answers && lane == LANE_REPLIES && !r->reply[0] &&
        !is_answer(d, frame, mark))
        return false;
    if (r->reply[0] && (lane != LANE_REPLIES || !frame || !match_reply(r, frame)))
        return false;
    if (s->slot < 0)
        return true;
    if (lane == LANE_REQUESTS || phase_of(d, lane) == PHASE_STREAM)
        return frame && match_request(r, frame, &d->track);
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

struct rng seat_draws(const struct dialog *d, enum lane_id lane, const struct seat *s)
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

void seat_orders(struct dialog *d, enum lane_id lane, struct verdict *all,
                 const struct verdict *v, const struct seat *s, nsec *most, uint64_t *by)
{
    struct lane *l = &d->lane[lane];

    if (set_gate(l, all, v, s->serial) || v->delay == NSEC_NEVER) {
        verdict_hold(all);
        *by = holder_bit(l, s->serial) | (*most == NSEC_NEVER ? *by : 0);
        *most = NSEC_NEVER;
    } else if (v->delay > *most) {
        *most = v->delay;
        *by = s->serial;
    }
    verdict_delay(all, v->delay);
    if ((v->drop || v->cut != SIZE_MAX) && l->scan && l->scan->dropper == NULL)
        rule_hold(&l->scan->dropper, s->rule);
    if ((v->close || v->owe) && d->ender == NULL)
        rule_hold(&d->ender, s->rule);
    if (v->twice && !all->twice)
        l->scan->twicer = s->rule;
    all->drop |= v->drop;
    all->twice |= v->twice;
    verdict_cut(all, v->cut);
    verdict_close(all, v->close);
    if (v->slice)
        verdict_slice(all, v->slice, v->gap);
    if (v->before.p && all->before.p == NULL) {
        verdict_before(all, v->before.p, v->before.n);
        l->scan->herald = s->rule;
    }
    if (v->edit && all->edit == NULL) {
        verdict_edit(all, v->edit, v->conf);
        l->scan->editor = s->rule;
    }
    if (v->instead.p && all->instead.p == NULL) {
        all->instead = v->instead;
        l->scan->speaker = s->rule;
    }
    if (v->owe && l->lasting->owed_by == 0)
        l->lasting->owed_by = s->serial;
    if (v->idle) {
        l->lasting->idle_at = v->idle;
        l->lasting->idle_by = s->serial;
    }
    if (v->stick) /* from the end of this frame on */
        l->lasting->sticking |= holder_bit(l, s->serial);
    if (v->freeze)
        l->lasting->frozen_by |= holder_bit(l, s->serial);
}

/* A rule acts: those that wait for that may begin, or be over. It acts when it orders
 * something: a limit that counts has not acted yet. */
static void fire(struct dialog *d, struct seat *s, const struct verdict *v)
{
    if (s->fired || verdict_is_pass(v))
        return;
    s->fired = true;
    s->rule->fired++;
    if (d->plan->triggers && plan_fired(d->plan, s->rule) && d->core->changed)
        d->core->changed(d->core->arg);
}

void seat_report(struct dialog *d, enum lane_id lane, nsec now, struct seat *s,
                 const char *command, const struct verdict *v, enum decided_at at)
{
    struct decision what = {s->rule, d, lane, d->lane[lane].frames, command, v, now, at};

    d->core->decisions++;
    d->decisions++;
    fire(d, s, v);
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

struct unit seat_unit(const struct dialog *d, enum lane_id lane, const struct seat *s,
                      nsec now, const struct resp *frame, struct rng *rng)
{
    struct unit u = {
        .now = now,
        .frame = frame,
        .rng = rng,
        .shared = s->share ? share_bytes(s->share) : NULL,
        .resp = d->track.resp,
    };

    repl_show(d, lane, &u);
    return u;
}

const struct verdict *seat_recorded(const struct dialog *d, enum lane_id lane,
                                    const struct seat *s, enum decided_at at)
{
    return replay_find(d->core->replay,
                       &(struct replay_key){.rule = s->key,
                                            .link = d->link,
                                            .session = d->ordinal,
                                            .frame = d->lane[lane].frames,
                                            .lane = lane,
                                            .at = at});
}

void seat_repeat(struct verdict *v, const struct verdict *told)
{
    struct bytes before = v->before, instead = v->instead;
    frame_edit *edit = v->edit;
    const void *conf = v->conf;

    *v = *told;
    v->edit = told->edit ? edit : NULL;
    v->conf = conf;
    v->before = told->before.n ? before : (struct bytes){NULL, 0};
    v->instead = told->instead.n ? instead : (struct bytes){NULL, 0};
}

/* What is left out of a stream is left out with all behind it. */
static void sever(struct dialog *d, enum lane_id lane, const struct rule *r,
                  struct verdict *v)
{
    if (!v->drop || r->poison || !is_granted(d, lane))
        return;
    v->owe = true;
    d->lane[lane].lasting->severed = true;
}

/* What the rule orders for the frame, or for what is left of it. */
static struct verdict order(struct dialog *d, enum lane_id lane, struct seat *s,
                            const struct unit *u, const struct verdict *told)
{
    struct lane *l = &d->lane[lane];
    struct verdict v = VERDICT_PASS;

    l->scan->metered |= s->rule->fault->on_bytes != NULL;
    if (s->rule->fault->on_frame)
        s->rule->fault->on_frame(s->rule->conf, s->state, u, &v);
    sever(d, lane, s->rule, &v);
    if (told)
        seat_repeat(&v, told);
    seat_orders(d, lane, &l->scan->verdict, &v, s, &l->scan->most, &l->scan->by);
    return v;
}

/* The frame meets the rule's conditions. Is it its turn, and what does it order? With a
 * replay it is its turn when it was, conditions or not. */
static void act(struct dialog *d, enum lane_id lane, nsec now, struct seat *s,
                const struct resp *frame, const struct track_mark *mark, uint64_t past)
{
    struct rng rng = seat_draws(d, lane, s);
    struct unit u = seat_unit(d, lane, s, now, frame, &rng);
    const struct verdict *told = s->told ? seat_recorded(d, lane, s, DECIDED_FRAME)
                                         : NULL;
    struct verdict v;
    char command[TRACK_COMMAND];

    s->asked = true;
    s->on = s->told ? told != NULL : its_turn(s, &rng);
    if (!s->on)
        return;
    s->fired = false;
    u.nth = s->acted++;
    u.rdb_past = past;
    v = order(d, lane, s, &u, told);
    if (s->rule->fault->on_bytes || !verdict_is_pass(&v))
        seat_report(d, lane, now, s, command_of(frame, mark, command, sizeof command), &v,
                    DECIDED_FRAME);
}

/* The rule has acted on the frame, and still does: on what is left of it. */
static void act_on(struct dialog *d, enum lane_id lane, nsec now, struct seat *s,
                   uint64_t past)
{
    struct rng rng = seat_draws(d, lane, s);
    struct unit u = seat_unit(d, lane, s, now, NULL, &rng);

    u.nth = s->acted - 1;
    u.rdb_past = past;
    (void)order(d, lane, s, &u,
                s->told ? seat_recorded(d, lane, s, DECIDED_FRAME) : NULL);
}

/* A verdict is to be made. */
static void clear(struct lane *l)
{
    l->scan->verdict = VERDICT_PASS;
    l->scan->by = l->scan->most = 0;
    l->scan->metered = false;
    rule_unref(&l->scan->dropper);
}

void seats_judge(struct dialog *d, enum lane_id lane, nsec now, const struct resp *frame,
                 const struct track_mark *mark)
{
    struct lane *l = &d->lane[lane];

    clear(l);
    for (unsigned i = 0; i < l->seats; i++) {
        struct seat *s = &l->seat[i];

        s->asked = s->on = false;
        if (s->told || meets(d, s, lane, frame, mark))
            act(d, lane, now, s, frame, mark, 0);
    }
}

void seats_judge_rest(struct dialog *d, enum lane_id lane, nsec now, uint64_t past)
{
    struct lane *l = &d->lane[lane];
    size_t cut = l->scan->verdict.cut;

    clear(l);
    for (unsigned i = 0; i < l->seats; i++) {
        struct seat *s = &l->seat[i];

        if (s->asked && s->on && rule_in_force(s->rule))
            act_on(d, lane, now, s, past);
        else if (!s->asked && (s->told || meets(d, s, lane, NULL, NULL)))
            act(d, lane, now, s, NULL, NULL, past);
    }
    if (l->scan->verdict.cut != SIZE_MAX)
        verdict_cut(&l->scan->verdict, cut); /* of which part may have passed already */
    l->scan->verdict.edit = NULL;
}

void seats_pass(struct lane *l)
{
    l->scan->verdict = VERDICT_PASS;
    l->scan->by = 0;
    l->scan->metered = false;
    for (unsigned i = 0; i < l->seats; i++)
        l->seat[i].asked = l->seat[i].on = false;
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
    nsec most = l->scan->verdict.delay;
    size_t all = n;

    if (!is_atomic(d, lane))
        n = grain(l, n);
    *v = l->scan->verdict;
    *by = l->scan->by;
    v->cut = SIZE_MAX; /* the frame's own cut is counted by the caller */
    for (unsigned i = 0; i < l->seats; i++) {
        struct seat *s = &l->seat[i];
        struct rng rng;
        struct unit u = seat_unit(d, lane, s, now, frame, &rng);
        struct verdict one = VERDICT_PASS;

        if (!s->on || s->rule->fault->on_bytes == NULL)
            continue;
        rng = seat_draws(d, lane, s);
        u.len = n;
        u.ends = l->scan->ends && n == all;
        u.nth = s->acted - 1;
        s->rule->fault->on_bytes(s->rule->conf, s->state, &u, &one);
        seat_orders(d, lane, v, &one, s, &most, by);
        fire(d, s, &one);
        if (one.drop || one.close || one.cut != SIZE_MAX)
            seat_report(d, lane, now, s, "", &one, DECIDED_BYTES);
    }
    return n;
}

struct wire seats_wire(const struct lane *l)
{
    struct wire w = {0};

    for (unsigned i = 0; i < l->seats; i++)
        if (l->seat[i].rule->fault->wire && rule_in_force(l->seat[i].rule))
            l->seat[i].rule->fault->wire(l->seat[i].rule->conf, &w);
    return w;
}

struct egress seats_egress(const struct lane *l)
{
    struct egress x = {0};

    for (unsigned i = 0; i < l->seats; i++)
        if (l->seat[i].rule->fault->egress && rule_in_force(l->seat[i].rule))
            l->seat[i].rule->fault->egress(l->seat[i].rule->conf, &x);
    return x;
}

void seats_mark(const struct dialog *d, const struct resp *request, struct track_mark *m)
{
    const struct lane *l = &d->lane[LANE_REPLIES];

    m->mask = 0;
    m->serial = d->plan->serial;
    for (unsigned i = 0; i < l->seats; i++)
        if (l->seat[i].slot >= 0 && match_request(l->seat[i].rule, request, &d->track))
            m->mask |= UINT64_C(1) << l->seat[i].slot;
    if (m->mask || (l->seats && d->core->decided)) /* somebody wants to know */
        (void)command_of(request, NULL, m->command, sizeof m->command);
}

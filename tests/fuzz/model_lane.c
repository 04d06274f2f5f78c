/* model_lane.c -- what must become of a lane's bytes, given what was decided. */
#include <string.h>

#include "model_parts.h"

static bool is_here(const struct model *m, int rule)
{
    return rule >= 0 && m->rule[rule].here;
}

static void want(struct side *s, const void *p, size_t n)
{
    if (!s->ended && !s->source_ended) /* behind the end of a stream comes nothing */
        text_add(&s->want, p, n);
}

static void end_here(struct side *s)
{
    if (s->ended || s->source_ended)
        return;
    s->end_min = s->want.n;
    s->ended = true;
}

static void add_wait(struct model *m, struct side *s, nsec until, int rule)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->waits; i++)
        if (is_here(m, s->wait[i].rule) && s->wait[i].until > m->now)
            s->wait[n++] = s->wait[i];
    s->waits = n;
    if (n < 64 && is_here(m, rule))
        s->wait[s->waits++] = (struct wait){s->want.n, until, rule};
}

static void begin_waits(struct model *m, struct side *s, const struct orders *o)
{
    if (o->delay && o->delay != NSEC_NEVER)
        add_wait(m, s, nsec_add(m->now, o->delay), o->slowest);
    for (int i = 0; i < m->rules; i++)
        if (o->holds >> i & 1)
            add_wait(m, s, NSEC_NEVER, i);
}

static void begin(struct model *m, enum lane_id lane, const struct orders *o)
{
    struct side *s = &m->side[lane];

    s->now = *o;
    s->cut_left = o->cut;
    if (lane == LANE_REPLIES ? !o->drop || o->before.p || o->instead.p
                             : !o->drop && !o->instead.p)
        begin_waits(m, s, o);
    if (o->owed && s->owed_by < 0)
        for (int i = 0; i < m->rules && s->owed_by < 0; i++)
            if (strcmp(m->rule[i].rule->fault->name, "swallow") == 0 &&
                (o->fired >> i & 1))
                s->owed_by = i;
    if (lane == LANE_REPLIES && s->now.before.p)
        want(s, s->now.before.p, s->now.before.n);
    if (lane == LANE_REPLIES && s->now.instead.p) {
        want(s, s->now.instead.p, s->now.instead.n);
        s->now.drop = true;
    }
    if (lane == LANE_REQUESTS && s->now.instead.p)
        s->now.drop = true;
    s->from = s->want.n;
}

static void run(struct side *s, const uint8_t *p, size_t n)
{
    size_t keep = n < s->cut_left ? n : s->cut_left;

    if (n == 0)
        return;
    if (s->now.drop) {
        if (s->now.close)
            end_here(s);
        return;
    }
    if (s->cut_left != SIZE_MAX)
        s->cut_left -= keep;
    if (s->now.limited) { /* somewhere in here */
        s->end_min = s->ended ? s->end_min : s->want.n;
        s->ended = false;
        want(s, p, keep);
        s->ended = true;
        return;
    }
    want(s, p, keep);
    if (s->cut_left == 0 && s->now.close)
        end_here(s);
}

static void over(struct model *m, struct side *s)
{
    if (s->now.twice && !s->now.drop && !s->ended) {
        size_t n = s->want.n - s->from;
        uint8_t copy[16384];

        if (n > sizeof copy)
            model_fail(m, "the model's frames are shorter");
        memcpy(copy, s->want.p + s->from, n);
        want(s, copy, n);
    }
    if (s->now.close && !s->now.limited)
        end_here(s);
    for (int i = 0; i < m->rules; i++)
        if (s->now.sticks >> i & 1)
            add_wait(m, s, NSEC_NEVER, i);
    s->under_way = s->head = s->exempt = false;
}

/* ---- who answers whom ---- */

static void collect(void *arg, const char *p, size_t n)
{
    struct instance *i = arg;

    text_add(&i->answers, &n, sizeof n);
    text_add(&i->answers, p, n);
    i->frames++;
}

static void forward(struct model *m, uint16_t request, bool mute)
{
    struct instance *i = &m->instance[m->instances];

    if (m->request[request].verb == V_EMPTY && mute)
        return; /* it goes out twice, and nobody notices */
    *i = (struct instance){.request = request, .mute = mute, .end = SIZE_MAX};
    i->plan = m->dialog.plan->serial;
    fake_serve(&m->shadow, &m->request[request], collect, i);
    i->after = m->shadow;
    if (i->frames) {
        m->turn[m->turns++] = (struct turn){.instance = (int)m->instances};
        m->odd += mute;
    }
    m->instances++;
}

static bool is_asked(const struct model *m, uint16_t request)
{
    return m->request[request].verb != V_EMPTY;
}

/* Would the server have answered? After CLIENT REPLY OFF and SKIP it would not; and the
 * SKIP is still to be used up, because it has not seen this request. */
static void answer_instead(struct model *m, const struct side *s)
{
    struct turn *t = &m->turn[m->turns];
    bool quiet = m->shadow.off || m->shadow.skip;

    if (quiet)
        return;
    *t = (struct turn){.instance = -1};
    text_add(&t->spoken, s->now.instead.p, s->now.instead.n);
    m->turns++;
    m->odd++;
}

static const char *command_of_turn(const struct model *m, int instance)
{
    return instance < 0 ? NULL : fake_name(&m->request[m->instance[instance].request]);
}

/* No rule that names commands has acted on another one; `command` NULL = on none. */
static void check_fired(struct model *m, const struct orders *o, const char *command,
                        const char *what)
{
    for (int i = 0; i < m->rules; i++) {
        const struct rule *r = m->rule[i].rule;
        bool named = r->commands == 0;

        if (!(o->fired >> i & 1))
            continue;
        for (unsigned c = 0; command && c < r->commands; c++)
            named |= strcmp(r->command[c], command) == 0;
        if (command == NULL && r->fault->answers && !r->reply[0] && what[0] == 'r')
            named = false;
        if (!named)
            model_fail(m, "%s: %s acted on %s", what, r->name,
                       command ? command : "no answer");
    }
}

/* Must the rule act on whatever is its business, and does that show? */
static bool is_sure(const struct rule *r)
{
    static const char *const sure[] = {"hang",       "hold",  "swallow", "cut",
                                       "lose-reply", "close", "reset",   "freeze"};

    if (!rule_in_force(r) || r->chance < 1 || r->nth || r->every || r->first ||
        r->after || r->reply[0] || r->in_multi || r->key[0] || r->once ||
        r->after_rule[0] || r->until_rule[0])
        return false;
    for (size_t i = 0; i < sizeof sure / sizeof *sure; i++)
        if (strcmp(r->fault->name, sure[i]) == 0)
            return true;
    return false;
}

/* A rule that must act on this command has. */
static void check_missed(struct model *m, enum lane_id lane, const struct orders *o,
                         const char *command, uint64_t plan)
{
    for (int i = 0; i < m->rules; i++) {
        const struct rule *r = m->rule[i].rule;
        bool named = r->commands == 0;

        if (!m->rule[i].here || !is_sure(r) || m->rule[i].serial > plan ||
            (r->lane != LANE_BOTH && r->lane != lane) || (o->fired >> i & 1))
            continue;
        for (unsigned c = 0; c < r->commands; c++)
            named |= strcmp(r->command[c], command) == 0;
        if (named)
            model_fail(m, "%s did not act on %s", r->name, command);
    }
}

static void request_head(struct model *m, const struct orders *o)
{
    struct side *s = &m->side[LANE_REQUESTS];
    uint16_t q = (uint16_t)m->next_request;
    const char *command = fake_name(&m->request[q]);

    if (m->dialog.lane[LANE_REPLIES].opaque) { /* the server is gone */
        s->now.instead = (struct text){0};
        s->now.drop = o->drop;
        s->now.twice = false;
    }
    if (!is_asked(m, q)) {
        s->now.instead = (struct text){0};
        s->now.drop = o->drop;
        command = NULL;
    }
    check_fired(m, o, command, "a request");
    if (!s->exempt && command)
        check_missed(m, LANE_REQUESTS, o, command, UINT64_MAX);
    if (s->now.instead.p)
        answer_instead(m, s);
    else if (!s->now.drop)
        forward(m, q, false);
}

static void request_over(struct model *m)
{
    struct side *s = &m->side[LANE_REQUESTS];
    uint16_t q = (uint16_t)m->next_request++;
    struct instance *first = m->instances ? &m->instance[m->instances - 1] : NULL;
    size_t half = s->now.twice ? (s->want.n - s->from) / 2 : 0;

    if (s->now.drop || s->ended)
        return;
    first->end = s->want.n - half;
    if (s->now.twice) {
        forward(m, q, true);
        m->instance[m->instances - 1].end = s->want.n;
    }
}

static void reply_head(struct model *m, const struct orders *o)
{
    struct side *s = &m->side[LANE_REPLIES];
    const struct reply *r = &m->reply[m->next_reply];
    const struct instance *i = r->instance < 0 ? NULL : &m->instance[r->instance];

    if (i && (m->next_turn == m->turns || m->turn[m->next_turn].instance != r->instance))
        model_fail(m, "the model's own turns are wrong");
    if (i && i->mute) {
        if (o->fired)
            model_fail(m, "a rule acted on an answer that nobody sees");
        s->now.drop = true;
        return;
    }
    check_fired(m, o, command_of_turn(m, r->instance), "reply");
    if (i && !s->exempt)
        check_missed(m, LANE_REPLIES, o, command_of_turn(m, r->instance), i->plan);
}

static void reply_over(struct model *m)
{
    const struct reply *r = &m->reply[m->next_reply++];

    if (r->instance < 0 || !r->last)
        return;
    m->odd -= m->instance[r->instance].mute;
    m->next_turn++;
}

void lane_speak(struct model *m)
{
    struct side *s = &m->side[LANE_REPLIES];

    while (!m->raw && !s->under_way && m->next_turn < m->turns &&
           m->turn[m->next_turn].instance < 0) {
        struct turn *t = &m->turn[m->next_turn++];
        const struct orders *o = orders_of(m, s, ++s->ordinal);

        m->odd--;
        s->exempt = false;
        check_fired(m, o, NULL, "our own");
        begin(m, LANE_REPLIES, o);
        run(s, t->spoken.p, t->spoken.n);
        over(m, s);
    }
}

/* ---- frames ---- */

static void frame_head(struct model *m, enum lane_id lane)
{
    struct side *s = &m->side[lane];
    static const struct orders none = {.cut = SIZE_MAX, .slowest = -1};
    const struct orders *o = orders_of(m, s, ++s->ordinal);

    if (s->exempt && o->fired)
        model_fail(m, "a rule acted on a frame that had left in part");
    begin(m, lane, s->exempt ? &none : o);
    s->head = true;
    if (m->raw)
        return;
    if (lane == LANE_REQUESTS)
        request_head(m, o);
    else
        reply_head(m, o);
}

static void frame_over(struct model *m, enum lane_id lane)
{
    over(m, &m->side[lane]);
    if (m->raw)
        return;
    if (lane == LANE_REQUESTS)
        request_over(m);
    else
        reply_over(m);
}

/* Not RESP, or no longer: a run stands for a frame, and what was held goes with it. */
static void opaque_run(struct model *m, enum lane_id lane, const uint8_t *p, size_t n,
                       bool ruled)
{
    struct side *s = &m->side[lane];

    if (!m->raw)
        model_fail(m, "sound traffic was taken for something else");
    if (s->under_way && !s->head && s->held.n == 0)
        s->exempt = false;
    s->ordinal = m->dialog.lane[lane].frames;
    begin(m, lane, orders_of(m, s, ruled ? s->ordinal : 0));
    run(s, s->held.p, s->held.n);
    s->held.n = 0;
    run(s, p, n);
    over(m, s);
}

static void part(struct model *m, enum lane_id lane, const uint8_t *p,
                 const struct resp_part *part, bool ruled)
{
    struct side *s = &m->side[lane];

    if (!s->under_way) {
        s->under_way = true;
        s->exempt = !part->head && !ruled && (lane == LANE_REQUESTS || m->odd == 0);
    }
    if (part->head)
        frame_head(m, lane);
    if (s->head && !s->exempt && orders_of(m, s, s->ordinal)->limited) {
        s->now.limited = true;
        s->now.close = orders_of(m, s, s->ordinal)->close;
    }
    if (part->head) {
        run(s, s->held.p, s->held.n);
        s->held.n = 0;
    } else if (!s->head && !s->exempt) {
        text_add(&s->held, p, part->len);
        return;
    } else if (!s->head) {
        want(s, p, part->len);
        return;
    }
    run(s, p, part->len);
    if (part->last) {
        frame_over(m, lane);
        if (lane == LANE_REPLIES)
            lane_speak(m);
    }
}

void lane_fed(struct model *m, enum lane_id lane, const uint8_t *p, size_t n, bool ruled)
{
    struct side *s = &m->side[lane];

    while (n > 0 && !s->opaque) {
        struct resp_part next = resp_next(&s->scan, p, n);

        if (next.opaque) {
            s->opaque = true;
            break;
        }
        part(m, lane, p, &next, ruled);
        p += next.len;
        n -= next.len;
    }
    if (n > 0)
        opaque_run(m, lane, p, n, ruled);
    if (s->ordinal != m->dialog.lane[lane].frames && !m->raw)
        model_fail(m, "%d frames on lane %d, not %d", (int)m->dialog.lane[lane].frames,
                   (int)lane, (int)s->ordinal);
    s->ordinal = m->dialog.lane[lane].frames;
    if (lane == LANE_REQUESTS)
        lane_speak(m);
}

void lane_source_ended(struct model *m, enum lane_id lane)
{
    struct side *s = &m->side[lane];

    if (s->held.n) {
        s->ordinal = m->dialog.lane[lane].frames;
        begin(m, lane, orders_of(m, s, s->ordinal));
        run(s, s->held.p, s->held.n);
        s->held.n = 0;
    }
    s->source_ended = true;
}

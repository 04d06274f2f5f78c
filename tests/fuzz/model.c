/* model.c -- see model.h: the script, the peers, the plan, and what has left. */
#include "model_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void model_fail(struct model *m, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(m->why, sizeof m->why, fmt, ap);
    va_end(ap);
    longjmp(m->failed, 1);
}

void text_add(struct text *t, const void *p, size_t n)
{
    if (n == 0)
        return;
    while (t->n + n > t->size)
        t->p = realloc(t->p, t->size = t->size ? t->size * 2 : 256);
    memcpy(t->p + t->n, p, n);
    t->n += n;
}

void text_free(struct text *t)
{
    free(t->p);
    *t = (struct text){0};
}

struct orders *orders_of(struct model *m, struct side *s, uint64_t ordinal)
{
    if (ordinal >= FRAMES)
        model_fail(m, "the model's runs are shorter");
    if (ordinal >= s->known) {
        size_t known = ordinal * 2 + 16;

        s->orders = realloc(s->orders, known * sizeof *s->orders);
        for (; s->known < known; s->known++)
            s->orders[s->known] = (struct orders){.cut = SIZE_MAX, .slowest = -1};
    }
    return &s->orders[ordinal];
}

/* ---- what has left ---- */

/* Does what has left respect those that hold, and the times? */
static void check_waits(struct model *m, enum lane_id lane)
{
    struct side *s = &m->side[lane];

    for (unsigned i = 0; i < s->waits; i++) {
        const struct wait *w = &s->wait[i];

        if (m->rule[w->rule].here && s->sent > w->at && m->now < w->until)
            model_fail(m, "lane %d: byte %zu left in spite of %s", (int)lane, w->at,
                       m->rule[w->rule].rule->name);
    }
}

static void check_left(struct model *m, enum lane_id lane, const struct iovec *iov,
                       size_t n)
{
    struct side *s = &m->side[lane];

    for (size_t i = 0; i < n; i++) {
        if (m->chaos)
            continue;
        if (s->sent + iov[i].iov_len > s->want.n)
            model_fail(m, "lane %d: bytes after byte %zu are invented", (int)lane,
                       s->want.n);
        else if (memcmp(iov[i].iov_base, s->want.p + s->sent, iov[i].iov_len) != 0)
            model_fail(m, "lane %d: other bytes than those that came, after byte %zu",
                       (int)lane, s->sent);
        else
            s->sent += iov[i].iov_len;
    }
}

static void session_over(struct model *m, enum lane_id lane, enum queue_do how)
{
    struct side *s = &m->side[lane];
    bool reset = s->source_ended && s->end == END_RST && how == QUEUE_RST;

    m->over = true;
    if (m->chaos)
        return;
    if (!s->ended && !reset)
        model_fail(m, "lane %d: the session ended for no reason", (int)lane);
    if (s->ended ? s->sent < s->end_min : s->sent != s->want.n)
        model_fail(m, "lane %d: it ended after %zu bytes, not %zu", (int)lane, s->sent,
                   s->want.n);
}

/* A frame of the server's is complete here: what it answers has arrived there. */
static void server_answers(struct model *m)
{
    struct side *in = &m->side[LANE_REPLIES];

    while (!m->raw && m->arrived < m->instances &&
           m->instance[m->arrived].end <= m->side[LANE_REQUESTS].sent) {
        struct instance *i = &m->instance[m->arrived];

        for (unsigned f = 0; f < i->frames; f++) {
            size_t n;

            memcpy(&n, i->answers.p + i->made, sizeof n);
            text_add(&in->in, i->answers.p + i->made + sizeof n, n);
            i->made += (unsigned)(sizeof n + n);
            m->reply[m->replies++] = (struct reply){in->in.n, (int)m->arrived,
                                                    f + 1 == i->frames};
        }
        m->now_at = i->after;
        m->arrived++;
    }
}

static void drain(struct model *m, enum lane_id lane)
{
    struct side *s = &m->side[lane];
    size_t budget = s->slow ? 5 : SIZE_MAX;
    struct iovec iov[4];

    for (; budget > 0 && !m->over && !s->finished;) {
        size_t n = 4, took = 0;
        enum queue_do what = dialog_next(&m->dialog, lane, m->now, iov, &n);

        if (what == QUEUE_WAIT)
            break;
        if (what == QUEUE_FIN) {
            if (m->now < s->end_until && m->rule[s->end_rule].here)
                model_fail(m, "lane %d: it was shut down in spite of %s", (int)lane,
                           m->rule[s->end_rule].rule->name);
            if (!s->source_ended || (!m->chaos && s->sent != s->want.n))
                model_fail(m, "lane %d: it was shut down too early", (int)lane);
            s->finished = true;
            break;
        }
        if (what != QUEUE_SEND) {
            session_over(m, lane, what);
            break;
        }
        for (size_t i = 0; i < n; i++) {
            if (took + iov[i].iov_len > budget) { /* the socket takes no more */
                iov[i].iov_len = budget - took;
                n = i + 1;
            }
            took += iov[i].iov_len;
        }
        check_left(m, lane, iov, n);
        dialog_sent(&m->dialog, lane, m->now, took);
        m->moves += took;
        budget -= budget == SIZE_MAX ? 0 : took;
        if (took == 0)
            model_fail(m, "lane %d: nothing is to be sent, again and again", (int)lane);
    }
    check_waits(m, lane);
    server_answers(m);
}

/* ---- the peers ---- */

static void feed(struct model *m, enum lane_id lane, size_t n)
{
    struct side *s = &m->side[lane];
    struct lane *l = &m->dialog.lane[lane];
    uint8_t buffer[READ_MAX];
    size_t room = dialog_room(&m->dialog, lane);
    bool ruled = l->seats > 0;

    n = n < READ_MAX ? n : READ_MAX;
    n = n < s->in.n - s->fed ? n : s->in.n - s->fed;
    n = n < room ? n : room;
    if ((s->frozen_by != 0) != (l->lasting->frozen_by != 0) || (s->frozen_by && room > 0))
        model_fail(m, "lane %d: frozen, or not", (int)lane);
    if (n == 0 || s->source_ended || s->ended || m->over)
        return;
    memcpy(buffer, s->in.p + s->fed, n);
    s->fed += n;
    m->moves += n;
    if (dialog_feed(&m->dialog, lane, m->now, buffer, n) < 0)
        model_fail(m, "out of memory");
    if (!m->raw &&
        (m->dialog.track.lost || l->opaque || m->dialog.lane[LANE_REPLIES].opaque) &&
        !m->side[LANE_REPLIES].source_ended)
        model_fail(m, "pairing was lost");
    if (!m->chaos)
        lane_fed(m, lane, buffer, n, ruled);
    drain(m, LANE_REQUESTS);
    drain(m, LANE_REPLIES);
    if (m->over)
        return;
    if (dialog_settle(&m->dialog, lane) < 0)
        model_fail(m, "out of memory");
    memset(buffer, 0xee, sizeof buffer); /* the read buffer is used again */
    if (l->queue.held > LANE_LIMIT + READ_MAX * 1000)
        model_fail(m, "lane %d holds %llu bytes", (int)lane,
                   (unsigned long long)l->queue.held);
    if (m->dialog.track.role != m->role)
        model_replan(m, m->plan);
    m->role = m->dialog.track.role;
    m->over |= m->dialog.repl && !m->chaos; /* replication is fuzz_repl's business */
}

static enum verb verb_of(const struct model *m, uint8_t c)
{
    static const enum verb themes[5][8] = {
        {V_PLAIN, V_PLAIN, V_PLAIN, V_PLAIN, V_MULTI, V_EXEC, V_EXEC, V_DISCARD},
        {V_SUBSCRIBE, V_PSUBSCRIBE, V_UNSUBSCRIBE, V_PUNSUBSCRIBE, V_PLAIN, V_RESET,
         V_UNSUBSCRIBE, V_SUBSCRIBE},
        {V_PLAIN, V_PLAIN, V_SUBSCRIBE, V_UNSUBSCRIBE, V_PLAIN, V_PSUBSCRIBE,
         V_PUNSUBSCRIBE, V_HELLO},
        {V_PLAIN, V_PLAIN, V_MONITOR, V_PLAIN, V_RESET, V_PLAIN, V_MONITOR, V_HELLO},
        {V_PLAIN, V_PLAIN, V_REPLY_SKIP, V_REPLY_OFF, V_REPLY_ON, V_PLAIN, V_RESET,
         V_HELLO},
    };

    return c % 17 == 16 ? V_EMPTY : themes[m->theme][c / 17 % 8];
}

static void send_request(struct model *m, uint8_t c)
{
    struct request *q = &m->request[m->requests];
    char text[FAKE_TEXT];

    if (m->requests == REQUESTS)
        return;
    *q = (struct request){verb_of(m, c), (uint8_t)(c ^ m->requests * 37),
                          (uint16_t)m->requests};
    if (m->requests == 0 && (m->theme == 2 || (m->theme == 0 && c & 1)))
        q->verb = V_HELLO;
    if (q->verb == V_HELLO)
        q->arg = m->theme == 2 ? 3 : 2 + q->arg % 3;
    m->requests++;
    text_add(&m->side[LANE_REQUESTS].in, text, fake_request(q, text));
}

static void send_unasked(struct model *m, uint8_t c)
{
    struct side *in = &m->side[LANE_REPLIES];
    char text[FAKE_TEXT];
    size_t n = fake_unasked(&m->now_at, c, text);

    if (n == 0 || m->replies >= REPLIES / 3)
        return;
    text_add(&in->in, text, n);
    m->reply[m->replies++] = (struct reply){in->in.n, -1, true};
}

static void end_source(struct model *m, enum lane_id lane, enum queue_end how)
{
    struct side *s = &m->side[lane];
    struct lane *l = &m->dialog.lane[lane];

    if (s->source_ended || m->over || l->lasting->frozen_by)
        return;
    s->end = how;
    if (dialog_end(&m->dialog, lane, m->now, how) < 0)
        model_fail(m, "out of memory");
    if (!m->chaos)
        lane_source_ended(m, lane);
    s->source_ended = true;
    if (how == END_RST) /* what was meant for the dead is lost */
        m->side[!lane].finished = m->side[!lane].source_ended = true;
    m->over = m->dialog.doom != CLOSE_NO;
    if (!m->over && dialog_settle(&m->dialog, lane) < 0)
        model_fail(m, "out of memory");
}

/* ---- the script ---- */

static void step(struct model *m, const uint8_t *p, size_t *left)
{
    uint8_t op = p[0], c = p[1];

    *left = 2;
    switch (op % 16) {
    case 0:
    case 1:
    case 2:
        if (m->raw)
            break;
        for (unsigned i = 0; i <= c / 64u; i++)
            send_request(m, (uint8_t)(c * 7 + i * 41));
        break;
    case 3:
    case 4: feed(m, LANE_REQUESTS, op & 128 ? READ_MAX : c); break;
    case 5:
    case 6:
    case 7: feed(m, LANE_REPLIES, op & 128 ? READ_MAX : c); break;
    case 8: m->now += USEC(50) << (c & 7); break;
    case 9:
    case 10:
        model_add_rule(m, p + 1);
        *left = 4;
        break;
    case 11: model_del_rule(m, c); break;
    case 12:
        if (!m->raw)
            send_unasked(m, c);
        break;
    case 13: m->side[c & 1].slow = c & 2; break;
    case 14: m->now += SEC(c & 1); break;
    case 15:
        if (c > 240)
            end_source(m, (enum lane_id)(c & 1), c & 2 ? END_FIN : END_RST);
        break;
    }
}

static void play(struct model *m, const uint8_t *p, size_t n)
{
    while (n >= 4 && !m->over) {
        size_t took;

        if (m->raw && (p[0] % 16) <= 2) { /* bytes as they are */
            took = p[1] < n - 2 ? p[1] : n - 2;
            text_add(&m->side[p[0] & 1].in, p + 2, took);
            took += 2;
        } else {
            step(m, p, &took);
        }
        p += took;
        n -= took;
        if (!m->over)
            model_expire(m);
        drain(m, LANE_REQUESTS);
        drain(m, LANE_REPLIES);
    }
}

/* Without rules all that is left must come out. */
static void heal(struct model *m)
{
    model_del_rule(m, 0);
    for (int i = 0; i < 2; i++)
        m->side[i].slow = false;
    for (int i = 0; i < 200000 && !m->over; i++) {
        uint64_t before = m->moves;

        feed(m, LANE_REQUESTS, READ_MAX);
        feed(m, LANE_REPLIES, READ_MAX);
        m->now += SEC(1);
        drain(m, LANE_REQUESTS);
        drain(m, LANE_REPLIES);
        if (before == m->moves)
            break;
    }
}

static void check_end(struct model *m)
{
    for (int i = 0; i < 2 && !m->over; i++)
        end_source(m, (enum lane_id)i, END_FIN);
    for (int i = 0; i < 2 && !m->over; i++) {
        struct side *s = &m->side[i];

        drain(m, (enum lane_id)i);
        if (m->over)
            return;
        if (!s->finished)
            model_fail(m, "lane %d never ends", i);
        if (m->chaos || (s->end == END_RST || m->side[!i].end == END_RST))
            continue;
        if (s->sent != s->want.n)
            model_fail(m, "lane %d: %zu bytes of %zu never left", i, s->want.n - s->sent,
                       s->want.n);
        s->accountable = !s->ended;
        if (!m->raw && s->fed != s->in.n && !s->source_ended)
            model_fail(m, "lane %d is not read any more", i);
    }
}

static void model_open(struct model *m, uint8_t mode)
{
    m->core = (struct core){.seed = mode,
                            .lane_limit = LANE_LIMIT,
                            .decided = model_on_decided,
                            .accounted = model_on_accounted,
                            .arg = m};
    m->core.pool.limit = 1 << 20;
    m->from = (struct party){"app", PARTY_CLIENT, false};
    m->to = (struct party){"r1", PARTY_REDIS, false};
    m->now = SEC(1);
    m->theme = mode % 8 < 5 ? mode % 8 : 0;
    m->raw = mode % 8 >= 6;
    m->chaos = mode % 8 == 7;
    m->plan = plan_empty();
    m->instance = calloc(TURNS, sizeof *m->instance);
    m->turn = calloc(TURNS, sizeof *m->turn);
    m->reply = calloc(REPLIES, sizeof *m->reply);
    fake_init(&m->shadow);
    fake_init(&m->now_at);
    for (int i = 0; i < 2; i++) {
        struct side *s = &m->side[i];

        s->owed_by = -1;
        s->now = (struct orders){.cut = SIZE_MAX, .slowest = -1};
        resp_init(&s->scan, i == LANE_REQUESTS ? RESP_REQUESTS : RESP_REPLIES);
    }
    dialog_init(&m->dialog, &m->core, &m->from, &m->to, 1, m->plan);
}

/* Nothing may be left behind. */
static const char *model_close(struct model *m)
{
    const char *wrong = NULL;
    uint64_t held;

    dialog_release(&m->dialog);
    for (int i = 0; i < 2; i++)
        if (m->side[i].accountable &&
            m->side[i].sent != m->side[i].fed + m->side[i].added - m->side[i].dropped)
            wrong = "the account of bytes is wrong";
    plan_unref(&m->plan);
    held = m->core.pool.held;
    if (held == 0)
        core_release(&m->core);
    for (int i = 0; i < m->rules; i++) {
        held += m->rule[i].rule->refs - 1;
        rule_unref(&m->rule[i].rule);
    }
    for (int i = 0; i < 2; i++) {
        struct side *s = &m->side[i];

        for (size_t f = 0; f < s->known; f++) {
            text_free(&s->orders[f].before);
            text_free(&s->orders[f].instead);
        }
        free(s->orders);
        text_free(&s->in);
        text_free(&s->want);
        text_free(&s->held);
    }
    for (unsigned i = 0; i < m->instances; i++)
        text_free(&m->instance[i].answers);
    for (unsigned i = 0; i < m->turns; i++)
        text_free(&m->turn[i].spoken);
    free(m->instance);
    free(m->turn);
    free(m->reply);
    return held ? "memory or rules are left behind" : wrong;
}

const char *model_run(const uint8_t *script, size_t n)
{
    static char why[256];
    struct model *m;
    const char *left;

    if (n < 2)
        return NULL;
    m = calloc(1, sizeof *m);
    model_open(m, script[0]);
    if (setjmp(m->failed) == 0) {
        play(m, script + 1, (n < MODEL_SCRIPT ? n : MODEL_SCRIPT) - 1);
        if (!m->over)
            heal(m);
        if (!m->over)
            check_end(m);
    }
    snprintf(why, sizeof why, "%s", m->why);
    left = model_close(m);
    if (why[0] == '\0' && left)
        snprintf(why, sizeof why, "%s", left);
    free(m);
    return why[0] ? why : NULL;
}

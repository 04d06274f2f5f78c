/* events.c -- what happens in a proxy, told to its journal and to those who watch.
 *
 * Told in the middle of things: a frame may be under way. Who wants to act on an event
 * notes it and acts when the loop is back, and an assert in proxy.c says so.
 */
#include <assert.h>
#include <errno.h>

#include "log.h"
#include "shell.h"

#define FLUSH_AFTER MSEC(100)

const char *const proxy_event_names[] = {
    "rule-added",   "rule-removed",  "rule-fired",  "session-opened", "session-closed",
    "session-role", "upstream-down", "upstream-up", "replication",    NULL};

static void tell(struct proxy *p, const struct proxy_event *ev)
{
    bool telling = p->telling;

    p->telling = true;
    for (size_t i = 0; i < p->watchers; i++)
        p->watcher[i].on_event(p->watcher[i].arg, ev);
    p->telling = telling;
}

static void flush_soon(struct proxy *p, nsec now)
{
    if (p->flush.at == 0)
        wake_set(&p->wake, &p->flush, now + FLUSH_AFTER);
}

static void on_decided(void *arg, const struct decision *d)
{
    struct proxy *p = arg;

    if (p->journal) {
        journal_decision(p->journal, d);
        flush_soon(p, d->now);
    }
    if (p->watchers)
        tell(p, &(struct proxy_event){
                    .kind = EVENT_RULE_FIRED,
                    .now = d->now,
                    .rule = d->rule,
                    .from = d->dialog->from->name,
                    .to = d->dialog->to->name,
                    .session = d->dialog->ordinal,
                    .role = d->dialog->track.role,
                    .lane = d->lane,
                    .frame = d->frame,
                    .command = d->command,
                });
}

static void on_accounted(void *arg, const struct account *a)
{
    journal_account(((struct proxy *)arg)->journal, a);
}

static void on_ended(void *arg, const struct dialog *d)
{
    struct proxy *p = arg;

    journal_end(p->journal, d);
    flush_soon(p, uv_hrtime());
}

/* Nobody is told of decisions while nobody wants to know. */
static void heed(struct proxy *p)
{
    p->core.decided = p->journal || p->watchers ? on_decided : NULL;
}

static void on_flush(struct wake_node *n, nsec now)
{
    struct proxy *p = (struct proxy *)((char *)n - offsetof(struct proxy, flush));

    (void)now;
    journal_flush(p->journal);
}

void events_init(struct proxy *p)
{
    p->flush.call = on_flush;
    p->core.accounted = p->journal ? on_accounted : NULL;
    p->core.ended = p->journal ? on_ended : NULL;
    heed(p);
}

int proxy_watch(struct proxy *p,
                void (*on_event)(void *arg, const struct proxy_event *ev), void *arg)
{
    assert(!p->telling);
    if (p->watchers == PROXY_WATCHERS)
        return -ENOSPC;
    p->watcher[p->watchers++] = (struct watcher){on_event, arg};
    heed(p);
    return 0;
}

void proxy_unwatch(struct proxy *p,
                   void (*on_event)(void *arg, const struct proxy_event *ev), void *arg)
{
    assert(!p->telling);
    for (size_t i = 0; i < p->watchers; i++)
        if (p->watcher[i].on_event == on_event && p->watcher[i].arg == arg)
            p->watcher[i--] = p->watcher[--p->watchers];
    heed(p);
}

static bool has(const struct plan *plan, uint64_t serial)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->entry[i].serial == serial)
            return true;
    return false;
}

static void tell_missing(struct proxy *p, const struct plan *of, const struct plan *in,
                         enum proxy_event_kind kind)
{
    struct proxy_event ev = {.kind = kind, .now = uv_hrtime(), .command = ""};

    for (size_t i = 0; p->watchers && i < of->n; i++)
        if (!has(in, of->entry[i].serial)) {
            ev.rule = of->entry[i].rule;
            tell(p, &ev);
        }
}

/* What rules have decided counts for their fault when they are gone, too. */
static void retire_missing(struct proxy *p, const struct plan *of, const struct plan *in)
{
    for (size_t i = 0; i < of->n; i++) {
        const struct rule *r = of->entry[i].rule;
        size_t k = 0;

        if (has(in, of->entry[i].serial))
            continue;
        while (faults[k] != r->fault)
            k++;
        p->retired[k] += r->fired;
    }
}

void events_plan(struct proxy *p, const struct plan *old)
{
    retire_missing(p, old, p->plan);
    if (p->journal)
        journal_plan(p->journal, p->plan, uv_hrtime());
    tell_missing(p, old, p->plan, EVENT_RULE_REMOVED);
    tell_missing(p, p->plan, old, EVENT_RULE_ADDED);
}

static void note_first(struct proxy *p, const struct link *l)
{
    if (p->journal)
        journal_first(p->journal, l->from->name, l->to->name, uv_hrtime());
    rerun_first(p, uv_hrtime());
}

void events_session(struct proxy *p, enum proxy_event_kind kind, const struct link *l,
                    const struct dialog *d)
{
    if (kind == EVENT_SESSION_OPENED)
        note_first(p, l);
    if (p->watchers)
        tell(p, &(struct proxy_event){
                    .kind = kind,
                    .now = uv_hrtime(),
                    .from = l->from->name,
                    .to = l->to->name,
                    .session = d->ordinal,
                    .role = d->track.role,
                    .command = "",
                });
}

void events_repl(struct proxy *p, const struct link *l, const struct dialog *d)
{
    if (p->watchers)
        tell(p, &(struct proxy_event){
                    .kind = EVENT_REPLICATION,
                    .now = uv_hrtime(),
                    .from = l->from->name,
                    .to = l->to->name,
                    .session = d->ordinal,
                    .role = d->track.role,
                    .command = "",
                    .repl = d->repl,
                });
}

void events_upstream(struct node *n, int status)
{
    struct proxy *p = n->proxy;
    bool down = status < 0;

    if (n->down == down)
        return;
    n->down = down;
    if (down)
        log_info("upstream.down", "node=%s reason=\"%s\"", n->party.name,
                 uv_strerror(status));
    else
        log_info("upstream.up", "node=%s", n->party.name);
    if (p->watchers)
        tell(p, &(struct proxy_event){
                    .kind = down ? EVENT_UPSTREAM_DOWN : EVENT_UPSTREAM_UP,
                    .now = uv_hrtime(),
                    .to = n->party.name,
                    .command = "",
                });
}

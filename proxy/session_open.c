/* session_open.c -- the beginning of a session: accepted, perhaps told to wait, its
 * upstream dialed.
 *
 *   session_start -> [wait] -> dial -> on_dialed -> connected: session.c
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "log.h"
#include "session_parts.h"

static void list_add(struct session *s)
{
    struct proxy *p = s->proxy;

    s->next = p->sessions;
    if (p->sessions)
        p->sessions->prev = s;
    p->sessions = s;
    p->stats.sessions++;
    p->open++;
}

static bool refuses(int status)
{
    return status == UV_ECONNREFUSED || status == UV_ENOENT || status == UV_ECONNRESET;
}

static void upstream_failed(struct session *s, int status)
{
    s->proxy->stats.refused++;
    log_debug("upstream.failed", "sid=%" PRIu64 " node=%s reason=\"%s\"", s->id,
              s->node->party.name, uv_strerror(status));
    if (!endpoint_lacks(status))
        events_upstream(s->node, status);
    else if (log_again(&s->node->say_again, uv_hrtime()))
        log_warn("dial.failed", "node=%s reason=\"%s\"", s->node->party.name,
                 uv_strerror(status));
    if (refuses(status))
        listener_upstream_down(&s->node->listener);
    session_close(s, s->node->polite ? CLOSE_FIN : CLOSE_RST);
}

static void on_dialed(void *arg, int status)
{
    struct session *s = arg;

    s->dial = NULL;
    if (status == 0) {
        s->connected = true;
        s->deadline = 0;
        events_upstream(s->node, 0);
        session_filter(s);
        session_turn(s, uv_hrtime());
    } else if (!s->closing) {
        upstream_failed(s, status);
    }
    session_release(s);
}

static void dial(struct session *s, nsec t)
{
    s->dial = dial_start(s->proxy->hub, &s->node->upstream, &s->side[DIALED], on_dialed,
                         s);
    if (s->dial == NULL) {
        session_fail(s, "dialing", UV_ENOMEM);
        return;
    }
    s->open++;
    s->deadline = t + s->proxy->connect_timeout;
    wake_set(&s->proxy->wake, &s->wake, s->deadline);
    session_turn(s, t);
}

static void on_wake(struct wake_node *n, nsec t)
{
    struct session *s = (struct session *)((char *)n - offsetof(struct session, wake));

    if (s->connected) {
        session_turn(s, t);
        return;
    }
    if (s->dial == NULL) { /* it was told to wait before it dials */
        dial(s, t);
        return;
    }
    if (!s->overdue) { /* it may be we who were late: see first what has come */
        s->overdue = true;
        wake_set(&s->proxy->wake, &s->wake, t);
        return;
    }
    upstream_failed(s, UV_ETIMEDOUT);
}

static void on_dialer(struct endpoint *e, uint32_t events)
{
    session_ready((struct session *)((char *)e - offsetof(struct session, side[DIALER])),
                  DIALER, events);
}

static void on_upstream(struct endpoint *e, uint32_t events)
{
    session_ready((struct session *)((char *)e - offsetof(struct session, side[DIALED])),
                  DIALED, events);
}

static struct session *session_new(struct proxy *p, struct node *n, struct link *l,
                                   int fd)
{
    struct session *s = l ? calloc(1, sizeof *s) : NULL;

    if (s == NULL || wake_reserve(&p->wake, p->stats.sessions + p->nodes + 8) < 0) {
        free(s);
        close(fd);
        return NULL;
    }
    endpoint_open(&s->side[DIALER], fd, on_dialer);
    endpoint_open(&s->side[DIALED], -1, on_upstream);
    s->proxy = p;
    s->node = n;
    s->link = l;
    s->id = ++p->next_id;
    s->open = 1;
    s->wake.call = on_wake;
    dialog_init(&s->dialog, &p->core, l->from, l->to, ++l->sessions, p->plan);
    s->dialog.rdb_hint = l->rdb_size;
    l->live++;
    list_add(s);
    events_session(p, EVENT_SESSION_OPENED, l, &s->dialog);
    return s;
}

/* It counts as a session of that link from now on, and as none of the one before. */
static void move(struct session *s, struct link *l)
{
    log_info("session.is", "sid=%" PRIu64 " link=%s->%s was=%s", s->id, l->from->name,
             l->to->name, s->link->from->name);
    s->link->live--;
    s->link->replicating -= s->replicating;
    l->live++;
    l->replicating += s->replicating;
    s->link = l;
    dialog_is_from(&s->dialog, l->from, ++l->sessions);
    if (s->replicating)
        proxy_replicating(s->proxy, l, s->dialog.repl && repl_granted(s->dialog.repl));
}

/* At least as well as before, unless it is in doubt who it is. */
static bool identify(struct session *s, bool in_doubt)
{
    struct proxy *p = s->proxy;
    struct sockaddr_storage peer;
    struct link *l;
    size_t who;

    if (s->closing || endpoint_peer(&s->side[DIALER], &peer) < 0)
        return false;
    who = dialers_said(s, &peer);
    if (who == SIZE_MAX)
        who = nodes_who(p, (struct sockaddr *)&peer,
                        s->dialog.track.role == ROLE_SENTINEL);
    if (p->party[who] == nodes_rest(p) && !in_doubt)
        return false; /* a name that leads nowhere for a while changes nobody */
    if (p->party[who] == s->link->from || (l = nodes_link(s->node, who)) == NULL)
        return false;
    move(s, l);
    return true;
}

bool session_identify(struct session *s)
{
    return identify(s, false);
}

void sessions_doubt(struct proxy *p, const struct party *was)
{
    for (struct session *s = p->sessions; s; s = session_next(s))
        if (s->link->from == was)
            (void)identify(s, true);
}

void session_start(struct proxy *p, struct node *n, int fd, const struct sockaddr *peer)
{
    struct session *s = session_new(p, n, nodes_link(n, nodes_who(p, peer, false)), fd);
    nsec t = uv_hrtime();

    if (s == NULL) {
        log_error("session.failed", "node=%s reason=\"out of memory\"", n->party.name);
        return;
    }
    s->opened = t;
    p->stats.accepted++;
    if (dialog_open(&s->dialog, t) < 0) {
        session_fail(s, "taking up the plan", UV_ENOMEM);
        return;
    }
    s->wired[DIALER] = n->listener.filtered; /* inherited */
    session_filter(s);
    log_debug("session.open", "sid=%" PRIu64 " link=%s->%s", s->id, s->link->from->name,
              s->link->to->name);
    if (s->link->from == nodes_rest(p))
        names_look(p);
    if (s->dialog.doom)
        session_close(s, s->dialog.doom);
    else if (s->dialog.wait)
        wake_set(&p->wake, &s->wake, nsec_add(t, s->dialog.wait));
    else
        dial(s, t);
}

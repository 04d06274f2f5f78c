/* session_repl.c -- a session that replicates: what is new on it, for its link and for
 * those who watch; and the two connections of one replica, brought together.
 */
#include <inttypes.h>
#include <string.h>

#include "log.h"
#include "session_parts.h"

const struct session *session_replicating(const struct proxy *p, const struct link *l)
{
    const struct session *best = NULL;

    for (const struct session *s = p->sessions; s; s = s->next)
        if (s->link == l && !s->closing && s->dialog.repl &&
            s->dialog.track.replicating && !s->dialog.repl->rdb_channel &&
            (best == NULL || s->dialog.repl->phase > best->dialog.repl->phase))
            best = s;
    return best;
}

/* Redis 8 and Valkey 8 send the RDB on a connection of its own, and only there say where
 * the stream of the other begins. */
static void join_channels(struct session *s)
{
    struct repl *mine = s->dialog.repl;

    for (struct session *o = s->proxy->sessions; o && mine->channel; o = o->next) {
        struct repl *other = o->dialog.repl;

        if (other == NULL || o->node != s->node || other->channel != mine->channel ||
            other->rdb_channel == mine->rdb_channel)
            continue;
        if (mine->rdb_channel && mine->anchored && !other->anchored)
            repl_anchor(other, mine);
        else if (other->rdb_channel && other->anchored && !mine->anchored)
            repl_anchor(mine, other);
    }
}

static void say(const struct session *s)
{
    const struct repl *r = s->dialog.repl;

    if (r->lost && !s->seen.lost)
        log_warn("replication.lost",
                 "sid=%" PRIu64 " link=%s->%s reason=\"the master's bytes are not a "
                 "replication stream that can be read\" capabilities=%s "
                 "hint=\"they pass, but rules do not see commands\"",
                 s->id, s->link->from->name, s->link->to->name, r->capas);
    else
        log_info("replication",
                 "sid=%" PRIu64 " link=%s->%s phase=%s replid=%s offset=%" PRIu64
                 " full=%" PRIu64 " partial=%" PRIu64,
                 s->id, s->link->from->name, s->link->to->name, phase_names[r->phase],
                 r->id, repl_offset(r), r->full, r->partial);
}

/* A lag that the lane has no memory for is another one than was asked for. */
static void warn_eased(struct session *s)
{
    struct lane *l = &s->dialog.lane[LANE_REPLIES];

    if (!l->lasting->eased || s->node->warned)
        return;
    s->node->warned = true;
    log_warn("bound",
             "node=%s link=%s->%s lane=replies held=%" PRIu64
             " reason=\"the memory bound, not the lag, now shapes the traffic\""
             " hint=\"raise --lane-limit or --total-limit\"",
             s->node->party.name, s->link->from->name, s->link->to->name, l->queue.held);
}

void session_repl(struct session *s, nsec now)
{
    const struct repl *r = s->dialog.repl;
    bool rdb_over = s->seen.phase == PHASE_RDB && r->phase != PHASE_RDB;

    (void)now;
    warn_eased(s);
    if (s->seen.phase == r->phase && s->seen.full == r->full &&
        s->seen.partial == r->partial && s->seen.lost == r->lost)
        return;
    if (r->phase == PHASE_HANDSHAKE && s->seen.phase == PHASE_NONE && r->full == 0) {
        s->seen.phase = r->phase; /* it has only said hello */
        return;
    }
    s->link->full += r->full - s->seen.full;
    s->link->partial += r->partial - s->seen.partial;
    if (rdb_over)
        s->link->rdb_size = r->rdb_bytes;
    if (r->full + r->partial > s->seen.full + s->seen.partial)
        proxy_replicating(s->proxy, s->link, true);
    join_channels(s);
    say(s);
    s->seen.full = r->full;
    s->seen.partial = r->partial;
    s->seen.phase = r->phase;
    s->seen.lost = r->lost;
    events_repl(s->proxy, s->link, &s->dialog);
}

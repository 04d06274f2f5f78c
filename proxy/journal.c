/* journal.c -- see journal.h. */
#include "journal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#ifndef SUNDER_VERSION
#define SUNDER_VERSION "0.1.0"
#endif

#define BUFFER 65536

/* Lines are gathered here, and only whole ones leave: what a full disk took half of, it
 * gets the rest of later. One for which there is no room is lost as a whole.
 *
 *     [lines that are whole |the one under way|           ]
 *     buf                   buf+whole         buf+n
 */
struct journal {
    int fd;
    bool traffic;      /* the first session is written down */
    bool failing;      /* and the log knows */
    bool torn;         /* there was no room for the line under way */
    struct plan *plan; /* as it was last written down; NULL = never */
    uint64_t lost;     /* lines */
    nsec start;
    size_t whole, n;
    char buf[BUFFER];
};

static int write_whole(struct journal *j)
{
    while (j->whole > 0) {
        ssize_t n = write(j->fd, j->buf, j->whole);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        j->whole -= (size_t)n;
        j->n -= (size_t)n;
        memmove(j->buf, j->buf + n, j->n);
    }
    return 0;
}

void journal_flush(struct journal *j)
{
    int err = write_whole(j);

    if (err && !j->failing)
        log_error("journal", "state=failing reason=\"%s\"", strerror(-err));
    j->failing |= err < 0;
}

static void end_line(struct journal *j)
{
    if (j->torn) {
        j->n = j->whole;
        j->lost++;
    }
    j->torn = false;
    j->whole = j->n;
}

/* A part of a line. It ends with the part whose format ends so. */
static void put(struct journal *j, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void put(struct journal *j, const char *fmt, ...)
{
    for (int again = 0; again < 2 && !j->torn; again++) {
        size_t room = sizeof j->buf - j->n;
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vsnprintf(j->buf + j->n, room, fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < room) {
            j->n += (size_t)n;
            break;
        }
        if (again)
            j->torn = true;
        else
            journal_flush(j);
    }
    if (fmt[strlen(fmt) - 1] == '\n')
        end_line(j);
}

int journal_open(struct journal **out, const char *path, uint64_t seed, struct err *e)
{
    struct journal *j = calloc(1, sizeof *j);
    struct stat st;

    if (j == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    if ((j->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0) {
        int err = -errno;

        free(j);
        return err_set(e, err, "cannot write journal '%s': %s", path, strerror(-err));
    }
    if (fstat(j->fd, &st) == 0 && !S_ISREG(st.st_mode)) /* its reader may be slow */
        (void)fcntl(j->fd, F_SETFL, O_NONBLOCK);
    put(j, "ev=start version=%s seed=%" PRIu64 "\n", SUNDER_VERSION, seed);
    *out = j;
    return 0;
}

/* ---- who there is ---- */

static void put_sources(struct journal *j, const struct config_party *p)
{
    char text[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < p->nsources; i++) {
        const struct addr_range *r = &p->sources[i];

        put(j, "%s%s/%u",
            i ? "," : " sources=", inet_ntop(r->family, r->bytes, text, sizeof text),
            r->bits);
    }
    for (size_t i = 0; i < p->nhosts; i++)
        put(j, "%s%s", i + p->nsources ? "," : " sources=", p->hosts[i]);
    for (size_t i = 0; i < p->nsaid; i++)
        put(j, "%s%s", i ? "," : " said=", p->said[i]);
    put(j, "\n");
}

void journal_config(struct journal *j, const struct config *c)
{
    char listen[ADDR_TEXT_MAX], upstream[ADDR_TEXT_MAX];

    for (size_t i = 0; i < c->nnodes; i++) {
        const struct config_node *n = &c->nodes[i];

        put(j, "ev=node name=%s kind=%s listen=%s upstream=%s", n->party.name,
            n->kind == NODE_SENTINEL ? "sentinel" : "redis",
            addr_print(&n->listen, listen, sizeof listen),
            addr_print(&n->upstream, upstream, sizeof upstream));
        put_sources(j, &n->party);
    }
    for (size_t i = 0; i < c->nclients; i++) {
        put(j, "ev=client name=%s", c->clients[i].name);
        put_sources(j, &c->clients[i]);
    }
}

/* ---- rules come and go ---- */

/* " t=1.234567": since the first thing that had a time. */
static void put_time(struct journal *j, nsec now)
{
    if (j->start == 0)
        j->start = now;
    now = now > j->start ? now - j->start : 0;
    put(j, " t=%" PRIu64 ".%06" PRIu64, now / SEC(1), now % SEC(1) / USEC(1));
}

static bool has(const struct plan *plan, uint64_t serial)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->entry[i].serial == serial)
            return true;
    return false;
}

static void put_rule(struct journal *j, const struct plan_entry *e, nsec now)
{
    char text[RULE_TEXT_MAX], quoted[RULE_TEXT_MAX * 4];

    rule_print(e->rule, text, sizeof text);
    put(j, "ev=rule");
    put_time(j, now);
    put(j, " name=%s serial=%" PRIu64 " text=%s\n", e->rule->name, e->serial,
        log_quote(text, strlen(text), quoted, sizeof quoted));
}

static void put_unrule(struct journal *j, const struct plan_entry *e, nsec now)
{
    put(j, "ev=unrule");
    put_time(j, now);
    put(j, " name=%s serial=%" PRIu64 "\n", e->rule->name, e->serial);
}

void journal_plan(struct journal *j, struct plan *plan, nsec now)
{
    for (size_t i = 0; j->plan && i < j->plan->n; i++)
        if (!has(plan, j->plan->entry[i].serial))
            put_unrule(j, &j->plan->entry[i], now);
    for (size_t i = 0; i < plan->n; i++)
        if (j->plan == NULL || !has(j->plan, plan->entry[i].serial))
            put_rule(j, &plan->entry[i], now);
    plan_ref(plan);
    plan_unref(&j->plan);
    j->plan = plan;
    journal_flush(j);
}

void journal_first(struct journal *j, const char *from, const char *to, nsec now)
{
    if (j->traffic)
        return;
    j->traffic = true;
    put(j, "ev=first");
    put_time(j, now);
    put(j, " link=%s->%s\n", from, to);
}

/* ---- what they did ---- */

static void put_orders(struct journal *j, const struct verdict *v)
{
    if (v->delay == NSEC_NEVER)
        put(j, " hold=1");
    else if (v->delay)
        put(j, " delay=%" PRIu64, v->delay);
    if (v->cut != SIZE_MAX)
        put(j, " cut=%zu", v->cut);
    if (v->slice)
        put(j, " slice=%zu gap=%" PRIu64, v->slice, v->gap);
    if (v->gate)
        put(j, " gate=%" PRIu64 " tide=%" PRIu64, v->gate, v->tide);
    if (v->before.p)
        put(j, " before=%zu", v->before.n);
    if (v->instead.p)
        put(j, " instead=%zu", v->instead.n);
    put(j, "%s%s%s%s%s%s", v->edit ? " edit=1" : "", v->drop ? " drop=1" : "",
        v->owe ? " owe=1" : "", v->stick ? " stick=1" : "", v->twice ? " twice=1" : "",
        v->freeze ? " freeze=1" : "");
    if (v->close)
        put(j, " close=%s",
            v->close == CLOSE_KILL  ? "kill"
            : v->close == CLOSE_RST ? "rst"
                                    : "fin");
}

static void put_about(struct journal *j, const struct rule *r, const struct dialog *d,
                      enum lane_id lane, uint64_t frame)
{
    static const char *const lanes[] = {"requests", "replies"};

    put(j, " rule=%s link=%s->%s session=%" PRIu64 " lane=%s frame=%" PRIu64, r->name,
        d->from->name, d->to->name, d->ordinal, lanes[lane], frame);
}

void journal_decision(struct journal *j, const struct decision *d)
{
    static const char *const places[] = {"", " at=bytes", " at=open", " at=live",
                                         " at=end"};
    char cmd[TRACK_COMMAND * 4 + 4];

    put(j, "ev=decision");
    put_time(j, d->now);
    put_about(j, d->rule, d->dialog, d->lane, d->frame);
    if (d->command[0])
        put(j, " cmd=%s", log_quote(d->command, strlen(d->command), cmd, sizeof cmd));
    put(j, " fault=%s%s", d->rule->fault->name, places[d->at]);
    put_orders(j, d->orders);
    put(j, "\n");
}

void journal_account(struct journal *j, const struct account *a)
{
    put(j, "ev=bytes");
    put_about(j, a->rule, a->dialog, a->lane, a->frame);
    put(j, " dropped=%" PRIu64 " added=%" PRIu64 "\n", a->dropped, a->added);
}

static void put_lane(struct journal *j, const char *name, const struct lane *l)
{
    uint64_t unsent = l->bytes + l->lasting->added - l->lasting->dropped - l->sent;

    put(j,
        " %s_in=%" PRIu64 " %s_out=%" PRIu64 " %s_dropped=%" PRIu64 " %s_added=%" PRIu64
        " %s_unsent=%" PRIu64,
        name, l->bytes, name, l->sent, name, l->lasting->dropped, name, l->lasting->added,
        name, unsent);
}

void journal_end(struct journal *j, const struct dialog *d)
{
    put(j, "ev=end link=%s->%s session=%" PRIu64, d->from->name, d->to->name, d->ordinal);
    if (d->ender)
        put(j, " by=%s", d->ender->name);
    put_lane(j, "requests", &d->lane[LANE_REQUESTS]);
    put_lane(j, "replies", &d->lane[LANE_REPLIES]);
    put(j, "\n");
}

/* Up to JOURNAL_TAIL bytes from the end, from the beginning of a line on. */
static int read_end(int fd, off_t size, char **text, size_t *n)
{
    size_t want = size < (off_t)JOURNAL_TAIL ? (size_t)size : JOURNAL_TAIL;
    char *p = malloc(want + 1), *line = p;
    ssize_t got = p ? pread(fd, p, want, size - (off_t)want) : -1;

    if (got < 0) {
        int err = p ? -errno : -ENOMEM;

        free(p);
        return err;
    }
    if ((off_t)want < size && (line = memchr(p, '\n', (size_t)got)) != NULL)
        line++;
    *n = line ? (size_t)got - (size_t)(line - p) : 0;
    memmove(p, line ? line : p, *n);
    *text = p;
    return 0;
}

int journal_tail(struct journal *j, char **text, size_t *n)
{
    char path[64]; /* the name it was opened under may mean another file by now */
    struct stat st;
    int fd, err;

    journal_flush(j);
    if (fstat(j->fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ESPIPE;
    snprintf(path, sizeof path, "/proc/self/fd/%d", j->fd);
    if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return -errno;
    err = read_end(fd, st.st_size, text, n);
    close(fd);
    return err;
}

void journal_close(struct journal **at)
{
    struct journal *j = *at;

    if (j == NULL)
        return;
    journal_flush(j);
    for (size_t i = 0; i < j->whole; i++)
        j->lost += j->buf[i] == '\n';
    if (j->lost)
        log_error("journal", "state=incomplete lines_lost=%" PRIu64, j->lost);
    close(j->fd);
    plan_unref(&j->plan);
    free(j);
    *at = NULL;
}

/* host_rules.c -- the rules whose faults are the kernel's: may one be added, and what of
 * it falls on a session.
 *
 * A rule is tried on every device that is known to lie between us and a peer it is
 * about; peers that come later are seen to when they come.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "host.h"
#include "host_rules.h"
#include "log.h"
#include "seats.h"
#include "session_parts.h"

#define DEVICES 16

static int host_of(struct proxy *p, struct err *e)
{
    int rc = p->host ? 0 : host_open(&p->host, p->replace_qdisc);

    return rc < 0 ? err_set(e, rc, "no netlink here: %s", strerror(-rc)) : 0;
}

void hosts_clean(void)
{
    struct host_cleaned c;
    struct err e = {0};

    if (host_clean(&c, &e) < 0)
        log_warn("host.clean", "reason=\"%s\" hint=\"%s\"", e.text, e.hint);
    for (size_t i = 0; i < c.n; i++)
        if (c.device[i].whole || c.device[i].classes)
            log_info("host.clean", "device=%s reason=\"left by a process that died\"",
                     c.device[i].name);
}

/* ---- may this rule be added? ---- */

struct trial {
    struct proxy *p;
    struct egress x;
    struct err *e;
    size_t devices;
    int device[DEVICES]; /* on which it has been tried */
};

static int try_device(struct trial *t, int device)
{
    for (size_t i = 0; i < t->devices; i++)
        if (t->device[i] == device)
            return 0;
    if (t->devices < DEVICES)
        t->device[t->devices++] = device;
    return host_try(t->p->host, device, &t->x, t->e);
}

static int try_peer(struct trial *t, const struct sockaddr *to)
{
    int device = host_device(t->p->host, to, t->e);

    return device < 0 ? device : try_device(t, device);
}

static int try_upstream(struct trial *t, const struct addr *a)
{
    struct sockaddr_storage to = {.ss_family = AF_UNIX};

    if (a->kind == ADDR_NAME)
        return 0; /* who that is, is known when it is dialed */
    if (a->kind == ADDR_IP)
        (void)addr_sockaddr(a, &to);
    return try_peer(t, (struct sockaddr *)&to);
}

/* A named dialer that dials from one address only. */
static int try_dialers(struct trial *t, size_t who)
{
    int rc = 0;

    for (size_t i = 0; i < t->p->dialers && rc == 0; i++) {
        const struct dialer *d = &t->p->dialer[i];
        struct sockaddr_storage to = {.ss_family = (sa_family_t)d->range.family};

        if (d->who != who || d->range.bits != (d->range.family == AF_INET ? 32 : 128))
            continue;
        if (d->range.family == AF_INET)
            memcpy(&((struct sockaddr_in *)&to)->sin_addr, d->range.bytes, 4);
        else
            memcpy(&((struct sockaddr_in6 *)&to)->sin6_addr, d->range.bytes, 16);
        rc = try_peer(t, (struct sockaddr *)&to);
    }
    return rc;
}

static int try_links(struct trial *t, const struct rule *r)
{
    struct proxy *p = t->p;
    int rc = 0;

    for (size_t i = 0; i < p->nodes && rc == 0; i++)
        for (size_t who = 0; who < p->parties && rc == 0; who++) {
            const struct node *n = p->node[i];

            if (!p->party[who] || !match_link(r, p->party[who], &n->party))
                continue;
            if (match_lane(r, LANE_REQUESTS))
                rc = try_upstream(t, &n->upstream);
            if (rc == 0 && match_lane(r, LANE_REPLIES))
                rc = try_dialers(t, who);
        }
    return rc;
}

static int try_sessions(struct trial *t, const struct rule *r)
{
    int rc = 0;

    for (const struct session *s = t->p->sessions; s && rc == 0; s = s->next)
        for (int lane = 0; lane < 2 && rc == 0; lane++) {
            struct sockaddr_storage to;

            if (!s->closing && match_link(r, s->link->from, s->link->to) &&
                match_lane(r, (enum lane_id)lane) && (lane || s->connected) &&
                endpoint_peer(&s->side[!lane], &to) == 0)
                rc = try_peer(t, (struct sockaddr *)&to);
        }
    return rc;
}

/* No peer is known yet. Loopback shows what the kernel can do and what we may; what
 * somebody has put there is not about the rule. */
static int try_loopback(struct trial *t)
{
    struct sockaddr_in lo = {.sin_family = AF_INET};
    int rc;

    lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rc = try_peer(t, (struct sockaddr *)&lo);
    return rc == -EOPNOTSUPP ? 0 : rc;
}

int hosts_check(struct proxy *p, const struct rule *r, struct err *e)
{
    struct trial t = {.p = p, .e = e};
    int rc;

    if (r->fault->kills)
        return host_kill_check(e);
    if (r->fault->egress == NULL)
        return 0;
    if ((rc = host_of(p, e)) < 0)
        return rc;
    r->fault->egress(r->conf, &t.x);
    rc = try_links(&t, r);
    if (rc == 0)
        rc = try_sessions(&t, r);
    return rc == 0 && t.devices == 0 ? try_loopback(&t) : rc;
}

/* ---- sessions ---- */

/* The class for what leaves on that side, 0 for none. */
static int class_of(struct session *s, int side, const struct egress *x, uint32_t *prio,
                    struct err *e)
{
    /* Only its being unique counts: one for each lane of a link. */
    const void *key = (const char *)s->link + side;
    struct sockaddr_storage to;
    int rc;

    if (!egress_any(x)) {
        *prio = 0;
        return 0;
    }
    if ((rc = endpoint_peer(&s->side[side], &to)) < 0)
        return err_set(e, rc, "%s", strerror(-rc));
    if ((rc = host_of(s->proxy, e)) < 0)
        return rc;
    return host_class(s->proxy->host, key, (struct sockaddr *)&to, x, prio, e);
}

void session_egress(struct session *s)
{
    if (s->proxy->closing)
        return;
    for (int lane = 0; lane < 2; lane++) {
        int side = !lane, rc;
        struct egress x = seats_egress(&s->dialog.lane[lane]);
        uint32_t prio = s->priority[side];
        struct err e = {0};

        if (side == DIALED && !s->connected)
            continue;
        rc = class_of(s, side, &x, &prio, &e);
        if (rc < 0)
            prio = 0;
        if (prio != s->priority[side] && endpoint_priority(&s->side[side], prio) < 0)
            rc = err_set(&e, -EPERM, "no class may be chosen");
        if (rc < 0)
            log_warn("host", "sid=%" PRIu64 " link=%s->%s lane=%s reason=\"%s\"", s->id,
                     s->link->from->name, s->link->to->name,
                     lane ? "replies" : "requests", e.text);
        s->priority[side] = prio;
    }
}

void hosts_begin(struct proxy *p)
{
    if (p->host)
        host_begin(p->host);
}

void hosts_end(struct proxy *p)
{
    if (p->host)
        host_sweep(p->host);
}

void hosts_undo(struct proxy *p)
{
    for (struct session *s = p->sessions; s; s = s->next)
        for (int side = 0; side < 2; side++)
            if (s->priority[side] && !s->closing)
                (void)!endpoint_priority(&s->side[side], 0);
    host_close(&p->host);
}

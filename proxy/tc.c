/* tc.c -- see tc.h.
 *
 * netem's message is built here, not by libnl's own builder: that one leaves out what is
 * zero, and what a change leaves out the kernel keeps as it was.
 */
#include "tc.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/netlink.h>
#include <netlink/route/class.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/htb.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT_HANDLE TC_HANDLE(TC_MAJOR, 0)
#define MARK        93 /* the root's r2q: it says that the handle is no coincidence */

/* A class that does not limit: beyond what any device can do. */
#define NO_RATE  UINT64_C(4000000000)
#define NO_BURST 64000000
#define QUANTUM  100000 /* or HTB derives it from the rate, and complains in the log */

#define MESSAGE (8192 + EGRESS_TABLE * 2)

struct tc {
    struct nl_sock *sk;
    int error; /* of the last request, as the kernel gave it */
};

/* libnl has numbers of its own, fewer than there are errors: keep the kernel's. */
static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
    struct tc *t = arg;

    (void)from;
    t->error = e->error;
    return NL_STOP;
}

/* What libnl answered, in errnos. */
static int outcome(struct tc *t, int rc)
{
    int error = t->error;

    t->error = 0;
    if (error < 0)
        return error;
    return rc == -NLE_NOMEM ? -ENOMEM : rc < 0 ? -EIO : rc;
}

int tc_open(struct tc **out)
{
    struct tc *t = calloc(1, sizeof *t);

    if (t == NULL || (t->sk = nl_socket_alloc()) == NULL) {
        free(t);
        return -ENOMEM;
    }
    if (nl_connect(t->sk, NETLINK_ROUTE) < 0) {
        tc_close(&t);
        return -EPROTONOSUPPORT;
    }
    (void)nl_socket_modify_err_cb(t->sk, NL_CB_CUSTOM, on_error, t);
    *out = t;
    return 0;
}

void tc_close(struct tc **t)
{
    if (*t)
        nl_socket_free((*t)->sk);
    free(*t);
    *t = NULL;
}

/* ---- where to ---- */

/* An IPv4 peer of an IPv6 socket is an IPv4 peer. */
static struct nl_addr *address_of(const struct sockaddr *sa)
{
    const struct sockaddr_in *in = (const void *)sa;
    const struct sockaddr_in6 *in6 = (const void *)sa;

    if (sa->sa_family == AF_INET)
        return nl_addr_build(AF_INET, &in->sin_addr, 4);
    if (sa->sa_family != AF_INET6)
        return NULL;
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return nl_addr_build(AF_INET, in6->sin6_addr.s6_addr + 12, 4);
    return nl_addr_build(AF_INET6, &in6->sin6_addr, 16);
}

int tc_device(struct tc *t, const struct sockaddr *to)
{
    struct nl_addr *dst = address_of(to);
    struct rtnl_route *route = NULL;
    int rc = -EAFNOSUPPORT;

    if (dst == NULL)
        return rc;
    rc = outcome(t, rtnl_route_lookup(t->sk, dst, &route));
    if (rc >= 0)
        rc = rtnl_route_get_nnexthops(route) > 0
                 ? rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, 0))
                 : -ENETUNREACH;
    if (route)
        rtnl_route_put(route);
    nl_addr_put(dst);
    return rc == 0 ? -ENETUNREACH : rc;
}

/* ---- the root of a device ---- */

static bool is_ours(struct rtnl_qdisc *q)
{
    const char *kind = rtnl_tc_get_kind(TC_CAST(q));

    return rtnl_tc_get_parent(TC_CAST(q)) == TC_H_ROOT &&
           rtnl_tc_get_handle(TC_CAST(q)) == ROOT_HANDLE && kind &&
           strcmp(kind, "htb") == 0 && rtnl_htb_get_rate2quantum(q) == MARK;
}

static int all_qdiscs(struct tc *t, struct nl_cache **out)
{
    return outcome(t, rtnl_qdisc_alloc_cache(t->sk, out));
}

static struct rtnl_qdisc *first(struct nl_cache *all)
{
    return (struct rtnl_qdisc *)(void *)nl_cache_get_first(all);
}

static struct rtnl_qdisc *next(struct rtnl_qdisc *q)
{
    return (struct rtnl_qdisc *)(void *)nl_cache_get_next((struct nl_object *)(void *)q);
}

int tc_root(struct tc *t, int device, char name[TC_NAME])
{
    enum tc_root is = TC_ROOT_DEFAULT;
    struct nl_cache *all;
    int rc = all_qdiscs(t, &all);

    *name = '\0';
    if (rc < 0)
        return rc;
    for (struct rtnl_qdisc *q = first(all); q; q = next(q)) {
        uint32_t handle = rtnl_tc_get_handle(TC_CAST(q));
        const char *kind = rtnl_tc_get_kind(TC_CAST(q));

        if (rtnl_tc_get_ifindex(TC_CAST(q)) != device ||
            rtnl_tc_get_parent(TC_CAST(q)) != TC_H_ROOT)
            continue;
        snprintf(name, TC_NAME, "%s %x:", kind ? kind : "?", handle >> 16);
        /* What the kernel puts there by itself has no handle. */
        is = is_ours(q) ? TC_ROOT_OURS : handle ? TC_ROOT_FOREIGN : TC_ROOT_DEFAULT;
    }
    nl_cache_free(all);
    return (int)is;
}

int tc_devices(struct tc *t, int *device, size_t max)
{
    struct nl_cache *all;
    int rc = all_qdiscs(t, &all), n = 0;

    if (rc < 0)
        return rc;
    for (struct rtnl_qdisc *q = first(all); q; q = next(q))
        if (is_ours(q) && (size_t)n++ < max)
            device[n - 1] = rtnl_tc_get_ifindex(TC_CAST(q));
    nl_cache_free(all);
    return n;
}

static struct rtnl_qdisc *root_of(int device)
{
    struct rtnl_qdisc *q = rtnl_qdisc_alloc();

    if (q == NULL)
        return NULL;
    rtnl_tc_set_ifindex(TC_CAST(q), device);
    rtnl_tc_set_parent(TC_CAST(q), TC_H_ROOT);
    rtnl_tc_set_handle(TC_CAST(q), ROOT_HANDLE);
    if (rtnl_tc_set_kind(TC_CAST(q), "htb") == 0 &&
        rtnl_htb_set_rate2quantum(q, MARK) == 0)
        return q;
    rtnl_qdisc_put(q);
    return NULL;
}

int tc_root_add(struct tc *t, int device)
{
    struct rtnl_qdisc *q = root_of(device);
    int rc;

    if (q == NULL)
        return -ENOMEM;
    rc = outcome(t, rtnl_qdisc_add(t->sk, q, NLM_F_CREATE | NLM_F_REPLACE));
    rtnl_qdisc_put(q);
    return rc;
}

int tc_root_del(struct tc *t, int device)
{
    struct rtnl_qdisc *q = root_of(device);
    int rc;

    if (q == NULL)
        return -ENOMEM;
    rc = outcome(t, rtnl_qdisc_delete(t->sk, q));
    rtnl_qdisc_put(q);
    return rc;
}

/* ---- classes ---- */

int tc_classes(struct tc *t, int device, uint16_t *minor, size_t max)
{
    struct nl_cache *all;
    int rc = outcome(t, rtnl_class_alloc_cache(t->sk, device, &all)), n = 0;

    if (rc < 0)
        return rc;
    for (struct nl_object *o = nl_cache_get_first(all); o; o = nl_cache_get_next(o)) {
        uint32_t handle = rtnl_tc_get_handle(TC_CAST(o));

        if (handle >> 16 == TC_MAJOR && (handle & 0xffff) && (size_t)n++ < max)
            minor[n - 1] = (uint16_t)(handle & 0xffff);
    }
    nl_cache_free(all);
    return n;
}

static struct rtnl_class *class_of(int device, uint16_t minor)
{
    struct rtnl_class *c = rtnl_class_alloc();

    if (c == NULL)
        return NULL;
    rtnl_tc_set_ifindex(TC_CAST(c), device);
    rtnl_tc_set_parent(TC_CAST(c), ROOT_HANDLE);
    rtnl_tc_set_handle(TC_CAST(c), TC_HANDLE(TC_MAJOR, minor));
    if (rtnl_tc_set_kind(TC_CAST(c), "htb") == 0)
        return c;
    rtnl_class_put(c);
    return NULL;
}

static int put_class(struct tc *t, int device, uint16_t minor, uint64_t rate,
                     uint32_t burst)
{
    struct rtnl_class *c = class_of(device, minor);
    int rc;

    if (c == NULL)
        return -ENOMEM;
    (void)rtnl_htb_set_rate64(c, rate);
    (void)rtnl_htb_set_ceil64(c, rate);
    (void)rtnl_htb_set_rbuffer(c, burst);
    (void)rtnl_htb_set_cbuffer(c, burst);
    (void)rtnl_htb_set_quantum(c, QUANTUM);
    rc = outcome(t, rtnl_class_add(t->sk, c, NLM_F_CREATE));
    rtnl_class_put(c);
    return rc;
}

int tc_class_del(struct tc *t, int device, uint16_t minor)
{
    struct rtnl_class *c = class_of(device, minor);
    int rc;

    if (c == NULL)
        return -ENOMEM;
    rc = outcome(t, rtnl_class_delete(t->sk, c));
    rtnl_class_put(c);
    return rc;
}

/* ---- messages of our own ---- */

static struct nl_msg *message(int type, int flags, int device, uint32_t parent,
                              uint32_t handle)
{
    struct nl_msg *m = nlmsg_alloc_size(MESSAGE);
    struct tcmsg head = {
        .tcm_family = AF_UNSPEC,
        .tcm_ifindex = device,
        .tcm_parent = parent,
        .tcm_handle = handle,
    };

    if (m && nlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, flags) &&
        nlmsg_append(m, &head, sizeof head, NLMSG_ALIGNTO) == 0)
        return m;
    nlmsg_free(m);
    return NULL;
}

int tc_kind(struct tc *t, int device, const char *kind)
{
    struct nl_msg *m = message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, device,
                               TC_H_ROOT, TC_HANDLE(TC_MAJOR + 1, 0));
    int rc;

    if (m == NULL || nla_put_string(m, TCA_KIND, kind) < 0) {
        nlmsg_free(m);
        return -ENOMEM;
    }
    rc = outcome(t, nl_send_sync(t->sk, m)); /* frees m */
    return rc == -EINVAL ? 0 : rc;
}

/* ---- netem ---- */

static uint32_t chance(double x)
{
    return (uint32_t)(x * UINT32_MAX);
}

/* uniform too, which netem would draw by itself: but then a table from before stays. */
static int put_distribution(struct nl_msg *m, const struct egress *x)
{
    int16_t table[EGRESS_TABLE];

    egress_table(x->dist, table);
    return nla_put(m, TCA_NETEM_DELAY_DIST, sizeof table, table);
}

static int put_options(struct nl_msg *m, const struct egress *x)
{
    const struct tc_netem_qopt q = {
        .limit = x->limit ? (uint32_t)x->limit : 1000,
        .loss = chance(x->loss),
        .duplicate = chance(x->duplicate),
        .gap = x->reorder > 0 ? 1 : 0,
    };
    const struct tc_netem_corr corr = {.delay_corr = chance(x->correlation)};
    const struct tc_netem_reorder reorder = {.probability = chance(x->reorder)};
    const struct tc_netem_corrupt corrupt = {.probability = chance(x->corrupt)};
    const int64_t delay = (int64_t)x->delay, jitter = (int64_t)x->jitter;

    if (nlmsg_append(m, (void *)(uintptr_t)&q, sizeof q, NLMSG_ALIGNTO) < 0 ||
        nla_put(m, TCA_NETEM_CORR, sizeof corr, &corr) < 0 ||
        nla_put(m, TCA_NETEM_REORDER, sizeof reorder, &reorder) < 0 ||
        nla_put(m, TCA_NETEM_CORRUPT, sizeof corrupt, &corrupt) < 0 ||
        nla_put(m, TCA_NETEM_LATENCY64, sizeof delay, &delay) < 0 ||
        nla_put(m, TCA_NETEM_JITTER64, sizeof jitter, &jitter) < 0)
        return -NLE_NOMEM;
    return x->jitter ? put_distribution(m, x) : 0;
}

static struct nl_msg *netem_message(int type, int flags, int device, uint16_t minor)
{
    return message(type, flags, device, TC_HANDLE(TC_MAJOR, minor),
                   TC_HANDLE((uint32_t)minor, 0));
}

static int put_netem(struct tc *t, int device, uint16_t minor, const struct egress *x)
{
    struct nl_msg *m = netem_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, device,
                                     minor);
    struct nlattr *options;

    if (m == NULL)
        return -ENOMEM;
    if (nla_put_string(m, TCA_KIND, "netem") < 0 ||
        (options = nla_nest_start(m, TCA_OPTIONS)) == NULL || put_options(m, x) < 0) {
        nlmsg_free(m);
        return -ENOMEM;
    }
    nla_nest_end(m, options);
    return outcome(t, nl_send_sync(t->sk, m)); /* frees m */
}

static int del_netem(struct tc *t, int device, uint16_t minor)
{
    struct nl_msg *m = netem_message(RTM_DELQDISC, 0, device, minor);
    int rc = m ? outcome(t, nl_send_sync(t->sk, m)) : -ENOMEM;

    return rc == -ENOENT || rc == -EINVAL ? 0 : rc; /* there was none */
}

int tc_class_set(struct tc *t, int device, uint16_t minor, const struct egress *x)
{
    uint64_t rate = x->rate ? x->rate : NO_RATE;
    uint32_t burst = x->rate == 0 ? NO_BURST : x->burst ? (uint32_t)x->burst : 32768;
    int rc = put_class(t, device, minor, rate, burst);

    if (rc < 0)
        return rc;
    return egress_netem(x) ? put_netem(t, device, minor, x) : del_netem(t, device, minor);
}

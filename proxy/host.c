/* host.c -- see host.h. The kernel is the judge of what can be done: no list of
 * capabilities or modules is consulted, a thing is tried, and what was put up for it is
 * taken down.
 */
#include "host.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "owner.h"
#include "tc.h"

#define DEVICES 16
#define MINORS  (OWNER_MINORS - 2) /* that an owner may use, from 1 */

struct class
{
    const void *key; /* NULL: the place is free */
    int device;
    uint16_t minor;
    unsigned turn; /* asked for last */
    struct egress x;
};

struct host {
    struct tc *tc;
    struct owner owner;
    bool replace;
    unsigned turn;
    int device[DEVICES]; /* that have our root because of us; 0 = free place */
    struct class *class;
    size_t room;
};

int host_open(struct host **out, bool replace)
{
    struct host *h = calloc(1, sizeof *h);
    int rc = h ? tc_open(&h->tc) : -ENOMEM;

    if (rc < 0) {
        free(h);
        return rc;
    }
    h->replace = replace;
    h->owner = OWNER_NONE;
    *out = h;
    return 0;
}

/* ---- what is missing, in words ---- */

static const char *device_name(int device, char name[IF_NAMESIZE])
{
    if (if_indextoname((unsigned)device, name) == NULL)
        snprintf(name, IF_NAMESIZE, "device %d", device);
    return name;
}

static int refuse_kind(const char *module, const char *near, struct err *e)
{
    err_set(e, -ENOENT, "this kernel has no %s", module);
    err_hint(e, "try: modprobe %s; 'do %s' comes near and needs none", module, near);
    return -ENOSYS;
}

/* Why the kernel did not do x. */
static int refuse(int rc, int device, const char *module, const struct egress *x,
                  struct err *e)
{
    char name[IF_NAMESIZE], near[96];

    egress_near(x, near, sizeof near);
    if (rc == -ENOENT)
        return refuse_kind(module, near, e);
    if (rc == -EPERM || rc == -EACCES) {
        err_set(e, -EPERM, "only CAP_NET_ADMIN may change how %s sends",
                device_name(device, name));
        err_hint(e, "run it as root or with that capability; 'do %s' comes near without",
                 near);
        return -EPERM;
    }
    err_set(e, -EOPNOTSUPP, "cannot change how %s sends: %s", device_name(device, name),
            strerror(-rc));
    err_hint(e, "'do %s' comes near and leaves the device alone", near);
    return -EOPNOTSUPP;
}

static int refuse_foreign(int device, const char *root, const struct egress *x,
                          struct err *e)
{
    char name[IF_NAMESIZE], near[96];

    err_set(e, -EOPNOTSUPP, "%s has a root qdisc that is not ours: %s",
            device_name(device, name), root);
    err_hint(
        e, "--replace-qdisc removes it for good; 'do %s' comes near and leaves it alone",
        egress_near(x, near, sizeof near));
    return -EOPNOTSUPP;
}

/* ---- devices ---- */

static int *place_of(struct host *h, int device)
{
    for (size_t i = 0; i < DEVICES; i++)
        if (h->device[i] == device)
            return &h->device[i];
    return NULL;
}

static int own(struct host *h, struct err *e)
{
    pid_t other = 0;
    int rc = h->owner.fd >= 0 ? 0 : owner_take(&h->owner, &other);

    if (rc == -EUSERS) {
        rc = err_set(e, -EOPNOTSUPP, "%d other processes of ours change how devices send",
                     OWNERS);
        err_hint(e, "process %d is one of them", (int)other);
    } else if (rc < 0) {
        err_set(e, rc, "cannot lay claim to the devices: %s", strerror(-rc));
    }
    return rc;
}

/* See that our root is on the device. */
static int ensure_root(struct host *h, int device, const struct egress *x, struct err *e)
{
    char name[TC_NAME];
    int *place, is, rc = own(h, e);

    if (rc < 0 || place_of(h, device))
        return rc;
    if ((place = place_of(h, 0)) == NULL)
        return err_set(e, -ENOSPC, "more than %d devices", DEVICES);
    is = tc_root(h->tc, device, name);
    if (is < 0)
        return refuse(is, device, "sch_htb", x, e);
    if (is == TC_ROOT_FOREIGN && !h->replace)
        return refuse_foreign(device, name, x, e);
    if (is != TC_ROOT_OURS && (rc = tc_root_add(h->tc, device)) < 0)
        return refuse(rc, device, "sch_htb", x, e);
    if (is == TC_ROOT_FOREIGN)
        log_warn("host.replaced", "qdisc=\"%s\" hint=\"it does not come back\"", name);
    *place = device;
    return 0;
}

static bool device_used(const struct host *h, int device)
{
    for (size_t i = 0; i < h->room; i++)
        if (h->class[i].key && h->class[i].device == device)
            return true;
    return false;
}

/* Roots that hold no class of ours go, unless another process is there to use them. */
static void tidy(struct host *h)
{
    bool any = false;

    for (size_t i = 0; i < DEVICES; i++) {
        int device = h->device[i];

        if (device && !device_used(h, device)) {
            struct owners others;

            if (owners_absent(&others, &h->owner))
                (void)!tc_root_del(h->tc, device);
            owners_release(&others);
            h->device[i] = 0;
        }
        any |= h->device[i] != 0;
    }
    if (!any)
        owner_release(&h->owner);
}

/* ---- classes ---- */

static bool minor_taken(const struct host *h, uint16_t minor)
{
    for (size_t i = 0; i < h->room; i++)
        if (h->class[i].key && h->class[i].minor == minor)
            return true;
    return false;
}

/* A free place with a number that no class has; NULL when there is none. */
static struct class *class_new(struct host *h)
{
    struct class *c = NULL;
    uint16_t n = 1;

    for (size_t i = 0; i < h->room && c == NULL; i++)
        if (h->class[i].key == NULL)
            c = &h->class[i];
    if (c == NULL) {
        size_t room = h->room ? 2 * h->room : 8;
        struct class *more = room <= MINORS ? realloc(h->class, room * sizeof *more)
                                            : NULL;

        if (more == NULL)
            return NULL;
        memset(more + h->room, 0, (room - h->room) * sizeof *more);
        c = &more[h->room];
        h->class = more;
        h->room = room;
    }
    /* netem's own handle is made of the minor: it must not be the root's. */
    while (minor_taken(h, owner_minor(&h->owner, n)) ||
           owner_minor(&h->owner, n) == TC_MAJOR)
        n++;
    c->minor = owner_minor(&h->owner, n);
    return c;
}

static void class_drop(struct host *h, struct class *c)
{
    int rc = tc_class_del(h->tc, c->device, c->minor);

    if (rc < 0 && rc != -ENOENT && rc != -ENODEV)
        log_warn("host", "class=%x:%x reason=\"%s\"", TC_MAJOR, c->minor, strerror(-rc));
    c->key = NULL;
}

static int class_put(struct host *h, struct class *c, const struct egress *x,
                     struct err *e)
{
    int rc = tc_class_set(h->tc, c->device, c->minor, x);

    return rc < 0 ? refuse(rc, c->device, "sch_netem", x, e) : 0;
}

static int class_make(struct host *h, const void *key, int device, const struct egress *x,
                      struct class **out, struct err *e)
{
    int rc = ensure_root(h, device, x, e);
    struct class *c = rc < 0 ? NULL : class_new(h);

    if (rc == 0 && c == NULL)
        rc = err_set(e, -ENOSPC, "more than %d lanes at once", MINORS);
    if (rc < 0) {
        tidy(h);
        return rc;
    }
    c->key = key;
    c->device = device;
    c->turn = h->turn;
    c->x = *x;
    rc = class_put(h, c, x, e);
    if (rc < 0) {
        class_drop(h, c);
        tidy(h);
    }
    *out = c;
    return rc;
}

/* One that is as wanted; else one that is out of use, best the one the socket is in. */
static struct class *class_find(struct host *h, const void *key, int device,
                                const struct egress *x, uint32_t prio)
{
    struct class *idle = NULL;

    for (size_t i = 0; i < h->room; i++) {
        struct class *c = &h->class[i];

        if (c->key != key || c->device != device)
            continue;
        if (egress_same(&c->x, x))
            return c;
        if (c->turn != h->turn && (idle == NULL || TC_PRIORITY(c->minor) == prio))
            idle = c;
    }
    return idle;
}

int host_device(struct host *h, const struct sockaddr *to, struct err *e)
{
    int device = tc_device(h->tc, to);

    if (device == -EAFNOSUPPORT) {
        err_set(e, -EOPNOTSUPP, "no device is between here and a Unix socket");
        err_hint(e, "latency, bandwidth and all that need no kernel work there as well");
    } else if (device < 0) {
        err_set(e, -EOPNOTSUPP, "no device leads to the peer: %s", strerror(-device));
    }
    return device < 0 ? -EOPNOTSUPP : device;
}

int host_class(struct host *h, const void *key, const struct sockaddr *to,
               const struct egress *x, uint32_t *prio, struct err *e)
{
    int device = host_device(h, to, e), rc = 0;
    struct class *c;

    assert(key);
    if (device < 0)
        return device;
    c = class_find(h, key, device, x, *prio);
    if (c == NULL)
        rc = class_make(h, key, device, x, &c, e);
    else if (!egress_same(&c->x, x))
        rc = class_put(h, c, x, e);
    if (rc < 0)
        return rc;
    c->x = *x;
    c->turn = h->turn;
    *prio = TC_PRIORITY(c->minor);
    return 0;
}

int host_try(struct host *h, int device, const struct egress *x, struct err *e)
{
    struct class *c;
    int rc = class_make(h, h, device, x, &c, e);

    if (rc < 0)
        return rc;
    class_drop(h, c);
    tidy(h);
    return 0;
}

void host_begin(struct host *h)
{
    h->turn++;
}

void host_sweep(struct host *h)
{
    for (size_t i = 0; i < h->room; i++)
        if (h->class[i].key && h->class[i].turn != h->turn)
            class_drop(h, &h->class[i]);
    tidy(h);
}

void host_close(struct host **h)
{
    if (*h == NULL)
        return;
    host_begin(*h);
    host_sweep(*h);
    tc_close(&(*h)->tc);
    free((*h)->class);
    free(*h);
    *h = NULL;
}

/* ---- what others left ---- */

#define CLASSES 1024

static size_t clean_classes(struct tc *tc, int device, const struct owners *dead,
                            bool really)
{
    uint16_t minor[CLASSES];
    int n = tc_classes(tc, device, minor, CLASSES);
    size_t gone = 0;

    for (int i = 0; i < n && i < CLASSES; i++)
        if (owners_have(dead, minor[i]) &&
            (!really || tc_class_del(tc, device, minor[i]) == 0))
            gone++;
    return gone;
}

static int clean_device(struct tc *tc, int device, bool really, struct host_cleaned *out,
                        struct err *e)
{
    char name[IF_NAMESIZE];
    struct owners dead;
    size_t i = out->n++;
    int rc = 0;

    snprintf(out->device[i].name, sizeof out->device[i].name, "%s",
             device_name(device, name));
    out->device[i].whole = owners_absent(&dead, NULL);
    out->device[i].used_by = dead.alive;
    if (!out->device[i].whole)
        out->device[i].classes = clean_classes(tc, device, &dead, really);
    else if (really)
        rc = tc_root_del(tc, device);
    owners_release(&dead);
    if (rc < 0) {
        err_set(e, rc, "cannot take what was left off %s: %s", out->device[i].name,
                strerror(-rc));
        err_hint(e, "as root: sunder clean, or tc qdisc del dev %s root",
                 out->device[i].name);
    }
    return rc;
}

static int clean(bool really, struct host_cleaned *out, struct err *e)
{
    int device[HOST_CLEANED], n, rc;
    struct tc *tc;

    memset(out, 0, sizeof *out);
    if ((rc = tc_open(&tc)) < 0)
        return err_set(e, rc, "no netlink here: %s", strerror(-rc));
    n = tc_devices(tc, device, HOST_CLEANED);
    if (n < 0)
        rc = err_set(e, n, "cannot list the devices: %s", strerror(-n));
    for (int i = 0; i < n && i < HOST_CLEANED && rc == 0; i++)
        rc = clean_device(tc, device[i], really, out, e);
    tc_close(&tc);
    return rc;
}

int host_clean(struct host_cleaned *out, struct err *e)
{
    return clean(true, out, e);
}

int host_left(struct host_cleaned *out, struct err *e)
{
    return clean(false, out, e);
}

/* filter.c -- see filter.h. Programs are a handful of instructions, built anew whenever
 * the plan changes:
 *
 *   established:  [ld rand; jge p, pass;] drop: ret 0; pass: ret all
 *   listening:    version 4? { ld source & mask == net -> ret verdict }... else the same
 *                 word by word for version 6; ret rest
 */
#include "filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PASS     0xffffffffu
#define CODE_MAX (8 + FILTER_SOURCES * 13)

struct program {
    struct sock_filter code[CODE_MAX];
    unsigned short n;
};

static void emit(struct program *p, unsigned code, uint32_t k, uint8_t jt, uint8_t jf)
{
    p->code[p->n++] = (struct sock_filter){(uint16_t)code, jt, jf, k};
}

static void emit_return(struct program *p, bool lost)
{
    emit(p, BPF_RET | BPF_K, lost ? 0 : PASS, 0, 0);
}

static int attach(int fd, struct program *p)
{
    struct sock_fprog prog = {p->n, p->code};
    int none = 0;

    if (p->n == 0) {
        if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none) < 0)
            return errno == ENOENT ? 0 : -errno;
        return 0;
    }
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog) < 0 ? -errno
                                                                                : 0;
}

int filter_set(int fd, const struct wire *w)
{
    struct program p = {.n = 0};

    if (w->loss > 0 && !w->blackhole && w->loss < 1) {
        emit(&p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM), 0, 0);
        emit(&p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)(w->loss * 4294967296.0), 0, 1);
        emit_return(&p, false);
    }
    if (w->blackhole || w->loss > 0)
        emit_return(&p, true);
    return attach(fd, &p);
}

static uint32_t word_of(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t mask_of(unsigned bits)
{
    return bits == 0 ? 0 : bits >= 32 ? PASS : PASS << (32 - bits);
}

/* If the source address lies in the range, return its verdict; else fall through. */
static void emit_range(struct program *p, const struct filter_source *s)
{
    unsigned words = s->range->family == AF_INET ? 1 : 4;
    uint32_t at = s->range->family == AF_INET ? 12 : 8;

    for (unsigned i = 0; i < words; i++) {
        unsigned bits = s->range->bits > i * 32 ? s->range->bits - i * 32 : 0;
        uint32_t mask = mask_of(bits);

        emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + at + i * 4, 0, 0);
        emit(p, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, word_of(s->range->bytes + i * 4) & mask, 0,
             (uint8_t)((words - i) * 3 - 2));
    }
    emit_return(p, s->lost);
}

int filter_listener(int fd, const struct filter_source *s, size_t n, bool rest)
{
    static const int families[2] = {AF_INET, AF_INET6};
    struct program p = {.n = 0};
    bool any = rest;

    for (size_t i = 0; i < n; i++)
        any |= s[i].lost;
    if (n > FILTER_SOURCES)
        return -E2BIG;
    for (unsigned f = 0; any && f < 2; f++) {
        unsigned short jump;

        emit(&p, BPF_LD | BPF_B | BPF_ABS, (uint32_t)SKF_NET_OFF, 0, 0);
        emit(&p, BPF_ALU | BPF_AND | BPF_K, 0xf0, 0, 0);
        emit(&p, BPF_JMP | BPF_JEQ | BPF_K, families[f] == AF_INET ? 0x40 : 0x60, 1, 0);
        jump = p.n;
        emit(&p, BPF_JMP | BPF_JA, 0, 0, 0);
        for (size_t i = 0; i < n; i++)
            if (s[i].range->family == families[f])
                emit_range(&p, &s[i]);
        p.code[jump].k = (uint32_t)(p.n - jump - 1);
    }
    if (any)
        emit_return(&p, rest);
    return attach(fd, &p);
}

int filter_check(struct err *e)
{
    struct wire all = {.blackhole = true};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = fd < 0 ? -errno : filter_set(fd, &all);

    if (fd >= 0)
        close(fd);
    if (err == 0)
        return 0;
    err_set(e, err, "this kernel takes no packet filter from us: %s", strerror(-err));
    if (err == -EPERM)
        err_hint(e, "it wants CAP_NET_ADMIN: root, or unshare -rn; hang needs neither");
    else
        err_hint(e, "hang holds the bytes of a link without one");
    return err;
}

/* trouble.c -- see trouble.h. */
#include "trouble.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const names[TROUBLE_KINDS] = {
    [TROUBLE_NONE] = "none",
    [TROUBLE_TIMEOUT] = "timeout",
    [TROUBLE_REFUSED] = "refused",
    [TROUBLE_RESET] = "reset",
    [TROUBLE_EOF] = "eof",
    [TROUBLE_UNREACHABLE] = "unreachable",
    [TROUBLE_RESOLVE] = "resolve",
    [TROUBLE_BIND] = "bind",
    [TROUBLE_PROTOCOL] = "protocol",
    [TROUBLE_READONLY] = "READONLY",
    [TROUBLE_LOADING] = "LOADING",
    [TROUBLE_MASTERDOWN] = "MASTERDOWN",
    [TROUBLE_NOREPLICAS] = "NOREPLICAS",
    [TROUBLE_OOM] = "OOM",
    [TROUBLE_MISCONF] = "MISCONF",
    [TROUBLE_BUSY] = "BUSY",
    [TROUBLE_CLUSTERDOWN] = "CLUSTERDOWN",
    [TROUBLE_MOVED] = "MOVED",
    [TROUBLE_ASK] = "ASK",
    [TROUBLE_TRYAGAIN] = "TRYAGAIN",
    [TROUBLE_NOAUTH] = "NOAUTH",
    [TROUBLE_WRONGPASS] = "WRONGPASS",
    [TROUBLE_NOPERM] = "NOPERM",
    [TROUBLE_DENIED] = "DENIED",
    [TROUBLE_WRONGTYPE] = "WRONGTYPE",
    [TROUBLE_OTHER] = "other",
};

static const struct {
    int code;
    enum trouble kind;
} codes[] = {
    {ECONNREFUSED, TROUBLE_REFUSED},
    {ECONNRESET, TROUBLE_RESET},
    {EPIPE, TROUBLE_RESET},
    {ECONNABORTED, TROUBLE_RESET},
    {ETIMEDOUT, TROUBLE_TIMEOUT},
    {EHOSTUNREACH, TROUBLE_UNREACHABLE},
    {ENETUNREACH, TROUBLE_UNREACHABLE},
    {ENOENT, TROUBLE_UNREACHABLE},
    {EADDRNOTAVAIL, TROUBLE_BIND},
};

const char *trouble_name(enum trouble t)
{
    return names[t];
}

enum trouble trouble_of_reply(const char *text)
{
    size_t n = strcspn(text, " ");

    for (int t = TROUBLE_READONLY; t < TROUBLE_OTHER; t++)
        if (strlen(names[t]) == n && strncmp(text, names[t], n) == 0)
            return (enum trouble)t;
    return TROUBLE_OTHER;
}

/* hiredis leaves no code behind that could be trusted: errno is gone by the time its
 * callbacks run. It keeps the text of it, with a word of its own before. */
enum trouble trouble_of_system(const char *text)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strstr(text, strerror(codes[i].code)))
            return codes[i].kind;
    return strstr(text, "bind") ? TROUBLE_BIND : TROUBLE_OTHER;
}

uint64_t trouble_total(const struct troubles *t)
{
    uint64_t sum = 0;

    for (int i = 0; i < TROUBLE_KINDS; i++)
        sum += t->n[i];
    return sum;
}

/* losing_links.c -- which links of a lab go round its proxy, by the kernel's own list. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "losing.h"

#define ESTABLISHED 1

static bool is_real(const struct topology *t, uint32_t ip)
{
    struct in_addr real;

    for (size_t i = 0; i < t->n; i++)
        if (inet_pton(AF_INET, t->node[i].real, &real) == 1 && real.s_addr == ip)
            return true;
    return false;
}

/* Each link is listed at both of its ends; it is counted at the one that was dialed. */
size_t losing_bypasses(const struct topology *t)
{
    FILE *f = fopen("/proc/net/tcp", "re");
    unsigned local, port, remote, remote_port, state;
    char line[256];
    size_t n = 0;

    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, " %*u: %8X:%4X %8X:%4X %2X", &local, &port, &remote,
                   &remote_port, &state) == 5 &&
            state == ESTABLISHED && port == t->port && is_real(t, local) &&
            is_real(t, remote))
            n++;
    if (f != NULL)
        fclose(f);
    return n;
}

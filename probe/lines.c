/* lines.c -- the lines of the tutorial that this probe grew from, as it prints them. */
#include <inttypes.h>

#include "check.h"
#include "report.h"

void report_wrong(uint64_t client, uint64_t got, uint64_t expected)
{
    if (got == CHECK_CORRUPT)
        printf("Wrong value: client_%" PRIu64 " got: garbage expected: %" PRIu64 "\n",
               client, expected);
    else
        printf("Wrong value: client_%" PRIu64 " got: %" PRIu64 " expected: %" PRIu64 "\n",
               client, got, expected);
}

void report_done(uint64_t client, uint64_t reads, uint64_t stale)
{
    char rate[40];

    stats_print_shortest(reads ? (double)stale / (double)reads : 0, rate, sizeof rate);
    printf("Done: client_%" PRIu64 " total_reads: %" PRIu64 " stale_reads: %" PRIu64
           " error_rate: %s\n",
           client, reads, stale, rate);
    fflush(stdout);
}

void report_all_done(uint64_t clients)
{
    printf("%" PRIu64 " clients all done\n", clients);
}

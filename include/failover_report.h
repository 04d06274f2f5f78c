/* failover_report.h -- what the failover probe says of a run, and of many. */
#ifndef FAILOVER_REPORT_H
#define FAILOVER_REPORT_H

#include "failover.h"
#include "sheet.h"

/* All numbers of a run; of a zeroed result all names, with nothing measured. */
void failover_sheet(const struct failover_conf *c, const struct failover_result *r,
                    struct sheet *s);

/* What happened, in order, with times since it was broken; and a line for each client. */
void failover_timeline(FILE *f, const struct failover_result *r);
void failover_clients(FILE *f, const struct failover_result *r);

/* The sheet, and the same two lists. To be freed. */
json_t *failover_json(const struct failover_result *r, const struct sheet *s);

/* -- many runs -- */

/* The sheet whose numbers are the medians of these; what was measured in no run is
 * not measured. n > 0. */
void failover_median(const struct sheet *s, size_t n, struct sheet *out);

/* A line for each number: median, least, greatest. */
void    failover_spread(FILE *f, const struct sheet *s, size_t n);
json_t *failover_spread_json(const struct sheet *s, size_t n);

#endif

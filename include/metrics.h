/* metrics.h -- live counters in Prometheus' text form.
 *
 * Labels are names of nodes, clients and rules, so their number is bounded by the
 * configuration and the plan; and where those are without bound, 4096 links and 1000
 * rules are shown.
 */
#ifndef METRICS_H
#define METRICS_H

#include "answer.h"
#include "proxy.h"

void metrics_write(const struct proxy *p, struct answer *out);

#endif

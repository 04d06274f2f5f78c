/* writes.c -- see writes.h. */
#include <stdio.h>

#include "writes.h"

#define URLS 512

int writes_row(struct stage *s, struct exercise_outcome *o, const char *row,
               const struct writes *w)
{
    char url[URLS], ops[16], rate[16], wait[16];
    const char *argv[] = {"writes",
                          "--write",
                          url,
                          "--keep",
                          WRITES_KEY,
                          "--ops",
                          ops,
                          "--rate",
                          rate,
                          "--wait",
                          wait,
                          "--wait-time",
                          w->patient ? "5s" : "100ms",
                          NULL};

    topology_urls(lab_topology(s->lab), TOPOLOGY_MASTER, url, sizeof url);
    snprintf(ops, sizeof ops, "%u", w->ops);
    snprintf(rate, sizeof rate, "%u", w->rate);
    snprintf(wait, sizeof wait, "%u", w->wait);
    course_tell(o, row);
    return exercise_cued(s, argv, NULL, o, row);
}

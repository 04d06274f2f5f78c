/* scenario_parts.h -- what the files of a scenario share, and nobody else uses. */
#ifndef SCENARIO_PARTS_H
#define SCENARIO_PARTS_H

#include "doc.h"
#include "scenario.h"

/* scenario_words.c: "replica r2 down", "fired slow >= 1". 0, or -EINVAL and *e without a
 * place. */
int scenario_event_parse(const char *text, struct scenario_event *out, struct err *e);
int scenario_expect_parse(const char *text, struct scenario_expect *out, struct err *e);

/* scenario_lab.c: the value of `lab`. */
int scenario_read_lab(struct doc *d, yaml_node_t *node, void *into);

/* scenario_check.c: is it sound as a whole? */
int scenario_check(const struct scenario *s, struct err *e);

/* The shape that an action of a step makes, but for its name if the step has none. */
struct shape scenario_shape(const struct scenario_step *step,
                            const struct scenario_action *a);

struct usage;

struct scenario_options {
    const char *file; /* what it is called */
    bool json;
    const char *server, *journal; /* NULL = find one; none */
    uint64_t seed;
    bool seed_given;
};

/* scenario.c: play it; answers what to exit with. */
int scenario_play(const struct scenario *s, const struct scenario_options *o,
                  const struct usage *u);

/* Nodes and "client", as the proxy will know them. Answers how many. */
size_t scenario_parties(const struct topology *t, struct party *out);

#endif

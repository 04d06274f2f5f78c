/* trial.h -- what the small probes have in common: their words and how they end. */
#ifndef TRIAL_H
#define TRIAL_H

#include "cli.h"
#include "sheet.h"
#include "talk.h"
#include "url.h"

#define TRIAL_RUN_MAX 16

struct trial {
    const struct usage *usage;
    const char         *source; /* address that connections come from, or NULL */
    const char         *output;
    struct texts        asserts;
    char                run[TRIAL_RUN_MAX]; /* in the names of its keys */
};

/* For the end of a table of options. */
#define TRIAL_OPTS(t)                                                                    \
    {"source", 0, OPT_TEXT, &(t)->source, "ADDR", "address that connections come from"}, \
        {"assert",                                                                       \
         0,                                                                              \
         OPT_TEXTS,                                                                      \
         &(t)->asserts,                                                                  \
         "CLAIM",                                                                        \
         "exit 1 unless this holds: a name of the report, <, <=, ==, >= or >, a value"}, \
        {"output", 'o', OPT_TEXT, &(t)->output, "FORMAT", "text or json"},               \
    {                                                                                    \
        NULL, 0, OPT_FLAG, NULL, NULL, NULL                                              \
    }

/* Parse and check what all have. -1 to go on, or the status to exit with. */
int trial_parse(struct trial *t, int argc, char **argv) MUST_CHECK;

/* The place an option names, or one of the environment. `option` is for the error. 0, or
 * -EINVAL and *e. */
int trial_url(const char *option, const char *given, const char *variable,
              struct url *out, struct err *e) MUST_CHECK;

/* NULL is fine. */
int trial_check_source(const char *source, struct err *e) MUST_CHECK;

/* Do all claims name what is on the sheet? Before the run, with an empty one. */
int trial_check_claims(const struct trial *t, const struct sheet *blank,
                       struct err *e) MUST_CHECK;

/* A probe's first connection: if there is none, nothing can be measured. 0; -EINTR; or
 * -ENOTCONN and *e, which is also what trial_cannot answers for another first step. */
int trial_connect(struct talk *t, const struct talk_conf *c, struct err *e) MUST_CHECK;
int trial_cannot(const struct talk *t, const struct talk_conf *c, struct err *e);

/* Remove a key and those that are called key:1 to key:n, also after a signal. What cannot
 * be reached stays. */
void trial_clean(struct talk *t, const struct talk_conf *c, const char *key, uint64_t n);

/* The end: print the sheet and what does not hold, and answer what to exit with. rc < 0
 * says that nothing was measured, and *e why; -EINTR that a signal cut it short. */
int trial_end(struct trial *t, const struct sheet *s, int rc, const struct err *e);

#endif

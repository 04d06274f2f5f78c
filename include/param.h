/* param.h -- the parameters of faults, as text: reading, range errors, printing. */
#ifndef PARAM_H
#define PARAM_H

#include "fault.h"

#define PARAM_TEXT_MAX (4 * PARAM_TEXT_SIZE) /* enough for any value printed */

/* The parameter of that name, or NULL. */
const struct param *param_named(const struct fault *f, const char *name);

/* Read a value into its field of conf. -EINVAL and *e when it is no value or not in
 * the range; conf is not changed then. */
int param_read(const struct param *p, void *conf, const char *text,
               struct err *e) MUST_CHECK;

/* Set every parameter that has a default to it. */
void param_defaults(const struct fault *f, void *conf);

/* Has it the value that param_defaults gave? Never true of one without a default. */
bool param_is_standard(const struct param *p, const void *conf);

/* The text that reads back as the value in conf. Answers buf. */
const char *param_print(const struct param *p, const void *conf, char *buf, size_t size);

/* "0 to 1h", "uniform or normal": what it may be. Answers buf. */
const char *param_range(const struct param *p, char *buf, size_t size);

#endif

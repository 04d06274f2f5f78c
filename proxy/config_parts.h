/* config_parts.h -- what config.c and config_yaml.c share: one piece at a time, checked.
 *
 * Each answers 0, or a negative errno and *e without a place.
 */
#ifndef CONFIG_PARTS_H
#define CONFIG_PARTS_H

#include "config.h"

/* A zeroed one at the end of the list, or NULL and *e. */
struct config_node *config_new_node(struct config *c, struct err *e);
struct config_party *config_new_client(struct config *c, struct err *e);

int config_set_name(struct config_party *p, const char *text, struct err *e);
int config_set_listen(struct config_node *n, const char *text, struct err *e);
int config_set_upstream(struct config_node *n, const char *text, struct err *e);
int config_set_kind(struct config_node *n, const char *text, struct err *e);
int config_set_when_down(struct config *c, const char *text, struct err *e);

/* Names that end in .svc get the cluster's domain, if one is given. */
int config_complete(struct config *c, struct err *e);

#endif

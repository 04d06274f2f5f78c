/* probe.h -- the commands that look at a Redis as its clients do. */
#ifndef PROBE_H
#define PROBE_H

int cmd_hello(int argc, char **argv);
int cmd_sentinel(int argc, char **argv); /* VERB [option ...] */
int cmd_probe(int argc, char **argv);    /* PROBE [option ...] */

/* The probes. */
int cmd_stale(int argc, char **argv);
int cmd_retry(int argc, char **argv);
int cmd_pipeline(int argc, char **argv);
int cmd_pubsub(int argc, char **argv);
int cmd_half_open(int argc, char **argv);
int cmd_failover(int argc, char **argv);
int cmd_read(int argc, char **argv);
int cmd_writes(int argc, char **argv);
int cmd_session(int argc, char **argv);

#endif

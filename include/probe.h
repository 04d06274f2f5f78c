/* probe.h -- the commands that look at a Redis as its clients do. */
#ifndef PROBE_H
#define PROBE_H

int cmd_hello(int argc, char **argv);
int cmd_probe(int argc, char **argv); /* PROBE [option ...] */
int cmd_stale(int argc, char **argv); /* one of them */

#endif

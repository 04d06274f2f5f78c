/* phase.h -- where a replication link stands, and what a frame of it is part of. */
#ifndef PHASE_H
#define PHASE_H

enum repl_phase {
    PHASE_NONE, /* not of replication; in rules: any */
    PHASE_HANDSHAKE,
    PHASE_RDB,    /* lane replies: the data set, as one frame */
    PHASE_STREAM, /* lane replies: a command */
    PHASE_ACK,    /* lane requests: REPLCONF ACK */
};

extern const char *const phase_names[]; /* by enum repl_phase; ends with NULL */

#endif

/* repl.h -- a replication link, understood from its bytes.
 *
 *   handshake lines -> [rdb] -> commands ...        lane replies: repl_next
 *   REPLCONF, PSYNC ... -> ACK, ACK ...             lane requests: repl_request
 *
 * Fed as the kernel delivers, it says where frames end and counts the master's offset to
 * the byte. Nothing is stored but a line of the handshake: not the RDB, whose end mark
 * may lie across reads, nor a command. What it cannot read makes it lost, for good; the
 * bytes are then only counted. As in Redis' replication.c, 2.8 to 8.
 *
 * Pure: no clock, no lane, no socket.
 */
#ifndef REPL_H
#define REPL_H

#include "clock.h"
#include "phase.h"
#include "resp.h"

#define REPL_ID      40
#define REPL_LINE    1000 /* a handshake line that is longer is none */
#define REPL_KEPT    160  /* bytes of it kept: all that it can mean */
#define REPL_SAMPLES 128

struct repl_sample { /* so many bytes of the stream had been forwarded by then */
    uint64_t bytes;
    nsec     first; /* when the first of them was that the sample before has not */
};

struct repl {
    enum repl_phase phase; /* of lane replies */
    enum repl_phase frame; /* what its frame under way, or the last one, is part of */
    bool            lost;  /* the rest of lane replies cannot be read */

    char     id[REPL_ID + 1];           /* of the master's history; "" = not known yet */
    bool     anchored;                  /* base is known: offsets mean something */
    uint64_t base;                      /* the master's offset where the stream begins */
    uint64_t stream;                    /* bytes of the stream seen */
    uint64_t frame_at;                  /* of them, before the command under way */
    uint64_t commands, writes, getacks; /* seen; writes are what changes data */
    bool     write;                     /* the command under way is one */

    uint64_t rdb_size;  /* 0 = not known: it ends with a mark */
    uint64_t rdb_bytes; /* seen, the mark included */
    bool     diskless;

    bool     acking;         /* an ACK was seen */
    uint64_t acked, flushed; /* offsets: applied, and on its disk (FACK; 0 = none) */
    uint64_t forwarded;      /* bytes of the stream that have left for the replica */

    uint64_t full, partial, refused; /* answers to PSYNC and SYNC */

    /* What the replica said of itself. */
    char ip[RESP_WORD_MAX], capas[96]; /* announced; "" = nothing; capas joined by "," */
    uint32_t port;
    bool     rdb_only;
    uint64_t channel;     /* the pair of connections it is part of (Redis 8, Valkey 8) */
    bool     rdb_channel; /* and the one with the RDB */

    /* Private to repl.c. */
    uint8_t            state;
    bool               in_line;
    char               asked_id[REPL_ID + 1];
    uint64_t           asked; /* the next byte wanted; 0 = all of it */
    size_t             line_len, line_kept;
    char               line[REPL_KEPT];
    uint64_t           rdb_left;
    uint8_t            mark[REPL_ID], tail[REPL_ID - 1], leap[256];
    size_t             tails;
    unsigned           samples;
    nsec               grain; /* samples are no nearer to each other */
    struct repl_sample sample[REPL_SAMPLES];
};

void repl_init(struct repl *r);

/* The head of a request that passes: REPLCONF, PSYNC, SYNC; others are ignored. */
void repl_request(struct repl *r, const struct resp *head);

/* Is the next byte of lane replies for repl_next, whatever it is? If not it is when the
 * next reply answers PSYNC or SYNC. */
bool repl_reads(const struct repl *r);

/* Has PSYNC or SYNC been granted? Nothing on lane replies answers anything any more. */
bool repl_granted(const struct repl *r);

/* As resp_next, with p[0..n), n > 0. A handshake line has its head and its end at once;
 * `scan` then shows it as a status of one word, and a blank line as no word. The RDB has
 * its head at its first byte, and scan shows nothing. */
struct resp_part repl_next(struct repl *r, struct resp *scan, const uint8_t *p, size_t n);

/* Bytes of lane replies that pass after it is lost. */
void repl_skip(struct repl *r, size_t n);

/* Is lane replies between two frames? */
bool repl_idle(const struct repl *r, const struct resp *scan);

/* Bytes of the stream have left for the replica: so many ever. */
void repl_forwarded(struct repl *r, uint64_t bytes, nsec now);

/* The RDB of this link came on another connection: that is where the stream begins. */
void repl_anchor(struct repl *r, const struct repl *rdb);

/* The master's offset; what has been forwarded, as an offset; forwarded, but not
 * acknowledged yet; and since when the oldest byte of that is (0 = there is none). While
 * not anchored offsets count from 0. */
uint64_t repl_offset(const struct repl *r);
uint64_t repl_forwarded_offset(const struct repl *r);
uint64_t repl_flight(const struct repl *r);
nsec     repl_unacked_since(const struct repl *r);

#endif

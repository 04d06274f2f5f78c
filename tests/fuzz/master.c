/* master.c -- see master.h. */
#include "master.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct maker {
    struct master *m;
    const uint8_t *p, *end;
    uint32_t more; /* when the bytes are used up */
};

static uint32_t pick(struct maker *k, uint32_t n)
{
    k->more = k->more * 1664525 + 1013904223;
    if (k->p < k->end)
        k->more ^= (uint32_t)*k->p++ << 16;
    return (k->more >> 16) % n;
}

static void put(char *into, size_t *n, size_t size, const void *p, size_t len)
{
    if (*n + len < size) {
        memcpy(into + *n, p, len);
        *n += len;
    }
}

/* A request, as an array or inline. */
static void ask(struct maker *k, bool in_line, const char *line)
{
    struct master *m = k->m;
    char text[512], one[512];
    size_t n = 0;
    int words = 1;

    snprintf(one, sizeof one, "%s", line);
    for (const char *s = line; (s = strchr(s, ' ')) != NULL; s++)
        words++;
    if (in_line) {
        n = (size_t)snprintf(text, sizeof text, "%s\r\n", line);
    } else {
        n = (size_t)snprintf(text, sizeof text, "*%d\r\n", words);
        for (char *s = strtok(one, " "); s; s = strtok(NULL, " "))
            n += (size_t)snprintf(text + n, sizeof text - n, "$%zu\r\n%s\r\n", strlen(s),
                                  s);
    }
    put(m->requests, &m->nrequests, sizeof m->requests, text, n);
}

static void say(struct maker *k, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put(k->m->replies, &k->m->nreplies, sizeof k->m->replies, text, (size_t)n);
}

static void frame(struct maker *k, enum master_part part, bool write)
{
    struct master *m = k->m;

    if (m->frames < MASTER_FRAMES) {
        m->frame[m->frames].end = m->nreplies;
        m->frame[m->frames].part = part;
        m->frame[m->frames++].write = write;
    }
}

static void line(struct maker *k, const char *text)
{
    say(k, "%s", text);
    frame(k, MASTER_LINE, false);
}

static void keep_alive(struct maker *k)
{
    for (uint32_t n = pick(k, 4); n > 1; n--)
        line(k, "\n");
}

static void handshake(struct maker *k)
{
    ask(k, false, "PING");
    say(k, pick(k, 2) ? "+PONG\r\n" : "-NOAUTH Authentication required.\r\n");
    if (pick(k, 2)) {
        ask(k, false, "AUTH secret");
        say(k, "+OK\r\n");
    }
    ask(k, false, "REPLCONF listening-port 6380");
    say(k, "+OK\r\n");
    if (pick(k, 2)) {
        ask(k, false, "REPLCONF ip-address 127.0.2.2");
        say(k, pick(k, 2) ? "+OK\r\n" : "-ERR Unrecognized REPLCONF option\r\n");
    }
    ask(k, pick(k, 8) == 0, "REPLCONF capa eof capa psync2");
    say(k, "+OK\r\n");
}

static const char *some_id(struct maker *k, char *id)
{
    for (int i = 0; i < 40; i++)
        id[i] = "0123456789abcdef"[pick(k, 16)];
    id[40] = '\0';
    return id;
}

static void asked(struct maker *k)
{
    k->m->asked[k->m->asks] = k->m->nrequests;
    k->m->answer[k->m->asks++] = k->m->nreplies;
}

static void rdb_bytes(struct maker *k, size_t n, const char *mark)
{
    char text[64];

    for (size_t at = 0; at < n;) {
        size_t one = 1 + pick(k, sizeof text);

        one = one < n - at ? one : n - at;
        for (size_t i = 0; i < one; i++)
            text[i] = (char)pick(k, 256);
        if (mark && pick(k, 3) == 0 && n - at > 40) { /* it begins like the mark */
            one = pick(k, 40);
            memcpy(text, mark, one);
            text[one++] = 'Z';
        }
        put(k->m->replies, &k->m->nreplies, sizeof k->m->replies, text, one);
        at += one;
    }
}

static void rdb(struct maker *k)
{
    struct master *m = k->m;
    size_t n = pick(k, 3) ? pick(k, 300) : pick(k, 5000);
    size_t from;
    char text[64], id[41];

    keep_alive(k);
    m->full = true;
    m->diskless = pick(k, 2);
    if (m->diskless)
        snprintf(text, sizeof text, "$EOF:%s\r\n", some_id(k, id));
    else
        snprintf(text, sizeof text, "$%zu\r\n", n);
    line(k, text);
    from = m->nreplies;
    rdb_bytes(k, n, m->diskless ? id : NULL);
    if (m->diskless)
        say(k, "%s", id);
    m->rdb = m->nreplies - from;
    if (m->rdb)
        frame(k, MASTER_RDB, false);
}

static void command(struct maker *k, const char *fmt, ...)
{
    char text[600], one[600];
    va_list ap;
    int words = 1;
    bool write;

    va_start(ap, fmt);
    vsnprintf(one, sizeof one, fmt, ap);
    va_end(ap);
    write = strncmp(one, "SET", 3) == 0 || strncmp(one, "del", 3) == 0;
    snprintf(text, sizeof text, "%s", one);
    for (const char *s = one; (s = strchr(s, ' ')) != NULL; s++)
        words++;
    say(k, "*%d\r\n", words);
    for (char *s = strtok(text, " "); s; s = strtok(NULL, " "))
        say(k, "$%zu\r\n%s\r\n", strlen(s), s);
    frame(k, MASTER_COMMAND, write);
    k->m->commands++;
    k->m->writes += write;
}

static void big_command(struct maker *k)
{
    size_t n = 200 + pick(k, 3000);

    say(k, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%zu\r\n", n);
    rdb_bytes(k, n, NULL);
    say(k, "\r\n");
    frame(k, MASTER_COMMAND, true);
    k->m->commands++;
    k->m->writes++;
}

static void stream(struct maker *k)
{
    struct master *m = k->m;
    size_t from = m->stream_at = m->nreplies;

    for (uint32_t n = pick(k, 200); n > 0 && m->nreplies < MASTER_TEXT / 2; n--)
        switch (pick(k, 9)) {
        case 0: command(k, "ping"); break;
        case 1: command(k, "SELECT %u", pick(k, 16)); break;
        case 2:
            command(k, "REPLCONF GETACK *");
            m->getacks++;
            break;
        case 3: command(k, "MULTI"); break;
        case 4: command(k, "EXEC"); break;
        case 5: command(k, "del key:%u", pick(k, 100)); break;
        case 6: big_command(k); break;
        default: command(k, "SET key:%u %u", pick(k, 100), pick(k, 1000000));
        }
    m->stream = m->nreplies - from;
}

static void acks(struct maker *k)
{
    struct master *m = k->m;
    char text[64];

    for (uint32_t n = pick(k, 6); n > 0; n--) {
        uint64_t ack = m->base + (m->stream ? pick(k, (uint32_t)m->stream + 1) : 0);

        if (pick(k, 4) == 0)
            put(m->requests, &m->nrequests, sizeof m->requests, "\n", 1);
        snprintf(text, sizeof text,
                 pick(k, 2) ? "REPLCONF ACK %llu" : "REPLCONF ACK %llu FACK 7",
                 (unsigned long long)ack);
        ask(k, false, text);
        if (ack > m->acked)
            m->acked = ack;
    }
}

static void psync(struct maker *k)
{
    struct master *m = k->m;
    char text[160], id[41];
    uint64_t from = 1 + pick(k, 100000);

    some_id(k, m->id);
    m->anchored = true;
    if (pick(k, 2)) { /* partial */
        snprintf(text, sizeof text, "PSYNC %s %llu", m->id, (unsigned long long)from);
        ask(k, false, text);
        asked(k);
        keep_alive(k);
        snprintf(text, sizeof text, "+CONTINUE\r\n");
        if (pick(k, 3))
            snprintf(text, sizeof text, "+CONTINUE %s\r\n", some_id(k, m->id));
        line(k, text);
        m->base = from - 1;
        return;
    }
    snprintf(text, sizeof text, "PSYNC %s %s", pick(k, 2) ? "?" : some_id(k, id),
             pick(k, 2) ? "-1" : "77");
    ask(k, false, text);
    asked(k);
    keep_alive(k);
    m->base = pick(k, 100000);
    snprintf(text, sizeof text, "+FULLRESYNC %s %llu\r\n", m->id,
             (unsigned long long)m->base);
    line(k, text);
    rdb(k);
}

static void refused(struct maker *k)
{
    static const char *const texts[] = {
        "-NOMASTERLINK Can't SYNC while not connected with my master\r\n",
        "-LOADING Redis is loading the dataset in memory\r\n", "+WHATEVER\r\n",
        "-ERR unknown command 'PSYNC'\r\n"};

    ask(k, false, "PSYNC ? -1");
    asked(k);
    keep_alive(k);
    line(k, texts[pick(k, 4)]);
}

struct master *master_make(struct master *m, const uint8_t *p, size_t n)
{
    struct maker k = {.m = m, .p = p, .end = p + n, .more = 1};

    memset(m, 0, sizeof *m);
    handshake(&k);
    while (m->asks < 3 && pick(&k, 4) == 0)
        refused(&k);
    m->granted = true;
    if (pick(&k, 4) == 0) {
        ask(&k, pick(&k, 2), "SYNC");
        asked(&k);
        rdb(&k);
    } else {
        psync(&k);
    }
    stream(&k);
    acks(&k);
    m->answer[m->asks] = m->nreplies;
    return m;
}

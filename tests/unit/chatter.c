/* chatter.c -- see chatter.h. */
#include "chatter.h"

char *chatter_path(char *path)
{
    int fd;

    snprintf(path, 64, "/tmp/sunder-journal-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return path;
}

void chatter_decided(void *arg, const struct decision *d)
{
    journal_decision(arg, d);
}

void chatter_accounted(void *arg, const struct account *a)
{
    journal_account(arg, a);
}

void chatter_ended(void *arg, const struct dialog *d)
{
    journal_end(arg, d);
}

void chatter_open(struct chatter *c, uint64_t seed, uint64_t ordinal, struct journal *j)
{
    memset(c, 0, sizeof *c);
    rig_open_as(&c->r, seed, ordinal);
    c->rng = (struct rng){ordinal * 1000003};
    c->log = calloc(1, CHATTER_LOG);
    c->r.core.arg = j;
    if (j == NULL)
        return;
    c->r.core.decided = chatter_decided;
    c->r.core.accounted = chatter_accounted;
    c->r.core.ended = chatter_ended;
}

void chatter_close(struct chatter *c)
{
    rig_close(&c->r);
    free(c->log);
}

static void chatter_note(struct chatter *c)
{
    for (int lane = 0; lane < 2; lane++) {
        const char *out = c->r.out[lane] + c->seen[lane];

        if (*out == '\0')
            continue;
        c->n += (size_t)snprintf(c->log + c->n, CHATTER_LOG - c->n, "%llu %d %s\n",
                                 (unsigned long long)c->r.now, lane, out);
        assert_true(c->n < CHATTER_LOG);
        c->seen[lane] = c->r.n[lane];
    }
}

static void chatter_at(struct chatter *c, nsec t)
{
    rig_at(&c->r, t);
    chatter_note(c);
}

/* The server answers the whole lines that it has not answered yet. */
static void chatter_serve(struct chatter *c)
{
    const char *end;

    while ((end = strstr(c->r.out[LANE_REQUESTS] + c->heard, "\r\n")) != NULL) {
        const char *line = c->r.out[LANE_REQUESTS] + c->heard;

        c->heard += (size_t)(end + 2 - line);
        rig_answer(&c->r, *line == 'G'   ? "$5\r\nvalue\r\n"
                          : *line == 'S' ? "+OK\r\n"
                                         : ":1\r\n");
    }
}

/* The client asks for something, whole or in two pieces. */
static void chatter_ask(struct chatter *c)
{
    static const char *const lines[] = {"GET key\r\n", "SET key value\r\n",
                                        "INCR count\r\n"};
    const char *line = lines[rng_below(&c->rng, 3)];
    size_t n = strlen(line), first = rng_below(&c->rng, n + 1);

    rig_feed(&c->r, LANE_REQUESTS, line, first);
    rig_feed(&c->r, LANE_REQUESTS, line + first, n - first);
}

void chatter_run(struct chatter *c, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        for (uint64_t ask = rng_below(&c->rng, 4); ask > 0; ask--)
            chatter_ask(c);
        chatter_serve(c);
        chatter_note(c);
        chatter_at(c, c->r.now + rng_below(&c->rng, MSEC(3)));
    }
}

void chatter_drain(struct chatter *c)
{
    for (int i = 0; i < 1000; i++) {
        nsec due = NSEC_NEVER;

        for (int lane = 0; lane < 2; lane++)
            if (c->r.next[lane] == QUEUE_WAIT &&
                dialog_due(&c->r.dialog, (enum lane_id)lane) < due)
                due = dialog_due(&c->r.dialog, (enum lane_id)lane);
        if (due == NSEC_NEVER)
            return;
        chatter_at(c, due > c->r.now ? due : c->r.now);
        chatter_serve(c);
    }
    fail_msg("it never ends");
}

char *chatter_slurp(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 22);
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, (1 << 22) - 1, f);
    assert_true(n < (1 << 22) - 1);
    fclose(f);
    return text;
}

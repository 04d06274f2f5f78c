/* journal.c -- see journal.h. */
#include "journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#ifndef SUNDER_VERSION
#define SUNDER_VERSION "0.1.0"
#endif

struct journal {
    FILE *f;
    uint64_t written; /* serial of the newest rule written down */
    uint64_t lost;    /* lines */
    nsec start;
};

static void put(struct journal *j, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void put(struct journal *j, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vfprintf(j->f, fmt, ap);
    va_end(ap);
    if (n >= 0)
        return;
    if (j->lost++ == 0)
        log_error("journal", "state=failing reason=\"%s\"", strerror(errno));
    clearerr(j->f);
}

int journal_open(struct journal **out, const char *path, uint64_t seed, struct err *e)
{
    struct journal *j = calloc(1, sizeof *j);

    if (j == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    if ((j->f = fopen(path, "we")) == NULL) {
        int err = -errno;

        free(j);
        return err_set(e, err, "cannot write journal '%s': %s", path, strerror(-err));
    }
    setvbuf(j->f, NULL, _IOFBF, 65536);
    put(j, "ev=start version=%s seed=%" PRIu64 "\n", SUNDER_VERSION, seed);
    *out = j;
    return 0;
}

void journal_plan(struct journal *j, const struct plan *plan)
{
    char text[RULE_TEXT_MAX], quoted[RULE_TEXT_MAX * 2];

    for (size_t i = 0; i < plan->n; i++) {
        const struct plan_entry *e = &plan->entry[i];

        if (e->serial <= j->written)
            continue;
        j->written = e->serial;
        rule_print(e->rule, text, sizeof text);
        put(j, "ev=rule name=%s serial=%" PRIu64 " text=%s\n", e->rule->name, e->serial,
            log_quote(text, strlen(text), quoted, sizeof quoted));
    }
    journal_flush(j);
}

static void put_orders(struct journal *j, const struct verdict *v)
{
    if (v->delay == NSEC_NEVER)
        put(j, " hold=1");
    else if (v->delay)
        put(j, " delay=%" PRIu64, v->delay);
    if (v->drop)
        put(j, " drop=1");
    if (v->cut != SIZE_MAX)
        put(j, " cut=%zu", v->cut);
    if (v->slice)
        put(j, " slice=%zu gap=%" PRIu64, v->slice, v->gap);
    if (v->close)
        put(j, " close=%s", v->close == CLOSE_RST ? "rst" : "fin");
}

void journal_decision(struct journal *j, const struct decision *d)
{
    static const char *const lanes[] = {"requests", "replies"};
    char cmd[TRACK_COMMAND * 4 + 4];

    if (j->start == 0)
        j->start = d->now;
    put(j,
        "ev=decision t=%.6f rule=%s link=%s->%s session=%" PRIu64
        " lane=%s frame=%" PRIu64,
        (double)(d->now - j->start) / 1e9, d->rule->name, d->dialog->from->name,
        d->dialog->to->name, d->dialog->ordinal, lanes[d->lane], d->frame);
    if (d->command[0])
        put(j, " cmd=%s", log_quote(d->command, strlen(d->command), cmd, sizeof cmd));
    put(j, " fault=%s", d->rule->fault->name);
    put_orders(j, d->orders);
    put(j, "\n");
}

void journal_flush(struct journal *j)
{
    if (fflush(j->f) == 0)
        return;
    if (j->lost++ == 0)
        log_error("journal", "state=failing reason=\"%s\"", strerror(errno));
    clearerr(j->f);
}

void journal_close(struct journal **j)
{
    if (*j == NULL)
        return;
    journal_flush(*j);
    if ((*j)->lost)
        log_error("journal", "state=incomplete writes_lost=%" PRIu64, (*j)->lost);
    fclose((*j)->f);
    free(*j);
    *j = NULL;
}

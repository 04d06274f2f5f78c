/* loss.c -- see loss.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loss.h"
#include "observe.h"
#include "ranges.h"

#define KEY  WRITES_KEY
#define LAST 2 /* writes that may go down with a master */

static void set_number(json_t *row, const char *name, size_t value)
{
    json_object_set_new(row, name, json_integer((json_int_t)value));
}

static int damaged(struct stage *s)
{
    s->trouble = (struct lab_trouble){.log = ""};
    return err_set(&s->trouble.err, -EIO, "the probe did not say which writes it meant");
}

/* -- before the death ----------------------------------------------------------- */

/* The master's line about the heir: "slave0:ip=127.0.2.2,port=1,state=online,lag=0". */
struct line {
    const char *address;
    double lag;
};

static void hear_lag(void *arg, const redisReply *r)
{
    struct line *l = arg;
    const char *p = r->type == REDIS_REPLY_STRING ? strstr(r->str, l->address) : NULL;
    const char *lag = p != NULL ? strstr(p, "lag=") : NULL;

    if (lag != NULL && lag < p + strcspn(p, "\r\n"))
        l->lag = strtod(lag + 4, NULL);
}

static int look(struct stage *s, json_t *row, const struct loss *l)
{
    const struct topology *t = lab_topology(s->lab);
    char address[32], link[16];
    struct line line = {address, -1};
    double wrote, has;
    int rc;

    snprintf(address, sizeof address, "ip=%s,", t->node[lab_find(s->lab, l->heir)].known);
    rc = observe(s, "r1", "INFO replication", hear_lag, &line);
    if (rc == 0)
        rc = observe_info(s, l->heir, "master_link_status", link, sizeof link);
    if (rc == 0)
        rc = observe_number(s, "r1", "master_repl_offset", &wrote);
    if (rc == 0)
        rc = observe_number(s, l->heir, "slave_repl_offset", &has);
    if (rc < 0)
        return rc;
    if (line.lag >= 0)
        set_number(row, "lag_s", (size_t)line.lag);
    set_number(row, "behind_bytes", wrote > has ? (size_t)(wrote - has) : 0);
    json_object_set_new(row, "link", json_string(link));
    return 0;
}

/* -- and after it ----------------------------------------------------------------- */

struct count {
    bool *acked, *sure, *heir, *other, *after;
    size_t n;
};

static bool *numbers(size_t n)
{
    bool *in = calloc(n + 1, sizeof *in);

    if (in == NULL)
        abort();
    return in;
}

static void count_open(struct count *c, size_t n)
{
    *c = (struct count){numbers(n), numbers(n), numbers(n), numbers(n), numbers(n), n};
}

static void count_close(struct count *c)
{
    free(c->acked);
    free(c->sure);
    free(c->heir);
    free(c->other);
    free(c->after);
}

static void tell(json_t *row, const struct count *c)
{
    size_t lost = 0, lost_sure = 0, elsewhere = 0, kept = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (!c->acked[i] || c->heir[i])
            continue;
        lost++;
        lost_sure += c->sure[i];
        elsewhere += c->other[i];
        kept += c->after[i];
    }
    set_number(row, "lost", lost);
    set_number(row, "lost_confirmed", lost_sure);
    set_number(row, "kept_elsewhere", elsewhere);
    set_number(row, "kept", kept);
}

/* What the probe was told, by number. Of too many gaps it cannot tell which. */
static int read_probe(struct stage *s, const json_t *row, const char *name,
                      const char *count, bool *in, size_t n)
{
    const char *text = json_string_value(json_object_get(row, name));
    double expected = exercise_number(row, count);
    size_t found = 0;

    if (text == NULL || ranges_parse(text, in, n) < 0)
        return damaged(s);
    for (size_t i = 0; i < n; i++)
        found += in[i];
    return expected > (double)found ? damaged(s) : 0;
}

static int bury(struct stage *s, json_t *row, const struct loss *l, struct count *c)
{
    int rc = read_probe(s, row, "which_acknowledged", "acknowledged", c->acked, c->n);

    if (rc == 0)
        rc = read_probe(s, row, "which_confirmed", "confirmed", c->sure, c->n);
    if (rc == 0)
        rc = stage_kill(s, "r1");
    if (rc == 0)
        rc = observe_members(s, l->other, KEY, c->other, c->n);
    if (rc == 0)
        rc = observe_promote(s, l->heir, l->other);
    if (rc == 0)
        rc = observe_members(s, l->heir, KEY, c->heir, c->n);
    if (rc == 0)
        rc = observe_members(s, l->other, KEY, c->after, c->n);
    if (rc == 0)
        tell(row, c);
    return rc;
}

int loss_row(struct stage *s, const struct course_flags *f, struct exercise_outcome *o,
             const struct loss *l)
{
    struct lab_options lab = {.replicas = 2, .direct = l->direct, .tuning = l->tuning};
    struct count c;
    json_t *row;
    int rc;

    lab.tuning.disk = true; /* a second replica need not wait for the first one's turn */
    rc = course_lab(s, f, l->name, &lab);
    if (rc == 0 && l->rule != NULL)
        rc = course_rule(s, o, l->rule);
    if (rc == 0)
        rc = writes_row(s, o, l->name, &l->writes);
    if (rc < 0)
        return rc;
    row = o->row[o->rows - 1].probe;
    count_open(&c, l->writes.ops);
    rc = look(s, row, l);
    if (rc == 0)
        rc = bury(s, row, l, &c);
    count_close(&c);
    course_forget(o);
    return rc;
}

/* -- the verdict ------------------------------------------------------------------ */

void loss_check_control(struct exercise_outcome *o, size_t row, unsigned ops)
{
    double acked = course_number(o, row, "acknowledged");
    double lost = course_number(o, row, "lost");

    exercise_check(o, acked == ops && lost <= LAST,
                   "%s: %g of %u writes acknowledged, %g of them lost; expected all, and "
                   "none or the last",
                   o->row[row].name, acked, ops, lost);
}

void loss_check_all_lost(struct exercise_outcome *o, size_t row, unsigned ops)
{
    double acked = course_number(o, row, "acknowledged");
    double lost = course_number(o, row, "lost");

    exercise_check(o, acked == ops && lost == ops,
                   "%s: %g of %u writes acknowledged, %g of them lost; expected all, and "
                   "all",
                   o->row[row].name, acked, ops, lost);
}

/* -- cells ------------------------------------------------------------------------ */

#define CELL(name, member)                                                               \
    const char *name(const json_t *p, char *buf, size_t size)                            \
    {                                                                                    \
        return course_count(p, member, buf, size);                                       \
    }

CELL(loss_acknowledged, "acknowledged")
CELL(loss_refused, "refused")
CELL(loss_confirmed, "confirmed")
CELL(loss_behind, "behind_bytes")
CELL(loss_lag, "lag_s")
CELL(loss_lost, "lost")
CELL(loss_kept_elsewhere, "kept_elsewhere")
CELL(loss_kept, "kept")

const char *loss_lost_confirmed(const json_t *p, char *buf, size_t size)
{
    bool waited = json_is_number(json_object_get(p, "confirmed"));

    return course_count(p, waited ? "lost_confirmed" : "", buf, size);
}

const char *loss_link(const json_t *p, char *buf, size_t size)
{
    return course_word(p, "link", buf, size);
}

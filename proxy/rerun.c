/* rerun.c -- a running proxy that follows a journal: rules come and go when they did,
 * counted from the first session. What they do is replay.h's business.
 */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "shell.h"

/* A sentence of a journal begins with its name. */
static bool in_force(const struct proxy *p, const char *sentence)
{
    size_t n = strcspn(sentence, ":");

    for (size_t i = 0; i < p->plan->n; i++) {
        const char *name = p->plan->entry[i].rule->name;

        if (strlen(name) == n && strncmp(name, sentence, n) == 0)
            return true;
    }
    return false;
}

/* A rule that ended by itself, or that the configuration has already, is fine. */
static int take_step(struct proxy *p, const struct replay_step *s, struct err *e)
{
    int err = 0;

    if (s->add && !in_force(p, s->text))
        err = proxy_rule_add(p, s->text, e);
    else if (!s->add)
        err = proxy_rule_del(p, s->text, e);
    return err == -ENOENT ? 0 : err;
}

/* All that is due; answers when the next one is. */
static nsec take_steps(struct proxy *p, nsec passed)
{
    const struct replay_step *step;
    size_t n = replay_steps(p->replay, &step);
    struct err e;

    for (; p->rerun_at < n && step[p->rerun_at].at <= passed; p->rerun_at++)
        if (take_step(p, &step[p->rerun_at], &e) < 0)
            log_error("replay", "rule=\"%s\" reason=\"%s\"", step[p->rerun_at].text,
                      e.text);
    return p->rerun_at < n ? step[p->rerun_at].at : NSEC_NEVER;
}

static void on_rerun(struct wake_node *n, nsec now)
{
    struct proxy *p = (struct proxy *)((char *)n - offsetof(struct proxy, rerun));

    wake_set(&p->wake, n, nsec_add(p->rerun_zero, take_steps(p, now - p->rerun_zero)));
}

int rerun_open(struct proxy *p, const char *path, struct err *e)
{
    const struct replay_step *step;
    int err = replay_open(&p->replay, path, e);
    size_t n;

    if (err)
        return err;
    p->core.replay = p->replay;
    p->rerun.call = on_rerun;
    n = replay_steps(p->replay, &step);
    for (; err == 0 && p->rerun_at < n && step[p->rerun_at].at == 0; p->rerun_at++)
        err = take_step(p, &step[p->rerun_at], e);
    return err;
}

void rerun_first(struct proxy *p, nsec now)
{
    if (p->replay == NULL || p->rerun_zero > 0)
        return;
    p->rerun_zero = now;
    wake_set(&p->wake, &p->rerun, now);
}

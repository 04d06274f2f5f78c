/* scenario_do.c -- what the steps of a scenario do.
 *
 * What is not there to be undone (a rule that has expired, a node that is dead) is told
 * and does no harm; what cannot be done (a rule whose name is taken) fails the scenario.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "scenario_play.h"

static void failed(struct play *p, const char *doing, const struct err *e)
{
    char text[2 * ERR_MAX];

    p->failed = true;
    play_say(p, "failed", json_pack("{s:s}", "doing", doing), "%s: %s", doing,
             err_print(e, text, sizeof text));
}

static void in_vain(struct play *p, const char *doing, const char *why)
{
    play_say(p, "in-vain", json_pack("{s:s}", "doing", doing), "%s: %s", doing, why);
}

static void do_rule(struct play *p, const char *sentence)
{
    struct err e;

    if (proxy_rule_add(p->proxy, sentence, &e) < 0)
        failed(p, sentence, &e);
}

static void do_unrule(struct play *p, const char *glob)
{
    char doing[128];
    struct err e;
    int rc = proxy_rule_del(p->proxy, glob, &e);

    snprintf(doing, sizeof doing, "unrule %.100s", glob);
    if (rc == -ENOENT)
        in_vain(p, doing, "there is none");
    else if (rc < 0)
        failed(p, doing, &e);
}

static void do_shape(struct play *p, const struct scenario_step *step,
                     const struct scenario_action *a)
{
    struct shape shape = scenario_shape(step, a);
    char name[RULE_NAME_MAX], doing[256];
    struct err e;

    snprintf(doing, sizeof doing, "%s %.200s", shape_kinds[a->shape], a->text);
    if (proxy_cut(p->proxy, &shape, name, &e) < 0)
        failed(p, doing, &e);
    else
        play_say(p, "cut",
                 json_pack("{s:s, s:s, s:s, s:s}", "name", name, "shape",
                           shape_kinds[a->shape], "of", a->text, "how",
                           shape_hows[step->how]),
                 "%s: %s, by %s%s", name, doing, shape_hows[step->how],
                 step->one_way ? ", one way" : "");
}

static void do_heal(struct play *p, const char *name)
{
    char doing[128];
    struct err e;
    int rc = proxy_heal(p->proxy, name, &e);

    snprintf(doing, sizeof doing, "heal %.100s", name);
    if (rc == -ENOENT)
        in_vain(p, doing, e.text);
    else if (rc < 0)
        failed(p, doing, &e);
    else
        play_say(p, "heal", json_pack("{s:s}", "name", name), "%s", doing);
}

static void do_node(struct play *p, enum scenario_verb verb, const char *name)
{
    static const char *const words[] = {"kill", "stop", "cont", "restart"};
    const char *word = words[verb - DO_KILL];
    size_t node = (size_t)lab_find(p->stage.lab, name);
    char doing[64];
    struct err e = {0};
    int rc;

    snprintf(doing, sizeof doing, "%s %.40s", word, name);
    switch (verb) {
    case DO_KILL: rc = lab_kill(p->stage.lab, node); break;
    case DO_STOP: rc = lab_stop(p->stage.lab, node); break;
    case DO_CONT: rc = lab_cont(p->stage.lab, node); break;
    default: rc = lab_restart(p->stage.lab, node, &e); break;
    }
    if (rc == -ESRCH)
        in_vain(p, doing, "it does not run");
    else if (rc < 0)
        failed(p, doing, &e);
    else
        play_say(p, word, json_pack("{s:s}", "node", name), "%s", doing);
}

static void act(struct play *p, const struct scenario_step *step,
                const struct scenario_action *a)
{
    switch (a->verb) {
    case DO_RULE: do_rule(p, a->text); break;
    case DO_UNRULE: do_unrule(p, a->text); break;
    case DO_SHAPE: do_shape(p, step, a); break;
    case DO_HEAL: do_heal(p, a->text); break;
    case DO_KILL:
    case DO_STOP:
    case DO_CONT:
    case DO_RESTART: do_node(p, a->verb, a->text); break;
    case DO_RUN: run_start(p, step, a); break;
    case DO_SAY: play_say(p, "say", NULL, "%s", a->text); break;
    case DO_END: play_end(p); break;
    }
}

void play_step(struct play *p, const struct scenario_step *step)
{
    for (size_t i = 0; i < step->actions; i++)
        act(p, step, &step->action[i]);
}

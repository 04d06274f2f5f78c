/* control_verbs.c -- what can be asked of a running proxy: the table, its functions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "describe.h"
#include "script.h"
#include "value.h"

#define RULES_SET     1024 /* of one RULE SET */
#define JOURNAL_LINES 20   /* unless asked for more */

static const char *text_of(const json_t *args, const char *name)
{
    return json_string_value(json_object_get(args, name));
}

/* ---- looking ---- */

static int run_help(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    char usage[256], line[512];

    (void)p, (void)args, (void)e;
    *out = json_array();
    for (const struct control_verb *v = control_verbs; v->words; v++) {
        snprintf(line, sizeof line, "%-44s %s",
                 control_usage(v, false, usage, sizeof usage), v->help);
        json_array_append_new(*out, json_string(line));
    }
    return 0;
}

static int run_nodes(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    (void)args, (void)e;
    *out = describe_nodes(p);
    return 0;
}

static int run_links(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    (void)args, (void)e;
    *out = describe_links(p);
    return 0;
}

static int run_sessions(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    (void)args, (void)e;
    *out = describe_sessions(p);
    return 0;
}

static int run_info(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    (void)args, (void)e;
    *out = describe_stats(p);
    return 0;
}

static int run_journal(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    uint64_t lines = JOURNAL_LINES;

    if (text_of(args, "tail") && value_count(text_of(args, "tail"), &lines, e) < 0)
        return -EINVAL;
    if (lines == 0)
        return err_set(e, -EINVAL, "at least one line");
    *out = describe_journal(p, lines, e);
    return *out ? 0 : e->code;
}

static int run_status(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    (void)args, (void)e;
    *out = json_pack("{s:o, s:o, s:o, s:o}", "nodes", describe_nodes(p), "links",
                     describe_links(p), "rules", describe_rules(p), "info",
                     describe_stats(p));
    return 0;
}

static int run_session_kill(struct proxy *p, const json_t *args, json_t **out,
                            struct err *e)
{
    const char *how = text_of(args, "how");
    uint64_t id;

    (void)out;
    if (value_count(text_of(args, "id"), &id, e) < 0)
        return -EINVAL;
    if (how && strcmp(how, "reset") != 0 && strcmp(how, "close") != 0)
        return err_set(e, -EINVAL, "how is reset or close, not '%.20s'", how);
    if (proxy_session_end(p, id, how && how[0] == 'c' ? CLOSE_FIN : CLOSE_RST) == 0)
        return 0;
    return err_set(e, -ENOENT, "there is no session %llu", (unsigned long long)id);
}

/* ---- rules ---- */

static int run_rules(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    (void)args, (void)e;
    *out = describe_rules(p);
    return 0;
}

/* Sentences, to be fed back as they are. */
static int run_rule_list(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    const struct plan *plan = proxy_plan(p);
    char text[RULE_TEXT_MAX];

    (void)args, (void)e;
    *out = json_array();
    for (size_t i = 0; i < plan->n; i++)
        json_array_append_new(
            *out, json_string(rule_print(plan->entry[i].rule, text, sizeof text)));
    return 0;
}

static int run_rule_add(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    int err = proxy_rule_add(p, text_of(args, "rule"), e);

    if (err == 0)
        *out = describe_rule(&proxy_plan(p)->entry[proxy_plan(p)->n - 1]);
    return err;
}

static int run_rule_del(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    size_t had = proxy_plan(p)->n;
    int err = proxy_rule_del(p, text_of(args, "name"), e);

    if (err == 0)
        *out = json_integer((json_int_t)(had - proxy_plan(p)->n));
    return err;
}

/* One sentence a line. */
static int run_rule_set(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    char *text = strdup(text_of(args, "rules")), *save = NULL;
    const char *line[RULES_SET];
    size_t n = 0;
    int err = text ? 0 : err_set(e, -ENOMEM, "out of memory");

    for (char *l = text ? strtok_r(text, "\r\n", &save) : NULL; l && err == 0;
         l = strtok_r(NULL, "\r\n", &save)) {
        if (l[strspn(l, " \t")] == '\0')
            continue;
        if (n == RULES_SET)
            err = err_set(e, -E2BIG, "more than %d rules", RULES_SET);
        else
            line[n++] = l;
    }
    if (err == 0)
        err = proxy_rules_set(p, line, n, e);
    if (err == 0)
        *out = describe_rules(p);
    free(text);
    return err;
}

static int run_rule_clear(struct proxy *p, const json_t *args, json_t **out,
                          struct err *e)
{
    size_t had = proxy_plan(p)->n;

    (void)args, (void)e;
    proxy_rule_clear(p);
    *out = json_integer((json_int_t)had);
    return 0;
}

/* ---- partitions ---- */

static int read_how(const json_t *args, struct shape *s, struct err *e)
{
    const char *how = text_of(args, "how");

    for (int i = 0; how && shape_hows[i]; i++)
        if (strcmp(how, shape_hows[i]) == 0) {
            s->how = (enum shape_how)i;
            return 0;
        }
    if (how == NULL)
        return 0;
    err_set(e, -EINVAL, "how cannot be '%.20s'", how);
    err_hint(e, "hang, blackhole, reset or refuse");
    return -EINVAL;
}

static int shape(struct proxy *p, enum shape_kind kind, const char *of,
                 const json_t *args, json_t **out, struct err *e)
{
    struct shape s = SHAPE_INIT;
    const char *life = text_of(args, "for");
    char name[RULE_NAME_MAX];
    int err = read_how(args, &s, e);

    s.kind = kind;
    s.of = of;
    s.name = text_of(args, "name");
    s.one_way = json_is_true(json_object_get(args, "one-way"));
    if (err == 0 && life)
        err = value_time(life, &s.life, e);
    if (err == 0)
        err = proxy_cut(p, &s, name, e);
    if (err == 0)
        *out = json_pack("{s:s}", "name", name);
    return err;
}

static int run_cut(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    char of[512];

    snprintf(of, sizeof of, "%s %s", text_of(args, "a"), text_of(args, "b"));
    return shape(p, SHAPE_CUT, of, args, out, e);
}

static int run_isolate(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    return shape(p, SHAPE_ISOLATE, text_of(args, "who"), args, out, e);
}

static int run_split(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    return shape(p, SHAPE_SPLIT, text_of(args, "groups"), args, out, e);
}

static int run_ring(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    const char *who = text_of(args, "who");

    return shape(p, SHAPE_RING, who ? who : "", args, out, e);
}

static int run_bridge(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    return shape(p, SHAPE_BRIDGE, text_of(args, "who"), args, out, e);
}

static int run_heal(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    (void)out;
    return proxy_heal(p, text_of(args, "name"), e);
}

/* ---- scenarios ---- */

static int run_scenario(struct proxy *p, const json_t *args, json_t **out, struct err *e)
{
    (void)args, (void)e;
    *out = script_describe(p);
    return 0;
}

static int run_scenario_play(struct proxy *p, const json_t *args, json_t **out,
                             struct err *e)
{
    int err;

    if (json_is_true(json_object_get(args, "check")))
        return script_check(p, text_of(args, "steps"), out, e);
    err = script_play(p, text_of(args, "steps"), e);
    if (err == 0)
        *out = script_describe(p);
    return err;
}

static int run_scenario_stop(struct proxy *p, const json_t *args, json_t **out,
                             struct err *e)
{
    (void)args, (void)out;
    return script_stop(p, e);
}

static int run_scenario_resume(struct proxy *p, const json_t *args, json_t **out,
                               struct err *e)
{
    (void)args, (void)out;
    return script_resume(p, e);
}

#define HOW "how=hang|blackhole|reset|refuse for=TIME name=NAME one-way?"

const struct control_verb control_verbs[] = {
    {"HELP", "", NULL, "this list", run_help, NULL},
    {"STATUS", "", "GET /status", "nodes, links, rules and counters at once", run_status,
     NULL},
    {"NODES", "", "GET /nodes", "the nodes and what they are now", run_nodes, NULL},
    {"LINKS", "", "GET /links", "who has dialed whom", run_links, NULL},
    {"SESSIONS", "", "GET /sessions", "live connections", run_sessions, NULL},
    {"SESSION KILL", "id how=reset|close", "DELETE /sessions/{id}",
     "reset (or close) one", run_session_kill, "session kill 17 --how reset"},
    {"INFO", "", "GET /info", "counters", run_info, NULL},
    {"JOURNAL TAIL", "[tail]", "GET /journal", "its last lines, 20 if not said",
     run_journal, NULL},
    {"JOURNAL", "[tail]", NULL, "the same", run_journal, NULL},
    {"RULES", "", "GET /rules", "the rules in force, and how often they acted", run_rules,
     NULL},
    {"RULE LIST", "", "GET /plan", "the rules as sentences, to be fed back",
     run_rule_list, NULL},
    {"RULE ADD", "rule...", "POST /rules", "put a rule in force", run_rule_add,
     "rule add 'on client -> r1 when command=GET do latency 20ms'"},
    {"RULE DEL", "name", "DELETE /rules/{name}", "take rules out, by name or glob",
     run_rule_del, "rule del 'rule-*'"},
    {"RULE SET", "rules...", "PUT /plan", "let these be all, a sentence on each line",
     run_rule_set, "rule set \"$(cat plan)\""},
    {"RULE CLEAR", "", "DELETE /rules", "take all rules out", run_rule_clear, NULL},
    {"CUT", "a b " HOW, "POST /cut", "cut two parties off from one another", run_cut,
     "cut r1 r2 --how hang --for 5s"},
    {"ISOLATE", "who " HOW, "POST /isolate", "cut one off from everybody", run_isolate,
     "isolate r1 --how blackhole --for 5s"},
    {"SPLIT", "groups " HOW, "POST /split", "groups a,b/c,d from one another", run_split,
     "split r1,client / r2,r3 --name brain"},
    {"RING", "[who] " HOW, "POST /ring", "each sees a majority, no two the same",
     run_ring, "ring --for 10s"},
    {"BRIDGE", "who " HOW, "POST /bridge", "two halves with one node between", run_bridge,
     "bridge r1 --for 10s"},
    {"HEAL", "[name]", "POST /heal", "end a partition, or all", run_heal, "heal brain"},
    {"SCENARIO PLAY", "steps... check?", "POST /scenario",
     "verbs at times, one on each line", run_scenario_play, "scenario play steps"},
    {"SCENARIO STOP", "", "DELETE /scenario", "play no more of it", run_scenario_stop,
     NULL},
    {"SCENARIO RESUME", "", "POST /scenario/resume", "go on where it was stopped",
     run_scenario_resume, NULL},
    {"SCENARIO SHOW", "", "GET /scenario", "what is being played, and how far",
     run_scenario, NULL},
    {0},
};

const char *control_columns(const struct control_verb *v)
{
    if (strcmp(v->words, "SESSIONS") == 0)
        return "id from to role client_name age requests.bytes replies.bytes "
               "requests.held replies.held dialed.rtt_us rules";
    if (strcmp(v->words, "LINKS") == 0)
        return "from to sessions ever bytes_requests bytes_replies "
               "replication.held_bytes replication.flight_bytes rules";
    return NULL;
}

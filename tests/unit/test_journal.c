/* The journal: the same for the same seed, and every byte accounted for. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "chatter.h"

static const char late[] = "late: on app -> r1 replies chance=30% do latency 2ms "
                           "jitter=2ms";

/* The lines of a rule in a journal, without those of sessions beyond `most`. To be
 * freed. */
static char *lines_of(const char *path, const char *rule, unsigned most)
{
    char *text = chatter_slurp(path), *out = calloc(1, strlen(text) + 1), *line, *rest;
    char name[64];

    snprintf(name, sizeof name, " rule=%s ", rule);
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *session = strstr(line, " session=");

        if (strstr(line, name) == NULL || (unsigned)atoi(session + 9) > most)
            continue;
        strcat(out, strstr(line, " rule="));
        strcat(out, "\n");
    }
    free(text);
    return out;
}

/* A number of a line, by its key. */
static uint64_t number(const char *line, const char *key)
{
    char text[40];
    const char *at;

    snprintf(text, sizeof text, " %s=", key);
    at = strstr(line, text);
    if (at == NULL)
        fail_msg("no %s in: %s", key, line);
    return strtoull(at + strlen(text), NULL, 10);
}

static void play(const char *path, uint64_t seed, unsigned sessions,
                 const char *const *rules, size_t n)
{
    struct journal *j;
    struct chatter c;

    assert_int_equal(0, journal_open(&j, path, seed, NULL));
    for (unsigned s = 1; s <= sessions; s++) {
        chatter_open(&c, seed, s, j);
        for (size_t i = 0; i < n; i++)
            rig_rule(&c.r, rules[i]);
        chatter_run(&c, 100);
        chatter_close(&c);
    }
    journal_close(&j);
}

static void neither_other_rules_nor_other_sessions_move_a_decision(void **state)
{
    const char *const alone[] = {late};
    const char *const among[] = {
        "a: on app -> r1 replies chance=50% do slice 3 variation=2", late,
        "b: on * -> r1 replies when command=GET chance=20% do latency 1us jitter=1us",
        "c: on app -> r1 requests every=3 do latency 2us"};
    char path[3][64], *was, *is, *other;

    (void)state;
    for (int i = 0; i < 3; i++)
        chatter_path(path[i]);
    play(path[0], 42, 2, alone, 1);
    play(path[1], 42, 5, among, 4);
    play(path[2], 43, 2, alone, 1);
    was = lines_of(path[0], "late", 2);
    is = lines_of(path[1], "late", 2);
    other = lines_of(path[2], "late", 2);
    assert_true(strlen(was) > 1000);
    assert_string_equal(was, is);
    assert_string_not_equal(was, other);
    free(was), free(is), free(other);
    for (int i = 0; i < 3; i++)
        unlink(path[i]);
}

static void the_same_seed_and_traffic_give_the_same_journal(void **state)
{
    const char *const rules[] = {late, "busy: on app -> r1 chance=10% do error BUSY",
                                 "gone: on app -> r1 chance=5% do lose-reply then=skip"};
    char path[2][64], *was, *is;

    (void)state;
    for (int i = 0; i < 2; i++)
        play(chatter_path(path[i]), 42, 3, rules, 3);
    was = chatter_slurp(path[0]);
    is = chatter_slurp(path[1]);
    assert_string_equal(was, is);
    free(was), free(is);
    unlink(path[0]), unlink(path[1]);
}

/* Remove rules, if there are any of that name. */
static bool del(struct rig *r, const char *name)
{
    struct plan *plan;

    if (plan_without(r->plan, name, &plan, NULL) < 0)
        return false;
    plan_unref(&r->plan);
    r->plan = plan;
    assert_int_equal(0, dialog_replan(&r->dialog, plan, r->now));
    rig_settle(r);
    return true;
}

/* What the lines of a session add up to. */
struct sums {
    uint64_t dropped[2], added[2], in[2], out[2], gone[2], made[2], unsent[2];
    bool ended, by;
};

static void add_up(const char *path, struct sums *s)
{
    static const char *const lanes[] = {"requests", "replies"};
    char *text = chatter_slurp(path), *line, *rest, key[40];

    *s = (struct sums){.ended = false};
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        int lane = strstr(line, " lane=replies ") != NULL;

        if (strncmp(line, "ev=bytes ", 9) == 0) {
            s->dropped[lane] += number(line, "dropped");
            s->added[lane] += number(line, "added");
        }
        if (strncmp(line, "ev=end ", 7) != 0)
            continue;
        s->ended = true;
        s->by = strstr(line, " by=") != NULL;
        for (lane = 0; lane < 2; lane++) {
            uint64_t *into[] = {&s->in[lane], &s->out[lane], &s->gone[lane],
                                &s->made[lane], &s->unsent[lane]};
            static const char *const names[] = {"in", "out", "dropped", "added",
                                                "unsent"};

            for (int i = 0; i < 5; i++) {
                snprintf(key, sizeof key, "%s_%s", lanes[lane], names[i]);
                *into[i] = number(line, key);
            }
        }
    }
    free(text);
}

/* One session under up to four faults of the catalogue, each with a chance; one of them
 * goes half-way. */
static void play_faults(const char *path, uint64_t seed, struct chatter *c)
{
    struct rng rng = {seed};
    struct journal *j;
    size_t n = 0;

    while (faults[n])
        n++;
    assert_int_equal(0, journal_open(&j, path, seed, NULL));
    chatter_open(c, seed, 1, j);
    rig_ask(&c->r, "HELLO 3\r\n");
    rig_answer(&c->r, "%0\r\n");
    c->heard = c->r.n[LANE_REQUESTS];
    for (uint64_t i = 1 + rng_below(&rng, 4); i > 0; i--) {
        const struct fault *f = faults[rng_below(&rng, n)];
        char rule[256];

        if (f->packets)
            continue;
        snprintf(rule, sizeof rule, "x%d: on app -> r1 chance=20%% %sdo %s", (int)i,
                 fault_when(f), f->example);
        rig_rule(&c->r, rule);
    }
    chatter_run(c, 30);
    (void)!del(&c->r, "x1");
    chatter_run(c, 30);
    journal_flush(j);
    c->r.core.arg = j;
}

static void every_byte_that_a_rule_lost_or_made_is_accounted_for(void **state)
{
    size_t dropped = 0, added = 0, ended = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        char path[64];
        struct chatter c;
        struct journal *j;
        struct sums s;
        size_t left[2];

        play_faults(chatter_path(path), seed, &c);
        chatter_drain(&c);
        for (int lane = 0; lane < 2; lane++)
            left[lane] = c.r.n[lane];
        j = c.r.core.arg;
        chatter_close(&c);
        journal_close(&j);
        add_up(path, &s);
        unlink(path);
        for (int lane = 0; s.ended && lane < 2; lane++) {
            assert_int_equal(s.gone[lane], s.dropped[lane]);
            assert_int_equal(s.made[lane], s.added[lane]);
            assert_int_equal(s.out[lane], left[lane]);
            assert_int_equal(s.unsent[lane],
                             s.in[lane] + s.made[lane] - s.gone[lane] - s.out[lane]);
            dropped += s.gone[lane] > 0;
            added += s.made[lane] > 0;
        }
        ended += s.by;
    }
    assert_true(dropped > 100 && added > 100 && ended > 100);
}

/* With faults that lose and make bytes but hold and end nothing, nothing is unsent. */
static void what_is_not_lost_arrives(void **state)
{
    static const char *const rules[] = {
        "busy: on app -> r1 when command=INCR chance=20% do error BUSY",
        "twice: on app -> r1 when command=SET chance=30% do duplicate-request",
        "again: on app -> r1 when command=GET chance=20% do duplicate-reply",
        "lost: on app -> r1 when command=GET chance=20% do lose-reply then=skip",
        "mine: on app -> r1 when command=SET chance=20% do reply text=hello",
        "eaten: on app -> r1 when command=INCR chance=20% do swallow-request",
    };
    char path[64];

    (void)state;
    for (unsigned first = 0; first < 6; first++) {
        struct sums s;

        play(chatter_path(path), 7 + first, 1, rules + first, 6 - first);
        add_up(path, &s);
        assert_true(s.ended && !s.by);
        assert_true(s.gone[0] + s.gone[1] + s.made[0] + s.made[1] > 0);
        for (int lane = 0; lane < 2; lane++) {
            assert_int_equal(0, s.unsent[lane]);
            assert_int_equal(s.out[lane], s.in[lane] + s.made[lane] - s.gone[lane]);
        }
        unlink(path);
    }
}

/* A rig whose decisions are written there. */
static struct journal *decided_into(const char *path, struct rig *r)
{
    struct journal *j;

    assert_int_equal(0, journal_open(&j, path, 42, NULL));
    rig_open(r);
    r->core.decided = chatter_decided;
    r->core.arg = j;
    return j;
}

/* Who lost which bytes, exactly. */
static void lines_name_the_rule_the_frame_and_the_bytes(void **state)
{
    char path[64], *text;
    struct journal *j;
    struct rig r;

    (void)state;
    j = decided_into(chatter_path(path), &r);
    r.core.accounted = chatter_accounted;
    r.core.ended = chatter_ended;
    rig_rule(&r, "busy: on app -> r1 when command=INCR do error BUSY text=no");
    rig_rule(&r, "twice: on app -> r1 when command=SET do duplicate-request");
    rig_rule(&r, "boom: on app -> r1 when command=DEL do cut inside bytes=2");
    journal_plan(j, r.plan, r.now);
    journal_first(j, "app", "r1", r.now + MSEC(1));
    journal_first(j, "app", "r1", r.now + MSEC(2));
    rig_ask(&r, "GET k\r\nINCR n\r\nSET a b\r\nDEL a\r\n");
    r.now += MSEC(5);
    rig_answer(&r, "$1\r\nv\r\n+OK\r\n+OK\r\n:12\r\n");
    assert_true(del(&r, "*"));
    journal_plan(j, r.plan, r.now);
    rig_close(&r);
    journal_close(&j);
    text = chatter_slurp(path);
    assert_string_equal(
        "seed=42\n"
        "ev=rule t=0.000000 name=busy serial=1 text=\"busy: on app -> r1 when "
        "command=INCR do error BUSY text=no\"\n"
        "ev=rule t=0.000000 name=twice serial=2 text=\"twice: on app -> r1 when "
        "command=SET do duplicate-request\"\n"
        "ev=rule t=0.000000 name=boom serial=3 text=\"boom: on app -> r1 when "
        "command=DEL do cut inside bytes=2\"\n"
        "ev=first t=0.001000 link=app->r1\n"
        "ev=decision t=0.000000 rule=busy link=app->r1 session=1 lane=requests frame=2 "
        "cmd=INCR fault=error instead=10\n"
        "ev=bytes rule=busy link=app->r1 session=1 lane=requests frame=2 dropped=8 "
        "added=0\n"
        "ev=decision t=0.000000 rule=twice link=app->r1 session=1 lane=requests frame=3 "
        "cmd=SET fault=duplicate-request twice=1\n"
        "ev=bytes rule=twice link=app->r1 session=1 lane=requests frame=3 dropped=0 "
        "added=9\n"
        "ev=bytes rule=busy link=app->r1 session=1 lane=replies frame=2 dropped=0 "
        "added=10\n"
        "ev=bytes rule=twice link=app->r1 session=1 lane=replies frame=4 dropped=5 "
        "added=0\n"
        "ev=decision t=0.005000 rule=boom link=app->r1 session=1 lane=replies frame=5 "
        "cmd=DEL fault=cut cut=2 close=rst\n"
        "ev=unrule t=0.005000 name=busy serial=1\n"
        "ev=unrule t=0.005000 name=twice serial=2\n"
        "ev=unrule t=0.005000 name=boom serial=3\n"
        "ev=end link=app->r1 session=1 by=boom requests_in=31 requests_out=32 "
        "requests_dropped=8 requests_added=9 requests_unsent=0 replies_in=22 "
        "replies_out=24 replies_dropped=5 replies_added=10 replies_unsent=3\n",
        strstr(text, "seed="));
    free(text);
    unlink(path);
}

static void a_full_disk_stops_nothing(void **state)
{
    struct journal *j;
    struct rig r;

    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    j = decided_into("/dev/full", &r);
    rig_rule(&r, "on app -> r1 requests do latency 1us");
    for (int i = 0; i < 2000; i++)
        rig_ask(&r, "GET k\r\n");
    assert_int_equal(2000, r.core.decisions);
    rig_close(&r);
    journal_close(&j);
}

/* Files may become so long, RLIM_INFINITY as long as they like. */
static void allow(rlim_t bytes)
{
    struct rlimit r;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &r));
    r.rlim_cur = bytes == RLIM_INFINITY ? r.rlim_max : bytes;
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &r));
}

static void decide(struct rig *r, int times)
{
    for (int i = 0; i < times; i++)
        rig_ask(r, "GET k\r\n");
}

static void what_is_lost_for_want_of_room_is_whole_lines(void **state)
{
    char path[64], *text, *line, *rest;
    unsigned lines = 0, last = 0;
    struct journal *j;
    struct rig r;

    (void)state;
    j = decided_into(chatter_path(path), &r);
    rig_rule(&r, "on app -> r1 requests do latency 1us");
    allow(100001);
    decide(&r, 3000);
    allow(RLIM_INFINITY);
    decide(&r, 100);
    rig_close(&r);
    journal_close(&j);
    text = chatter_slurp(path);
    assert_memory_equal("ev=start ", text, 9);
    (void)strtok_r(text, "\n", &rest);
    while ((line = strtok_r(NULL, "\n", &rest)) != NULL) {
        assert_memory_equal("ev=decision ", line, 12);
        assert_string_equal(" delay=1000", line + strlen(line) - 11);
        assert_true(number(line, "frame") > last);
        last = (unsigned)number(line, "frame");
        lines++;
    }
    assert_true(lines > 1000 && lines < 3000);
    assert_int_equal(3100, last);
    free(text);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neither_other_rules_nor_other_sessions_move_a_decision),
        cmocka_unit_test(the_same_seed_and_traffic_give_the_same_journal),
        cmocka_unit_test(every_byte_that_a_rule_lost_or_made_is_accounted_for),
        cmocka_unit_test(what_is_not_lost_arrives),
        cmocka_unit_test(lines_name_the_rule_the_frame_and_the_bytes),
        cmocka_unit_test(a_full_disk_stops_nothing),
        cmocka_unit_test(what_is_lost_for_want_of_room_is_whole_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

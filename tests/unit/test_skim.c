/* test_skim.c -- frames that are passed over as a run count, wait and pair as if each had
 * been looked into. Byte by byte no frame lies whole in a read, so that is the proof. */
#include "rig.h"

#define GET "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
#define SET "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n"
#define DEL "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"

static const struct {
    const char *ask, *answer;
} traffic[] = {
    {GET GET SET, "$-1\r\n$2\r\nhi\r\n+OK\r\n"},
    {SET DEL GET, "+OK\r\n:1\r\n-LOADING wait\r\n"},
    {"GET k\r\n" GET "\r\n" DEL, "$1\r\nx\r\n$1\r\ny\r\n:0\r\n"},
    {"*1\r\n$5\r\nMULTI\r\n" GET DEL "*1\r\n$4\r\nEXEC\r\n" SET,
     "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$-1\r\n:0\r\n+OK\r\n"},
    {"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n" GET GET, "$1\r\nz\r\n"},
    {"*2\r\n$4\r\nMGET\r\n$1\r\nk\r\n" GET, "*1\r\n$1\r\na\r\n$1\r\nb\r\n"},
    {"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n" GET, "%1\r\n+proto\r\n:3\r\n_\r\n"},
    {GET SET GET, ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n_\r\n+OK\r\n_\r\n"},
    {"*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n" DEL SET DEL, "+OK\r\n:0\r\n+OK\r\n:1\r\n"},
    {"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n" GET GET,
     ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n_\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n"
     "$1\r\nm\r\n_\r\n"},
    {"*1\r\n$11\r\nUNSUBSCRIBE\r\n" GET, ">3\r\n+unsubscribe\r\n$1\r\nc\r\n:0\r\n_\r\n"},
    {GET GET "*1\r\n$7\r\nMONITOR\r\n" GET,
     "_\r\n_\r\n+OK\r\n+1.2 [0 x] \"GET\"\r\n_\r\n"},
    {DEL SET, ":0\r\n+OK\r\n"},
    {"*1\r\n$5\r\nMULTI\r\n*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nd\r\n*1\r\n$4\r\nEXEC\r\n" GET,
     "+OK\r\n+QUEUED\r\n*1\r\n>3\r\n+subscribe\r\n+d\r\n:1\r\n_\r\n"},
};

/* Rules that apply one at a time and all at once. */
static const char *const rules[] = {
    "on * -> * both do latency 5ms",
    "on * -> * when command=DEL do latency 7ms",
    "on * -> * when command=SET,MGET every=2 do duplicate-reply",
    "on * -> * when command=DEL nth=2 do push invalidate",
    "on * -> * when command=GET chance=50% do latency 1ms",
    "on * -> * both when role=client do latency 0",
    "on * -> * replies when reply=error do latency 3ms",
    "on * -> * both do latency 2ms jitter=1ms",
    "on * -> * do blackhole",
};

#define RULES (sizeof rules / sizeof *rules)

static void feed(struct rig *r, enum lane_id lane, const char *s, size_t slice)
{
    for (size_t n = strlen(s), at = 0; at < n; at += slice)
        rig_feed(r, lane, s + at, n - at < slice ? n - at : slice);
}

static void play(struct rig *r, size_t slice, const bool *in_force)
{
    rig_open(r);
    for (size_t i = 0; i < RULES; i++)
        if (in_force[i])
            rig_rule(r, rules[i]);
    for (size_t i = 0; i < sizeof traffic / sizeof *traffic; i++) {
        feed(r, LANE_REQUESTS, traffic[i].ask, slice);
        feed(r, LANE_REPLIES, traffic[i].answer, slice);
        rig_after(r, USEC(1500));
    }
}

static void same_plan(const struct plan *a, const struct plan *b)
{
    for (size_t i = 0; i < a->n; i++)
        assert_int_equal(a->entry[i].rule->fired, b->entry[i].rule->fired);
}

static void same(struct rig *a, struct rig *b)
{
    const struct track *t = &a->dialog.track, *u = &b->dialog.track;

    for (int lane = 0; lane < 2; lane++) {
        assert_string_equal(a->out[lane], b->out[lane]);
        assert_int_equal(a->dialog.lane[lane].frames, b->dialog.lane[lane].frames);
        assert_int_equal(a->core.frames[lane], b->core.frames[lane]);
        assert_int_equal(dialog_due(&a->dialog, (enum lane_id)lane),
                         dialog_due(&b->dialog, (enum lane_id)lane));
        assert_int_equal(a->dialog.lane[lane].queue.frames,
                         b->dialog.lane[lane].queue.frames);
    }
    assert_int_equal(a->core.decisions, b->core.decisions);
    assert_int_equal(a->dialog.decisions, b->dialog.decisions);
    assert_true(t->role == u->role && t->resp == u->resp && t->lost == u->lost);
    assert_true(t->n == u->n && t->in_multi == u->in_multi && t->database == u->database);
    same_plan(a->plan, b->plan);
}

static void whole_reads_and_single_bytes_are_alike(const bool *in_force)
{
    static struct rig whole, bytes;

    play(&whole, SIZE_MAX, in_force);
    play(&bytes, 1, in_force);
    same(&whole, &bytes);
    rig_after(&whole, SEC(1));
    rig_after(&bytes, SEC(1));
    same(&whole, &bytes);
    assert_false(whole.dialog.track.lost);
    rig_close(&whole);
    rig_close(&bytes);
}

static void a_run_is_what_its_frames_are(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 1u << RULES; which++) {
        bool in_force[RULES];

        for (size_t i = 0; i < RULES; i++)
            in_force[i] = which >> i & 1;
        whole_reads_and_single_bytes_are_alike(in_force);
    }
}

/* What a rule says in the server's place has its turn among what the server says. */
static void an_answer_of_ours_is_given_in_its_turn(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    rig_rule(&r, "on * -> * when command=DEL do error LOADING");
    rig_ask(&r, GET GET DEL GET);
    rig_answer(&r, "+a\r\n+b\r\n+c\r\n");
    assert_memory_equal(r.out[LANE_REPLIES], "+a\r\n+b\r\n-LOADING", 16);
    assert_string_equal(r.out[LANE_REPLIES] + r.n[LANE_REPLIES] - 6, "\r\n+c\r\n");
    rig_close(&r);
}

static void on_decided(void *arg, const struct decision *d)
{
    unsigned *told = arg;

    *told += d->lane == LANE_REPLIES && d->command[0] == 'G';
}

/* Who listens is told of every frame, and of its command. */
static void a_listener_is_told_of_each_frame(void **state)
{
    unsigned told = 0;
    struct rig r;

    (void)state;
    rig_open(&r);
    r.core.decided = on_decided;
    r.core.arg = &told;
    rig_rule(&r, "on * -> * replies do latency 5ms");
    rig_ask(&r, GET GET GET SET);
    rig_answer(&r, "$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n+OK\r\n");
    assert_int_equal(3, told);
    assert_int_equal(4, r.core.decisions);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_what_its_frames_are),
        cmocka_unit_test(an_answer_of_ours_is_given_in_its_turn),
        cmocka_unit_test(a_listener_is_told_of_each_frame),
    };

    return cmocka_run_group_tests_name("skim", tests, NULL, NULL);
}

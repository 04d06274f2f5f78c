/* test_report.c -- claims, table, JSON and history of a made-up run. */
#include "report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history.h"
#include "progress.h"

struct made {
    struct stale_conf conf;
    struct stale_result result;
    struct url read[2];
    struct stale_node node[2];
    struct report report;
    struct claim claims[2];
};

/* 1000 reads, 3 of them stale, by 1, 2 and 7 versions, after 5, 6 and 50 ms. */
static struct made *made_up(void)
{
    static const unsigned behind[] = {1, 2, 7}, age[] = {5, 6, 50};
    struct made *m = calloc(1, sizeof *m);

    assert_non_null(m);
    assert_int_equal(url_parse("redis://app:hunter2@m:6379", &m->conf.write, NULL), 0);
    assert_int_equal(url_parse("r2:6379", &m->read[0], NULL), 0);
    assert_int_equal(url_parse("r3:6379", &m->read[1], NULL), 0);
    m->conf.read = m->read;
    m->conf.nread = 2;
    m->conf.load = (struct load){.pairs = 10, .seed = 42};
    m->conf.ops = 100;
    strcpy(m->result.run, "5f3a9c21");
    m->result.elapsed = SEC(2);
    m->result.writes.acknowledged = m->result.reads.total = 1000;
    m->result.reads.stale = m->result.reads.not_own = 3;
    m->result.node = m->node;
    m->node[0] = (struct stale_node){500, 3};
    m->node[1] = (struct stale_node){500, 0};
    for (int i = 0; i < 3; i++) {
        hist_add(&m->result.behind, behind[i]);
        hist_add(&m->result.age, MSEC(age[i]));
    }
    for (uint64_t i = 1; i <= 1000; i++) {
        hist_add(&m->result.writes.latency, USEC(i));
        hist_add(&m->result.reads.latency, USEC(2 * i));
    }
    for (uint64_t i = 1; i <= 10; i++)
        hist_add(&m->result.settle, MSEC(50 + i));
    m->result.troubles.n[TROUBLE_TIMEOUT] = 4;
    m->result.troubles.n[TROUBLE_READONLY] = 2;
    m->report = (struct report){&m->conf, &m->result, m->claims, 0};
    return m;
}

static bool holds(const struct made *m, const char *text)
{
    struct claim c;
    struct err e;

    if (claim_parse(text, &c, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return claim_check(&c, &m->result).met;
}

static void expect_each(const struct made *m, const char *const *text, bool met)
{
    for (; *text; text++)
        if (holds(m, *text) != met)
            fail_msg("'%s' should %shold", *text, met ? "" : "not ");
}

/* claims */

static void a_claim_compares_what_it_names(void **state)
{
    static const char *const yes[] = {
        "stale<=0.3%",      "stale==0.3%",         "rate<0.4%",
        " stale >= 0.001",  "stale<=0.003",        "stale-reads==3",
        "future==0",        "not-own==3",          "not-own<=0.3%",
        "not-monotonic==0", "failed==0",           "settle.p50>=50ms",
        "settle.p50<=56",   "settle.max<=60ms",    "settle.p99<=0.061s",
        "write.p50<0.52ms", "read.p50>0.9ms",      "read.max==2",
        "latency.max==2ms", "latency.read.max==2", "latency.write.max==1",
        "behind.max==7",    "behind.p50==2",       "age.max==50ms",
        "throughput==500",  "errors==6",           "reads==1000",
        "acknowledged>999", "wait-short==0",       "indeterminate==0",
        "unsettled==0",     "writes-failed==0",    NULL};
    static const char *const no[] = {"stale<0.3%",
                                     "stale<=0.2%",
                                     "stale==0",
                                     "stale>0.3%",
                                     "future>0",
                                     "not-own<=0.2%",
                                     "settle.p50<50ms",
                                     "settle.max<60ms",
                                     "write.max>1ms",
                                     "behind.max<7",
                                     "errors==0",
                                     "throughput>=501",
                                     NULL};
    struct made *m = made_up();

    (void)state;
    expect_each(m, yes, true);
    expect_each(m, no, false);
    free(m);
}

static void latency_without_more_is_that_of_all_requests(void **state)
{
    struct made *m = made_up();

    (void)state;
    assert_true(holds(m, "write.p50<=0.505"));
    assert_true(holds(m, "read.p50>=0.995"));
    assert_true(holds(m, "latency.p50>0.6"));
    assert_true(holds(m, "latency.p50<0.7"));
    free(m);
}

static void what_was_not_measured_is_not_met(void **state)
{
    static const char *const silent[] = {
        "stale==0",      "stale<=100%",   "future==0",   "not-own==0",
        "settle.p99<1h", "behind.max==0", "read.p50<1s", "failed==0",
        "throughput>=0", "not-own<=100%", NULL};
    struct made *m = made_up();

    (void)state;
    memset(&m->result, 0, sizeof m->result);
    expect_each(m, silent, false);
    assert_true(holds(m, "reads==0")); /* this was */
    assert_true(holds(m, "errors==0"));
    m->result.reads.failed = 3;
    assert_true(holds(m, "failed==3"));
    free(m);
}

static void a_wrong_claim_is_refused_with_a_hint(void **state)
{
    static const char *const wrong[] = {
        "",
        "stale",
        "stale=1",
        "stale!=1",
        "<=1",
        "stal<=1%",
        "nonsense<=1",
        "stale<=",
        "stale<=1x",
        "stale<=2",
        "stale<=-1",
        "stale<=101%",
        "stale<=1ms",
        "stale<=1% x",
        "stale.p50<=1",
        "settle<=1ms",
        "settle.p42<1ms",
        "settle.p50<=1%",
        "settle.p50<=x",
        "future<=1ms",
        "future<=nan",
        "future<=inf",
        "latency<1ms",
        "latency.write<1ms",
        "behind.max<=5%",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa<=1",
        NULL};

    (void)state;
    for (const char *const *text = wrong; *text; text++) {
        struct claim c;
        struct err e = {.code = 0};

        if (claim_parse(*text, &c, &e) == 0)
            fail_msg("'%s' was accepted", *text);
        assert_int_not_equal(e.text[0], '\0');
    }
}

static void a_mistyped_name_is_put_right(void **state)
{
    struct claim c;
    struct err e;

    (void)state;
    assert_true(claim_parse("setle.p99<5ms", &c, &e) < 0);
    assert_non_null(strstr(e.hint, "settle"));
    assert_true(claim_parse("not-montonic==0", &c, &e) < 0);
    assert_non_null(strstr(e.hint, "not-monotonic"));
}

/* reports */

static json_t *json_of(const struct made *m)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    json_t *o;

    assert_int_equal(report_json(f, &m->report), 0);
    fclose(f);
    assert_ptr_equal(strchr(text, '\n'), text + n - 1); /* one line */
    o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    assert_null(strstr(text, "hunter2"));
    free(text);
    return o;
}

static double number(json_t *o, const char *path)
{
    char copy[64], *next = copy, *word;

    snprintf(copy, sizeof copy, "%s", path);
    while ((word = strsep(&next, ".")) != NULL)
        if ((o = json_object_get(o, word)) == NULL)
            fail_msg("%s is not there", path);
    if (!json_is_number(o))
        fail_msg("%s is no number", path);
    return json_number_value(o);
}

static void near(json_t *o, const char *path, double want)
{
    double got = number(o, path);

    if (got < want * 0.99 - 1e-12 || got > want * 1.01 + 1e-12)
        fail_msg("%s is %.9g, not %.9g", path, got, want);
}

static void the_object_has_what_programs_read(void **state)
{
    static const struct {
        const char *path;
        double want;
    } members[] = {{"pairs", 10},
                   {"ops", 100},
                   {"wait", 0},
                   {"seconds", 2},
                   {"throughput", 500},
                   {"writes.acknowledged", 1000},
                   {"writes.failed", 0},
                   {"writes.indeterminate", 0},
                   {"writes.wait_short", 0},
                   {"writes.latency_ms.p50", 0.5},
                   {"writes.latency_ms.p99", 0.99},
                   {"writes.latency_ms.p999", 0.999},
                   {"writes.latency_ms.max", 1},
                   {"reads.total", 1000},
                   {"reads.stale", 3},
                   {"reads.rate", 0.003},
                   {"reads.low", 0.001020784},
                   {"reads.high", 0.008783014},
                   {"reads.future", 0},
                   {"reads.not_own", 3},
                   {"reads.not_monotonic", 0},
                   {"reads.failed", 0},
                   {"reads.latency_ms.p50", 1},
                   {"behind.p50", 2},
                   {"behind.max", 7},
                   {"age_ms.p50", 6},
                   {"age_ms.p99", 50},
                   {"age_ms.max", 50},
                   {"settle_ms.samples", 10},
                   {"settle_ms.p50", 55},
                   {"settle_ms.p99", 60},
                   {"settle_ms.max", 60},
                   {"errors.timeout", 4},
                   {"errors.READONLY", 2}};
    struct made *m = made_up();
    json_t *o = json_of(m);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(o, "probe")), "stale");
    assert_string_equal(json_string_value(json_object_get(o, "run")), "5f3a9c21");
    assert_string_equal(json_string_value(json_object_get(o, "write")),
                        "redis://app:***@m:6379");
    assert_int_equal(json_array_size(json_object_get(o, "read")), 2);
    assert_int_equal(json_object_size(json_object_get(o, "errors")), 2);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        near(o, members[i].path, members[i].want);
    json_decref(o);
    free(m);
}

static void claims_are_answered_in_the_object(void **state)
{
    struct made *m = made_up();
    json_t *o, *list;

    (void)state;
    assert_int_equal(claim_parse("stale<=0.1%", &m->claims[0], NULL), 0);
    assert_int_equal(claim_parse("settle.p99<=70ms", &m->claims[1], NULL), 0);
    m->report.nclaims = 2;
    o = json_of(m);
    list = json_object_get(o, "assertions");
    assert_int_equal(json_array_size(list), 2);
    near(json_array_get(list, 0), "value", 0.003);
    assert_true(json_is_false(json_object_get(json_array_get(list, 0), "met")));
    assert_true(json_is_true(json_object_get(json_array_get(list, 1), "met")));
    assert_int_equal(report_unmet(NULL, &m->report), 1);
    json_decref(o);
    free(m);
}

static void an_empty_run_is_a_valid_object(void **state)
{
    struct made *m = made_up();
    json_t *o;

    (void)state;
    memset(&m->result, 0, sizeof m->result);
    m->result.node = m->node;
    o = json_of(m);
    assert_true(number(o, "reads.total") == 0);
    assert_true(number(o, "reads.high") == 1);
    assert_true(json_is_null(json_object_get(json_object_get(o, "settle_ms"), "p50")));
    json_decref(o);
    free(m);
}

static char *text_of(const struct made *m)
{
    char name[] = "/tmp/sunder-report-XXXXXX", *text = calloc(1, 8192);
    int fd = mkstemp(name);
    FILE *f = fdopen(fd, "w+");

    assert_non_null(f);
    unlink(name);
    report_text(f, &m->report);
    rewind(f);
    assert_true(fread(text, 1, 8191, f) > 0);
    fclose(f);
    return text;
}

static void the_table_says_what_was_seen(void **state)
{
    static const char *const said[] = {
        "10 pairs", "5f3a9c21",        "1000",         "0.3%",       "0.102%",
        "0.878%",   "p50        2",    "max        7", "10 samples", "timeout",
        "READONLY", "redis://r3:6379", "not met",      "stale<=0.1%"};
    struct made *m = made_up();
    char *text;

    (void)state;
    assert_int_equal(claim_parse("stale<=0.1%", &m->claims[0], NULL), 0);
    m->report.nclaims = 1;
    text = text_of(m);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (strstr(text, said[i]) == NULL)
            fail_msg("'%s' is missing in:\n%s", said[i], text);
    assert_null(strchr(text, '\033')); /* no colour into a file */
    assert_null(strstr(text, "hunter2"));
    free(text);
    free(m);
}

static void nearly_all_is_not_all(void **state)
{
    struct made *m = made_up();
    char *text;

    (void)state;
    m->result.reads.total = 1000000;
    m->result.reads.stale = 999999;
    text = text_of(m);
    assert_non_null(strstr(text, "99.9999%"));
    free(text);
    free(m);
}

static void ages_are_told_with_their_crossings(void **state)
{
    struct made *m = made_up();
    json_t *o;
    char *text;

    (void)state;
    m->conf.load.ages = MSEC(100);
    for (int i = 0; i < STALE_AGES; i++)
        m->result.ages[i] = (struct age_bucket){10, i < 50 ? 10 : 0};
    o = json_of(m);
    assert_int_equal(json_array_size(json_object_get(o, "ages")), STALE_AGES);
    near(json_array_get(json_object_get(o, "ages"), 99), "ms", 99);
    near(o, "fresh_from_ms.p50", 50);
    near(o, "fresh_from_ms.p999", 50);
    text = text_of(m);
    assert_non_null(strstr(text, "from 50.00 ms on"));
    json_decref(o);
    free(text);
    free(m);
}

static void progress_fits_into_a_line(void **state)
{
    struct progress p = {
        .done = 500, .total = 1000, .reads = 490, .stale = 49, .elapsed = SEC(2)};
    char line[160];

    (void)state;
    progress_print(&p, line, sizeof line);
    assert_non_null(strstr(line, "[########........]  50%"));
    assert_non_null(strstr(line, "250 ops/s"));
    assert_non_null(strstr(line, "10% stale"));
    assert_non_null(strstr(line, "2 s left"));
    p.done = 5000; /* never beyond its frame */
    progress_print(&p, line, sizeof line);
    assert_non_null(strstr(line, "[################] 100%"));
    p = (struct progress){.total = 1};
    progress_print(&p, line, sizeof line);
    assert_non_null(strstr(line, "  0%"));
}

/* history */

static void each_deed_is_one_line_of_json(void **state)
{
    char name[] = "/tmp/sunder-history-XXXXXX", line[512];
    int fd = mkstemp(name);
    struct err e;
    struct history *h = history_open(name, &e);
    char *node = history_quote("unix:/tmp/\"odd\\name\"");
    struct deed ok = {1, 2, 7, node, "get", "k:1:7", 12, OUTCOME_OK, TROUBLE_NONE};
    struct deed bad = {
        3, 4, 7, node, "set", "k:1:7", HISTORY_NO_VALUE, OUTCOME_INFO, TROUBLE_RESET};
    json_t *o;
    FILE *f;

    (void)state;
    assert_non_null(h);
    history_add(h, &ok);
    history_add(h, &bad);
    assert_int_equal(history_close(h, &e), 0);
    f = fdopen(fd, "r");
    o = json_loads(fgets(line, sizeof line, f), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(o, "node")),
                        "unix:/tmp/\"odd\\name\"");
    assert_string_equal(json_string_value(json_object_get(o, "client")), "client_7");
    assert_true(number(o, "t_complete") == 2 && number(o, "value") == 12);
    json_decref(o);
    o = json_loads(fgets(line, sizeof line, f), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(o, "outcome")), "info");
    assert_string_equal(json_string_value(json_object_get(o, "error")), "reset");
    assert_true(json_is_null(json_object_get(o, "value")));
    json_decref(o);
    assert_null(fgets(line, sizeof line, f));
    fclose(f);
    unlink(name);
    free(node);
}

static void a_full_disk_is_told_at_the_end(void **state)
{
    struct deed d = {1, 2, 7, "\"n\"", "get", "k", 12, OUTCOME_OK, TROUBLE_NONE};
    struct err e = {.code = 0};

    (void)state;
    for (int lines = 1; lines <= 10000; lines *= 100) { /* found in closing, or before */
        struct history *h = history_open("/dev/full", &e);

        if (h == NULL)
            skip();
        for (int i = 0; i < lines; i++)
            history_add(h, &d);
        assert_true(history_close(h, &e) < 0);
        assert_non_null(strstr(e.text, "/dev/full"));
    }
    assert_null(history_open("/nowhere/at/all", &e));
    assert_non_null(strstr(e.text, "/nowhere/at/all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_compares_what_it_names),
        cmocka_unit_test(latency_without_more_is_that_of_all_requests),
        cmocka_unit_test(what_was_not_measured_is_not_met),
        cmocka_unit_test(a_wrong_claim_is_refused_with_a_hint),
        cmocka_unit_test(a_mistyped_name_is_put_right),
        cmocka_unit_test(the_object_has_what_programs_read),
        cmocka_unit_test(claims_are_answered_in_the_object),
        cmocka_unit_test(an_empty_run_is_a_valid_object),
        cmocka_unit_test(the_table_says_what_was_seen),
        cmocka_unit_test(nearly_all_is_not_all),
        cmocka_unit_test(ages_are_told_with_their_crossings),
        cmocka_unit_test(progress_fits_into_a_line),
        cmocka_unit_test(each_deed_is_one_line_of_json),
        cmocka_unit_test(a_full_disk_is_told_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

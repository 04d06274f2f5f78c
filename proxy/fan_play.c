/* fan_play.c -- see fan.h: scenarios on all proxies or on none, and the end of a session.
 *
 *   ask each for its rules -> would all play it? -> play on all -> done
 *           | one is not there    | one would not       | one did not begin
 *           nothing is changed    nothing is changed    stopped, and set back
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fan_parts.h"

#define DYING 64 /* sessions that are counted and not listed, at most */

static const struct fan_request stop = {"DELETE", "/scenario", NULL};
static const struct fan_request resume = {"POST", "/scenario/resume", NULL};

static const char *state_of(const struct fan_peer *p)
{
    const char *state = json_string_value(json_object_get(p->answer, "state"));

    return state ? state : "";
}

/* One of many: who, and why. */
static int not_all(const struct fan *f, size_t first, const char *verb, struct err *e)
{
    const struct fan_peer *p = &f->peer[first];
    const struct err why = p->trouble;

    *e = why;
    if (fan_refused(f) == f->n)
        return e->code; /* all are of one mind */
    err_set(e, why.code, "nothing is played: of %zu proxies, %s %s: %s", f->n, p->at,
            verb, why.text);
    err_hint(e, "%s", why.hint[0] ? why.hint : "a scenario is played on all or on none");
    return why.code;
}

/* Stop those that are not spared, as far as they play, and give back their rules. Answers
 * which could not be reached, with commas between; they are spared from then on. */
static const char *take_back(struct fan *f, bool *spared, char *lost, size_t size)
{
    char more[160];
    size_t n = 0;

    lost[0] = '\0';
    for (size_t i = 0; i < f->n && n < size; i++) {
        if (spared[i] || fan_insist(f, i, &stop) == 0 || f->peer[i].status == 404)
            continue;
        n += (size_t)snprintf(lost + n, size - n, "%s%s", n ? ", " : "", f->peer[i].at);
        spared[i] = true;
    }
    if (fan_restore(f, spared, more, sizeof more)[0] && n < size)
        snprintf(lost + n, size - n, "%s%.120s", n ? ", " : "", more);
    return lost;
}

static int undo(struct fan *f, size_t first, struct err *e)
{
    const struct err why = f->peer[first].trouble;
    bool refused[FAN_MAX];
    char lost[160];
    int err = not_all(f, first, "did not begin", e);

    for (size_t i = 0; i < f->n; i++)
        refused[i] = f->peer[i].status >= 400;
    if (fan_refused(f) == f->n)
        return err;
    if (take_back(f, refused, lost, sizeof lost)[0] == '\0') {
        err_hint(e, "the others were stopped, and set back to the rules they had");
        return err;
    }
    err_set(e, -EIO, "%s did not begin: %s", f->peer[first].at, why.text);
    err_hint(e, "all were stopped but %s, which may play it", lost);
    return -EIO;
}

int fan_play(struct fan *f, const char *steps, size_t n, bool check, struct err *e)
{
    json_t *body = json_pack("{s:s%, s:b}", "steps", steps, n, "check", true);
    const struct fan_request q = {"POST", "/scenario", body};
    size_t first = 0;
    int err = body ? fan_remember(f, e) : err_set(e, -EINVAL, "the file is no UTF-8");

    if (err == 0) {
        fan_ask(f, &q, NULL);
        err = fan_failed(f, &first) > 0 ? not_all(f, first, "would not play it", e) : 0;
    }
    if (err == 0 && !check) {
        json_object_del(body, "check");
        fan_ask(f, &q, NULL);
        err = fan_failed(f, &first) > 0 ? undo(f, first, e) : 0;
    }
    json_decref(body);
    return err;
}

int fan_back(struct fan *f, struct err *e)
{
    bool spared[FAN_MAX] = {false};
    char lost[160];

    if (take_back(f, spared, lost, sizeof lost)[0] == '\0')
        return 0;
    err_set(e, -EIO, "%s could not be set back", lost);
    err_hint(e, "it may still play, or have rules of the scenario");
    return -EIO;
}

/* ---- stop ---- */

/* Some went on: those that have stopped go on too. */
static int go_on(struct fan *f, const bool *asked, size_t first, struct err *e)
{
    const struct err why = f->peer[first].trouble;
    const char *at = f->peer[first].at;
    char lost[160] = "";
    size_t n = 0;

    for (size_t i = 0; i < f->n && n < sizeof lost; i++)
        if (asked[i] && f->peer[i].status < 400 && fan_insist(f, i, &resume) != 0 &&
            f->peer[i].status != 404)
            n += (size_t)snprintf(lost + n, sizeof lost - n, "%s%s", n ? ", " : "",
                                  f->peer[i].at);
    if (n == 0) {
        err_set(e, why.code, "nothing is stopped: of %zu proxies, %s did not follow: %s",
                f->n, at, why.text);
        err_hint(e, "the others play on");
        return why.code;
    }
    err_set(e, -EIO, "%s did not stop: %s", at, why.text);
    err_hint(e, "all play on but %s, which may have stopped", lost);
    return -EIO;
}

/* Which play? When none does, the first is asked to stop all the same, and says so. */
static void playing(const struct fan *f, bool *asked)
{
    bool any = false;

    for (size_t i = 0; i < f->n; i++)
        any |= asked[i] = strcmp(state_of(&f->peer[i]), "playing") == 0;
    asked[0] |= !any;
}

int fan_stop(struct fan *f, struct err *e)
{
    bool asked[FAN_MAX] = {false};
    size_t first = 0, ended = 0, n = 0;
    int err = fan_look(f, "/scenario", e);

    if (err)
        return err;
    playing(f, asked);
    fan_ask(f, &stop, asked);
    for (size_t i = 0; i < f->n; i++) {
        n += asked[i];
        ended += asked[i] && f->peer[i].status == 404; /* came to its end meanwhile */
        if (f->peer[i].status == 404 && ended < n)
            f->peer[i].trouble.code = 0;
    }
    if (fan_failed(f, &first) == 0)
        return 0;
    *e = f->peer[first].trouble;
    return n == 1 || ended == n ? e->code : go_on(f, asked, first, e);
}

/* ---- a session, which is on one proxy only ---- */

/* It may, also, when it has more than it lists. */
static bool has_session(const struct fan_peer *p, const char *id)
{
    const json_t *list = json_object_get(p->answer, "sessions"), *s;
    size_t i;

    if ((size_t)json_integer_value(json_object_get(p->answer, "total")) >
        json_array_size(list) + DYING)
        return true;
    json_array_foreach(list, i, s)
    {
        char text[32];

        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT,
                 json_integer_value(json_object_get(s, "id")));
        if (strcmp(text, id) == 0)
            return true;
    }
    return false;
}

int fan_kill(struct fan *f, const char *id, const char *path, struct err *e)
{
    bool only[FAN_MAX] = {false};
    char on[160] = "";
    size_t n = 0, at = 0, used = 0;
    int err = fan_look(f, "/sessions", e);

    for (size_t i = 0; i < f->n && err == 0; i++)
        if (has_session(&f->peer[i], id)) {
            at = i;
            n++;
            if (used < sizeof on)
                used += (size_t)snprintf(on + used, sizeof on - used, "%s%s",
                                         used ? ", " : "", f->peer[i].at);
        }
    if (err)
        return err;
    if (n > 1) {
        err_set(e, -EINVAL, "%zu proxies may have a session %s: %s", n, id, on);
        err_hint(e, "--api says which is meant");
        return -EINVAL;
    }
    only[at] = true; /* when none has it, the first says so */
    fan_ask(f, &(struct fan_request){"DELETE", path, NULL}, only);
    *e = f->peer[at].trouble;
    return e->code;
}

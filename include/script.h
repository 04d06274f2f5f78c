/* script.h -- verbs at times: a scenario for a proxy that runs already.
 *
 *   0s    RULE ADD slow: on client -> r1 do latency 20ms
 *   500ms CUT r2 r1 NAME away HOW hang
 *   2s    HEAL away
 *
 * A line is a time since the beginning and a verb of control.h, as the console takes it;
 * times do not go back. `#` begins a comment. Only verbs that change something, one
 * script at a time.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <jansson.h>

#include "proxy.h"

#define SCRIPT_STEPS 1024

struct script;

/* Begin. All of it is read first: -EINVAL and *e with the line when one makes no sense;
 * -EBUSY while another is being played. What goes wrong later is in script_describe and
 * in the log, and the rest goes on. */
int script_play(struct proxy *p, const char *text, struct err *e) MUST_CHECK;

/* Would it be played? As script_play, and nothing is begun: *out is
 * {state: sound, steps}, the caller's reference. */
int script_check(const struct proxy *p, const char *text, json_t **out,
                 struct err *e) MUST_CHECK;

/* Play no more of it; what it has done stays. -ENOENT when none is being played. */
int script_stop(struct proxy *p, struct err *e) MUST_CHECK;

/* Go on where it was stopped: what is left comes later by the time it stood still.
 * -ENOENT when none was stopped. */
int script_resume(struct proxy *p, struct err *e) MUST_CHECK;

/* {state: none|playing|over|stopped, seconds, done, steps: [{at, verb, error}]}; the
 * caller's reference. `seconds` stand still when it is over or stopped. */
json_t *script_describe(const struct proxy *p);

void script_free(struct script **s);

#endif

/* course.h -- the course most exercises take: a row in a lab without a proxy, rows in one
 * with it, under rules that come and go, a verdict, a report.
 */
#ifndef COURSE_H
#define COURSE_H

#include "exercise.h"

/* What every such exercise is asked; and its options, for the end of a table. */
struct course_flags {
    const char *output, *keep, *server;
};

/* clang-format off */
#define COURSE_OPTS(f)                                                                   \
    {"redis-server", 0, OPT_TEXT, &(f)->server, "PATH",                                  \
     "the server to run; redis-server or valkey-server from PATH when not given"},       \
    {"keep", 0, OPT_TEXT, &(f)->keep, "DIR", "work in this directory, and leave it"},    \
    {"output", 'o', OPT_TEXT, &(f)->output, "FORMAT", "text or json"},                   \
    {0}
/* clang-format on */

struct course {
    const struct usage        *usage;
    const struct course_flags *flags;
    const char                *name;
    size_t                     replicas, rows;

    /* Each with a lab of its own on the stage. 0, or a negative errno as the stage's. */
    int (*direct)(struct stage *s, struct exercise_outcome *o);
    int (*proxied)(struct stage *s, struct exercise_outcome *o);
    void (*judge)(struct exercise_outcome *o);
    void (*print)(const struct exercise_outcome *o); /* the text for people */
    json_t *(*about)(void); /* what the object says first; may be NULL */

    /* Or instead of direct and proxied, where a row opens a lab of its own: each of the
     * rows, from 0 on; or all of them. */
    int (*row)(struct stage *s, struct exercise_outcome *o, size_t i);
    int (*labs)(struct stage *s, struct exercise_outcome *o);
};

/* Parse the words. -1 to go on, or the status to exit with. */
int course_parse(const struct usage *u, struct course_flags *f, int argc,
                 char **argv) MUST_CHECK;

/* From its beginning to the status to exit with. */
int course_play(const struct course *c);

/* -- for labs -- */

/* A new lab for the row of that name; the one before it is closed. Server and directory
 * are those of the flags, the rest is up to o. */
int course_lab(struct stage *s, const struct course_flags *f, const char *name,
               const struct lab_options *o) MUST_CHECK;

void course_tell(const struct exercise_outcome *o, const char *row); /* who watches */

/* -- for direct and proxied -- */

/* Once all replicas are in sync, run the probe for the next row. The cue may be NULL. */
int course_row(struct stage *s, struct exercise_outcome *o, const char *row,
               const char *const *argv, const struct exercise_cue *cue) MUST_CHECK;

/* Put a rule into force, and note it for the rows that follow; or only note it, because a
 * cue will put it into force. heal takes all rules away. */
int  course_rule(struct stage *s, struct exercise_outcome *o,
                 const char *sentence) MUST_CHECK;
void course_note(struct exercise_outcome *o, const char *sentence);
void course_heal(struct stage *s, struct exercise_outcome *o);
void course_forget(struct exercise_outcome *o); /* what was noted: it was another lab */

/* Ask a node something, with an inline command ("CONFIG GET save"). Its answer as text
 * into buf. 0; -EPROTO when it is an error reply; or as the stage's functions. */
int course_ask(struct stage *s, size_t node, const char *command, char *buf,
               size_t size) MUST_CHECK;

/* -- for judge and print -- */

/* A number of a row: NAN when there is none. */
double course_number(const struct exercise_outcome *o, size_t row, const char *path);

/* A cell that is a count, or a time in seconds; "-" when there is none. Answers buf. */
const char *course_count(const json_t *probe, const char *path, char *buf, size_t size);
const char *course_seconds(const json_t *probe, const char *path, char *buf, size_t size);

/* A text of a row: "?" when there is none. */
const char *course_text(const struct exercise_outcome *o, size_t row, const char *member);
const char *course_word(const json_t *probe, const char *member, char *buf, size_t size);

/* cell_NAME for a table: the text that the probe calls NAME; and the count. */
#define COURSE_WORD(name)                                                                \
    static const char *cell_##name(const json_t *p, char *buf, size_t size)              \
    {                                                                                    \
        return course_word(p, #name, buf, size);                                         \
    }

#define COURSE_CELL(name)                                                                \
    static const char *cell_##name(const json_t *p, char *buf, size_t size)              \
    {                                                                                    \
        return course_count(p, #name, buf, size);                                        \
    }

#endif

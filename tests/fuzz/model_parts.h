/* model_parts.h -- the state of a model; private to model*.c. */
#ifndef MODEL_PARTS_H
#define MODEL_PARTS_H

#include <setjmp.h>

#include "dialog.h"
#include "fake.h"
#include "model.h"

#define RULES      48
#define FRAMES     4096
#define REQUESTS   400
#define TURNS      1024 /* each request may go out twice */
#define REPLIES    4096 /* and be answered by three frames */
#define LANE_LIMIT 65536
#define READ_MAX   256

struct text {
    uint8_t *p;
    size_t n, size;
};

/* What was reported of one frame of a lane, all rules together. */
struct orders {
    bool drop, twice, owed, limited;
    enum close_how close;
    size_t cut;
    nsec delay;                    /* of the rule that delays most */
    int slowest;                   /* a rule; -1 = none */
    uint64_t fired, holds, sticks; /* a bit for each rule */
    struct text before, instead;
};

struct known { /* a rule that was ever added */
    struct rule *rule;
    uint64_t serial;
    bool here; /* in the plan */
};

struct wait { /* nothing from here on leaves yet */
    size_t at;
    nsec until; /* NSEC_NEVER = while the rule is there */
    int rule;
};

struct side {       /* a lane */
    struct text in; /* all that the source will have sent */
    size_t fed;     /* of it */
    struct text want;
    size_t sent;    /* of it */
    bool ended;     /* the connection ends at want.n */
    size_t end_min; /* or, by a limit, from here on */
    bool source_ended, finished;
    enum queue_end end;      /* how the source ended */
    nsec end_until;          /* and when that may be passed on */
    int end_rule;            /* because of whom */
    bool slow;               /* the receiver takes a little at a time */
    uint64_t dropped, added; /* as it was told */
    bool accountable;        /* and that must be all */
    int owed_by;             /* a rule; -1 = none */
    uint64_t frozen_by;      /* rules */
    struct wait wait[64];
    unsigned waits;

    /* the frame under way */
    struct resp scan;
    bool opaque, under_way, head, exempt;
    struct text held; /* of it, while its head is not known */
    uint64_t ordinal;
    struct orders now;
    size_t from, cut_left; /* where its bytes begin in want */
    struct orders *orders; /* by ordinal */
    size_t known;          /* of them */
};

struct instance { /* a request that goes to the server */
    uint16_t request;
    bool mute;             /* it is a copy */
    size_t end;            /* it has left when so many bytes of the lane have */
    unsigned frames, made; /* of the answer: how many, and where in answers */
    struct text answers;   /* each with its length before it */
    struct fake after;
    uint64_t plan;
};

struct turn {     /* in the order in which answers are due */
    int instance; /* or -1: spoken in the server's place */
    struct text spoken;
};

struct reply { /* a frame that the server has sent */
    size_t end;
    int instance; /* -1 = nobody asked */
    bool last;
};

struct model {
    jmp_buf failed;
    char why[200];
    struct core core;
    struct party from, to;
    struct plan *plan;
    struct dialog dialog;
    nsec now;
    unsigned theme;
    bool raw, chaos, over, ending_reported;
    uint64_t moves; /* of bytes, ever */
    enum role role;
    struct known rule[RULES];
    int rules;
    struct side side[2];

    /* traffic that makes sense only */
    struct request request[REQUESTS];
    unsigned requests, next_request;
    struct fake shadow, now_at; /* after all that was forwarded; after what has arrived */
    struct instance *instance;
    unsigned instances, arrived;
    struct turn *turn;
    unsigned turns, next_turn;
    struct reply *reply;
    unsigned replies, next_reply;
    unsigned odd;
};

_Noreturn void model_fail(struct model *m, const char *fmt, ...);
void text_add(struct text *t, const void *p, size_t n);
void text_free(struct text *t);

/* What was reported of a frame; valid until one with a higher ordinal is asked for. */
struct orders *orders_of(struct model *m, struct side *s, uint64_t ordinal);

/* model_plan.c: for the core to call, and to change the plan. */
void model_on_decided(void *arg, const struct decision *d);
void model_on_accounted(void *arg, const struct account *a);
void model_add_rule(struct model *m, const uint8_t *p); /* of three bytes */
void model_del_rule(struct model *m, uint8_t which);    /* 0 = all */
void model_replan(struct model *m, struct plan *plan);
void model_expire(struct model *m);

/* model_lane.c: the same bytes as were just fed; the decisions on them are known. */
void lane_fed(struct model *m, enum lane_id lane, const uint8_t *p, size_t n, bool ruled);
void lane_source_ended(struct model *m, enum lane_id lane);
void lane_speak(struct model *m);

#endif

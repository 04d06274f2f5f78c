/* dialog_skim.c -- frames that nobody needs to look into: a run of them is one thing.
 *
 * Most traffic is of this kind, and a pipeline of 64 GETs costs little more than one. Who
 * has a say is asked first: the pairing, which must know all but the plainest requests
 * and replies, and the rules, which must each be about certain commands only or order the
 * same for all frames.
 */
#include "dialog_parts.h"
#include "seats.h"

/* Is a request of this command somebody's business? */
static bool is_minded(void *arg, const char *command, size_t n)
{
    const struct dialog *d = arg;

    return track_minds(command, n) || seats_name(&d->lane[LANE_REQUESTS], command, n) ||
           seats_name(&d->lane[LANE_REPLIES], command, n);
}

static uint64_t countable(const struct dialog *d, enum lane_id lane)
{
    if (d->repl || d->speaking || d->lane[lane].lasting->stuck_by)
        return 0;
    if (lane == LANE_REQUESTS && !seats_mark_none(d))
        return 0;
    return track_countable(&d->track, lane);
}

size_t skim(struct dialog *d, enum lane_id lane, nsec now, const uint8_t *p, size_t n,
            struct leave *how)
{
    struct lane *l = &d->lane[lane];
    struct resp_skim s = {.most = countable(d, lane), .stop = is_minded, .arg = d};
    bool lost = d->track.lost;
    struct level level;

    if (s.most == 0 || !seats_level(d, lane, &level) ||
        (n = resp_skim(&l->scan->resp, p, n, &s)) == 0)
        return 0;
    track_count(&d->track, lane, s.frames, &(struct track_mark){0});
    if (d->track.lost && !lost)
        d->core->pairing_lost++;
    l->frames += s.frames;
    d->core->frames[lane] += s.frames;
    seats_levelled(d, lane, s.frames);
    *how = (struct leave){
        .due = nsec_add(now, level.delay), .by = level.by, .frames = s.frames};
    return n;
}

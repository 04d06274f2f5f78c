/* progress.c -- see progress.h. */
#include "progress.h"

#include "cli.h"

#define BAR 16

/* By operations or by time, whichever is nearer its end. */
static double share(const struct progress *p)
{
    double ops = p->total ? (double)p->done / (double)p->total : 0;
    double time = p->limit ? (double)p->elapsed / (double)p->limit : 0;
    double most = ops > time ? ops : time;

    return most < 1 ? most : 1;
}

const char *progress_print(const struct progress *p, char *buf, size_t size)
{
    static const char full[] = "################", empty[] = "................";
    double s = share(p), seconds = (double)p->elapsed / 1e9;
    int filled = (int)(s * BAR);

    snprintf(buf, size,
             "[%.*s%.*s] %3.0f%%  %.0f ops/s  %llu reads  %.3g%% stale  %.0f s left",
             filled, full, BAR - filled, empty, s * 100,
             seconds > 0 ? (double)p->done / seconds : 0, (unsigned long long)p->reads,
             p->reads ? 100.0 * (double)p->stale / (double)p->reads : 0.0,
             s > 0 ? seconds / s - seconds : 0.0);
    return buf;
}

void progress_draw(FILE *f, const struct progress *p)
{
    char line[80];

    fputs(cli_colour(f) ? "\033[36m" : "", f);
    cli_line(f, progress_print(p, line, sizeof line));
    fputs(cli_colour(f) ? "\033[0m" : "", f);
}

void progress_clear(FILE *f)
{
    cli_line(f, "");
}

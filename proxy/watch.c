/* watch.c -- see watch.h: the terminal and the clock. */
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l" /* a screen of our own, no cursor */
#define LEAVE "\033[?25h\033[?1049l"
#define HOME  "\033[H"
#define EOL   "\033[K\n"
#define REST  "\033[J"

static volatile sig_atomic_t on_screen;

/* Whatever is under way (a call that waits for the proxy): the screen is given back. */
static void on_signal(int sig)
{
    (void)sig;
    if (on_screen)
        (void)!write(STDOUT_FILENO, LEAVE, sizeof LEAVE - 1);
    _exit(0);
}

static void leave_screen(void)
{
    if (on_screen)
        (void)!write(STDOUT_FILENO, LEAVE, sizeof LEAVE - 1);
    on_screen = 0;
}

static void enter_screen(void)
{
    const char *term = getenv("TERM");
    struct sigaction act = {.sa_handler = on_signal};

    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
    (void)sigaction(SIGHUP, &act, NULL);
    if (!isatty(STDOUT_FILENO) || term == NULL || strcmp(term, "dumb") == 0)
        return;
    on_screen = 1;
    (void)!write(STDOUT_FILENO, ENTER, sizeof ENTER - 1);
}

/* What does not fit is cut off: a line that is wrapped would shift all others. */
static void put_picture(char *text)
{
    struct winsize size;
    int row = 1;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    fputs(HOME, stdout);
    for (char *line = text, *end; *line && row < size.ws_row; line = end, row++) {
        size_t n = strcspn(line, "\n");

        end = line + n + (line[n] == '\n');
        printf("%.*s" EOL, n > size.ws_col ? (int)size.ws_col : (int)n, line);
    }
    fputs(REST, stdout);
}

static void show(const struct watch *w, const json_t *now, const json_t *before,
                 double seconds, const struct err *e)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    if (f == NULL)
        return;
    if (now)
        w->draw(w->arg, f, now, before, seconds);
    else
        fprintf(f, "%s: %s\n", w->where, e->text);
    fclose(f);
    if (on_screen)
        put_picture(text);
    else
        fputs(text, stdout);
    fflush(stdout);
    free(text);
}

static double passed(const struct timespec *since)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - since->tv_sec) +
           (double)(now.tv_nsec - since->tv_nsec) / 1e9;
}

static void pause_for(nsec t)
{
    struct timespec wait = {.tv_sec = (time_t)(t / SEC(1)),
                            .tv_nsec = (long)(t % SEC(1))};

    while (nanosleep(&wait, &wait) < 0 && errno == EINTR)
        continue;
}

int watch_run(const struct watch *w, struct err *e)
{
    json_t *before = NULL, *now = NULL;
    struct timespec then = {0};
    int err = w->fetch(w->arg, &now, e);

    if (err < 0)
        return err;
    enter_screen();
    for (uint64_t i = 1;; i++) {
        show(w, now, before, before ? passed(&then) : 0, e);
        clock_gettime(CLOCK_MONOTONIC, &then);
        if (i == w->count || ferror(stdout)) /* main() says why */
            break;
        if (now) {
            json_decref(before);
            before = now;
            now = NULL;
        }
        pause_for(w->interval);
        (void)w->fetch(w->arg, &now, e);
    }
    leave_screen();
    json_decref(before);
    json_decref(now);
    return 0;
}

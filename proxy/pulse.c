/* pulse.c -- see pulse.h. libuv runs the callbacks of sockets before it comes back from
 * waiting, so that check and prepare handles are not around them; but it knows how long
 * it has really waited.
 */
#include "pulse.h"

const double pulse_bounds[PULSE_BUCKETS - 1] = {0.0001, 0.001, 0.01, 0.1, 1};

static void on_rest(uv_prepare_t *h)
{
    struct pulse *p = (struct pulse *)((char *)h - offsetof(struct pulse, rest));
    nsec now = uv_hrtime(), idle = uv_metrics_idle_time(h->loop);
    nsec passed = now - p->then, waited = idle - p->idle;
    nsec busy = passed > waited ? passed - waited : 0;
    size_t i = 0;

    while (i < PULSE_BUCKETS - 1 && (double)busy / 1e9 > pulse_bounds[i])
        i++;
    p->turns[i]++;
    p->busy += busy;
    if (busy > p->longest)
        p->longest = busy;
    p->then = now;
    p->idle = idle;
}

void pulse_open(struct pulse *p, uv_loop_t *loop, void *owner)
{
    (void)uv_loop_configure(loop, UV_METRICS_IDLE_TIME);
    (void)uv_prepare_init(loop, &p->rest);
    (void)uv_prepare_start(&p->rest, on_rest);
    uv_unref((uv_handle_t *)&p->rest);
    p->rest.data = owner;
    p->then = uv_hrtime();
    p->idle = uv_metrics_idle_time(loop);
}

void pulse_close(struct pulse *p, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&p->rest, closed);
}

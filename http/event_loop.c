#include "http/event_loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "base/assert.h"
#include "http/posts_internal.h"

#define TIMER_MS_MAX ((uint64_t)365 * 24 * 3600 * 1000)

struct http_event_loop {
    struct lucid_loop loop;
    struct event_base *base;
    struct event on_wake;
    struct http_posts posts;
    struct http_post_list pending;
    _Atomic bool stopping;
    bool running;
    size_t live; /* timers and watches that are set */
};

/* What impl of a timer or watch that is set points to. */
struct event_node {
    struct event event;
    struct http_event_loop *loop;
    struct lucid_timer *timer;
    struct lucid_watch *watch;
};

static struct event_node *node_new(struct http_event_loop *loop)
{
    struct event_node *node = calloc(1, sizeof(*node));
    if (node != NULL) {
        node->loop = loop;
        loop->live++;
    }
    return node;
}

static void node_free(struct event_node *node)
{
    event_del(&node->event);
    node->loop->live--;
    free(node);
}

/* --- timers ----------------------------------------------------------------------------------- */

static void timer_clear(void *context, struct lucid_timer *timer)
{
    (void)context;
    if (timer->impl != NULL) {
        node_free(timer->impl);
        timer->impl = NULL;
    }
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct event_node *node = context;
    struct lucid_timer *timer = node->timer;
    (void)fd;
    (void)what;
    timer_clear(node->loop, timer);
    timer->fire(timer);
}

static enum lucid_error timer_set(void *context, struct lucid_timer *timer, uint64_t after_ms)
{
    struct http_event_loop *loop = context;
    struct event_node *node = timer->impl;
    lucid_assert(timer->fire != NULL);
    if (node == NULL) {
        node = node_new(loop);
        if (node == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        node->timer = timer;
        evtimer_assign(&node->event, loop->base, on_timer, node);
        timer->impl = node;
    }
    uint64_t ms = after_ms < TIMER_MS_MAX ? after_ms : TIMER_MS_MAX;
    struct timeval after = {.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    if (event_add(&node->event, &after) != 0) {
        timer_clear(loop, timer);
        return LUCID_RETRY_MEMORY;
    }
    return LUCID_OK;
}

/* --- watches ---------------------------------------------------------------------------------- */

static void watch_clear(void *context, struct lucid_watch *watch)
{
    (void)context;
    if (watch->impl != NULL) {
        node_free(watch->impl);
        watch->impl = NULL;
    }
}

static void on_watch(evutil_socket_t fd, short what, void *context)
{
    struct event_node *node = context;
    (void)fd;
    node->watch->ready(node->watch, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

static enum lucid_error watch_set(void *context, struct lucid_watch *watch, bool read, bool write)
{
    struct http_event_loop *loop = context;
    lucid_assert(watch->ready != NULL && watch->fd >= 0);
    if (!read && !write) {
        watch_clear(loop, watch);
        return LUCID_OK;
    }
    struct event_node *node = watch->impl;
    if (node == NULL) {
        node = node_new(loop);
        if (node == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        node->watch = watch;
        watch->impl = node;
    } else {
        event_del(&node->event);
    }
    short what = (short)(EV_PERSIST | (read ? EV_READ : 0) | (write ? EV_WRITE : 0));
    event_assign(&node->event, loop->base, watch->fd, what, on_watch, node);
    if (event_add(&node->event, NULL) != 0) {
        watch_clear(loop, watch);
        return LUCID_RETRY_MEMORY;
    }
    return LUCID_OK;
}

/* --- posts ------------------------------------------------------------------------------------ */

void http_event_loop_post(struct http_event_loop *loop, struct http_post *first)
{
    http_posts_put(&loop->posts, first);
}

void http_event_loop_stop(struct http_event_loop *loop)
{
    atomic_store(&loop->stopping, true);
    http_posts_wake(&loop->posts);
}

static void posts_run(struct http_event_loop *loop)
{
    http_posts_take(&loop->posts, &loop->pending);
    http_post_list_run(&loop->pending, SIZE_MAX);
}

/* The stop is looked for after the descriptor was read, else its wake-up could be lost; what was
 * posted before it is there then. */
static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct http_event_loop *loop = context;
    (void)fd;
    (void)what;
    posts_run(loop);
    if (atomic_load(&loop->stopping)) {
        posts_run(loop);
        event_base_loopbreak(loop->base);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return NULL;
    }
    /* Used by one thread only. Time is read anew for each timer: one that is set after long work
     * must not fire early. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static void loop_free(struct http_event_loop *loop)
{
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    http_posts_close(&loop->posts);
    free(loop);
}

enum lucid_error http_event_loop_open(const struct lucid_clock *clock, struct http_event_loop **ret)
{
    static const struct lucid_loop_ops ops = {.timer_set = timer_set,
                                              .timer_clear = timer_clear,
                                              .watch_set = watch_set,
                                              .watch_clear = watch_clear};
    struct http_event_loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = http_posts_open(&loop->posts);
    loop->base = base_new();
    if (error != LUCID_OK || loop->base == NULL) {
        loop_free(loop);
        return error != LUCID_OK ? error : LUCID_RETRY_MEMORY;
    }
    event_assign(&loop->on_wake, loop->base, loop->posts.wake_fd, EV_READ | EV_PERSIST, on_wake,
                 loop);
    if (event_add(&loop->on_wake, NULL) != 0) {
        loop_free(loop);
        return LUCID_RETRY_MEMORY;
    }
    loop->loop = (struct lucid_loop){.ops = &ops, .context = loop, .clock = *clock};
    *ret = loop;
    return LUCID_OK;
}

struct lucid_loop *http_event_loop_base(struct http_event_loop *loop)
{
    return &loop->loop;
}

void http_event_loop_run(struct http_event_loop *loop)
{
    lucid_assert(!loop->running);
    loop->running = true;
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
    loop->running = false;
    lucid_assert(atomic_exchange(&loop->stopping, false));
}

void http_event_loop_close(struct http_event_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    lucid_assert(!loop->running);
    while (!http_posts_is_empty(&loop->posts)) {
        posts_run(loop);
    }
    lucid_assert(loop->live == 0);
    event_del(&loop->on_wake);
    loop_free(loop);
}

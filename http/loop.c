#include <sched.h>
#include <stdlib.h>

#include "base/assert.h"
#include "http/gzip_internal.h"
#include "http/server_internal.h"

enum {
    TICK_MS_MIN = 5,
    TICK_MS_MAX = 250,
    TICKS_PER_DEADLINE = 8,
    SETTLE_ROUNDS = 2,
    DELAY_US = 1000,
    POLL_ROUNDS = 20,
};

void http_loop_enter(struct http_loop *loop)
{
    loop->turns++;
    loop->now_ms = lucid_boot_ms(&loop->server->options.clock);
}

/* --- ready connections ------------------------------------------------------------------------ */

void http_loop_ready(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    if (connection->ready || connection->turning) {
        return;
    }
    connection->ready = true;
    connection->ready_next = NULL;
    if (loop->ready_last == NULL) {
        loop->ready_first = connection;
    } else {
        loop->ready_last->ready_next = connection;
    }
    loop->ready_last = connection;
}

static void ready_round(struct http_loop *loop)
{
    struct http_connection *connection = loop->ready_first;
    loop->ready_first = NULL;
    loop->ready_last = NULL;
    while (connection != NULL) {
        struct http_connection *next = connection->ready_next;
        connection->ready = false;
        if (connection->state == HTTP_STATE_CLOSED) {
            http_connection_free(connection);
        } else {
            http_connection_turn(connection);
        }
        connection = next;
    }
}

static bool is_finished(struct http_loop *loop)
{
    return loop->stopping && loop->connections == NULL && loop->requests_live == 0 &&
           loop->ready_first == NULL && loop->pending.first == NULL &&
           loop->deferred.first == NULL && loop->delayed.first == NULL &&
           atomic_load(&loop->server->accept_finished) && http_posts_is_empty(&loop->posts);
}

void http_loop_settle(struct http_loop *loop)
{
    for (int round = 0; round < SETTLE_ROUNDS && loop->ready_first != NULL; round++) {
        ready_round(loop);
    }
    http_request_recycle_all(loop);
    if (loop->ready_first != NULL) {
        http_loop_again(loop);
    }
    if (is_finished(loop)) {
        loop->finished = true;
        event_base_loopbreak(loop->base);
    }
}

void http_loop_again(struct http_loop *loop)
{
    /* A timer, not event_active: the poll in between lets the others have their turn. */
    struct timeval now = {0, 0};
    if (!evtimer_pending(&loop->on_again, NULL)) {
        event_add(&loop->on_again, &now);
    }
}

/* --- posts ------------------------------------------------------------------------------------ */

void http_loop_post(struct http_loop *loop, struct http_post *first)
{
    http_posts_put(&loop->posts, first);
}

static void run_pending(struct http_loop *loop)
{
    http_post_list_run(&loop->pending, HTTP_TURN_POSTS_MAX);
    if (loop->pending.first != NULL) {
        http_loop_again(loop);
    }
}

void http_loop_defer(struct http_loop *loop, struct http_post *post)
{
    post->next = NULL;
    http_post_list_add(&loop->deferred, post);
    http_loop_again(loop);
}

void http_loop_delay(struct http_loop *loop, struct http_post *post)
{
    struct timeval delay = {.tv_sec = 0, .tv_usec = DELAY_US};
    post->next = NULL;
    http_post_list_add(&loop->delayed, post);
    if (!evtimer_pending(&loop->on_delay, NULL)) {
        event_add(&loop->on_delay, &delay);
    }
}

/* --- stopping --------------------------------------------------------------------------------- */

static void stop_begin(struct http_loop *loop)
{
    loop->stopping = true;
    http_loop_ticking(loop, true);
    if (loop->index == 0) {
        http_accept_stop(loop);
    }
    struct http_connection *next = NULL;
    for (struct http_connection *at = loop->connections; at != NULL; at = next) {
        next = at->next;
        http_connection_stop(at);
    }
    if (loop->tick != NULL) {
        loop->tick(loop);
    }
}

static void stop_check(struct http_loop *loop)
{
    uint64_t stop_at_ms = atomic_load(&loop->server->stop_at_ms);
    if (stop_at_ms == 0) {
        return;
    }
    if (!loop->stopping) {
        stop_begin(loop);
    }
    if (loop->now_ms < stop_at_ms) {
        return;
    }
    while (loop->connections != NULL) {
        http_connection_close(loop->connections);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct http_loop *loop = context;
    (void)fd;
    (void)what;
    http_loop_enter(loop);
    http_posts_take(&loop->posts, &loop->pending);
    run_pending(loop);
    stop_check(loop);
    http_loop_settle(loop);
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
    struct http_loop *loop = context;
    (void)fd;
    (void)what;
    http_loop_enter(loop);
    run_pending(loop);
    /* Those that are deferred while these run wait for the next round. */
    struct http_post_list list = loop->deferred;
    loop->deferred = (struct http_post_list){0};
    http_post_list_run(&list, SIZE_MAX);
    http_loop_settle(loop);
}

static void on_delay(evutil_socket_t fd, short what, void *context)
{
    struct http_loop *loop = context;
    (void)fd;
    (void)what;
    http_loop_enter(loop);
    struct http_post_list list = loop->delayed;
    loop->delayed = (struct http_post_list){0};
    http_post_list_run(&list, SIZE_MAX);
    http_loop_settle(loop);
}

/* Deadlines are kept as plain numbers and looked at here, so that a request costs no timer call. A
 * thousand connections four times a second are nothing. */
static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct http_loop *loop = context;
    (void)fd;
    (void)what;
    http_loop_enter(loop);
    stop_check(loop);
    if (loop->tick != NULL) {
        loop->tick(loop);
    }
    struct http_connection *next = NULL;
    for (struct http_connection *at = loop->connections; at != NULL; at = next) {
        next = at->next;
        http_connection_tick(at, loop->now_ms);
    }
    http_access_flush(loop);
    http_loop_settle(loop);
}

void http_loop_ticking(struct http_loop *loop, bool wanted)
{
    if (wanted == loop->ticking) {
        return;
    }
    loop->ticking = wanted;
    struct timeval every = {.tv_sec = (time_t)(loop->tick_ms / 1000),
                            .tv_usec = (suseconds_t)(loop->tick_ms % 1000 * 1000)};
    if (wanted) {
        event_add(&loop->on_tick, &every);
    } else {
        event_del(&loop->on_tick);
        http_access_flush(loop);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static uint64_t tick_of(const struct http_limits *limits)
{
    const uint32_t deadlines[] = {limits->header_ms_max, limits->body_ms_max, limits->idle_ms_max,
                                  limits->write_ms_max};
    uint64_t tick = TICK_MS_MAX;
    for (size_t i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++) {
        if (deadlines[i] / TICKS_PER_DEADLINE < tick) {
            tick = deadlines[i] / TICKS_PER_DEADLINE;
        }
    }
    return tick < TICK_MS_MIN ? TICK_MS_MIN : tick;
}

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return NULL;
    }
    /* Each base is used by its own thread only; edge-triggering is needed after a half-close. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_O1);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static void loop_free(struct http_loop *loop)
{
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    http_posts_close(&loop->posts);
    free(loop->read_buffer);
    free(loop->record_buffer);
    free(loop->access_buffer);
    http_gzip_close(loop->gzip);
    lucid_buf_fini(&loop->access_line);
    free(loop);
}

enum lucid_error http_loop_open(struct http_server *server, struct http_loop **ret)
{
    lucid_assert(server->loop_count < HTTP_LOOPS_MAX);
    struct http_loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    loop->server = server;
    loop->index = server->loop_count;
    enum lucid_error error = http_posts_open(&loop->posts);
    loop->base = base_new();
    loop->read_buffer = malloc(HTTP_READ_BYTES);
    bool tls = server->secure.fd >= 0;
    loop->record_buffer = tls ? malloc(HTTP_RECORD_BYTES) : NULL;
    bool access = server->options.access_log;
    loop->access_buffer = access ? malloc(HTTP_ACCESS_BYTES) : NULL;
    if (error != LUCID_OK || loop->base == NULL || loop->read_buffer == NULL ||
        (tls && loop->record_buffer == NULL) || (access && loop->access_buffer == NULL)) {
        loop_free(loop);
        return error != LUCID_OK ? error : LUCID_RETRY_MEMORY;
    }
    uint8_t id[8];
    lucid_random(id, sizeof(id));
    lucid_hex_encode(id, sizeof(id), loop->id_prefix);
    loop->tick_ms = tick_of(&server->options.limits);
    event_assign(&loop->on_wake, loop->base, loop->posts.wake_fd, EV_READ | EV_PERSIST, on_wake,
                 loop);
    event_assign(&loop->on_tick, loop->base, -1, EV_PERSIST, on_tick, loop);
    evtimer_assign(&loop->on_again, loop->base, on_again, loop);
    evtimer_assign(&loop->on_delay, loop->base, on_delay, loop);
    event_add(&loop->on_wake, NULL);
    if (loop->index == 0) {
        http_accept_start(loop);
    }
    http_loop_enter(loop);
    server->loops[server->loop_count++] = loop;
    *ret = loop;
    return LUCID_OK;
}

/* Looks a few times for what comes next before sleeping again. Under load something nearly always
 * does, and a sleep and a wake-up cost as much as a small request; whoever else wants the processor
 * gets it first. Measured with proofs over 32 connections: a quarter more of them, each for less
 * processor time; for receipts no difference (docs/decisions/0002). */
static void poll_on(struct http_loop *loop)
{
    for (unsigned round = 0; round < POLL_ROUNDS && !loop->finished; round++) {
        uint64_t before = loop->turns;
        sched_yield();
        event_base_loop(loop->base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
        if (loop->turns != before) {
            round = 0;
        }
    }
}

void http_loop_run(struct http_loop *loop)
{
    lucid_assert(!loop->running && !loop->finished);
    loop->running = true;
    while (!loop->finished) {
        event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
        poll_on(loop);
    }
    loop->running = false;
    lucid_assert(loop->finished);
}

void http_loop_close(struct http_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    struct http_server *server = loop->server;
    lucid_assert(!loop->running && loop->connections == NULL && loop->requests_live == 0);
    http_request_pool_free(loop);
    http_output_pool_free(loop);
    http_access_flush(loop);
    server->loops[loop->index] = NULL;
    loop_free(loop);
}

void http_loop_on_tick(struct http_loop *loop, void (*tick)(struct http_loop *loop))
{
    loop->tick = tick;
}

bool http_loop_is_stopping(const struct http_loop *loop)
{
    return loop->stopping;
}

void http_loop_set_user(struct http_loop *loop, void *user)
{
    loop->user = user;
}

void *http_loop_user(const struct http_loop *loop)
{
    return loop->user;
}

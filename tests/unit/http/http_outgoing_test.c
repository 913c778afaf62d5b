/* Asking without waiting: peers of every bad kind, cancelling at every point. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "http/event_loop.h"
#include "http/outgoing.h"
#include "http_harness.h"
#include "http_outgoing_peer.h"

enum { CALLS = 64, PATIENCE_MS = 20000 };

struct world {
    struct http_event_loop *loop;
    struct lucid_loop flaky; /* the loop, with failures on demand */
    unsigned watch_failures;
    struct http_outgoing *outgoing;
    struct harness harness; /* a server of ours */
    unsigned dones;
    unsigned dones_wanted;
    bool starting;
    struct lucid_timer patience;
    struct asked {
        struct lucid_outgoing_call call; /* first */
        struct world *world;
        char url[128];
        unsigned dones;
        unsigned again;      /* starts itself anew from its done so many times */
        struct asked *other; /* cancelled from its done */
        uint64_t done_ms;
    } asked[CALLS];
};

static atomic_uint secret_hits;

/* --- the server ------------------------------------------------------------------------------- */

static void handle_echo(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body = {0};
    lucid_buf_span_put(&body, http_method(request));
    lucid_buf_char(&body, ' ');
    lucid_buf_span_put(&body, http_header(request, "x-one"));
    lucid_buf_char(&body, ' ');
    lucid_buf_span_put(&body, http_body(request));
    http_respond(request, 200, "text/plain", &body);
}

static void handle_busy(struct http_request *request, const struct http_route *route)
{
    (void)route;
    http_add_header(request, "Retry-After", "7");
    http_problem(request, 503, "BUSY", NULL, "later");
}

static void handle_redirect(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body = {0};
    http_add_header(request, "Location", "/secret");
    http_respond(request, 302, NULL, &body);
}

static void handle_secret(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body = {0};
    atomic_fetch_add(&secret_hits, 1);
    http_respond(request, 200, NULL, &body);
}

static void huge_put(struct http_request *request)
{
    struct lucid_buf data;
    do {
        lucid_buf_init(&data, 0);
        memset(lucid_buf_extend(&data, 4096), 'h', 4096);
    } while (http_respond_data(request, &data));
}

static void handle_endless(struct http_request *request, const struct http_route *route)
{
    (void)route;
    http_respond_begin(request, 200, "application/octet-stream");
    http_on_drained(request, huge_put);
    huge_put(request);
}

static void handle_large(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body = {0};
    memset(lucid_buf_extend(&body, 100 * 1000), 'l', 100 * 1000);
    http_respond(request, 200, "application/octet-stream", &body);
}

static const struct http_route routes[] = {
    {.method = "GET", .pattern = "/echo", .handle = handle_echo},
    {.method = "POST", .pattern = "/echo", .body_bytes_max = 100, .handle = handle_echo},
    {.method = "GET", .pattern = "/busy", .handle = handle_busy},
    {.method = "GET", .pattern = "/redirect", .handle = handle_redirect},
    {.method = "GET", .pattern = "/secret", .handle = handle_secret},
    {.method = "GET", .pattern = "/endless", .handle = handle_endless},
    {.method = "GET", .pattern = "/large", .handle = handle_large},
};

/* --- the world -------------------------------------------------------------------------------- */

static void on_patience(struct lucid_timer *timer)
{
    (void)timer;
    fail_msg("it takes too long");
}

static enum lucid_error flaky_timer_set(void *context, struct lucid_timer *timer, uint64_t after_ms)
{
    struct world *world = context;
    return lucid_timer_set(http_event_loop_base(world->loop), timer, after_ms);
}

static void flaky_timer_clear(void *context, struct lucid_timer *timer)
{
    struct world *world = context;
    lucid_timer_clear(http_event_loop_base(world->loop), timer);
}

static enum lucid_error flaky_watch_set(void *context, struct lucid_watch *watch, bool read,
                                        bool write)
{
    struct world *world = context;
    if (world->watch_failures > 0) {
        world->watch_failures--;
        return LUCID_RETRY_MEMORY;
    }
    return lucid_watch_set(http_event_loop_base(world->loop), watch, read, write);
}

static void flaky_watch_clear(void *context, struct lucid_watch *watch)
{
    struct world *world = context;
    lucid_watch_clear(http_event_loop_base(world->loop), watch);
}

static void world_open(struct world *world, const struct http_outgoing_options *options)
{
    static const struct lucid_loop_ops ops = {.timer_set = flaky_timer_set,
                                              .timer_clear = flaky_timer_clear,
                                              .watch_set = flaky_watch_set,
                                              .watch_clear = flaky_watch_clear};
    struct http_outgoing_options mine = *options;
    struct lucid_clock clock = lucid_clock_system();
    *world = (struct world){.patience = {.fire = on_patience}};
    assert_int_equal(http_event_loop_open(&clock, &world->loop), LUCID_OK);
    world->flaky = (struct lucid_loop){.ops = &ops, .context = world, .clock = clock};
    mine.loop = &world->flaky;
    assert_int_equal(http_outgoing_open(&mine, &world->outgoing), LUCID_OK);
}

static void world_close(struct world *world)
{
    http_outgoing_close(world->outgoing);
    http_event_loop_close(world->loop);
    for (size_t i = 0; i < CALLS; i++) {
        assert_null(world->asked[i].call.impl);
        lucid_buf_fini(&world->asked[i].call.answer);
    }
}

static void serve(struct world *world)
{
    struct http_server_options options = {.routes = routes,
                                          .route_count = sizeof(routes) / sizeof(routes[0])};
    http_limits_default(&options.limits);
    harness_start(&world->harness, &options);
}

static void start(struct asked *asked)
{
    struct world *world = asked->world;
    world->starting = true;
    lucid_outgoing_start(http_outgoing_base(world->outgoing), &asked->call);
    world->starting = false;
}

static void on_done(struct lucid_outgoing_call *call)
{
    struct asked *asked = (struct asked *)call;
    struct world *world = asked->world;
    assert_false(world->starting);
    assert_null(call->impl);
    asked->dones++;
    asked->done_ms = harness_now_ms();
    world->dones++;
    if (call->error != LUCID_OK) {
        assert_int_equal(call->answer.len, 0);
        assert_int_equal(call->status, 0);
    }
    if (asked->again > 0) {
        asked->again--;
        lucid_buf_fini(&call->answer);
        start(asked);
    } else if (asked->other != NULL) {
        lucid_outgoing_cancel(http_outgoing_base(world->outgoing), &asked->other->call);
    }
    if (world->dones == world->dones_wanted) {
        http_event_loop_stop(world->loop);
    }
}

/* Prepares a call; the caller may change it before start. */
static struct asked *ask(struct world *world, size_t i, const char *url)
{
    struct asked *asked = &world->asked[i];
    lucid_buf_fini(&asked->call.answer);
    *asked = (struct asked){.world = world};
    (void)snprintf(asked->url, sizeof(asked->url), "%s", url);
    asked->call.method = "GET";
    asked->call.url = asked->url;
    asked->call.total_ms_max = 5000;
    asked->call.answer_bytes_max = 200000;
    asked->call.done = on_done;
    return asked;
}

static struct asked *ask_port(struct world *world, size_t i, uint16_t port, const char *path)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)port, path);
    return ask(world, i, url);
}

/* Turns the loop until so many dones have come since the world began. */
static void turn(struct world *world, unsigned dones)
{
    struct lucid_loop *base = http_event_loop_base(world->loop);
    world->dones_wanted = dones;
    assert_true(world->dones < dones);
    assert_int_equal(lucid_timer_set(base, &world->patience, PATIENCE_MS), LUCID_OK);
    http_event_loop_run(world->loop);
    lucid_timer_clear(base, &world->patience);
    assert_int_equal(world->dones, dones);
}

static void on_pause(struct lucid_timer *timer)
{
    http_event_loop_stop((lucid_owner(timer, struct world, patience))->loop);
}

/* Turns it for so many milliseconds. */
static void turn_ms(struct world *world, uint64_t ms)
{
    struct lucid_loop *base = http_event_loop_base(world->loop);
    world->dones_wanted = 0;
    world->patience.fire = on_pause;
    assert_int_equal(lucid_timer_set(base, &world->patience, ms), LUCID_OK);
    http_event_loop_run(world->loop);
    world->patience.fire = on_patience;
}

static void one(struct world *world, struct asked *asked, enum lucid_error error, int status)
{
    start(asked);
    turn(world, world->dones + 1);
    assert_int_equal(asked->dones, 1);
    assert_int_equal(asked->call.error, error);
    assert_int_equal(asked->call.status, status);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void answers(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, &(struct http_outgoing_options){0});
    serve(&world);
    uint16_t port = world.harness.port;
    struct asked *asked = ask_port(&world, 0, port, "/echo");
    asked->call.method = "POST";
    asked->call.headers[0] = "X-One: first";
    asked->call.headers[1] = "Content-Type: text/plain";
    asked->call.body = lucid_span_str("hello");
    one(&world, asked, LUCID_OK, 200);
    assert_true(lucid_span_is(lucid_buf_span(&asked->call.answer), "POST first hello"));
    asked = ask_port(&world, 0, port, "/echo");
    asked->call.method = "POST"; /* without a body */
    one(&world, asked, LUCID_OK, 200);
    assert_true(lucid_span_is(lucid_buf_span(&asked->call.answer), "POST  "));
    asked = ask_port(&world, 0, port, "/busy");
    one(&world, asked, LUCID_OK, 503);
    assert_int_equal(asked->call.retry_after_s, 7);
    one(&world, ask_port(&world, 0, port, "/nothing"), LUCID_OK, 404);
    assert_int_equal(world.asked[0].call.retry_after_s, 0);
    atomic_store(&secret_hits, 0);
    one(&world, ask_port(&world, 0, port, "/redirect"), LUCID_OK, 302);
    assert_int_equal(atomic_load(&secret_hits), 0);
    /* A body that just fits, and one byte more than may be. */
    asked = ask_port(&world, 0, port, "/large");
    asked->call.answer_bytes_max = 100 * 1000;
    one(&world, asked, LUCID_OK, 200);
    assert_int_equal(asked->call.answer.len, 100 * 1000);
    asked = ask_port(&world, 0, port, "/large");
    asked->call.answer_bytes_max = 100 * 1000 - 1;
    one(&world, asked, LUCID_REFUSE_TOO_LARGE, 0);
    one(&world, ask_port(&world, 0, port, "/endless"), LUCID_REFUSE_TOO_LARGE, 0);
    world_close(&world);
    harness_end(&world.harness, 1000);
}

/* One after the other they use one connection; a call may be started again from its done. */
static void connection_reuse(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, &(struct http_outgoing_options){0});
    serve(&world);
    struct asked *asked = ask_port(&world, 0, world.harness.port, "/echo");
    asked->again = 29;
    start(asked);
    turn(&world, 30);
    assert_int_equal(asked->call.status, 200);
    assert_int_equal(harness_counters(&world.harness).connections_accepted, 1);
    struct http_outgoing_counters counters;
    http_outgoing_counters_read(world.outgoing, &counters);
    assert_int_equal(counters.started, 30);
    assert_int_equal(counters.failed, 0);
    assert_int_equal(counters.active + counters.queued, 0);
    world_close(&world);
    harness_end(&world.harness, 1000);
}

static void bad_peers(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, &(struct http_outgoing_options){0});
    struct peer peer;
    static const struct {
        enum peer_kind kind;
        enum lucid_error error;
    } cases[] = {
        {PEER_CLOSES, LUCID_RETRY_IO},
        {PEER_RESETS, LUCID_RETRY_IO},
        {PEER_CUTS_HEAD, LUCID_RETRY_IO},
        {PEER_CUTS_BODY, LUCID_RETRY_IO},
        {PEER_CUTS_CHUNK, LUCID_RETRY_IO},
        {PEER_SAYS_NONSENSE, LUCID_RETRY_IO},
        {PEER_SLOW_HEAD, LUCID_RETRY_IO},
        {PEER_SLOW_BODY, LUCID_RETRY_IO},
        {PEER_SILENT, LUCID_RETRY_IO},
        {PEER_HUGE_HEAD, LUCID_REFUSE_TOO_LARGE},
        {PEER_LIES_LENGTH, LUCID_REFUSE_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        peer_start(&peer, cases[i].kind);
        struct asked *asked = ask_port(&world, 0, peer.port, "/");
        asked->call.total_ms_max = 250;
        uint64_t before = harness_now_ms();
        one(&world, asked, cases[i].error, 0);
        assert_false(asked->call.unsent);
        uint64_t took = asked->done_ms - before;
        bool waits = cases[i].kind == PEER_SLOW_HEAD || cases[i].kind == PEER_SLOW_BODY ||
                     cases[i].kind == PEER_SILENT;
        assert_in_range(took, waits ? 240 : 0, 3000);
        peer_stop(&peer);
        /* Nobody listens there any more. */
        asked = ask_port(&world, 0, peer.port, "/");
        one(&world, asked, LUCID_RETRY_IO, 0);
        assert_true(asked->call.unsent);
    }
    world_close(&world);
}

/* What must not go out twice has a connection of its own, and leaves none behind. */
static void once(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, &(struct http_outgoing_options){0});
    serve(&world);
    for (uint64_t i = 1; i <= 3; i++) {
        struct asked *asked = ask_port(&world, 0, world.harness.port, "/echo");
        asked->call.once = true;
        one(&world, asked, LUCID_OK, 200);
        assert_false(asked->call.unsent);
        assert_int_equal(harness_counters(&world.harness).connections_accepted, i);
    }
    one(&world, ask_port(&world, 0, world.harness.port, "/echo"), LUCID_OK, 200);
    assert_int_equal(harness_counters(&world.harness).connections_accepted, 4);
    world_close(&world);
    harness_end(&world.harness, 1000);
}

static void bad_addresses(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, &(struct http_outgoing_options){0});
    static const char *const bad[] = {"",          "nonsense",      "ftp://127.0.0.1/",
                                      "file:///a", "http://a:b@c/", "http://"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        one(&world, ask(&world, 0, bad[i]), LUCID_REFUSE_INVALID, 0);
    }
    struct http_outgoing_counters counters;
    http_outgoing_counters_read(world.outgoing, &counters);
    assert_int_equal(counters.failed, sizeof(bad) / sizeof(bad[0]));
    world_close(&world);
}

/* Two at a time, three that wait, and the rest is refused; who waits has no more time than the
 * others. */
static void bounds(void **state)
{
    (void)state;
    struct world world;
    struct peer peer;
    struct http_outgoing_counters counters;
    world_open(&world, &(struct http_outgoing_options){.transfers_max = 2, .queue_max = 3});
    peer_start(&peer, PEER_SILENT);
    for (size_t i = 0; i < 8; i++) {
        struct asked *asked = ask_port(&world, i, peer.port, "/");
        asked->call.total_ms_max = i == 0 ? 100 : 300;
        start(asked);
    }
    http_outgoing_counters_read(world.outgoing, &counters);
    assert_int_equal(counters.active, 2);
    assert_int_equal(counters.queued, 3);
    turn(&world, 3);
    for (size_t i = 5; i < 8; i++) {
        assert_int_equal(world.asked[i].call.error, LUCID_RETRY_BUSY);
    }
    turn(&world, 4);
    assert_int_equal(world.asked[0].dones, 1);
    http_outgoing_counters_read(world.outgoing, &counters);
    assert_int_equal(counters.active, 2);
    assert_int_equal(counters.queued, 2);
    assert_int_equal(counters.busy, 3);
    lucid_outgoing_cancel(http_outgoing_base(world.outgoing), &world.asked[1].call);
    http_outgoing_counters_read(world.outgoing, &counters);
    assert_int_equal(counters.queued, 1);
    turn(&world, 7);
    assert_int_equal(world.asked[1].dones, 0);
    for (size_t i = 2; i < 5; i++) {
        assert_int_equal(world.asked[i].dones, 1);
        assert_int_equal(world.asked[i].call.error, LUCID_RETRY_IO);
        assert_in_range(world.asked[i].done_ms - world.asked[0].done_ms, 150, 3000);
    }
    peer_stop(&peer);
    world_close(&world);
}

/* Cancelled right after start, while queued, when over but not yet said, in the middle of an
 * answer, and from the done of another. */
static void cancels(void **state)
{
    (void)state;
    struct world world;
    struct peer peer;
    world_open(&world, &(struct http_outgoing_options){.transfers_max = 2, .queue_max = 2});
    serve(&world);
    peer_start(&peer, PEER_SLOW_BODY);
    struct lucid_outgoing *outgoing = http_outgoing_base(world.outgoing);
    struct asked *slow = ask_port(&world, 0, peer.port, "/");
    struct asked *queued = ask_port(&world, 1, world.harness.port, "/echo");
    lucid_outgoing_cancel(outgoing, &slow->call); /* not started */
    start(slow);
    lucid_outgoing_cancel(outgoing, &slow->call);
    lucid_outgoing_cancel(outgoing, &slow->call);
    start(slow);
    start(queued);
    lucid_outgoing_cancel(outgoing, &queued->call);
    turn_ms(&world, 100);
    assert_true(slow->call.answer.len > 0);
    lucid_outgoing_cancel(outgoing, &slow->call);
    assert_int_equal(slow->call.answer.len, 0);
    struct asked *bad = ask(&world, 2, "ftp://x");
    start(bad);
    lucid_outgoing_cancel(outgoing, &bad->call);
    turn_ms(&world, 30);
    assert_int_equal(world.dones, 0);
    /* The first one's done cancels one that is over, one under way, one that is queued (the first
     * is then refused because the queue is full). */
    for (size_t i = 0; i < 3; i++) {
        struct asked *first = ask(&world, 3, "ftp://x");
        struct asked *other = ask_port(&world, 4, peer.port, "/");
        first->other = other;
        if (i == 0) {
            other = ask(&world, 4, "ftp://x");
            start(first);
            start(other);
        } else {
            for (size_t j = 0; i == 2 && j < 3; j++) {
                start(ask_port(&world, 5 + j, peer.port, "/"));
            }
            start(other);
            start(first);
        }
        turn(&world, world.dones + 1);
        assert_int_equal(first->dones, 1);
        assert_int_equal(first->call.error, i == 2 ? LUCID_RETRY_BUSY : LUCID_REFUSE_INVALID);
        turn_ms(&world, 30);
        assert_int_equal(other->dones, 0);
        assert_null(other->call.impl);
    }
    for (size_t i = 5; i < 8; i++) {
        lucid_outgoing_cancel(outgoing, &world.asked[i].call);
    }
    one(&world, ask_port(&world, 5, world.harness.port, "/echo"), LUCID_OK, 200);
    peer_stop(&peer);
    world_close(&world);
    harness_end(&world.harness, 1000);
}

static void close_under_way(void **state)
{
    (void)state;
    struct world world;
    struct peer peer;
    world_open(&world, &(struct http_outgoing_options){.transfers_max = 3, .queue_max = 3});
    peer_start(&peer, PEER_SLOW_BODY);
    for (size_t i = 0; i < 8; i++) {
        start(ask_port(&world, i, peer.port, "/"));
    }
    turn(&world, 2);
    turn_ms(&world, 60);
    start(ask(&world, 6, "ftp://x"));
    world_close(&world);
    assert_int_equal(world.dones, 2);
    peer_stop(&peer);
    http_outgoing_close(NULL);
}

/* A loop that has no memory for a watch costs the calls under way, no more. */
static void no_memory(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, &(struct http_outgoing_options){0});
    serve(&world);
    for (unsigned failures = 1; failures <= 2; failures++) {
        world.watch_failures = failures;
        unsigned before = world.dones;
        for (size_t i = 0; i < 4; i++) {
            start(ask_port(&world, i, world.harness.port, "/echo"));
        }
        turn(&world, before + 4);
        unsigned failed = 0;
        for (size_t i = 0; i < 4; i++) {
            enum lucid_error error = world.asked[i].call.error;
            assert_true(error == LUCID_OK || error == LUCID_RETRY_MEMORY);
            failed += error != LUCID_OK;
        }
        assert_true(failed > 0);
        world.watch_failures = 0;
        one(&world, ask_port(&world, 9, world.harness.port, "/echo"), LUCID_OK, 200);
    }
    world_close(&world);
    harness_end(&world.harness, 1000);
}

/* A proxy of the environment is not asked for loopback addresses. */
static void no_proxy(void **state)
{
    (void)state;
    struct world world;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    world_open(&world, &(struct http_outgoing_options){0});
    serve(&world);
    one(&world, ask_port(&world, 0, world.harness.port, "/echo"), LUCID_OK, 200);
    one(&world, ask(&world, 0, "http://192.0.2.1/"), LUCID_RETRY_IO, 0); /* goes to the proxy */
    assert_int_equal(unsetenv("http_proxy"), 0);
    world_close(&world);
    harness_end(&world.harness, 1000);
}

static void certificates(void **state)
{
    (void)state;
    struct world world;
    struct peer_secure secure;
    struct http_server_options options = {.routes = routes,
                                          .route_count = sizeof(routes) / sizeof(routes[0]),
                                          .tls_host = "127.0.0.1"};
    http_limits_default(&options.limits);
    peer_secure_make(&secure);
    options.tls = secure.tls;
    for (int trusted = 0; trusted < 2; trusted++) {
        char url[128];
        world_open(&world,
                   &(struct http_outgoing_options){.ca_file = trusted ? secure.ca_file : NULL});
        harness_start(&world.harness, &options);
        unsigned port = http_server_tls_port(world.harness.server);
        (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/echo", port);
        one(&world, ask(&world, 0, url), trusted ? LUCID_OK : LUCID_REFUSE_FORBIDDEN,
            trusted ? 200 : 0);
        (void)snprintf(url, sizeof(url), "https://localhost:%u/echo", port); /* another name */
        one(&world, ask(&world, 0, url), LUCID_REFUSE_FORBIDDEN, 0);
        world_close(&world);
        harness_end(&world.harness, 1000);
    }
    peer_secure_free(&secure);
}

/* Many calls to good and bad peers, cancelled and started at random: each start ends in exactly one
 * done, or in a cancel. */
static void storm(void **state)
{
    (void)state;
    struct world world;
    struct peer cuts;
    struct peer slow;
    uint64_t seed = 7;
    unsigned starts = 0;
    unsigned cancelled = 0;
    world_open(&world, &(struct http_outgoing_options){.transfers_max = 8, .queue_max = 16});
    serve(&world);
    peer_start(&cuts, PEER_CUTS_BODY);
    peer_start(&slow, PEER_SLOW_BODY);
    static const char *const paths[] = {"/echo", "/large", "/endless", "/redirect"};
    for (unsigned round = 0; round < 1500; round++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        unsigned dice = (unsigned)(seed >> 40);
        size_t i = dice % CALLS;
        struct asked *asked = &world.asked[i];
        if (asked->call.impl != NULL) {
            lucid_outgoing_cancel(http_outgoing_base(world.outgoing), &asked->call);
            cancelled++;
        } else {
            uint16_t port = dice / CALLS % 8 == 0   ? cuts.port
                            : dice / CALLS % 8 == 1 ? slow.port
                                                    : world.harness.port;
            asked = ask_port(&world, i, port, paths[dice / 1024 % 4]);
            asked->call.total_ms_max = 40;
            start(asked);
            starts++;
        }
        if (round % 16 == 0) {
            turn_ms(&world, 4);
        }
    }
    turn_ms(&world, 400);
    assert_int_equal(starts, cancelled + world.dones);
    peer_stop(&cuts);
    peer_stop(&slow);
    world_close(&world);
    harness_end(&world.harness, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),      cmocka_unit_test(connection_reuse),
        cmocka_unit_test(bad_peers),    cmocka_unit_test(bad_addresses),
        cmocka_unit_test(bounds),       cmocka_unit_test(once),
        cmocka_unit_test(cancels),      cmocka_unit_test(close_under_way),
        cmocka_unit_test(no_memory),    cmocka_unit_test(no_proxy),
        cmocka_unit_test(certificates), cmocka_unit_test(storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

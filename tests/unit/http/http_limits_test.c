/* Slow, greedy and too many clients: every limit is met, is answered as documented, and costs the
 * server little. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "http_harness.h"

static struct harness harness;
static _Atomic int stream_overs;

static void hello(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body = {0};
    lucid_buf_str(&body, "hello");
    http_respond(request, 200, "text/plain", &body);
}

static void big(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body = {0};
    uint8_t *to = lucid_buf_extend(&body, 20000000);
    assert_non_null(to);
    memset(to, 'b', 20000000);
    http_respond(request, 200, "text/plain", &body);
}

static void stream_over(struct http_request *request, void *user)
{
    (void)request;
    (void)user;
    atomic_fetch_add(&stream_overs, 1);
}

static void stream_start(struct http_request *request, const struct http_route *route)
{
    (void)route;
    http_set_user(request, NULL, stream_over);
    if (lucid_span_is(http_query(request, "pause"), "1")) {
        http_pause(request);
    }
}

static void stream_data(struct http_request *request, struct lucid_span piece, bool last)
{
    (void)piece;
    if (last) {
        hello(request, NULL);
    }
}

static const struct http_route routes[] = {
    {.method = "GET", .pattern = "/hello", .handle = hello},
    {.method = "GET", .pattern = "/big", .handle = big},
    {.method = "POST", .pattern = "/body", .body_bytes_max = 1000000, .handle = hello},
    {.method = "POST",
     .pattern = "/stream",
     .flags = HTTP_ROUTE_STREAM,
     .body_bytes_max = 1000,
     .handle = stream_start,
     .data = stream_data},
};

static void start(void (*change)(struct http_limits *limits))
{
    struct http_server_options options = {.routes = routes,
                                          .route_count = sizeof(routes) / sizeof(routes[0])};
    http_limits_default(&options.limits);
    change(&options.limits);
    harness_start(&harness, &options);
}

/* --- time ------------------------------------------------------------------------------------- */

static void short_deadlines(struct http_limits *limits)
{
    limits->header_ms_max = 400;
    limits->body_ms_max = 400;
    limits->idle_ms_max = 600;
    limits->write_ms_max = 400;
}

static void expect_408(int fd, const char *drip)
{
    struct client_answer answer;
    uint64_t began = harness_now_ms();
    for (size_t i = 0; drip[i] != '\0' && harness_now_ms() - began < 1500; i++) {
        if (!client_try_send(fd, drip + i, 1)) {
            break;
        }
        harness_sleep_ms(50);
    }
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 408);
    assert_non_null(strstr(answer.text, "\"code\":\"REQUEST_TIMEOUT\""));
    assert_true(client_closed_within(fd, 2000));
    client_close(fd);
}

static void test_slow_requests(void **state)
{
    (void)state;
    start(short_deadlines);
    uint64_t began = harness_now_ms();
    int fd = client_connect(&harness);
    client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n");
    expect_408(fd, "");
    assert_true(harness_now_ms() - began >= 390 && harness_now_ms() - began < 2500);
    fd = client_connect(&harness);
    expect_408(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n"); /* a byte per 50 ms */
    fd = client_connect(&harness);
    client_send(fd, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    expect_408(fd, "");
    fd = client_connect(&harness);
    client_send(fd, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
    expect_408(fd, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    fd = client_connect(&harness);
    client_send(fd, "POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect_408(fd, "1\r\na\r\n1\r\na\r\n1\r\na\r\n1\r\na\r\n");
    assert_int_equal(atomic_load(&stream_overs), 1);
    /* Idle connections go silently; before and after a request. */
    fd = client_connect(&harness);
    assert_false(client_closed_within(fd, 300));
    assert_true(client_closed_within(fd, 1500));
    client_close(fd);
    /* While the server has paused the reading, the client is not to blame. */
    fd = client_connect(&harness);
    client_send(fd, "POST /stream?pause=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    assert_false(client_closed_within(fd, 1000));
    client_close(fd);
    harness_end(&harness, 0);
    assert_int_equal(atomic_load(&stream_overs), 2);
}

static void test_slow_reader_cut(void **state)
{
    (void)state;
    start(short_deadlines);
    int fd = client_connect(&harness);
    client_send(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    harness_sleep_ms(100);
    assert_int_equal(harness_counters(&harness).connections_open, 1);
    harness_sleep_ms(900);
    assert_int_equal(harness_counters(&harness).connections_open, 0);
    client_close(fd);
    harness_end(&harness, 0);
}

/* --- sizes ------------------------------------------------------------------------------------ */

static void small_inflight(struct http_limits *limits)
{
    limits->inflight_bytes_max = 100000;
    limits->header_bytes_max = 2000;
    limits->target_bytes_max = 500;
    limits->header_count_max = 10;
}

static void test_sizes(void **state)
{
    (void)state;
    static char text[10000];
    start(small_inflight);
    snprintf(text, sizeof(text), "GET /hello?%0600d HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    assert_int_equal(client_status(&harness, text), 414);
    snprintf(text, sizeof(text), "GET /hello HTTP/1.1\r\nHost: x\r\nX: %02000d\r\n\r\n", 0);
    assert_int_equal(client_status(&harness, text), 431);
    /* Refused before a byte of the body is sent, and while a client keeps sending regardless. */
    assert_int_equal(client_status(&harness, "POST /body HTTP/1.1\r\nHost: x\r\n"
                                             "Content-Length: 1000001\r\n\r\n"),
                     413);
    assert_int_equal(client_status(&harness, "POST /body HTTP/1.1\r\nHost: x\r\n"
                                             "Expect: 100-continue\r\n"
                                             "Content-Length: 200000000000\r\n\r\n"),
                     413);
    struct client_answer answer;
    int fd = client_connect(&harness);
    client_send(fd, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1500000\r\n\r\n");
    char *body = calloc(1, 150000);
    assert_non_null(body);
    client_send_bytes(fd, body, 150000);
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 413);
    assert_non_null(strstr(answer.text, "\"code\":\"BODY_TOO_LARGE\""));
    client_close(fd);
    free(body);
    /* A chunked body says its size only as it goes. */
    snprintf(text, sizeof(text),
             "POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3e9\r\n%01001d\r\n0\r\n\r\n",
             0);
    assert_int_equal(client_status(&harness, text), 413);
    harness_end(&harness, 0);
}

static void test_inflight(void **state)
{
    (void)state;
    start(small_inflight);
    char *body = calloc(1, 90000);
    assert_non_null(body);
    int held = client_connect(&harness);
    client_send(held, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 95000\r\n\r\n");
    client_send_bytes(held, body, 90000);
    for (int i = 0; i < 200 && harness_counters(&harness).inflight_bytes < 90000; i++) {
        harness_sleep_ms(10);
    }
    assert_int_equal(harness_counters(&harness).inflight_bytes, 90000);
    struct client_answer answer;
    int fd = client_connect(&harness);
    client_send(fd, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.text, "\"code\":\"OVERLOADED\""));
    assert_non_null(strstr(answer.text, "Retry-After: 1\r\n"));
    client_close(fd);
    fd = client_connect(&harness);
    client_send(fd, "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n");
    client_send_bytes(fd, body, 20000);
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 503);
    client_close(fd);
    client_send_bytes(held, body, 5000);
    client_answer_read(held, false, &answer);
    assert_int_equal(answer.status, 200);
    client_close(held);
    for (int i = 0; i < 200 && harness_counters(&harness).inflight_bytes > 0; i++) {
        harness_sleep_ms(10);
    }
    assert_int_equal(client_status(&harness, "POST /body HTTP/1.1\r\nHost: x\r\n"
                                             "Content-Length: 3\r\n\r\nabc"),
                     200);
    harness_end(&harness, 0);
    free(body);
}

static void test_unread_body(void **state)
{
    (void)state;
    start(small_inflight);
    struct client_answer answer;
    enum { TOO_LARGE = 1000001 }; /* for the route */
    char *body = calloc(1, TOO_LARGE);
    assert_non_null(body);
    int fd = client_connect(&harness);
    /* Little is read past, so that the connection stays usable … */
    client_send(fd, "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 404);
    client_send_bytes(fd, body, 60000);
    client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    client_send(fd, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 413);
    client_send_bytes(fd, body, TOO_LARGE);
    client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    /* … much ends it. */
    client_send(fd, "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 6000000\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 404);
    assert_non_null(strstr(answer.text, "Connection: close\r\n"));
    assert_true(client_closed_within(fd, 3000));
    client_close(fd);
    harness_end(&harness, 0);
    free(body);
}

/* --- counts ----------------------------------------------------------------------------------- */

static void four_connections(struct http_limits *limits)
{
    limits->connections_max = 4;
}

static void test_connection_cap(void **state)
{
    (void)state;
    start(four_connections);
    struct client_answer answer;
    int fds[10];
    for (size_t i = 0; i < 10; i++) {
        fds[i] = client_connect(&harness);
        client_send(fds[i], "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    harness_sleep_ms(200);
    struct http_counters counters = harness_counters(&harness);
    assert_int_equal(counters.connections_open, 4);
    assert_true(counters.accept_pauses >= 1 && counters.accept_pauses <= 10);
    for (size_t i = 0; i < 10; i++) { /* the others wait in the listen queue for their turn */
        client_answer_read(fds[i], false, &answer);
        assert_int_equal(answer.status, 200);
        client_close(fds[i]);
    }
    harness_end(&harness, 0);
}

static void no_change(struct http_limits *limits)
{
    (void)limits;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* 60 clients and room for eight descriptors: no spinning, few log lines, and recovery. Clients and
 * server share the process, so all clients' sockets are there before the limit is lowered. */
static void test_no_descriptors(void **state)
{
    (void)state;
    enum { CLIENTS = 60, ROOM = 8 };
    char log_name[] = "http_limits_test.XXXXXX";
    int log_fd = mkstemp(log_name);
    assert_true(log_fd >= 0);
    unlink(log_name);
    start(no_change);
    int fds[CLIENTS];
    struct client_answer answer;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int saved_stderr = dup(2);
    int highest = saved_stderr;
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = client_socket();
        highest = fds[i] > highest ? fds[i] : highest;
    }
    struct rlimit tight = {.rlim_cur = (rlim_t)(highest + 1 + ROOM), .rlim_max = before.rlim_max};
    assert_true(before.rlim_cur > tight.rlim_cur);
    dup2(log_fd, 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    for (int i = 0; i < CLIENTS; i++) {
        client_join(fds[i], &harness);
        client_send(fds[i], "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    double cpu = cpu_seconds();
    harness_sleep_ms(2000);
    cpu = cpu_seconds() - cpu;
    struct http_counters counters = harness_counters(&harness);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    dup2(saved_stderr, 2);
    close(saved_stderr);
    assert_true(counters.connections_open < CLIENTS);
    assert_true(counters.accept_pauses >= 5 && counters.accept_pauses <= 60);
    assert_true(cpu < 0.3);
    char log[16384];
    ssize_t len = pread(log_fd, log, sizeof(log) - 1, 0);
    assert_true(len > 0);
    log[len] = '\0';
    int lines = 0;
    for (const char *at = log; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_non_null(strstr(log, "http.accept_paused"));
    assert_true(lines >= 1 && lines <= 4);
    for (int i = 0; i < CLIENTS; i++) { /* with descriptors again, everybody is served */
        client_answer_read(fds[i], false, &answer);
        assert_int_equal(answer.status, 200);
        client_close(fds[i]);
    }
    close(log_fd);
    harness_end(&harness, 0);
}

static void test_open_refused(void **state)
{
    (void)state;
    struct http_server_options options = {.host = "not an address",
                                          .clock = lucid_clock_system(),
                                          .routes = routes,
                                          .route_count = 1};
    struct http_server *server = NULL;
    struct lucid_why why = {0};
    assert_int_equal(http_server_open(&options, &server, &why), LUCID_REFUSE_INVALID);
    http_limits_default(&options.limits);
    assert_int_equal(http_server_open(&options, &server, &why), LUCID_REFUSE_INVALID);
    assert_non_null(strstr(why.text, "not an address"));
    start(no_change);
    options.host = "127.0.0.1";
    options.port = harness.port;
    assert_int_equal(http_server_open(&options, &server, &why), LUCID_RETRY_IO);
    assert_non_null(strstr(why.text, "127.0.0.1"));
    assert_null(server);
    harness_end(&harness, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_requests),  cmocka_unit_test(test_slow_reader_cut),
        cmocka_unit_test(test_sizes),          cmocka_unit_test(test_inflight),
        cmocka_unit_test(test_unread_body),    cmocka_unit_test(test_connection_cap),
        cmocka_unit_test(test_no_descriptors), cmocka_unit_test(test_open_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

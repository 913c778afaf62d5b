/* The server over real sockets: what a well-behaved and an odd client see. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "http_harness.h"

static struct harness harness;
static _Atomic unsigned outcomes;
static _Atomic unsigned outcomes_gone;

/* --- routes ----------------------------------------------------------------------------------- */

static void hello(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body = {0};
    struct lucid_span name = http_query(request, "name");
    lucid_buf_str(&body, "hello ");
    lucid_buf_span_put(&body, name);
    http_respond(request, 200, "text/plain", &body);
}

static void echo(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body = {0};
    lucid_buf_span_put(&body, http_body(request));
    http_respond(request, 200, "text/plain", &body);
}

static void invalid(struct http_request *request, const struct http_route *route)
{
    (void)route;
    http_problem(request, 422, "INVALID_RECEIPT", "a.b", "no: %d", 7);
}

static void broken(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body;
    lucid_buf_init(&body, 4);
    lucid_buf_str(&body, "too much for it");
    http_respond(request, 200, "text/plain", &body);
}

/* Sums a streamed body, pausing after each piece until a deferred post resumes it. */
struct sum {
    struct http_post post;
    struct http_request *request;
    size_t bytes;
    size_t pieces;
};

static void sum_over(struct http_request *request, void *user)
{
    (void)request;
    struct sum *sum = user;
    sum->request = NULL;
}

static void sum_resume(struct http_post *post)
{
    struct sum *sum = (struct sum *)(void *)post;
    http_resume(sum->request);
    http_release(sum->request);
}

static void sum_start(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct sum *sum = lucid_arena_zalloc(http_arena(request), sizeof(*sum));
    assert_non_null(sum);
    sum->request = request;
    sum->post.run = sum_resume;
    http_set_user(request, sum, sum_over);
}

static void sum_data(struct http_request *request, struct lucid_span piece, bool last)
{
    struct sum *sum = http_user(request);
    sum->bytes += piece.len;
    sum->pieces++;
    if (last) {
        struct lucid_buf body = {0};
        lucid_buf_u64(&body, sum->bytes);
        http_respond(request, 200, "text/plain", &body);
        return;
    }
    http_pause(request);
    http_hold(request);
    http_loop_defer(http_request_loop(request), &sum->post);
}

/* A long streamed answer, produced only as fast as it is read. */
enum { STREAM_PIECE = 10000, STREAM_PIECES = 1500, STREAM_BUFFER = 100000 };
static _Atomic size_t stream_produced;

static void stream_more(struct http_request *request)
{
    for (;;) {
        size_t made = atomic_load(&stream_produced);
        if (made == STREAM_PIECES) {
            http_respond_end(request);
            return;
        }
        struct lucid_buf piece = {0};
        uint8_t *to = lucid_buf_extend(&piece, STREAM_PIECE);
        assert_non_null(to);
        memset(to, 'a' + (int)(made % 26), STREAM_PIECE);
        atomic_store(&stream_produced, made + 1);
        if (!http_respond_data(request, &piece)) {
            return;
        }
    }
}

static void stream(struct http_request *request, const struct http_route *route)
{
    (void)route;
    atomic_store(&stream_produced, 0);
    http_respond_begin(request, 200, "text/plain");
    http_on_drained(request, stream_more);
    stream_more(request);
}

/* Answers from another thread, some time later. */
struct later {
    struct http_post post;
    struct http_request *request;
    pthread_t thread;
    long ms;
};
static _Atomic int later_overs;
static _Atomic int later_gone;

static void later_over(struct http_request *request, void *user)
{
    (void)request;
    (void)user;
    atomic_fetch_add(&later_overs, 1);
}

static void later_answer(struct http_post *post)
{
    struct later *later = (struct later *)(void *)post;
    struct lucid_buf body = {0};
    lucid_buf_str(&body, "later");
    if (http_is_gone(later->request)) {
        atomic_fetch_add(&later_gone, 1);
    }
    http_respond(later->request, 200, "text/plain", &body);
    http_release(later->request);
    free(later);
}

static void *later_main(void *context)
{
    struct later *later = context;
    harness_sleep_ms(later->ms);
    http_loop_post(http_request_loop(later->request), &later->post);
    return NULL;
}

static void later_start(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct later *later = calloc(1, sizeof(*later));
    assert_non_null(later);
    later->request = request;
    later->post.run = later_answer;
    later->ms = 200;
    http_set_user(request, NULL, later_over);
    http_hold(request);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, later_main, later), 0);
    pthread_detach(thread);
}

/* A large whole answer. */
enum { BIG_BYTES = 1 << 20 };
static _Atomic unsigned bigs_made;

static void big(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body = {0};
    uint8_t *to = lucid_buf_extend(&body, BIG_BYTES);
    assert_non_null(to);
    memset(to, 'b', BIG_BYTES);
    atomic_fetch_add(&bigs_made, 1);
    http_respond(request, 200, "text/plain", &body);
}

static bool admit(struct http_request *request, const struct http_route *route, void *context)
{
    (void)route;
    (void)context;
    if (lucid_span_is(http_header(request, "authorization"), "Bearer bad")) {
        http_problem(request, 403, "FORBIDDEN", NULL, "not with this token");
        return false;
    }
    return true;
}

static void done(const struct http_outcome *outcome, void *context)
{
    (void)context;
    atomic_fetch_add(&outcomes, 1);
    if (outcome->status == 0) {
        atomic_fetch_add(&outcomes_gone, 1);
    }
}

static const struct http_route routes[] = {
    {.method = "GET", .pattern = "/hello", .handle = hello},
    {.method = "POST", .pattern = "/echo", .body_bytes_max = 100000, .handle = echo},
    {.method = "POST", .pattern = "/fail", .body_bytes_max = 100000, .handle = invalid},
    {.method = "GET", .pattern = "/broken", .handle = broken},
    {.method = "POST",
     .pattern = "/sum",
     .flags = HTTP_ROUTE_STREAM,
     .body_bytes_max = 10000000,
     .handle = sum_start,
     .data = sum_data},
    {.method = "GET", .pattern = "/stream", .handle = stream},
    {.method = "GET", .pattern = "/later", .handle = later_start},
    {.method = "GET", .pattern = "/big", .handle = big},
};

static int setup(void **state)
{
    (void)state;
    struct http_server_options options = {.routes = routes,
                                          .route_count = sizeof(routes) / sizeof(routes[0]),
                                          .admit = admit,
                                          .done = done};
    http_limits_default(&options.limits);
    options.limits.output_bytes_max = STREAM_BUFFER;
    harness_start(&harness, &options);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    harness_end(&harness, 2000);
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_keep_alive(void **state)
{
    (void)state;
    struct client_answer answer;
    int fd = client_connect(&harness);
    for (int i = 0; i < 5; i++) {
        client_send(fd, "GET /hello?name=a%20b HTTP/1.1\r\nHost: x\r\nX-Request-Id: id-7\r\n\r\n");
        client_answer_read(fd, false, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(client_answer_body(&answer), "hello a b");
        assert_non_null(strstr(answer.text, "X-Request-Id: id-7\r\n"));
        assert_null(strstr(answer.text, "Connection: close"));
        client_send(fd, "POST /fail HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
        client_answer_read(fd, false, &answer);
        assert_int_equal(answer.status, 422);
        assert_non_null(strstr(answer.text, "\"code\":\"INVALID_RECEIPT\",\"param\":\"a.b\""));
        client_send(fd, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
        client_answer_read(fd, false, &answer);
        assert_int_equal(answer.status, 404);
        client_send(fd, "PUT /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde");
        client_answer_read(fd, false, &answer);
        assert_int_equal(answer.status, 405);
        assert_non_null(strstr(answer.text, "\r\nAllow: GET, HEAD\r\n"));
        client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bad\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        client_answer_read(fd, false, &answer);
        assert_int_equal(answer.status, 403);
        client_send(fd, "GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
        client_answer_read(fd, false, &answer);
        assert_int_equal(answer.status, 500);
        assert_non_null(strstr(answer.text, "\"code\":\"INTERNAL\""));
    }
    client_close(fd);
}

static void test_pipelining(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static char text[COUNT * 100];
    size_t len = 0;
    for (int i = 0; i < COUNT; i++) {
        char *at = text + len;
        size_t room = sizeof(text) - len;
        int added =
            i % 3 == 0
                ? snprintf(at, room, "GET /hello?name=%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
                : snprintf(at, room,
                           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n%03d", i);
        len += (size_t)added;
    }
    struct client_answer answer;
    int fd = client_connect(&harness);
    client_send(fd, text);
    for (int i = 0; i < COUNT; i++) {
        char want[32];
        snprintf(want, sizeof(want), "%s%0*d", i % 3 == 0 ? "hello " : "", i % 3 == 0 ? 1 : 3, i);
        client_answer_read(fd, false, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(client_answer_body(&answer), want);
    }
    client_close(fd);
}

static void test_deferred_in_order(void **state)
{
    (void)state;
    struct client_answer answer;
    int fd = client_connect(&harness);
    client_send(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                    "GET /hello?name=b HTTP/1.1\r\nHost: x\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_string_equal(client_answer_body(&answer), "later");
    client_answer_read(fd, false, &answer);
    assert_string_equal(client_answer_body(&answer), "hello b");
    client_close(fd);
}

static void test_head_and_versions(void **state)
{
    (void)state;
    struct client_answer answer;
    int fd = client_connect(&harness);
    client_send(fd, "HEAD /hello?name=b HTTP/1.1\r\nHost: x\r\n\r\n");
    client_answer_read(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.text, "Content-Length: 7\r\n"));
    client_send(fd, "GET /hello?name=b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_answer_read(fd, false, &answer); /* so HEAD sent no body */
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.text, "Connection: keep-alive\r\n"));
    client_send(fd, "GET /hello?name=b HTTP/1.0\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_non_null(strstr(answer.text, "Connection: close\r\n"));
    assert_true(client_closed_within(fd, 500));
    client_close(fd);
    fd = client_connect(&harness);
    client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(client_closed_within(fd, 500));
    client_close(fd);
}

static void test_every_split(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;e=1\r\nabc\r\n4\r\ndefg\r\n0\r\nT: 1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nabcdefg",
    };
    struct client_answer answer;
    int fd = client_connect(&harness);
    for (size_t t = 0; t < 2; t++) {
        size_t len = strlen(texts[t]);
        for (size_t cut = 1; cut < len; cut++) {
            client_send_bytes(fd, texts[t], cut);
            harness_sleep_ms(1);
            client_send_bytes(fd, texts[t] + cut, len - cut);
            client_answer_read(fd, false, &answer);
            assert_int_equal(answer.status, 200);
            assert_string_equal(client_answer_body(&answer), "abcdefg");
        }
    }
    client_close(fd);
}

static void test_paused_upload(void **state)
{
    (void)state;
    enum { SIZE = 5000000 };
    char *body = malloc(SIZE);
    assert_non_null(body);
    memset(body, 'x', SIZE);
    struct client_answer answer;
    int fd = client_connect(&harness);
    char head[100];
    snprintf(head, sizeof(head), "POST /sum HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
             SIZE);
    for (int i = 0; i < 2; i++) {
        client_send(fd, head);
        client_send_bytes(fd, body, SIZE);
        client_answer_read(fd, false, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(client_answer_body(&answer), "5000000");
    }
    client_send(fd, "POST /sum HTTP/1.1\r\nHost: x\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_string_equal(client_answer_body(&answer), "0");
    client_close(fd);
    free(body);
}

static void test_slow_reader(void **state)
{
    (void)state;
    static char piece[65536];
    int fd = client_connect(&harness);
    client_send(fd, "GET /stream HTTP/1.0\r\n\r\n");
    harness_sleep_ms(300);
    size_t before = atomic_load(&stream_produced);
    /* Sockets buffer a few megabytes; the producer must have stopped after that. */
    assert_true(before > 0 && before < STREAM_PIECES);
    harness_sleep_ms(100);
    assert_int_equal(atomic_load(&stream_produced), before);
    size_t total = 0;
    size_t len;
    while ((len = client_read_all(fd, piece, sizeof(piece))) > 0) {
        total += len;
    }
    assert_int_equal(atomic_load(&stream_produced), STREAM_PIECES);
    assert_true(total > (size_t)STREAM_PIECE * STREAM_PIECES);
    assert_true(total < (size_t)STREAM_PIECE * STREAM_PIECES + 500);
    client_close(fd);
}

/* Many requests for large answers at once, of a client that says it sends no more and does not
 * read: the answers are made as they are read, and nothing spins meanwhile. */
static void test_pipelined_large(void **state)
{
    (void)state;
    enum { COUNT = 30, BYTES = COUNT * (BIG_BYTES + 1000) };
    char *text = malloc(BYTES);
    assert_non_null(text);
    int fd = client_socket();
    int small = 16 * 1024;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    client_join(fd, &harness);
    client_send(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < COUNT; i++) {
        client_send(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    client_shut(fd);
    harness_sleep_ms(600);
    unsigned made = atomic_load(&bigs_made);
    assert_in_range(made, 1, COUNT / 2); /* the kernel holds a few megabytes */
    uint64_t used = harness_processor_ms();
    harness_sleep_ms(500);
    assert_in_range(harness_processor_ms() - used, 0, 250);
    assert_int_equal(atomic_load(&bigs_made), made);
    size_t len = client_read_all(fd, text, BYTES);
    assert_in_range(len, (size_t)COUNT * BIG_BYTES, BYTES);
    assert_int_equal(atomic_load(&bigs_made), COUNT);
    client_close(fd);
    free(text);
}

static void test_stream_chunked(void **state)
{
    (void)state;
    enum { MAX = STREAM_PIECE * STREAM_PIECES + 100000 };
    char *text = malloc(MAX);
    assert_non_null(text);
    int fd = client_connect(&harness);
    client_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    size_t len = client_read_all(fd, text, MAX);
    const char *at = strstr(text, "\r\n\r\n");
    assert_non_null(at);
    at += 4;
    for (int i = 0; i < STREAM_PIECES; i++) {
        assert_memory_equal(at, "2710\r\n", 6);
        assert_int_equal(at[6], 'a' + i % 26);
        assert_int_equal(at[6 + STREAM_PIECE - 1], 'a' + i % 26);
        at += 6 + STREAM_PIECE + 2;
    }
    assert_string_equal(at, "0\r\n\r\n");
    assert_ptr_equal(at + 5, text + len);
    client_close(fd);
    free(text);
}

static void test_expect(void **state)
{
    (void)state;
    struct client_answer answer;
    int fd = client_connect(&harness);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    "Content-Length: 3\r\n\r\n");
    client_answer_read(fd, true, &answer);
    assert_int_equal(answer.status, 100);
    client_send(fd, "abc");
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(client_answer_body(&answer), "abc");
    /* Refused instead: no 100, and the connection ends, as the body may or may not come. */
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    "Authorization: Bearer bad\r\nContent-Length: 3\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 403);
    assert_non_null(strstr(answer.text, "Connection: close\r\n"));
    client_close(fd);
}

static void test_half_close(void **state)
{
    (void)state;
    struct client_answer answer;
    int fd = client_connect(&harness);
    client_send(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
                    "GET /hel");
    client_shut(fd);
    client_answer_read(fd, false, &answer);
    assert_string_equal(client_answer_body(&answer), "later");
    client_answer_read(fd, false, &answer);
    assert_string_equal(client_answer_body(&answer), "hello ");
    assert_true(client_closed_within(fd, 500));
    client_close(fd);
}

static void wait_for(_Atomic int *what, int value)
{
    for (int i = 0; i < 500 && atomic_load(what) < value; i++) {
        harness_sleep_ms(10);
    }
    assert_int_equal(atomic_load(what), value);
}

static void test_gone_while_held(void **state)
{
    (void)state;
    int overs = atomic_load(&later_overs);
    int gone = atomic_load(&later_gone);
    unsigned cut = atomic_load(&outcomes_gone);
    for (int i = 0; i < 10; i++) {
        int fd = client_connect(&harness);
        client_send(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        if (i % 2 == 0) {
            client_shut(fd); /* a reset must be seen after a half-close, too */
        }
        harness_sleep_ms(20);
        client_reset(fd);
    }
    wait_for(&later_overs, overs + 10);
    wait_for(&later_gone, gone + 10);
    assert_int_equal(atomic_load(&outcomes_gone), cut + 10);
}

static void test_parser_errors_answered(void **state)
{
    (void)state;
    struct client_answer answer;
    uint64_t refused = harness_counters(&harness).refused_by_parser;
    int fd = client_connect(&harness);
    client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
                    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: "
                    "2\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    client_answer_read(fd, false, &answer);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.text, "application/problem+json"));
    assert_non_null(strstr(answer.text, "\"code\":\"BAD_REQUEST\""));
    assert_non_null(strstr(answer.text, "\"request_id\":\""));
    assert_non_null(strstr(answer.text, "Connection: close\r\n"));
    client_answer_read(fd, false, &answer); /* what follows is not read as a request */
    assert_int_equal(answer.status, 0);
    client_close(fd);
    assert_int_equal(client_status(&harness, "POST /echo HTTP/1.1\r\nHost: x\r\n"
                                             "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
                     400);
    assert_int_equal(client_status(&harness, "GET /hello HTTP/1.1\n\n"), 400);
    assert_int_equal(harness_counters(&harness).refused_by_parser, refused + 3);
}

/* --- posts ------------------------------------------------------------------------------------ */

enum { POST_THREADS = 4, POSTS_PER_THREAD = 25000 };

struct counted_post {
    struct http_post post;
    unsigned thread;
    unsigned number;
};
static unsigned posts_next[POST_THREADS]; /* of loop 1's thread */
static _Atomic int posts_run;

static void count_post(struct http_post *post)
{
    struct counted_post *counted = (struct counted_post *)(void *)post;
    if (posts_next[counted->thread]++ != counted->number) {
        abort(); /* out of order */
    }
    atomic_fetch_add(&posts_run, 1);
}

static void *post_main(void *context)
{
    struct counted_post *posts = context;
    unsigned number = 0;
    while (number < POSTS_PER_THREAD) {
        unsigned chain = 1 + number % 7;
        unsigned end = number + chain < POSTS_PER_THREAD ? number + chain : POSTS_PER_THREAD;
        struct http_post *first = &posts[number].post;
        for (; number < end; number++) {
            posts[number].post.next = number + 1 < end ? &posts[number + 1].post : NULL;
        }
        http_loop_post(harness.loops[1], first);
    }
    return NULL;
}

static void test_posts(void **state)
{
    (void)state;
    struct counted_post *posts = calloc(POST_THREADS * POSTS_PER_THREAD, sizeof(*posts));
    assert_non_null(posts);
    pthread_t threads[POST_THREADS];
    for (unsigned i = 0; i < POST_THREADS; i++) {
        for (unsigned k = 0; k < POSTS_PER_THREAD; k++) {
            posts[i * POSTS_PER_THREAD + k] =
                (struct counted_post){.post.run = count_post, .thread = i, .number = k};
        }
        assert_int_equal(pthread_create(&threads[i], NULL, post_main, &posts[i * POSTS_PER_THREAD]),
                         0);
    }
    for (unsigned i = 0; i < POST_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    wait_for(&posts_run, POST_THREADS * POSTS_PER_THREAD);
    free(posts);
}

/* Last: it stops the server while requests are under way. */
static void test_stop_under_way(void **state)
{
    (void)state;
    struct client_answer answer;
    int idle = client_connect(&harness);
    int refused = client_connect(&harness); /* answered, its body still comes */
    client_send(refused, "POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bad\r\n"
                         "Content-Length: 6\r\n\r\nabc");
    client_answer_read(refused, false, &answer);
    assert_int_equal(answer.status, 403);
    int fds[8];
    for (size_t i = 0; i < 8; i++) {
        fds[i] = client_connect(&harness);
        client_send(fds[i], "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    harness_sleep_ms(50);
    uint64_t start = harness_now_ms();
    http_server_stop(harness.server, 5000);
    assert_true(client_closed_within(idle, 1000));
    client_send(refused, "def");
    assert_true(client_closed_within(refused, 1000));
    client_close(refused);
    for (size_t i = 0; i < 8; i++) {
        client_answer_read(fds[i], false, &answer);
        assert_int_equal(answer.status, 200);
        assert_non_null(strstr(answer.text, "Connection: close\r\n"));
        client_close(fds[i]);
    }
    client_close(idle);
    assert_true(atomic_load(&outcomes) > 100);
    harness_join(&harness);
    assert_true(harness_now_ms() - start < 3000);
    assert_int_equal(setup(NULL), 0); /* and a new one for the teardown */
    int fd = client_connect(&harness);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    harness_sleep_ms(50);
    start = harness_now_ms();
    harness_end(&harness, 0); /* cuts */
    assert_true(harness_now_ms() - start < 1000);
    client_close(fd);
    assert_int_equal(setup(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keep_alive),
                                       cmocka_unit_test(test_pipelining),
                                       cmocka_unit_test(test_deferred_in_order),
                                       cmocka_unit_test(test_head_and_versions),
                                       cmocka_unit_test(test_every_split),
                                       cmocka_unit_test(test_paused_upload),
                                       cmocka_unit_test(test_slow_reader),
                                       cmocka_unit_test(test_pipelined_large),
                                       cmocka_unit_test(test_stream_chunked),
                                       cmocka_unit_test(test_expect),
                                       cmocka_unit_test(test_half_close),
                                       cmocka_unit_test(test_gone_while_held),
                                       cmocka_unit_test(test_parser_errors_answered),
                                       cmocka_unit_test(test_posts),
                                       cmocka_unit_test(test_stop_under_way)};
    return cmocka_run_group_tests(tests, setup, teardown);
}

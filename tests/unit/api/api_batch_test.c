/* The batch route: order, lines that stand alone, framing of lines, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "api_harness.h"
#include "http/api/api_internal.h"

static int open_world(void **state)
{
    struct harness *h = malloc(sizeof(*h));
    harness_open(h, false);
    *state = h;
    return 0;
}

static int close_world(void **state)
{
    harness_close(*state);
    free(*state);
    return 0;
}

static void name(char *out, size_t max, const char *prefix, size_t i)
{
    snprintf(out, max, "run_%s_%06zu", prefix, i);
}

static void put_line(const struct harness *h, struct lucid_buf *out, const char *prefix, size_t i)
{
    char run_id[64];
    name(run_id, sizeof(run_id), prefix, i);
    harness_line(&h->known, run_id, out);
}

/* Calls back for each line of an NDJSON answer; returns how many. */
static size_t each_line(const struct answer *answer,
                        void (*fn)(size_t i, const json_t *line, void *context), void *context)
{
    size_t count = 0;
    const char *at = (const char *)answer->body.data;
    const char *end = at + answer->body.len;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(stop);
        json_t *line = json_loadb(at, (size_t)(stop - at), 0, NULL);
        assert_non_null(line);
        if (fn != NULL) {
            fn(count, line, context);
        }
        json_decref(line);
        count++;
        at = stop + 1;
    }
    return count;
}

static long long member(const json_t *line, const char *key)
{
    return json_integer_value(json_object_get(line, key));
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text == NULL ? "" : text;
}

static void send_batch(const struct harness *h, struct lucid_buf *body, struct answer *ret)
{
    harness_ask(h, "POST", "/v1/receipts/batch", "Content-Type: application/x-ndjson\r\n",
                lucid_buf_span(body), ret);
    assert_int_equal(ret->status, 200);
    assert_true(answer_has(ret, "content-type", "application/x-ndjson"));
    assert_true(ret->whole);
    lucid_buf_clear(body);
}

/* 250 lines; every 50th is not JSON, every 50th + 1 repeats the line two before it. */
static void check_mixed(size_t i, const json_t *line, void *context)
{
    (void)context;
    char run_id[64];
    name(run_id, sizeof(run_id), "mixed", i % 50 == 31 ? i - 2 : i);
    if (i % 50 == 30) {
        assert_int_equal(member(line, "http_status"), 400);
        assert_int_equal(member(line, "status"), 400);
        assert_string_equal(text_of(line, "code"), "INVALID_JSON");
    } else if (i % 50 == 31) {
        assert_int_equal(member(line, "http_status"), 200);
        assert_true(json_is_true(json_object_get(line, "replayed")));
        assert_string_equal(text_of(line, "run_id"), run_id);
    } else {
        assert_int_equal(member(line, "http_status"), 201);
        assert_string_equal(text_of(line, "run_id"), run_id);
        assert_true(json_is_false(json_object_get(line, "replayed")));
    }
}

static void busy_read(struct harness *h, void *context)
{
    *(uint64_t *)context = h->busy_answers;
}

static void mixed_lines_in_order(void **state)
{
    struct harness *h = *state;
    struct lucid_buf body = {0};
    for (size_t i = 0; i < 250; i++) {
        if (i % 50 == 30) {
            lucid_buf_str(&body, "{\"body\":\n");
        } else {
            put_line(h, &body, "mixed", i % 50 == 31 ? i - 2 : i);
        }
    }
    struct answer answer;
    send_batch(h, &body, &answer);
    assert_int_equal(each_line(&answer, check_mixed, NULL), 250);
    answer_free(&answer);
    lucid_buf_fini(&body);
    json_t *log = harness_json(h, "GET", "/v1/log", "", NULL, 200);
    assert_int_equal(member(log, "size"), 240);
    json_decref(log);
    uint64_t busy = 0;
    harness_call(h, busy_read, &busy);
    assert_true(busy > 0); /* the small queue was full, and waited for */
}

struct expected {
    const char *const *codes; /* NULL: a placement */
    const int *statuses;
};

static void check_wanted(size_t i, const json_t *line, void *context)
{
    const struct expected *expected = context;
    assert_int_equal(member(line, "http_status"), expected->statuses[i]);
    if (expected->codes[i] == NULL) {
        assert_non_null(json_object_get(line, "leaf_index"));
    } else {
        assert_string_equal(text_of(line, "code"), expected->codes[i]);
        assert_non_null(json_object_get(line, "request_id"));
    }
}

static void line_ends(void **state)
{
    const struct harness *h = *state;
    static const char *const codes[] = {"INVALID_JSON", NULL,           "INVALID_JSON",
                                        "INVALID_JSON", NULL,           "BODY_TOO_LARGE",
                                        NULL,           "INVALID_JSON", NULL};
    static const int statuses[] = {400, 201, 400, 400, 201, 413, 201, 400, 201};
    struct lucid_buf body = {0};
    lucid_buf_str(&body, "\n"); /* empty, first */
    put_line(h, &body, "ends", 1);
    lucid_buf_str(&body, "\r\n\n");
    put_line(h, &body, "ends", 2);
    body.len--;
    lucid_buf_str(&body, "\r\n");
    for (size_t i = 0; i < 600 * 1024; i++) {
        lucid_buf_char(&body, 'x');
    }
    lucid_buf_str(&body, "\n");
    put_line(h, &body, "ends", 3);
    lucid_buf_str(&body, "  \n");
    put_line(h, &body, "ends", 4);
    body.len--; /* the last one lacks its line feed */
    struct answer answer;
    struct expected expected = {codes, statuses};
    send_batch(h, &body, &answer);
    assert_int_equal(each_line(&answer, check_wanted, &expected), 9);
    answer_free(&answer);
    put_line(h, &body, "ends", 4);
    lucid_buf_str(&body, "\n\r\n\n"); /* empty ones at the end do not count */
    static const char *const one[] = {NULL};
    static const int replayed[] = {200};
    expected = (struct expected){one, replayed};
    send_batch(h, &body, &answer);
    assert_int_equal(each_line(&answer, check_wanted, &expected), 1);
    answer_free(&answer);
    lucid_buf_fini(&body);
}

/* A line of exactly the limit is read, one byte more is not, wherever the pieces are cut. */
static void line_limit(void **state)
{
    const struct harness *h = *state;
    static const char *const codes[] = {"INVALID_JSON", "BODY_TOO_LARGE", "INVALID_JSON",
                                        "BODY_TOO_LARGE"};
    static const int statuses[] = {400, 413, 400, 413};
    struct lucid_buf body = {0};
    for (size_t line = 0; line < 4; line++) {
        for (size_t i = 0; i < 512 * 1024 + line % 2; i++) {
            lucid_buf_char(&body, 'x');
        }
        lucid_buf_str(&body, line < 2 ? "\n" : "\r\n");
    }
    struct answer answer;
    struct expected expected = {codes, statuses};
    send_batch(h, &body, &answer);
    assert_int_equal(each_line(&answer, check_wanted, &expected), 4);
    answer_free(&answer);
    lucid_buf_fini(&body);
}

static void empty_batch(void **state)
{
    const struct harness *h = *state;
    struct lucid_buf body = {0};
    struct answer answer;
    lucid_buf_str(&body, "");
    harness_ask(h, "POST", "/v1/receipts/batch", "", lucid_span("", 0), &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer.whole);
    assert_int_equal(answer.body.len, 0);
    answer_free(&answer);
    lucid_buf_fini(&body);
}

struct tail {
    size_t good;
    size_t bad;
};

static void count_tail(size_t i, const json_t *line, void *context)
{
    struct tail *tail = context;
    if (member(line, "http_status") == 400) {
        tail->good++;
    } else {
        assert_int_equal(i, 10000);
        assert_int_equal(member(line, "http_status"), 413);
        assert_string_equal(text_of(line, "code"), "BATCH_TOO_LARGE");
        tail->bad++;
    }
}

static void too_many_lines(void **state)
{
    const struct harness *h = *state;
    struct lucid_buf body = {0};
    for (size_t i = 0; i < 10002; i++) {
        lucid_buf_str(&body, "{]\n");
    }
    struct answer answer;
    struct tail tail = {0};
    send_batch(h, &body, &answer);
    assert_int_equal(each_line(&answer, count_tail, &tail), 10001);
    assert_int_equal(tail.good, 10000);
    assert_int_equal(tail.bad, 1);
    answer_free(&answer);
    lucid_buf_fini(&body);
}

static void await_unsent(const struct harness *h, uint64_t bytes)
{
    struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    for (int i = 0; i < 4000; i++) {
        if (atomic_load(&h->api->metrics.batch_unsent_bytes) >= bytes) {
            return;
        }
        nanosleep(&pause, NULL);
    }
    fail_msg("no answers wait for the client");
}

/* Sends all of a large batch before it reads a byte; a batch that stopped for its output would
 * hang here. */
static void half_duplex_client(void **state)
{
    const struct harness *h = *state;
    struct lucid_buf body = {0};
    struct lucid_buf head = {0};
    for (size_t i = 0; i < 10000; i++) {
        lucid_buf_printf(&body, "{\"body\":{},\"n\":\"%02900zu\"]\n", i);
    }
    lucid_buf_printf(&head,
                     "POST /v1/receipts/batch HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                     body.len);
    int fd = harness_connect(h);
    int small = 64 * 1024; /* so that the kernel holds little of the answer for us */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    harness_send(fd, head.data, head.len);
    harness_send(fd, body.data, body.len);
    await_unsent(h, 1024 * 1024); /* the batch holds what the kernel does not */
    struct answer answer;
    harness_receive(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer.whole);
    assert_int_equal(each_line(&answer, NULL, NULL), 10000);
    answer_free(&answer);
    close(fd);
    lucid_buf_fini(&head);
    lucid_buf_fini(&body);
}

static void refuse_with(struct harness *h, void *context)
{
    h->refuse_all = *(const enum lucid_error *)context;
}

static void writer_gone(void **state)
{
    struct harness *h = *state;
    static const char *const stopping[] = {"OVERLOADED", "INVALID_JSON", "OVERLOADED"};
    static const int stopping_status[] = {503, 400, 503};
    static const char *const full[] = {"STORE_FULL", "INVALID_JSON", "STORE_FULL"};
    static const int full_status[] = {507, 400, 507};
    static const enum lucid_error errors[] = {LUCID_FATAL_STORE, LUCID_RETRY_FULL};
    for (size_t i = 0; i < 2; i++) {
        enum lucid_error error = errors[i];
        harness_call(h, refuse_with, &error);
        struct lucid_buf body = {0};
        put_line(h, &body, "gone", 1);
        lucid_buf_str(&body, "no\n");
        put_line(h, &body, "gone", 2);
        struct expected expected = {i == 0 ? stopping : full,
                                    i == 0 ? stopping_status : full_status};
        struct answer answer;
        send_batch(h, &body, &answer);
        assert_int_equal(each_line(&answer, check_wanted, &expected), 3);
        answer_free(&answer);
        lucid_buf_fini(&body);
    }
    enum lucid_error none = LUCID_OK;
    harness_call(h, refuse_with, &none);
}

/* A queue that stays full is asked again now and then, not all the time. */
static void full_queue(void **state)
{
    struct harness *h = *state;
    enum lucid_error error = LUCID_RETRY_BUSY;
    uint64_t before = 0;
    uint64_t after = 0;
    struct lucid_buf body = {0};
    struct lucid_buf head = {0};
    struct answer answer;
    put_line(h, &body, "full", 1);
    lucid_buf_printf(&head,
                     "POST /v1/receipts/batch HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                     body.len);
    harness_call(h, refuse_with, &error);
    harness_call(h, busy_read, &before);
    int fd = harness_connect(h);
    harness_send(fd, head.data, head.len);
    harness_send(fd, body.data, body.len);
    usleep(500000);
    harness_call(h, busy_read, &after);
    assert_in_range(after - before, 2, 1000);
    error = LUCID_OK;
    harness_call(h, refuse_with, &error);
    harness_receive(fd, &answer);
    assert_true(answer.whole);
    assert_non_null(strstr((const char *)answer.body.data, "\"http_status\":201"));
    answer_free(&answer);
    close(fd);
    lucid_buf_fini(&head);
    lucid_buf_fini(&body);
}

/* That the answer begins while most of a large body is to come does not cost the connection. */
static void connection_is_kept(void **state)
{
    const struct harness *h = *state;
    struct lucid_buf body = {0};
    struct lucid_buf head = {0};
    struct answer answer;
    for (size_t i = 0; i < 400; i++) {
        put_line(h, &body, "kept", i);
    }
    lucid_buf_printf(&head,
                     "POST /v1/receipts/batch HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                     body.len);
    int fd = harness_connect(h);
    for (int i = 0; i < 2; i++) {
        harness_send(fd, head.data, head.len);
        harness_send(fd, body.data, 10000);
        usleep(100000);
        harness_send(fd, body.data + 10000, body.len - 10000);
        harness_receive(fd, &answer);
        assert_int_equal(answer.status, 200);
        assert_true(answer.whole);
        assert_false(answer_has(&answer, "connection", "close"));
        assert_int_equal(each_line(&answer, NULL, NULL), 400);
        answer_free(&answer);
    }
    close(fd);
    lucid_buf_fini(&head);
    lucid_buf_fini(&body);
}

/* A line is answered while the request is still open. */
static void answers_while_open(void **state)
{
    const struct harness *h = *state;
    int fd = harness_connect(h);
    static const char head[] =
        "POST /v1/receipts/batch HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    struct lucid_buf line = {0};
    struct lucid_buf chunk = {0};
    put_line(h, &line, "open", 1);
    lucid_buf_printf(&chunk, "%zx\r\n", line.len);
    lucid_buf_span_put(&chunk, lucid_buf_span(&line));
    lucid_buf_str(&chunk, "\r\n");
    harness_send(fd, head, sizeof(head) - 1);
    harness_send(fd, chunk.data, chunk.len);
    char got[4096];
    size_t len = 0;
    while (memmem(got, len, "\"http_status\":201}", 18) == NULL) {
        ssize_t more = read(fd, got + len, sizeof(got) - len);
        assert_true(more > 0);
        len += (size_t)more;
    }
    harness_send(fd, "0\r\n\r\n", 5);
    while (memmem(got, len, "\r\n0\r\n\r\n", 7) == NULL) {
        ssize_t more = read(fd, got + len, sizeof(got) - len);
        assert_true(more > 0);
        len += (size_t)more;
    }
    close(fd);
    lucid_buf_fini(&line);
    lucid_buf_fini(&chunk);
}

/* Clients that leave in the middle, at many places; the service lives on and forgets them. */
static void clients_that_leave(void **state)
{
    const struct harness *h = *state;
    struct lucid_buf body = {0};
    lucid_buf_str(&body, "POST /v1/receipts/batch HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 900000\r\n\r\n");
    for (size_t i = 0; i < 60; i++) {
        put_line(h, &body, "leave", i);
    }
    /* A reset is seen as "gone"; a mere end of the stream would still be answered. */
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    for (size_t cut = 100; cut < body.len; cut += 3001) {
        int fd = harness_connect(h);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
        harness_send(fd, body.data, cut);
        usleep(2000); /* a reset drops what was not read: let it be */
        close(fd);
    }
    lucid_buf_fini(&body);
    for (int i = 0; i < 200; i++) {
        struct http_counters counters;
        http_counters_read(h->server, &counters);
        if (counters.connections_open == 0) {
            break;
        }
        usleep(10000);
    }
    struct answer answer;
    harness_ask(h, "GET", "/metrics", "", lucid_span(NULL, 0), &answer);
    assert_non_null(strstr((const char *)answer.body.data, "lucid_batch_unsent_bytes 0\n"));
    assert_non_null(strstr((const char *)answer.body.data,
                           "route=\"/v1/receipts/batch\",method=\"POST\",status=\"gone\""));
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixed_lines_in_order), cmocka_unit_test(line_ends),
        cmocka_unit_test(line_limit),           cmocka_unit_test(empty_batch),
        cmocka_unit_test(too_many_lines),       cmocka_unit_test(half_duplex_client),
        cmocka_unit_test(writer_gone),          cmocka_unit_test(answers_while_open),
        cmocka_unit_test(full_queue),           cmocka_unit_test(connection_is_kept),
        cmocka_unit_test(clients_that_leave),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}

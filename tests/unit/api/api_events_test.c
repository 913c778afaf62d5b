/* /v1/events and /v1/stream: framing, resuming at each point, filters, limits, a slow reader, rows
 * that rotted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "api_harness.h"
#include "base/assert.h"
#include "ledger/event.h"
#include "ledger/event_json.h"
#include "ledger/ledger_internal.h"

enum { RECEIPTS = 250, LINES_MAX = 600 };

static void submit(const struct harness *h, size_t first, size_t count)
{
    struct lucid_buf body = {0};
    struct answer answer;
    for (size_t i = first; i < first + count; i++) {
        char run_id[64];
        snprintf(run_id, sizeof(run_id), "run_events_%06zu", i);
        harness_line(&h->known, run_id, &body);
    }
    harness_ask(h, "POST", "/v1/receipts/batch", "", lucid_buf_span(&body), &answer);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    lucid_buf_fini(&body);
}

static int open_world(void **state)
{
    struct harness *h = malloc(sizeof(*h));
    harness_open(h, true);
    submit(h, 0, RECEIPTS);
    harness_head(h);
    *state = h;
    return 0;
}

static int close_world(void **state)
{
    harness_close(*state);
    free(*state);
    return 0;
}

static void ask(const struct harness *h, const char *target, const char *headers, int status,
                struct answer *ret)
{
    harness_ask(h, "GET", target, headers, lucid_span(NULL, 0), ret);
    if (ret->status != status) {
        fail_msg("%s: %d %s", target, ret->status, (const char *)ret->body.data);
    }
}

/* Takes lines off an answer; each must follow the one before by the chain of hashes. */
static size_t lines_check(const struct answer *answer, uint64_t first, uint8_t before[32])
{
    struct lucid_arena arena;
    struct lucid_span rest = lucid_buf_span(&answer->body);
    size_t count = 0;
    lucid_arena_init(&arena, LEDGER_EVENT_JSON_ARENA_BYTES_MAX);
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        struct ledger_event_record record;
        uint8_t hash[32];
        assert_non_null(end);
        size_t len = (size_t)(end - rest.data);
        assert_int_equal(ledger_event_json_parse(lucid_span(rest.data, len), &arena, &record, NULL),
                         LUCID_OK);
        assert_int_equal(record.event.sequence, first + count);
        if (count > 0 || first == 1) {
            event_hash(before, &record.event, hash);
            assert_memory_equal(hash, record.event.hash, 32);
        }
        memcpy(before, record.event.hash, 32);
        lucid_arena_reset(&arena);
        rest = lucid_span(end + 1, rest.len - len - 1);
        count++;
    }
    lucid_arena_fini(&arena);
    return count;
}

static size_t count_from(const struct harness *h, uint64_t after, const char *more)
{
    char target[96];
    struct answer answer;
    uint8_t hash[32];
    event_hash_first(HARNESS_ORIGIN, hash);
    snprintf(target, sizeof(target), "/v1/events?after=%llu%s", (unsigned long long)after, more);
    ask(h, target, "", 200, &answer);
    assert_true(answer.whole && answer_has(&answer, "content-type", "application/x-ndjson"));
    size_t count = lines_check(&answer, after + 1, hash);
    answer_free(&answer);
    return count;
}

static void whole_and_from_each_point(void **state)
{
    const struct harness *h = *state;
    size_t all = count_from(h, 0, "");
    assert_true(all > RECEIPTS + 8);
    for (size_t after = 0; after <= all; after += after < 12 || after > all - 5 ? 1 : 37) {
        assert_int_equal(count_from(h, after, ""), all - after);
        assert_int_equal(count_from(h, after, "&limit=3"), all - after < 3 ? all - after : 3);
    }
    assert_int_equal(count_from(h, 0, "&bodies=true"), all);
    char target[64];
    snprintf(target, sizeof(target), "/v1/events?after=%zu", all + 1);
    json_t *problem = harness_json(h, "GET", target, "", NULL, 400);
    assert_string_equal(json_string_value(json_object_get(problem, "param")), "after");
    json_decref(problem);
    static const char *const bad[] = {"after=x", "after=-1", "limit=0",     "limit=x",
                                      "bodies=", "bodies=1", "types=A%20b", "types="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(target, sizeof(target), "/v1/events?%s", bad[i]);
        json_decref(harness_json(h, "GET", target, "", NULL, 400));
    }
    struct answer answer;
    harness_ask(h, "HEAD", "/v1/events", "", lucid_span(NULL, 0), &answer);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
}

static void scope_read(void **state)
{
    (void)state;
    struct harness *h = malloc(sizeof(*h));
    struct answer answer;
    harness_open(h, false);
    static const char *const targets[] = {"/v1/events", "/v1/stream"};
    for (size_t i = 0; i < 2; i++) {
        json_decref(harness_json(h, "GET", targets[i], "", NULL, 401));
    }
    ask(h, "/v1/events", harness_bearer(h->reader), 200, &answer);
    answer_free(&answer);
    harness_close(h);
    free(h);
}

static void members(void **state)
{
    const struct harness *h = *state;
    struct answer answer;
    ask(h, "/v1/events?types=receipt&limit=1&bodies=true", "", 200, &answer);
    json_t *event = json_loadb((const char *)answer.body.data, answer.body.len, 0, NULL);
    const json_t *decoded = json_object_get(event, "decoded");
    assert_string_equal(json_string_value(json_object_get(decoded, "run_id")), "run_events_000000");
    assert_int_equal(json_integer_value(json_object_get(event, "leaf_index")), 0);
    assert_int_equal(strlen(json_string_value(json_object_get(event, "entry"))), 256);
    assert_non_null(json_object_get(event, "body"));
    json_decref(event);
    answer_free(&answer);
    ask(h, "/v1/events?types=head,epoch.closed", "", 200, &answer);
    size_t lines = 0;
    for (size_t i = 0; i < answer.body.len; i++) {
        lines += answer.body.data[i] == '\n';
    }
    assert_in_range(lines, 4, 8); /* two epochs with their heads, and the last head */
    assert_null(memmem(answer.body.data, answer.body.len, "\"entry\"", 7));
    answer_free(&answer);
}

/* --- slow readers ----------------------------------------------------------------------------- */

static void readers_count(struct harness *h, void *context)
{
    struct store_stats stats;
    store_stats_read(h->store, &stats);
    *(uint32_t *)context = stats.readers;
}

static void slow_reader_holds_nothing(void **state)
{
    struct harness *h = *state;
    static const char question[] =
        "GET /v1/events?bodies=true HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    int fd = harness_connect(h);
    int small = 32 * 1024;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    harness_send(fd, question, sizeof(question) - 1);
    usleep(200 * 1000); /* it has stalled by then: half a megabyte, 64 KiB allowed */
    for (int i = 0; i < 5; i++) {
        uint32_t readers = 99;
        harness_call(h, readers_count, &readers);
        assert_int_equal(readers, 0);
        usleep(10 * 1000);
    }
    submit(h, 900000, 3); /* others go on */
    struct answer answer;
    uint8_t hash[32];
    event_hash_first(HARNESS_ORIGIN, hash);
    harness_receive(fd, &answer);
    assert_true(answer.whole);
    assert_true(lines_check(&answer, 1, hash) > RECEIPTS);
    answer_free(&answer);
    close(fd);
}

/* --- streams ---------------------------------------------------------------------------------- */

static int stream_open(const struct harness *h, const char *target, const char *headers)
{
    char question[512];
    snprintf(question, sizeof(question), "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target, headers);
    int fd = harness_connect(h);
    harness_send(fd, question, strlen(question));
    return fd;
}

/* Reads until the text has come that often. */
static void stream_until(int fd, struct lucid_buf *in, const char *text, size_t times)
{
    for (;;) {
        size_t found = 0;
        const uint8_t *at = in->data;
        while (at != NULL &&
               (at = memmem(at, in->len - (size_t)(at - in->data), text, strlen(text))) != NULL) {
            found++;
            at++;
        }
        if (found >= times) {
            return;
        }
        char piece[16384];
        ssize_t len = recv(fd, piece, sizeof(piece), 0);
        if (len <= 0) {
            fail_msg("the stream ended before %s", text);
        }
        lucid_buf_put(in, piece, (size_t)len);
    }
}

/* Streams whose client left are noticed by the loop's tick. */
static void streams_gone(const struct harness *h)
{
    for (int i = 0; i < 200; i++) {
        struct answer answer;
        ask(h, "/metrics", "", 200, &answer);
        bool none = strstr((const char *)answer.body.data, "\nlucid_streams_open 0\n") != NULL;
        answer_free(&answer);
        if (none) {
            return;
        }
        usleep(20 * 1000);
    }
    fail_msg("streams stay open");
}

static void stream_follows(void **state)
{
    struct harness *h = *state;
    struct lucid_buf in = {0};
    size_t all = count_from(h, 0, "");
    int fd = stream_open(h, "/v1/stream", "");
    stream_until(fd, &in, "retry: ", 1);
    assert_non_null(memmem(in.data, in.len, "Content-Type: text/event-stream\r\n", 33));
    submit(h, 1000, 3);
    stream_until(fd, &in, "\nevent: receipt\ndata: {", 3);
    char id[64];
    snprintf(id, sizeof(id), "id: %zu\nevent: receipt\n", all + 1);
    assert_non_null(memmem(in.data, in.len, id, strlen(id)));
    assert_null(memmem(in.data, in.len, "id: 1\n", 6));
    close(fd);
    /* The header wins over the parameter; the filter passes over the rest. */
    lucid_buf_clear(&in);
    snprintf(id, sizeof(id), "Last-Event-ID: %zu\r\n", all + 1);
    fd = stream_open(h, "/v1/stream?after=1&types=receipt", id);
    stream_until(fd, &in, "\nevent: ", 2);
    snprintf(id, sizeof(id), "id: %zu\nevent: receipt\n", all + 2);
    assert_non_null(memmem(in.data, in.len, id, strlen(id)));
    close(fd);
    streams_gone(h);
    lucid_buf_fini(&in);
}

static void clock_on(struct harness *h, void *context)
{
    (void)context;
    h->now_ms += 1000;
}

static void stream_heartbeats_and_limits(void **state)
{
    struct harness *h = *state;
    struct lucid_buf in = {0};
    int fd[HARNESS_STREAMS_MAX];
    for (size_t i = 0; i < HARNESS_STREAMS_MAX; i++) {
        fd[i] = stream_open(h, "/v1/stream", "");
        lucid_buf_clear(&in);
        stream_until(fd[i], &in, "retry: ", 1);
    }
    json_t *problem = harness_json(h, "GET", "/v1/stream", "", NULL, 503);
    assert_string_equal(json_string_value(json_object_get(problem, "code")), "OVERLOADED");
    json_decref(problem);
    harness_call(h, clock_on, NULL);
    for (size_t i = 0; i < HARNESS_STREAMS_MAX; i++) {
        stream_until(fd[i], &in, ": heartbeat\nid: ", i + 1);
        close(fd[i]);
    }
    static const char *const bad[] = {"Last-Event-ID: x\r\n", "Last-Event-ID: 99999999\r\n"};
    for (size_t i = 0; i < 2; i++) {
        problem = harness_json(h, "GET", "/v1/stream", bad[i], NULL, 400);
        assert_string_equal(json_string_value(json_object_get(problem, "param")), "Last-Event-ID");
        json_decref(problem);
    }
    streams_gone(h);
    struct answer answer;
    harness_ask(h, "HEAD", "/v1/stream", "", lucid_span(NULL, 0), &answer);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    lucid_buf_fini(&in);
}

/* The client that stalls gets everything once it reads again, from the log. */
static void stream_of_a_slow_reader(void **state)
{
    struct harness *h = *state;
    struct lucid_buf in = {0};
    size_t all = count_from(h, 0, "");
    int fd = stream_open(h, "/v1/stream?after=0&bodies=true", "");
    usleep(200 * 1000);
    uint32_t readers = 99;
    harness_call(h, readers_count, &readers);
    assert_int_equal(readers, 0);
    submit(h, 2000, 5);
    char last[32];
    snprintf(last, sizeof(last), "id: %zu\n", all + 5);
    stream_until(fd, &in, last, 1);
    stream_until(fd, &in, "\nevent: ", all + 5);
    close(fd);
    lucid_buf_fini(&in);
}

/* A stop ends streams cleanly. */
static void stop_ends_streams(void **state)
{
    (void)state;
    struct harness *h = malloc(sizeof(*h));
    harness_open(h, true);
    int fd = stream_open(h, "/v1/stream?after=0", "");
    struct lucid_buf in = {0};
    stream_until(fd, &in, "retry: ", 1);
    harness_close(h);
    stream_until(fd, &in, "\r\n0\r\n\r\n", 1);
    close(fd);
    lucid_buf_fini(&in);
    free(h);
}

/* --- what rotted ------------------------------------------------------------------------------ */

static void node_flip(struct harness *h, void *context)
{
    h->ledger->nodes.base[mmr_node_index(0, *(const uint64_t *)context) * 32] ^= 1;
}

static void rotten_is_cut(void **state)
{
    (void)state;
    struct harness *h = malloc(sizeof(*h));
    struct answer answer;
    harness_open(h, true);
    submit(h, 0, RECEIPTS);
    size_t all = count_from(h, 0, "");
    uint64_t leaf = 200;
    harness_call(h, node_flip, &leaf);
    ask(h, "/v1/events", "", 200, &answer);
    assert_false(answer.whole);
    uint8_t hash[32];
    event_hash_first(HARNESS_ORIGIN, hash);
    /* What had not left when it was cut does not come. */
    assert_in_range(lines_check(&answer, 1, hash), 0, 220);
    answer_free(&answer);
    /* Where it is in the first page, it is said. */
    ask(h, "/v1/events?after=150", "", 500, &answer);
    answer_free(&answer);
    ask(h, "/metrics", "", 200, &answer);
    assert_non_null(
        strstr((const char *)answer.body.data, "\nlucid_verification_failures_total 2\n"));
    answer_free(&answer);
    harness_call(h, node_flip, &leaf);
    assert_int_equal(count_from(h, 0, ""), all);
    harness_close(h);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_from_each_point),
        cmocka_unit_test(scope_read),
        cmocka_unit_test(members),
        cmocka_unit_test(slow_reader_holds_nothing),
        cmocka_unit_test(stream_follows),
        cmocka_unit_test(stream_heartbeats_and_limits),
        cmocka_unit_test(stream_of_a_slow_reader),
        cmocka_unit_test(stop_ends_streams),
        cmocka_unit_test(rotten_is_cut),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}

/* Each refusal of the parser, and that cutting the bytes anywhere changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/parser_internal.h"

static const struct http_parse_limits limits = {
    .header_bytes_max = 512, .header_count_max = 6, .target_bytes_max = 100};

struct outcome {
    enum http_refusal refusal;
    bool complete;
    struct http_head head;
    struct http_path path;
};

static struct http_header headers[8];
static uint8_t path_bytes[512];

/* first: how many bytes the scan sees at first; then one by one. */
static struct outcome parse(struct lucid_span bytes, size_t first)
{
    struct outcome out = {0};
    struct http_scan scan = {0};
    size_t end = 0;
    enum http_step step = HTTP_STEP_MORE;
    for (size_t seen = first; seen <= bytes.len && step == HTTP_STEP_MORE; seen++) {
        step = http_head_scan(&scan, lucid_span(bytes.data, seen), &limits, &end, &out.refusal);
    }
    if (step != HTTP_STEP_DONE) {
        return out;
    }
    out.complete = true;
    struct lucid_span head = lucid_span(bytes.data + scan.head_start, end - scan.head_start);
    out.refusal = http_head_parse(head, &limits, headers, &out.head);
    if (out.refusal == HTTP_ACCEPTED) {
        out.refusal = http_path_decode(out.head.path, path_bytes, &out.path);
    }
    return out;
}

static const struct {
    const char *text;
    enum http_refusal refusal;
    int status;
} cases[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ACCEPTED, 0},
    {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ACCEPTED, 0},
    {"GET / HTTP/1.0\r\n\r\n", HTTP_ACCEPTED, 0},
    {"GET /?q=%41+b HTTP/1.1\r\nhOsT:a\r\n\r\n", HTTP_ACCEPTED, 0},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", HTTP_ACCEPTED, 0},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\n\r\n", HTTP_ACCEPTED, 0},
    {"\x16\x03\x01\x02", HTTP_REFUSED_FIRST_BYTE, 400},
    {" GET / HTTP/1.1\r\n", HTTP_REFUSED_FIRST_BYTE, 400},
    {"\n", HTTP_REFUSED_LINE_END, 400},
    {"GET / HTTP/1.1\nHost: a\n\n", HTTP_REFUSED_LINE_END, 400},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", HTTP_REFUSED_LINE_END, 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", HTTP_REFUSED_LINE_END, 400},
    {"\r\n\r\nGET / HTTP/1.1\r\n", HTTP_REFUSED_EMPTY_LINES, 400},
    {"GET / HTTP/1.1\rHost: a\r\n\r\n", HTTP_REFUSED_REQUEST_LINE, 400},
    {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", HTTP_REFUSED_VALUE, 400},
    {"GET /\r\nHost: a\r\n\r\n", HTTP_REFUSED_REQUEST_LINE, 400},
    {"GET\r\n\r\n", HTTP_REFUSED_REQUEST_LINE, 400},
    {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", HTTP_REFUSED_REQUEST_LINE, 400},
    {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_REQUEST_LINE, 400},
    {"GET / http/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_REQUEST_LINE, 400},
    {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_METHOD, 400},
    {"ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_METHOD, 400},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", HTTP_REFUSED_VERSION, 505},
    {"PRI * HTTP/2.0\r\n\r\n", HTTP_REFUSED_VERSION, 505},
    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", HTTP_REFUSED_VERSION, 505},
    {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", HTTP_REFUSED_VERSION, 505},
    {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
    {"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
    {"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
    {"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
    {"GET /% HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_ESCAPE, 400},
    {"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_ESCAPE, 400},
    {"GET /%4g HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_ESCAPE, 400},
    {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_ESCAPE, 400},
    {"GET /?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_ESCAPE, 400},
    {"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_DOTS, 400},
    {"GET /.. HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_DOTS, 400},
    {"GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_DOTS, 400},
    {"GET /a%2f..%2fb HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_DOTS, 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", HTTP_REFUSED_FOLD, 400},
    {"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", HTTP_REFUSED_FOLD, 400},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", HTTP_REFUSED_NAME, 400},
    {"GET / HTTP/1.1\r\n: a\r\n\r\n", HTTP_REFUSED_NAME, 400},
    {"GET / HTTP/1.1\r\nHost\r\n\r\n", HTTP_REFUSED_NAME, 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\x01: b\r\n\r\n", HTTP_REFUSED_NAME, 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", HTTP_REFUSED_VALUE, 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n", HTTP_REFUSED_VALUE, 400},
    {"GET / HTTP/1.1\r\n\r\n", HTTP_REFUSED_HOST_MISSING, 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HTTP_REFUSED_REPEATED, 400},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", HTTP_REFUSED_REPEATED, 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\nauthorization: c\r\n\r\n",
     HTTP_REFUSED_REPEATED, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: b\r\nidempotency-key: b\r\n\r\n",
     HTTP_REFUSED_REPEATED, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
     HTTP_REFUSED_REPEATED, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n",
     HTTP_REFUSED_REPEATED, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", HTTP_REFUSED_LENGTH, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", HTTP_REFUSED_LENGTH, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", HTTP_REFUSED_LENGTH, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", HTTP_REFUSED_LENGTH, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", HTTP_REFUSED_LENGTH, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n",
     HTTP_REFUSED_LENGTH, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     HTTP_REFUSED_LENGTH_AND_CODING, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", HTTP_REFUSED_CODING,
     501},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n", HTTP_REFUSED_VALUE, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", HTTP_REFUSED_CODING, 501},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
     "chunked\r\n\r\n",
     HTTP_REFUSED_REPEATED, 400},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_REFUSED_CODING_VERSION, 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\n\r\n", HTTP_REFUSED_EXPECT, 417},
    {"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\n\r\n",
     HTTP_REFUSED_HEADER_COUNT, 431},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_span bytes = lucid_span_str(cases[i].text);
        for (size_t first = 0; first <= bytes.len; first++) {
            struct outcome got = parse(bytes, first);
            if (got.refusal != cases[i].refusal) {
                fail_msg("%s (from %zu): got %d", cases[i].text, first, (int)got.refusal);
            }
        }
        if (cases[i].refusal == HTTP_ACCEPTED) {
            assert_true(parse(bytes, 0).complete);
            assert_false(parse(lucid_span(bytes.data, bytes.len - 1), 0).complete);
        } else {
            assert_int_equal(http_refusal_text(cases[i].refusal)->status, cases[i].status);
        }
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static char text[4096];
    for (size_t size = 90; size < 600; size++) {
        for (int where = 0; where < 2; where++) {
            const char *before = where == 0 ? "GET /" : "GET / HTTP/1.1\r\nHost: a\r\nX: ";
            const char *after = where == 0 ? " HTTP/1.1\r\nHost: a\r\n\r\n" : "\r\n\r\n";
            size_t len = strlen(before);
            memcpy(text, before, len);
            memset(text + len, 'a', size);
            memcpy(text + len + size, after, strlen(after));
            size_t total = len + size + strlen(after);
            enum http_refusal want = HTTP_ACCEPTED;
            if (where == 0 && size + 1 > limits.target_bytes_max) {
                want = HTTP_REFUSED_TARGET_BYTES;
            } else if (total > limits.header_bytes_max) {
                want = HTTP_REFUSED_HEAD_BYTES;
            }
            assert_int_equal(parse(lucid_span(text, total), total).refusal, want);
            assert_int_equal(parse(lucid_span(text, total), 0).refusal, want);
        }
    }
}

static void test_head_members(void **state)
{
    (void)state;
    struct lucid_span bytes =
        lucid_span_str("POST /a%2Fb/c?x=1&y%20z=a+b%26&x=2&e HTTP/1.1\r\nHost: h\r\n"
                       "Content-Length:  42 \r\nConnection: foo, Close\r\n"
                       "Expect: 100-Continue\r\nX-Two: \t v w \t\r\n\r\n");
    struct outcome got = parse(bytes, bytes.len);
    assert_int_equal(got.refusal, HTTP_ACCEPTED);
    assert_true(lucid_span_is(got.head.method, "POST"));
    assert_true(lucid_span_is(got.path.text, "/a/b/c"));
    assert_int_equal(got.path.segment_count, 2);
    assert_true(lucid_span_is(got.path.segments[0], "a/b"));
    assert_int_equal(got.head.content_length, 42);
    assert_false(got.head.keep_alive);
    assert_true(got.head.expect_continue);
    assert_true(lucid_span_is(http_head_find(&got.head, "x-two"), "v w"));
    assert_null(http_head_find(&got.head, "x-three").data);
    uint8_t out[64];
    size_t len = 0;
    assert_int_equal(http_query_find(got.head.query, "x", out, &len), LUCID_OK);
    assert_true(lucid_span_is(lucid_span(out, len), "1"));
    assert_int_equal(http_query_find(got.head.query, "y z", out, &len), LUCID_OK);
    assert_true(lucid_span_is(lucid_span(out, len), "a b&"));
    assert_int_equal(http_query_find(got.head.query, "e", out, &len), LUCID_OK);
    assert_int_equal(len, 0);
    assert_int_equal(http_query_find(got.head.query, "y", out, &len), LUCID_NOTE_ABSENT);
}

/* --- chunks ----------------------------------------------------------------------------------- */

struct body {
    enum http_step last;
    enum http_refusal refusal;
    size_t used;
    size_t len;
    uint8_t bytes[256];
};

static struct body dechunk(struct lucid_span in, size_t cut)
{
    struct http_chunks chunks = {0};
    struct body out = {.last = HTTP_STEP_MORE};
    size_t ends[2] = {cut, in.len};
    for (size_t i = 0; i < 2 && out.last != HTTP_STEP_REFUSED && out.last != HTTP_STEP_DONE; i++) {
        do {
            size_t used = 0;
            struct lucid_span piece = {0};
            out.last = http_chunks_step(&chunks, lucid_span(in.data + out.used, ends[i] - out.used),
                                        &used, &piece, &out.refusal);
            out.used += used;
            if (out.last == HTTP_STEP_PIECE) {
                assert_true(out.len + piece.len <= sizeof(out.bytes));
                memcpy(out.bytes + out.len, piece.data, piece.len);
                out.len += piece.len;
            }
        } while (out.last == HTTP_STEP_PIECE);
    }
    return out;
}

static const struct {
    const char *text;
    const char *body; /* NULL: refused */
} chunk_cases[] = {
    {"5\r\nhello\r\n0\r\n\r\n", "hello"},
    {"0\r\n\r\n", ""},
    {"000a;name=\"v\"\r\n0123456789\r\n1\r\nx\r\n0;last\r\nTrailer: t\r\nOther: u\r\n\r\n",
     "0123456789x"},
    {"A\r\n0123456789\r\n0\r\n\r\nGET", "0123456789"},
    {"5\nhello\r\n0\r\n\r\n", NULL},
    {"5\r\nhello\n0\r\n\r\n", NULL},
    {"5\r\nhelloX\r\n", NULL},
    {"-5\r\nhello\r\n", NULL},
    {"+5\r\nhello\r\n", NULL},
    {"0x5\r\nhello\r\n", NULL},
    {" 5\r\nhello\r\n", NULL},
    {"5 \r\nhello\r\n", NULL},
    {"\r\n", NULL},
    {";a\r\n", NULL},
    {"5;a\x01\r\nhello\r\n", NULL},
    {"fffffffffffffffff\r\n", NULL},
    {"0000000000000001\r\nx\r\n", NULL},
    {"0\r\nA: b\n\r\n", NULL},
    {"0\r\n A: b\r\n\r\n", NULL},
    {"0\r\n\rX", NULL},
};

static void test_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(chunk_cases) / sizeof(chunk_cases[0]); i++) {
        struct lucid_span in = lucid_span_str(chunk_cases[i].text);
        for (size_t cut = 0; cut <= in.len; cut++) {
            struct body got = dechunk(in, cut);
            if (chunk_cases[i].body == NULL) {
                assert_int_equal(got.last, HTTP_STEP_REFUSED);
                assert_int_equal(got.refusal, HTTP_REFUSED_CHUNK);
                continue;
            }
            assert_int_equal(got.last, HTTP_STEP_DONE);
            assert_true(lucid_span_is(lucid_span(got.bytes, got.len), chunk_cases[i].body));
        }
    }
    assert_int_equal(dechunk(lucid_span_str("0\r\n\r\nGET"), 0).used, 5);
}

static void test_chunk_extras(void **state)
{
    (void)state;
    /* Extensions are bounded over the whole body, not per chunk. */
    struct http_chunks chunks = {0};
    char chunk[128] = "1;";
    memset(chunk + 2, 'e', 100);
    memcpy(chunk + 102, "\r\nx\r\n", 5);
    enum http_step step = HTTP_STEP_MORE;
    enum http_refusal refusal = HTTP_ACCEPTED;
    size_t count = 0;
    for (; step != HTTP_STEP_REFUSED && count < 1000; count++) {
        struct lucid_span in = lucid_span(chunk, 107);
        struct lucid_span piece;
        while (in.len > 0 && step != HTTP_STEP_REFUSED) {
            size_t used = 0;
            step = http_chunks_step(&chunks, in, &used, &piece, &refusal);
            in = lucid_span(in.data + used, in.len - used);
        }
    }
    assert_int_equal(refusal, HTTP_REFUSED_CHUNK_EXTRAS);
    assert_int_equal(count, 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_head_members), cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_chunk_extras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

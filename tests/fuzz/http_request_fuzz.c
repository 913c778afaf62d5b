/* HTTP requests: head scan, head parse, path, query and chunked body, once in one piece and once
 * cut where the input itself says. Both ways must come to the same result. The first two bytes
 * choose the cuts; the rest is what a client sends. */
#include <stdlib.h>

#include "base/assert.h"
#include "http/parser_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS_MAX = 16, HEAD_BYTES_MAX = 1024, TARGET_BYTES_MAX = 256 };

static const struct http_parse_limits limits = {.header_bytes_max = HEAD_BYTES_MAX,
                                                .header_count_max = HEADERS_MAX,
                                                .target_bytes_max = TARGET_BYTES_MAX};

struct result {
    enum http_step head_step;
    enum http_step body_step;
    enum http_refusal refusal;
    size_t head_end;
    size_t body_used;
    size_t body_len;
    uint64_t body_sum;
    struct http_head head;
};

static size_t next_end(size_t at, size_t size, unsigned *cut)
{
    if (*cut == 0) {
        return size;
    }
    *cut = (*cut * 75 + 74) % 65537;
    size_t step = 1 + *cut % 23;
    return size - at < step ? size : at + step;
}

static void body_run(struct lucid_span bytes, unsigned cut, struct result *ret)
{
    struct http_chunks chunks = {0};
    size_t at = 0;
    size_t end = 0;
    ret->body_step = HTTP_STEP_MORE;
    while (ret->body_step == HTTP_STEP_PIECE || at < bytes.len) {
        if (at == end) {
            end = next_end(at, bytes.len, &cut);
        }
        size_t used = 0;
        struct lucid_span piece = {0};
        ret->body_step = http_chunks_step(&chunks, lucid_span(bytes.data + at, end - at), &used,
                                          &piece, &ret->refusal);
        lucid_assert(used <= end - at);
        at += used;
        if (ret->body_step == HTTP_STEP_PIECE) {
            lucid_assert(piece.len > 0 && piece.data + piece.len == bytes.data + at);
            for (size_t i = 0; i < piece.len; i++) {
                ret->body_sum = ret->body_sum * 31 + piece.data[i];
            }
            ret->body_len += piece.len;
        }
        if (ret->body_step == HTTP_STEP_DONE || ret->body_step == HTTP_STEP_REFUSED) {
            break;
        }
    }
    ret->body_step = ret->body_step == HTTP_STEP_PIECE ? HTTP_STEP_MORE : ret->body_step;
    ret->body_used = ret->body_step == HTTP_STEP_DONE ? at : 0;
}

static void target_run(const struct http_head *head)
{
    static uint8_t out[HEAD_BYTES_MAX];
    struct http_path path;
    lucid_assert(head->target.len <= TARGET_BYTES_MAX && head->target.data[0] == '/');
    if (http_path_decode(head->path, out, &path) == HTTP_ACCEPTED) {
        lucid_assert(path.text.len <= head->path.len && path.segment_count > 0);
        lucid_assert(memchr(path.text.data, '\0', path.text.len) == NULL);
        lucid_assert(memmem(path.text.data, path.text.len, "/../", 4) == NULL);
    }
    size_t len = 0;
    if (http_query_find(head->query, "a", out, &len) == LUCID_OK) {
        lucid_assert(len <= head->query.len);
    }
}

static void head_check(const struct http_head *head)
{
    lucid_assert(head->header_count <= HEADERS_MAX && head->content_length >= -1);
    lucid_assert(!head->chunked || head->content_length < 0);
    lucid_assert(head->version_1_0 || http_head_find(head, "host").data != NULL);
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        lucid_assert(header->name.len > 0);
        lucid_assert(header->value.len == 0 ||
                     (memchr(header->value.data, '\r', header->value.len) == NULL &&
                      memchr(header->value.data, '\n', header->value.len) == NULL));
    }
}

static struct result run(struct lucid_span bytes, unsigned head_cut, unsigned body_cut)
{
    static struct http_header headers[HEADERS_MAX];
    struct result out = {0};
    struct http_scan scan = {0};
    for (size_t seen = 0; seen < bytes.len && out.head_step == HTTP_STEP_MORE;) {
        seen = next_end(seen, bytes.len, &head_cut);
        /* A copy of its own, so that a sanitizer sees any look past the end. */
        uint8_t *copy = malloc(seen);
        lucid_assert(copy != NULL);
        memcpy(copy, bytes.data, seen);
        out.head_step =
            http_head_scan(&scan, lucid_span(copy, seen), &limits, &out.head_end, &out.refusal);
        free(copy);
    }
    if (out.head_step != HTTP_STEP_DONE) {
        return out;
    }
    lucid_assert(out.head_end <= HEAD_BYTES_MAX && out.head_end <= bytes.len);
    struct lucid_span head =
        lucid_span(bytes.data + scan.head_start, out.head_end - scan.head_start);
    out.refusal = http_head_parse(head, &limits, headers, &out.head);
    if (out.refusal != HTTP_ACCEPTED) {
        return out;
    }
    head_check(&out.head);
    target_run(&out.head);
    if (out.head.chunked) {
        body_run(lucid_span(bytes.data + out.head_end, bytes.len - out.head_end), body_cut, &out);
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct lucid_span bytes = lucid_span(data + 2, size - 2);
    struct result whole = run(bytes, 0, 0);
    struct result cut = run(bytes, data[0] + 1U, data[1] + 1U);
    lucid_assert(whole.head_step == cut.head_step && whole.refusal == cut.refusal);
    lucid_assert(whole.head_end == cut.head_end && whole.body_step == cut.body_step);
    lucid_assert(whole.body_used == cut.body_used && whole.body_len == cut.body_len);
    lucid_assert(whole.body_sum == cut.body_sum);
    lucid_assert(whole.head.header_count == cut.head.header_count &&
                 whole.head.content_length == cut.head.content_length &&
                 whole.head.keep_alive == cut.head.keep_alive);
    if (whole.refusal != HTTP_ACCEPTED) {
        lucid_assert(http_refusal_text(whole.refusal)->status >= 400);
    }
    return 0;
}

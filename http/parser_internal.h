/* The parser: bytes to a request head, a decoded path and de-chunked body pieces. Pure: no sockets,
 * no clock, no allocation, so that it can be fuzzed and tested byte by byte. Source: RFC 9112. */
#ifndef LUCID_HTTP_PARSER_INTERNAL_H
#define LUCID_HTTP_PARSER_INTERNAL_H

#include "base/bytes.h"

enum http_refusal {
    HTTP_ACCEPTED = 0,
    HTTP_REFUSED_FIRST_BYTE,
    HTTP_REFUSED_LINE_END,
    HTTP_REFUSED_EMPTY_LINES,
    HTTP_REFUSED_HEAD_BYTES,
    HTTP_REFUSED_HEADER_COUNT,
    HTTP_REFUSED_TARGET_BYTES,
    HTTP_REFUSED_REQUEST_LINE,
    HTTP_REFUSED_METHOD,
    HTTP_REFUSED_TARGET,
    HTTP_REFUSED_ESCAPE,
    HTTP_REFUSED_DOTS,
    HTTP_REFUSED_VERSION,
    HTTP_REFUSED_FOLD,
    HTTP_REFUSED_NAME,
    HTTP_REFUSED_VALUE,
    HTTP_REFUSED_HOST_MISSING,
    HTTP_REFUSED_REPEATED,
    HTTP_REFUSED_LENGTH,
    HTTP_REFUSED_LENGTH_AND_CODING,
    HTTP_REFUSED_CODING,
    HTTP_REFUSED_CODING_VERSION,
    HTTP_REFUSED_EXPECT,
    HTTP_REFUSED_CHUNK,
    HTTP_REFUSED_CHUNK_EXTRAS,
    HTTP_REFUSED_BODY_BYTES,
    HTTP_REFUSED_INFLIGHT,
    HTTP_REFUSED_SLOW,
    HTTP_REFUSED_MEMORY,
    HTTP_REFUSAL_COUNT
};

struct http_refusal_text {
    int status;
    const char *code;
    const char *detail;
};

/* What is answered for a refusal. Static storage. Not for HTTP_ACCEPTED. */
const struct http_refusal_text *http_refusal_text(enum http_refusal refusal);

enum http_step {
    HTTP_STEP_MORE, /* everything was looked at, more bytes are needed */
    HTTP_STEP_PIECE,
    HTTP_STEP_DONE,
    HTTP_STEP_REFUSED
};

struct http_parse_limits {
    size_t header_bytes_max;
    size_t header_count_max;
    size_t target_bytes_max;
};

/* --- where the head ends ---------------------------------------------------------------------- */

/* Zero-initialise per request. */
struct http_scan {
    size_t at;         /* bytes looked at */
    size_t line_start; /* of the line that at is in */
    size_t head_start; /* 2 after one empty line, which RFC 9112 2.2 tolerates */
};

/* Looks for the end of the head in bytes, which start with the request and have grown since the
 * last call. DONE: the head is bytes[head_start, *ret_end). The answer does not depend on how the
 * bytes were cut. */
enum http_step http_head_scan(struct http_scan *scan, struct lucid_span bytes,
                              const struct http_parse_limits *limits, size_t *ret_end,
                              enum http_refusal *ret_refusal) LUCID_WARN_UNUSED;

/* --- the head --------------------------------------------------------------------------------- */

struct http_header {
    struct lucid_span name; /* as sent; compare without case */
    struct lucid_span value;
};

struct http_head {
    struct lucid_span method;
    struct lucid_span target;
    struct lucid_span path;  /* the target up to '?', still escaped */
    struct lucid_span query; /* after '?', or {NULL, 0} */
    struct http_header *headers;
    size_t header_count;
    int64_t content_length; /* -1: none */
    bool version_1_0;
    bool chunked;
    bool keep_alive;
    bool expect_continue;
};

/* headers: room for limits->header_count_max. Spans point into head; *ret is untouched unless
 * HTTP_ACCEPTED is returned. head must have passed http_head_scan. */
enum http_refusal http_head_parse(struct lucid_span head, const struct http_parse_limits *limits,
                                  struct http_header *headers,
                                  struct http_head *ret) LUCID_WARN_UNUSED;

/* The value of the first header of that name (lower case), or {NULL, 0}. */
struct lucid_span http_head_find(const struct http_head *head, const char *name);

/* Equality with a lower-case name, without regard to ASCII case. */
bool http_name_is(struct lucid_span name, const char *lower);

/* --- the target ------------------------------------------------------------------------------- */

enum { HTTP_SEGMENTS_MAX = 16 };

struct http_path {
    struct lucid_span text; /* decoded */
    size_t segment_count;   /* HTTP_SEGMENTS_MAX + 1: more than any pattern has */
    struct lucid_span segments[HTTP_SEGMENTS_MAX];
};

/* Decodes an escaped path into out (room for path.len bytes). An escaped '/' does not separate
 * segments. */
enum http_refusal http_path_decode(struct lucid_span path, uint8_t *out,
                                   struct http_path *ret) LUCID_WARN_UNUSED;

/* Splits what is decoded already (patterns). */
void http_path_split(struct lucid_span text, struct http_path *ret);

/* The first value of a query parameter, decoded into out (room for query.len bytes).
 * LUCID_NOTE_ABSENT. query has passed http_head_parse, so its escapes are whole. */
enum lucid_error http_query_find(struct lucid_span query, const char *name, uint8_t *out,
                                 size_t *ret_len) LUCID_WARN_UNUSED;

/* --- chunked bodies --------------------------------------------------------------------------- */

/* Zero-initialise per body. */
struct http_chunks {
    int state;
    unsigned digits;
    uint64_t left;
    size_t extras; /* bytes of extensions and trailers so far */
};

/* Takes *ret_used bytes of in. PIECE: *ret_piece (inside in) is body. DONE: the body ended after
 * *ret_used bytes. */
enum http_step http_chunks_step(struct http_chunks *chunks, struct lucid_span in, size_t *ret_used,
                                struct lucid_span *ret_piece,
                                enum http_refusal *ret_refusal) LUCID_WARN_UNUSED;

#endif

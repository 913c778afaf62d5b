/* A growing byte buffer, and JSON text written into it.
 *
 * Errors are sticky: a buffer that could not grow (memory, or bytes_max) drops everything further
 * and says so once, in lucid_buf_ok. So code in the middle need not check each write. */
#ifndef LUCID_BASE_BUF_H
#define LUCID_BASE_BUF_H

#include "base/bytes.h"

struct lucid_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t bytes_max; /* 0 = no limit of its own */
    bool failed;
};

/* Caller's memory; allocates nothing. A zero-initialised struct is the same with bytes_max 0. */
void lucid_buf_init(struct lucid_buf *buf, size_t bytes_max);

/* Frees the bytes; the buffer is empty and usable again. */
void lucid_buf_fini(struct lucid_buf *buf);

/* Empties without freeing, and clears the sticky error. */
void lucid_buf_clear(struct lucid_buf *buf);

static inline bool lucid_buf_ok(const struct lucid_buf *buf)
{
    return !buf->failed;
}

/* Borrowed; good until the next write, clear or fini. */
static inline struct lucid_span lucid_buf_span(const struct lucid_buf *buf)
{
    return lucid_span(buf->data, buf->len);
}

/* Room for len more bytes, counted as written; NULL after a failure (write nothing then). */
uint8_t *lucid_buf_extend(struct lucid_buf *buf, size_t len);

void lucid_buf_put(struct lucid_buf *buf, const void *data, size_t len);
void lucid_buf_span_put(struct lucid_buf *buf, struct lucid_span data);
void lucid_buf_str(struct lucid_buf *buf, const char *text);
void lucid_buf_char(struct lucid_buf *buf, char c);
void lucid_buf_u64(struct lucid_buf *buf, uint64_t value); /* decimal */
void lucid_buf_hex(struct lucid_buf *buf, const void *data, size_t len);
void lucid_buf_base64(struct lucid_buf *buf, const void *data, size_t len);
void lucid_buf_printf(struct lucid_buf *buf, const char *format, ...) LUCID_PRINTF(2, 3);

/* Time as RFC 3339 UTC with milliseconds, 24 characters: 2026-11-21T10:00:00.123Z. */
void lucid_buf_time(struct lucid_buf *buf, uint64_t unix_ms);

/* A JSON string with its quotes. text must be valid UTF-8; control characters, quote and backslash
 * are escaped, nothing else. */
void lucid_json_string(struct lucid_buf *buf, struct lucid_span text);

/* The members of a JSON object, one call each: `"name":value`. A comma is put before it unless the
 * last byte in the buffer is `{`. Names are literals and not escaped. */
void lucid_json_member(struct lucid_buf *buf, const char *name); /* name and colon only */
void lucid_json_member_str(struct lucid_buf *buf, const char *name, struct lucid_span text);
void lucid_json_member_cstr(struct lucid_buf *buf, const char *name, const char *text);
void lucid_json_member_u64(struct lucid_buf *buf, const char *name, uint64_t value);
void lucid_json_member_bool(struct lucid_buf *buf, const char *name, bool value);
void lucid_json_member_null(struct lucid_buf *buf, const char *name);
void lucid_json_member_hex(struct lucid_buf *buf, const char *name, const void *data, size_t len);
void lucid_json_member_time(struct lucid_buf *buf, const char *name, uint64_t unix_ms);

#endif

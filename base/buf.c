#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"

enum { BUF_BYTES_MIN = 256 };

void lucid_buf_init(struct lucid_buf *buf, size_t bytes_max)
{
    *buf = (struct lucid_buf){.bytes_max = bytes_max};
}

void lucid_buf_fini(struct lucid_buf *buf)
{
    free(buf->data);
    lucid_buf_init(buf, buf->bytes_max);
}

void lucid_buf_clear(struct lucid_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

static bool buf_grow(struct lucid_buf *buf, size_t len)
{
    size_t need;
    if (__builtin_add_overflow(buf->len, len, &need) ||
        (buf->bytes_max != 0 && need > buf->bytes_max)) {
        return false;
    }
    size_t cap = buf->cap < BUF_BYTES_MIN ? BUF_BYTES_MIN : buf->cap;
    while (cap < need) {
        if (__builtin_mul_overflow(cap, (size_t)2, &cap)) {
            return false;
        }
    }
    if (buf->bytes_max != 0 && cap > buf->bytes_max) {
        cap = buf->bytes_max; /* lucid_buf_extend looks at cap alone */
    }
    uint8_t *data = realloc(buf->data, cap);
    if (data == NULL) {
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

uint8_t *lucid_buf_extend(struct lucid_buf *buf, size_t len)
{
    if (buf->failed) {
        return NULL;
    }
    if (len > buf->cap - buf->len && !buf_grow(buf, len)) {
        buf->failed = true;
        return NULL;
    }
    uint8_t *out = buf->data + buf->len;
    buf->len += len;
    return out;
}

void lucid_buf_put(struct lucid_buf *buf, const void *data, size_t len)
{
    if (len == 0) {
        return;
    }
    uint8_t *out = lucid_buf_extend(buf, len);
    if (out != NULL) {
        memcpy(out, data, len);
    }
}

void lucid_buf_span_put(struct lucid_buf *buf, struct lucid_span data)
{
    lucid_buf_put(buf, data.data, data.len);
}

void lucid_buf_str(struct lucid_buf *buf, const char *text)
{
    lucid_buf_put(buf, text, strlen(text));
}

void lucid_buf_char(struct lucid_buf *buf, char c)
{
    lucid_buf_put(buf, &c, 1);
}

void lucid_buf_u64(struct lucid_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    lucid_buf_put(buf, digits + at, sizeof(digits) - at);
}

void lucid_buf_hex(struct lucid_buf *buf, const void *data, size_t len)
{
    uint8_t *out = lucid_buf_extend(buf, 2 * len);
    if (out != NULL) {
        lucid_hex_encode(data, len, (char *)out);
    }
}

void lucid_buf_base64(struct lucid_buf *buf, const void *data, size_t len)
{
    uint8_t *out = lucid_buf_extend(buf, lucid_base64_len(len));
    if (out != NULL) {
        lucid_base64_encode(data, len, (char *)out);
    }
}

void lucid_buf_printf(struct lucid_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        buf->failed = true;
        return;
    }
    lucid_buf_put(buf, text, (size_t)len);
    free(text);
}

void lucid_buf_time(struct lucid_buf *buf, uint64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    lucid_assert(gmtime_r(&seconds, &tm) != NULL);
    lucid_buf_printf(buf, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
                     tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(unix_ms % 1000));
}

void lucid_json_string(struct lucid_buf *buf, struct lucid_span text)
{
    static const char digits[] = "0123456789abcdef";
    lucid_buf_char(buf, '"');
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        lucid_buf_put(buf, text.data + start, i - start);
        start = i + 1;
        char escape[6] = {'\\', (char)c, 0, 0, 0, 0};
        size_t len = 2;
        switch (c) {
        case '"':
        case '\\':
            break;
        case '\b':
            escape[1] = 'b';
            break;
        case '\f':
            escape[1] = 'f';
            break;
        case '\n':
            escape[1] = 'n';
            break;
        case '\r':
            escape[1] = 'r';
            break;
        case '\t':
            escape[1] = 't';
            break;
        default:
            memcpy(escape + 1, "u00", 3);
            escape[4] = digits[c >> 4];
            escape[5] = digits[c & 15];
            len = 6;
        }
        lucid_buf_put(buf, escape, len);
    }
    if (text.len > start) {
        lucid_buf_put(buf, text.data + start, text.len - start);
    }
    lucid_buf_char(buf, '"');
}

void lucid_json_member(struct lucid_buf *buf, const char *name)
{
    if (buf->len > 0 && buf->data[buf->len - 1] != '{') {
        lucid_buf_char(buf, ',');
    }
    lucid_buf_char(buf, '"');
    lucid_buf_str(buf, name);
    lucid_buf_put(buf, "\":", 2);
}

void lucid_json_member_str(struct lucid_buf *buf, const char *name, struct lucid_span text)
{
    lucid_json_member(buf, name);
    lucid_json_string(buf, text);
}

void lucid_json_member_cstr(struct lucid_buf *buf, const char *name, const char *text)
{
    lucid_json_member_str(buf, name, lucid_span_str(text));
}

void lucid_json_member_u64(struct lucid_buf *buf, const char *name, uint64_t value)
{
    lucid_json_member(buf, name);
    lucid_buf_u64(buf, value);
}

void lucid_json_member_bool(struct lucid_buf *buf, const char *name, bool value)
{
    lucid_json_member(buf, name);
    lucid_buf_str(buf, value ? "true" : "false");
}

void lucid_json_member_null(struct lucid_buf *buf, const char *name)
{
    lucid_json_member(buf, name);
    lucid_buf_str(buf, "null");
}

void lucid_json_member_hex(struct lucid_buf *buf, const char *name, const void *data, size_t len)
{
    lucid_json_member(buf, name);
    lucid_buf_char(buf, '"');
    lucid_buf_hex(buf, data, len);
    lucid_buf_char(buf, '"');
}

void lucid_json_member_time(struct lucid_buf *buf, const char *name, uint64_t unix_ms)
{
    lucid_json_member(buf, name);
    lucid_buf_char(buf, '"');
    lucid_buf_time(buf, unix_ms);
    lucid_buf_char(buf, '"');
}

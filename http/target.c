#include "base/assert.h"
#include "http/parser_internal.h"

/* Escapes were checked with the head. */
static uint8_t unescape(const uint8_t *digits)
{
    unsigned value = 0;
    for (size_t i = 0; i < 2; i++) {
        uint8_t c = digits[i];
        value = value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return (uint8_t)value;
}

static bool has_dots(struct lucid_span path)
{
    size_t start = 0;
    for (size_t i = 0; i <= path.len; i++) {
        if (i < path.len && path.data[i] != '/') {
            continue;
        }
        if (i - start == 2 && path.data[start] == '.' && path.data[start + 1] == '.') {
            return true;
        }
        start = i + 1;
    }
    return false;
}

static void segment_add(struct http_path *path, const uint8_t *start, const uint8_t *end)
{
    if (path->segment_count < HTTP_SEGMENTS_MAX) {
        path->segments[path->segment_count] = lucid_span(start, (size_t)(end - start));
    }
    if (path->segment_count <= HTTP_SEGMENTS_MAX) {
        path->segment_count++;
    }
}

enum http_refusal http_path_decode(struct lucid_span path, uint8_t *out, struct http_path *ret)
{
    lucid_assert(path.len > 0 && path.data[0] == '/');
    ret->segment_count = 0;
    uint8_t *to = out;
    *to++ = '/';
    const uint8_t *start = to;
    for (size_t i = 1; i < path.len; i++) {
        uint8_t c = path.data[i];
        if (c == '%') {
            lucid_assert(path.len - i >= 3);
            *to++ = unescape(path.data + i + 1);
            i += 2;
            continue;
        }
        if (c == '/') {
            segment_add(ret, start, to);
            start = to + 1;
        }
        *to++ = c;
    }
    segment_add(ret, start, to);
    ret->text = lucid_span(out, (size_t)(to - out));
    /* In the decoded text: a handler that joins it to a folder must not be led astray. */
    return has_dots(ret->text) ? HTTP_REFUSED_DOTS : HTTP_ACCEPTED;
}

void http_path_split(struct lucid_span text, struct http_path *ret)
{
    lucid_assert(text.len > 0 && text.data[0] == '/');
    ret->text = text;
    ret->segment_count = 0;
    const uint8_t *start = text.data + 1;
    for (size_t i = 1; i < text.len; i++) {
        if (text.data[i] == '/') {
            segment_add(ret, start, text.data + i);
            start = text.data + i + 1;
        }
    }
    segment_add(ret, start, text.data + text.len);
}

static size_t query_decode(struct lucid_span text, uint8_t *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '%') {
            lucid_assert(text.len - i >= 3);
            c = unescape(text.data + i + 1);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[len++] = c;
    }
    return len;
}

enum lucid_error http_query_find(struct lucid_span query, const char *name, uint8_t *out,
                                 size_t *ret_len)
{
    struct lucid_span want = lucid_span_str(name);
    while (query.len > 0) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        size_t len = end == NULL ? query.len : (size_t)(end - query.data);
        const uint8_t *equals = memchr(query.data, '=', len);
        size_t name_len = equals == NULL ? len : (size_t)(equals - query.data);
        /* The name is decoded into out first; it fits, and is overwritten by the value. */
        size_t decoded = query_decode(lucid_span(query.data, name_len), out);
        if (lucid_span_equal(lucid_span(out, decoded), want)) {
            size_t skip = equals == NULL ? len : name_len + 1;
            *ret_len = query_decode(lucid_span(query.data + skip, len - skip), out);
            return LUCID_OK;
        }
        size_t used = end == NULL ? len : len + 1;
        query = lucid_span(query.data + used, query.len - used);
    }
    return LUCID_NOTE_ABSENT;
}

/* String tokens: UTF-8 validation and unescaping (RFC 8259 section 7, RFC 3629). */
#include "base/assert.h"
#include "base/jcs/jcs_internal.h"

static inline bool is_continuation(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

size_t jcs_utf8_length(const uint8_t *at, const uint8_t *end)
{
    size_t left = (size_t)(end - at);
    if (left == 0) {
        return 0;
    }
    uint8_t c = at[0];
    if (c < 0x80) {
        return 1;
    }
    if (c >= 0xc2 && c <= 0xdf) {
        return left >= 2 && is_continuation(at[1]) ? 2 : 0;
    }
    if (c >= 0xe0 && c <= 0xef) {
        /* E0 would allow overlong forms, ED surrogates. */
        uint8_t low = c == 0xe0 ? 0xa0 : 0x80;
        uint8_t high = c == 0xed ? 0x9f : 0xbf;
        return left >= 3 && at[1] >= low && at[1] <= high && is_continuation(at[2]) ? 3 : 0;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        /* F0 would allow overlong forms, F4 code points over U+10FFFF. */
        uint8_t low = c == 0xf0 ? 0x90 : 0x80;
        uint8_t high = c == 0xf4 ? 0x8f : 0xbf;
        return left >= 4 && at[1] >= low && at[1] <= high && is_continuation(at[2]) &&
                       is_continuation(at[3])
                   ? 4
                   : 0;
    }
    return 0;
}

#define EACH_BYTE(value) (0x0101010101010101u * (uint64_t)(value))

/* A word whose lowest set bit lies in the first byte of the eight that needs a closer look: quote,
 * backslash, control character or non-ASCII. Higher bits may be wrong (borrows). */
static inline uint64_t special_bytes(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    uint64_t quote = word ^ EACH_BYTE('"');
    uint64_t backslash = word ^ EACH_BYTE('\\');
    uint64_t below = ((word - EACH_BYTE(0x20)) & ~word) | ((quote - EACH_BYTE(1)) & ~quote) |
                     ((backslash - EACH_BYTE(1)) & ~backslash);
    return (below | word) & EACH_BYTE(0x80);
}

/* The first byte from at on that needs a closer look, or end. */
static inline const uint8_t *plain_skip(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8) {
        uint64_t special = special_bytes(at);
        if (special != 0) {
            return at + (unsigned)__builtin_ctzll(special) / 8;
        }
        at += 8;
    }
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

/* The value of four hex digits, or a value above 0xFFFF. */
static uint32_t hex4(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4) {
        return UINT32_MAX;
    }
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint8_t c = at[i];
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (uint32_t)((c | 0x20) - 'a' + 10);
        } else {
            return UINT32_MAX;
        }
        value = value << 4 | digit;
    }
    return value;
}

static uint8_t *utf8_put(uint8_t *out, uint32_t point)
{
    if (point < 0x80) {
        *out++ = (uint8_t)point;
    } else if (point < 0x800) {
        *out++ = (uint8_t)(0xc0 | point >> 6);
        *out++ = (uint8_t)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *out++ = (uint8_t)(0xe0 | point >> 12);
        *out++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (point & 0x3f));
    } else {
        *out++ = (uint8_t)(0xf0 | point >> 18);
        *out++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        *out++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (point & 0x3f));
    }
    return out;
}

/* Decodes \uXXXX or a surrogate pair of them; reader->at stands on the backslash. */
static enum lucid_error unicode_escape_read(struct jcs_reader *reader, uint8_t **out)
{
    const uint8_t *escape = reader->at;
    uint32_t point = hex4(escape + 2, reader->end);
    if (point > 0xffff) {
        return jcs_reader_refuse(reader, escape, "\\u needs four hex digits");
    }
    reader->at += 6;
    if (point >= 0xdc00 && point <= 0xdfff) {
        return jcs_reader_refuse(reader, escape, "a low surrogate stands alone");
    }
    if (point >= 0xd800 && point <= 0xdbff) {
        uint32_t low = UINT32_MAX;
        if (reader->end - reader->at >= 6 && reader->at[0] == '\\' && reader->at[1] == 'u') {
            low = hex4(reader->at + 2, reader->end);
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return jcs_reader_refuse(reader, escape, "a high surrogate stands alone");
        }
        reader->at += 6;
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = utf8_put(*out, point);
    return LUCID_OK;
}

/* Decodes one escape; reader->at stands on the backslash. */
static enum lucid_error escape_read(struct jcs_reader *reader, uint8_t **out)
{
    uint8_t c = reader->end - reader->at >= 2 ? reader->at[1] : 0;
    switch (c) {
    case '"':
    case '\\':
    case '/':
        break;
    case 'b':
        c = '\b';
        break;
    case 'f':
        c = '\f';
        break;
    case 'n':
        c = '\n';
        break;
    case 'r':
        c = '\r';
        break;
    case 't':
        c = '\t';
        break;
    case 'u':
        return unicode_escape_read(reader, out);
    default:
        return jcs_reader_refuse(reader, reader->at, "an escape that JSON does not know");
    }
    *(*out)++ = c;
    reader->at += 2;
    return LUCID_OK;
}

/* Checks one byte that plain_skip stopped at, neither quote nor backslash, and passes over it. */
static enum lucid_error special_pass(struct jcs_reader *reader)
{
    if (reader->at == reader->end) {
        return jcs_reader_refuse(reader, reader->at, "the string does not end");
    }
    if (*reader->at < 0x20) {
        return jcs_reader_refuse(reader, reader->at, "a control character must be escaped");
    }
    size_t len = jcs_utf8_length(reader->at, reader->end);
    if (len == 0) {
        return jcs_reader_refuse(reader, reader->at, "invalid UTF-8");
    }
    reader->at += len;
    return LUCID_OK;
}

/* The closing quote of a string, as far as quotes and backslashes tell, or end. */
static const uint8_t *string_end(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at != '"') {
        at += *at == '\\' && end - at >= 2 ? 2 : 1;
    }
    return at;
}

/* Reads on behind the first escape, into the arena. start is the first byte behind the quote. */
static enum lucid_error escaped_read(struct jcs_reader *reader, const uint8_t *start,
                                     struct jcs_text *ret)
{
    /* No escape is shorter than what it stands for. */
    size_t room = (size_t)(string_end(reader->at, reader->end) - start);
    uint8_t *text = lucid_arena_alloc(reader->arena, room);
    if (text == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    uint8_t *out = text;
    const uint8_t *copied = start;
    for (;;) {
        reader->at = plain_skip(reader->at, reader->end);
        enum lucid_error error;
        uint8_t c = reader->at < reader->end ? *reader->at : 0;
        if (c == '"' || c == '\\') {
            size_t len = (size_t)(reader->at - copied);
            lucid_assert((size_t)(out - text) + len <= room);
            memcpy(out, copied, len);
            out += len;
            if (c == '"') {
                break;
            }
            error = escape_read(reader, &out);
            copied = reader->at;
        } else {
            error = special_pass(reader);
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    reader->at++;
    *ret = (struct jcs_text){.data = text, .len = (size_t)(out - text), .plain = false};
    return LUCID_OK;
}

enum lucid_error jcs_string_read(struct jcs_reader *reader, struct jcs_text *ret)
{
    const uint8_t *start = ++reader->at;
    for (;;) {
        reader->at = plain_skip(reader->at, reader->end);
        uint8_t c = reader->at < reader->end ? *reader->at : 0;
        if (c == '"') {
            break;
        }
        if (c == '\\') {
            return escaped_read(reader, start, ret);
        }
        enum lucid_error error = special_pass(reader);
        if (error != LUCID_OK) {
            return error;
        }
    }
    size_t len = (size_t)(reader->at - start);
    reader->at++;
    *ret = (struct jcs_text){.data = start, .len = len, .plain = true};
    return LUCID_OK;
}

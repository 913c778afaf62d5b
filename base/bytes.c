#include "base/bytes.h"

#include <sodium.h>

#include "base/assert.h"

bool lucid_secret_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void lucid_wipe(void *data, size_t len)
{
    sodium_memzero(data, len);
}

void lucid_random(void *data, size_t len)
{
    /* Safe to repeat and thread-safe; without it libsodium would not have opened its source. */
    lucid_assert(sodium_init() >= 0);
    randombytes_buf(data, len);
}

uint64_t lucid_keyed_hash(const uint8_t key[LUCID_HASH_KEY_BYTES], struct lucid_span data)
{
    uint8_t out[crypto_shorthash_BYTES];
    _Static_assert(LUCID_HASH_KEY_BYTES == crypto_shorthash_KEYBYTES, "the key of SipHash");
    _Static_assert(sizeof(out) == 8, "a 64-bit hash");
    crypto_shorthash(out, data.data, data.len, key);
    uint64_t value;
    memcpy(&value, out, sizeof(value));
    return value;
}

struct lucid_span lucid_span_trim(struct lucid_span text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = lucid_span(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

void lucid_hex_encode(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    /* Four bytes at a time: each nibble into a byte of its own, then all eight made digits at once.
     * A proof holds two kilobytes of hex. */
    for (; len >= 4; len -= 4, bytes += 4, out += 8) {
        uint64_t v = lucid_get_be32(bytes);
        v = (v << 16 | v) & 0x0000ffff0000ffff;
        v = (v << 8 | v) & 0x00ff00ff00ff00ff;
        v = (v << 4 | v) & 0x0f0f0f0f0f0f0f0f;
        uint64_t letters = (v + 0x0606060606060606) >> 4 & 0x0101010101010101;
        lucid_put_be64((uint8_t *)out, v + 0x3030303030303030 + letters * ('a' - '9' - 1));
    }
    for (; len > 0; len--, bytes++, out += 2) {
        out[0] = digits[*bytes >> 4];
        out[1] = digits[*bytes & 15];
    }
}

/* The value of each lower-case hex digit plus one; 0 for every other byte. */
static const uint8_t hex_values[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool lucid_is_hex(struct lucid_span text, size_t digits)
{
    if (text.len != digits) {
        return false;
    }
    bool ok = true;
    for (size_t i = 0; i < digits; i++) {
        ok &= hex_values[text.data[i]] != 0;
    }
    return ok;
}

bool lucid_hex_decode(struct lucid_span text, void *out, size_t len)
{
    if (text.len != 2 * len || !lucid_is_hex(text, 2 * len)) {
        return false;
    }
    uint8_t *bytes = out;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)((hex_values[text.data[2 * i]] - 1) << 4 |
                             (hex_values[text.data[2 * i + 1]] - 1));
    }
    return true;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void lucid_base64_encode(const void *data, size_t len, char *out)
{
    const uint8_t *in = data;
    while (len >= 3) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        for (int shift = 18; shift >= 0; shift -= 6) {
            *out++ = base64_digits[bits >> shift & 63];
        }
        in += 3;
        len -= 3;
    }
    if (len > 0) {
        uint32_t bits = (uint32_t)in[0] << 16 | (len > 1 ? (uint32_t)in[1] << 8 : 0);
        out[0] = base64_digits[bits >> 18 & 63];
        out[1] = base64_digits[bits >> 12 & 63];
        out[2] = len > 1 ? base64_digits[bits >> 6 & 63] : '=';
        out[3] = '=';
    }
}

/* All ones when first <= c <= last, else 0. Without branches or tables: keys are decoded here too,
 * and how long that takes must not depend on them. */
static inline uint32_t range_mask(uint32_t c, uint32_t first, uint32_t last)
{
    return (uint32_t)((int32_t)((first - 1 - c) & (c - last - 1)) >> 31);
}

/* The value of a digit; all ones for everything else. */
static inline uint32_t base64_value(uint32_t c)
{
    uint32_t upper = range_mask(c, 'A', 'Z');
    uint32_t lower = range_mask(c, 'a', 'z');
    uint32_t digit = range_mask(c, '0', '9');
    uint32_t plus = range_mask(c, '+', '+');
    uint32_t slash = range_mask(c, '/', '/');
    return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) | (plus & 62) |
           (slash & 63) | ~(upper | lower | digit | plus | slash);
}

bool lucid_base64_decode(struct lucid_span text, void *out, size_t max, size_t *ret_len)
{
    if (text.len % 4 != 0) {
        return false;
    }
    if (text.len == 0) {
        *ret_len = 0;
        return true;
    }
    const uint8_t *last = text.data + text.len - 4;
    size_t padding = last[3] != '=' ? 0 : last[2] != '=' ? 1 : 2;
    size_t len = text.len / 4 * 3 - padding;
    uint8_t *bytes = out;
    uint32_t wrong = 0;
    if (len > max) {
        return false;
    }
    for (const uint8_t *in = text.data; in < last; in += 4) {
        uint32_t values[4] = {base64_value(in[0]), base64_value(in[1]), base64_value(in[2]),
                              base64_value(in[3])};
        uint32_t bits = values[0] << 18 | values[1] << 12 | values[2] << 6 | values[3];
        wrong |= values[0] | values[1] | values[2] | values[3];
        *bytes++ = (uint8_t)(bits >> 16);
        *bytes++ = (uint8_t)(bits >> 8);
        *bytes++ = (uint8_t)bits;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t value = i < 4 - padding ? base64_value(last[i]) : 0;
        wrong |= value;
        bits = bits << 6 | value;
    }
    /* What the padding leaves over must be zero: bytes have one form. */
    if (wrong >> 31 != 0 || (bits & ((1U << 8 * padding) - 1)) != 0) {
        return false;
    }
    for (size_t i = 0; i < 3 - padding; i++) {
        *bytes++ = (uint8_t)(bits >> (16 - 8 * i));
    }
    *ret_len = len;
    return true;
}

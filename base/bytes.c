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

#define EACH_BYTE(value) (0x0101010101010101 * (uint64_t)(value))

/* 0x7f in each byte c with first <= c <= last, else 0; all of them below 0x80. Without branches or
 * tables: keys are decoded here too, and how long that takes must not depend on them. */
static inline uint64_t range_mask(uint64_t bytes, uint8_t first, uint8_t last)
{
    uint64_t in =
        (bytes + EACH_BYTE(0x80 - first)) & ~(bytes + EACH_BYTE(0x7f - last)) & EACH_BYTE(0x80);
    return in - (in >> 7);
}

/* The 48 bits of eight digits. *wrong is not 0 from the first byte on that is none. */
static inline uint64_t base64_bits(uint64_t digits, uint64_t *wrong)
{
    uint64_t text = digits & EACH_BYTE(0x7f);
    uint64_t upper = range_mask(text, 'A', 'Z');
    uint64_t lower = range_mask(text, 'a', 'z');
    uint64_t digit = range_mask(text, '0', '9');
    uint64_t plus = range_mask(text, '+', '+');
    uint64_t slash = range_mask(text, '/', '/');
    *wrong |= (digits ^ text) | ((upper | lower | digit | plus | slash) ^ EACH_BYTE(0x7f));
    /* To the value, modulo 128. */
    uint64_t v = text + (upper & EACH_BYTE(128 - 'A')) + (lower & EACH_BYTE(128 + 26 - 'a')) +
                 (digit & EACH_BYTE(52 - '0')) + (plus & EACH_BYTE(62 - '+')) +
                 (slash & EACH_BYTE(63 - '/'));
    v &= EACH_BYTE(0x3f);
    v = (v & 0x003f003f003f003f) | (v & 0x3f003f003f003f00) >> 2;
    v = (v & 0x00000fff00000fff) | (v & 0x0fff00000fff0000) >> 4;
    return (v & 0xffffff) | v >> 32 << 24;
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
    const uint8_t *in = text.data;
    size_t left = len;
    uint64_t wrong = 0;
    uint64_t digits = 0;
    if (len > max) {
        return false;
    }
    for (; left > 6; left -= 6, in += 8, bytes += 6) {
        uint64_t bits = base64_bits(lucid_get_be64(in), &wrong);
        lucid_put_be32(bytes, (uint32_t)(bits >> 16));
        lucid_put_be16(bytes + 4, (uint16_t)bits);
    }
    /* The last are filled up with zeros. */
    const uint8_t *end = last + 4 - padding;
    for (size_t i = 0; i < 8; i++) {
        digits = digits << 8 | (in + i < end ? in[i] : 'A');
    }
    uint64_t bits = base64_bits(digits, &wrong);
    /* What the padding leaves over must be zero: bytes have one form. */
    if (wrong != 0 || (bits & ((UINT64_C(1) << (48 - 8 * left)) - 1)) != 0) {
        return false;
    }
    for (size_t i = 0; i < left; i++) {
        bytes[i] = (uint8_t)(bits >> (40 - 8 * i));
    }
    *ret_len = len;
    return true;
}

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
    size_t i = 0;
    /* Four bytes at a time: each nibble into a byte of its own, then all eight made digits at once.
     * A proof holds two kilobytes of hex. */
    for (; i + 4 <= len; i += 4) {
        uint64_t v = lucid_get_be32(bytes + i);
        v = (v << 16 | v) & 0x0000ffff0000ffff;
        v = (v << 8 | v) & 0x00ff00ff00ff00ff;
        v = (v << 4 | v) & 0x0f0f0f0f0f0f0f0f;
        uint64_t letters = (v + 0x0606060606060606) >> 4 & 0x0101010101010101;
        lucid_put_be64((uint8_t *)out + 2 * i, v + 0x3030303030303030 + letters * ('a' - '9' - 1));
    }
    for (; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
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

bool lucid_base64_decode(struct lucid_span text, void *out, size_t max, size_t *ret_len)
{
    /* libsodium checks the alphabet, the padding and that trailing bits are zero; with no ignored
     * characters given it accepts no white space. */
    size_t len = 0;
    const char *end = NULL;
    if (text.len % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] > 0x7f) {
            return false; /* libsodium 1.0.18 takes these for digits */
        }
    }
    if (text.len == 0) {
        *ret_len = 0;
        return true;
    }
    if (sodium_base642bin(out, max, (const char *)text.data, text.len, NULL, &len, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != (const char *)text.data + text.len) {
        return false;
    }
    *ret_len = len;
    return true;
}

#include <stdint.h>

#include "base/assert.h"
#include "x402/solana.h"

enum { BASE = 58, TEXT_MAX = X402_SOLANA_SIGNATURE_TEXT_MAX };
static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

void x402_base58_write(struct lucid_buf *out, const uint8_t *bytes, size_t len)
{
    uint8_t digits[TEXT_MAX]; /* least first */
    size_t count = 0;
    size_t zeros = 0;
    lucid_assert(len <= X402_SOLANA_SIGNATURE_BYTES);
    while (zeros < len && bytes[zeros] == 0) {
        zeros++;
    }
    for (size_t i = zeros; i < len; i++) {
        uint32_t carry = bytes[i];
        for (size_t k = 0; k < count; k++) {
            carry += (uint32_t)digits[k] << 8;
            digits[k] = (uint8_t)(carry % BASE);
            carry /= BASE;
        }
        for (; carry > 0; carry /= BASE) {
            lucid_assert(count < TEXT_MAX);
            digits[count++] = (uint8_t)(carry % BASE);
        }
    }
    for (size_t i = 0; i < zeros; i++) {
        lucid_buf_char(out, alphabet[0]);
    }
    while (count > 0) {
        lucid_buf_char(out, alphabet[digits[--count]]);
    }
}

bool x402_base58_parse(struct lucid_span text, uint8_t *ret, size_t len)
{
    uint8_t bytes[X402_SOLANA_SIGNATURE_BYTES] = {0}; /* greatest first, len of them */
    size_t ones = 0;
    size_t zeros = 0;
    lucid_assert(len <= sizeof(bytes));
    if (text.len > TEXT_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.data[i] == '\0' ? NULL : strchr(alphabet, text.data[i]);
        if (digit == NULL) {
            return false;
        }
        uint32_t carry = (uint32_t)(digit - alphabet);
        for (size_t k = len; k > 0; k--) {
            carry += BASE * (uint32_t)bytes[k - 1];
            bytes[k - 1] = (uint8_t)(carry & 0xff);
            carry >>= 8;
        }
        if (carry != 0) {
            return false;
        }
    }
    while (ones < text.len && text.data[ones] == (uint8_t)alphabet[0]) {
        ones++;
    }
    while (zeros < len && bytes[zeros] == 0) {
        zeros++;
    }
    /* Each leading zero byte is one leading "1": nothing else is that text of so many bytes. */
    if (ones != zeros) {
        return false;
    }
    memcpy(ret, bytes, len);
    return true;
}

#include "base/base64url.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void lucid_base64url_write(struct lucid_buf *out, struct lucid_span bytes)
{
    uint8_t *at = lucid_buf_extend(out, lucid_base64url_len(bytes.len));
    if (at == NULL) {
        return;
    }
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = (bits << 8 | bytes.data[i]) & 0xffff;
        for (have += 8; have >= 6; have -= 6) {
            *at++ = (uint8_t)digits[bits >> (have - 6) & 63];
        }
    }
    if (have > 0) {
        *at = (uint8_t)digits[bits << (6 - have) & 63];
    }
}

static int digit_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool lucid_base64url_is(struct lucid_span text, size_t *ret_len)
{
    if (text.len % 4 == 1) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (digit_value(text.data[i]) < 0) {
            return false;
        }
    }
    size_t left = text.len % 4;
    /* What the last digit has beyond the last byte must be zero: bytes have one form. */
    if (left > 0 &&
        ((unsigned)digit_value(text.data[text.len - 1]) & (left == 2 ? 15U : 3U)) != 0) {
        return false;
    }
    *ret_len = text.len / 4 * 3 + (left == 0 ? 0 : left - 1);
    return true;
}

bool lucid_base64url_read(struct lucid_span text, void *ret, size_t max, size_t *ret_len)
{
    size_t len;
    if (!lucid_base64url_is(text, &len) || len > max) {
        return false;
    }
    uint8_t *out = ret;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < text.len; i++) {
        bits = (bits << 6 | (uint32_t)digit_value(text.data[i])) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *out++ = (uint8_t)(bits >> have);
        }
    }
    *ret_len = len;
    return true;
}

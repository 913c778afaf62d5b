#include "ledger/jws.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/jcs/jcs.h"

#define HEADER_DEPTH_MAX  4
#define HEADER_VALUES_MAX 64

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void ledger_base64url_write(struct lucid_buf *out, struct lucid_span bytes)
{
    uint8_t *at = lucid_buf_extend(out, ledger_base64url_len(bytes.len));
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

/* Whether it is base64url of *ret_len bytes. */
static bool base64url_ok(struct lucid_span text, size_t *ret_len)
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

bool ledger_base64url_read(struct lucid_span text, void *ret, size_t max, size_t *ret_len)
{
    size_t len;
    if (!base64url_ok(text, &len) || len > max) {
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

void ledger_jws_write(struct lucid_span header, struct lucid_span payload,
                      const struct ledger_ed25519_key *key, struct lucid_buf *out)
{
    lucid_assert(header.len > 2 && header.data[0] == '{' && header.data[1] == '"');
    size_t start = out->len;
    ledger_base64url_write(out, header);
    lucid_buf_char(out, '.');
    ledger_base64url_write(out, payload);
    if (!lucid_buf_ok(out)) {
        return;
    }
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    ledger_ed25519_sign(key, lucid_span(out->data + start, out->len - start), signature);
    lucid_buf_char(out, '.');
    ledger_base64url_write(out, lucid_span(signature, sizeof(signature)));
}

static enum lucid_error refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_TOKEN", NULL, "%s", text);
}

/* The part before the next point, or the rest; *rest goes behind it. */
static struct lucid_span part_take(struct lucid_span *rest, bool *ret_point)
{
    const uint8_t *point =
        rest->len == 0 ? NULL : (const uint8_t *)memchr(rest->data, '.', rest->len);
    struct lucid_span part = *rest;
    *ret_point = point != NULL;
    if (point != NULL) {
        part.len = (size_t)(point - rest->data);
        *rest = lucid_span(point + 1, rest->len - part.len - 1);
    } else {
        *rest = lucid_span(NULL, 0);
    }
    return part;
}

static enum lucid_error part_decode(struct lucid_span text, struct lucid_buf *out,
                                    struct lucid_why *why)
{
    size_t len;
    if (!base64url_ok(text, &len)) {
        return refuse(why, "a part of the token is not base64url");
    }
    if (len == 0) {
        return LUCID_OK;
    }
    uint8_t *at = lucid_buf_extend(out, len);
    if (at == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    return ledger_base64url_read(text, at, len, &len)
               ? LUCID_OK
               : refuse(why, "a part of the token is not base64url");
}

static enum lucid_error header_check(struct lucid_span json, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = HEADER_DEPTH_MAX,
                                             .values_max = HEADER_VALUES_MAX};
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, 64 * 1024);
    enum lucid_error e = jcs_parse(json, &limits, &arena, &root, why);
    if (e == LUCID_OK) {
        const struct jcs_value *alg = jcs_member(root, "alg");
        if (alg == NULL || jcs_type(alg) != JCS_STRING ||
            !lucid_span_is(jcs_string(alg), "EdDSA")) {
            e = refuse(why, "the token's alg is not EdDSA");
        } else if (jcs_member(root, "crit") != NULL) {
            e = refuse(why, "the token has critical extensions");
        }
    }
    lucid_arena_fini(&arena);
    return e;
}

/* The three parts of a token, read. */
static enum lucid_error token_read(struct lucid_span token, struct lucid_buf *header,
                                   struct lucid_buf *payload, size_t *ret_signed,
                                   uint8_t ret_signature[LEDGER_ED25519_SIGNATURE_BYTES],
                                   struct lucid_why *why)
{
    struct lucid_span rest = token;
    bool points[3];
    struct lucid_span first = part_take(&rest, &points[0]);
    struct lucid_span second = part_take(&rest, &points[1]);
    struct lucid_span third = part_take(&rest, &points[2]);
    size_t len;
    if (!points[0] || !points[1] || points[2]) {
        return refuse(why, "the token has not three parts");
    }
    enum lucid_error e = part_decode(first, header, why);
    if (e == LUCID_OK) {
        e = part_decode(second, payload, why);
    }
    if (e != LUCID_OK) {
        return e;
    }
    if (third.len != ledger_base64url_len(LEDGER_ED25519_SIGNATURE_BYTES) ||
        !ledger_base64url_read(third, ret_signature, LEDGER_ED25519_SIGNATURE_BYTES, &len)) {
        return refuse(why, "the token's signature is not 64 bytes in base64url");
    }
    *ret_signed = first.len + 1 + second.len;
    return LUCID_OK;
}

enum lucid_error ledger_jws_verify(struct lucid_span token,
                                   const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                                   struct lucid_buf *header, struct lucid_buf *payload,
                                   struct lucid_why *why)
{
    struct lucid_buf head = {0};
    struct lucid_buf body = {0};
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    size_t signed_len = 0;
    if (token.len > LEDGER_JWS_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_TOKEN", NULL,
                            "the token is longer than %zu bytes", LEDGER_JWS_BYTES_MAX);
    }
    enum lucid_error e = token_read(token, &head, &body, &signed_len, signature, why);
    if (e == LUCID_OK) {
        e = header_check(lucid_buf_span(&head), why);
    }
    if (e == LUCID_OK &&
        !ledger_ed25519_verify(public_key, lucid_span(token.data, signed_len), signature)) {
        e = lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "INVALID_TOKEN", NULL,
                         "the token is not signed by this key");
    }
    if (e == LUCID_OK) {
        if (header != NULL) {
            lucid_buf_span_put(header, lucid_buf_span(&head));
        }
        if (payload != NULL) {
            lucid_buf_span_put(payload, lucid_buf_span(&body));
        }
        if ((header != NULL && !lucid_buf_ok(header)) ||
            (payload != NULL && !lucid_buf_ok(payload))) {
            e = LUCID_RETRY_MEMORY;
        }
    }
    lucid_buf_fini(&head);
    lucid_buf_fini(&body);
    return e;
}
